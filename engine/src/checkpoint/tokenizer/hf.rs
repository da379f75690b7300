//! tokenizer.json: its structure is checked before the library sees it.
//!
//! What the library then reads is our own rewriting of what was checked, so that a key that stands twice cannot carry
//! something past the checks.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

use super::hf_parts::check_parts;
use super::{Specials, Style, Tokenizer, Tokens, fingerprint, guarded, wrong};
use crate::checkpoint::OpenError;
use crate::count::counted;

/// Longest tokenizer.json. The largest in use (262,144 tokens) have 33 MB.
const MAX_FILE_BYTES: usize = 128 << 20;

/// Largest id: far above any vocabulary, far below what would make a table of ids dangerous.
const MAX_ID: u64 = 1 << 24;

/// What one `check` says: one sentence on what is wrong.
pub(super) type Checked = Result<(), String>;

/// Reads a tokenizer.json.
pub(super) fn load(bytes: &[u8], path: &Path) -> Result<Tokenizer, OpenError> {
    if bytes.len() > MAX_FILE_BYTES {
        let what = format!("{} bytes; at most {MAX_FILE_BYTES} are supported", bytes.len());
        return Err(wrong(path, what));
    }
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| wrong(path, format!("not a tokenizer.json ({error})")))?;
    let Value::Object(mut file) = value else {
        return Err(wrong(path, "not a tokenizer.json (no object)"));
    };
    // Cutting to a length and filling up are for training batches; here they would lose or invent tokens silently.
    file.remove("truncation");
    file.remove("padding");
    let kind = check_model(&file).map_err(|what| wrong(path, what))?;
    check_added(&file).map_err(|what| wrong(path, what))?;
    check_parts(&file).map_err(|what| wrong(path, what))?;
    let style = style(&file);
    let checked = serde_json::to_vec(&file).map_err(|error| wrong(path, error.to_string()))?;
    drop(file);
    let inner = guarded(path, || tokenizers::Tokenizer::from_bytes(&checked))?;
    let added: BTreeSet<u32> =
        guarded(path, || Ok(inner.get_added_tokens_decoder().into_keys().collect()))?;
    let num_tokens = inner.get_vocab_size(true);
    Ok(Tokenizer {
        path: path.to_owned(),
        inner,
        specials: Specials::Template,
        tokens: Tokens::Library { added },
        style,
        summary: format!("{kind}, {}", counted(num_tokens, "token")),
        fingerprint: fingerprint([bytes]),
    })
}

/// Vocabulary and merges; returns the kind for the summary.
fn check_model(file: &Map<String, Value>) -> Result<String, String> {
    let Some(model) = file.get("model").and_then(Value::as_object) else {
        return Err("`model` is missing".to_owned());
    };
    let kind = match model.get("type").and_then(Value::as_str) {
        Some(kind @ ("BPE" | "WordPiece" | "WordLevel" | "Unigram")) => kind,
        Some(other) => {
            return Err(format!(
                "model `{other}` is not supported; supported: BPE, WordPiece, WordLevel, Unigram"
            ));
        }
        // Files from before the key: only BPE has merges.
        None if model.contains_key("merges") => "BPE",
        None => return Err("`model.type` is missing".to_owned()),
    };
    if let Some(dropout) = model.get("dropout").and_then(Value::as_f64).filter(|d| *d != 0.0) {
        return Err(format!("dropout {dropout} makes ids random; allowed: none"));
    }
    match (kind, model.get("vocab")) {
        ("Unigram", Some(Value::Array(vocab))) => check_unigram(model, vocab)?,
        ("BPE" | "WordPiece" | "WordLevel", Some(Value::Object(vocab))) => {
            check_ids(vocab)?;
            if kind == "BPE" {
                check_merges(model, vocab)?;
            }
        }
        _ => return Err("`model.vocab` is missing or of a wrong kind".to_owned()),
    }
    Ok(kind.to_owned())
}

fn check_ids(vocab: &Map<String, Value>) -> Checked {
    if vocab.is_empty() {
        return Err("`model.vocab` is empty".to_owned());
    }
    let mut seen = BTreeSet::new();
    for (token, id) in vocab {
        let Some(id) = id.as_u64().filter(|id| *id <= MAX_ID) else {
            return Err(format!("id of token `{token}` is {id}; allowed: 0 to {MAX_ID}"));
        };
        if !seen.insert(id) {
            return Err(format!("id {id} of token `{token}` belongs to another token too"));
        }
    }
    Ok(())
}

/// The library copies a merge into a buffer as long as the longest token, and trusts its prefix.
fn check_merges(model: &Map<String, Value>, vocab: &Map<String, Value>) -> Checked {
    let Some(merges) = model.get("merges").and_then(Value::as_array) else {
        return Err("`model.merges` is missing".to_owned());
    };
    let prefix = model.get("continuing_subword_prefix").and_then(Value::as_str).unwrap_or("");
    for merge in merges {
        let pair = match merge {
            Value::String(line) => line.split_once(' '),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(left), Value::String(right)] => {
                    Some((left.as_str(), right.as_str()))
                }
                _ => None,
            },
            _ => None,
        };
        let joined = pair.and_then(|(left, right)| {
            let rest = right.strip_prefix(prefix)?;
            (vocab.contains_key(left) && vocab.contains_key(right)).then(|| format!("{left}{rest}"))
        });
        if !joined.is_some_and(|joined| vocab.contains_key(&joined)) {
            return Err(format!("merge {merge} does not join two tokens to a third"));
        }
    }
    Ok(())
}

fn check_unigram(model: &Map<String, Value>, vocab: &[Value]) -> Checked {
    if vocab.is_empty() {
        return Err("`model.vocab` is empty".to_owned());
    }
    for entry in vocab {
        let fine = matches!(entry.as_array().map(Vec::as_slice),
            Some([Value::String(_), score]) if score.is_number());
        if !fine {
            return Err(format!("`model.vocab` has {entry} instead of a token and its score"));
        }
    }
    match model.get("unk_id") {
        None | Some(Value::Null) => Ok(()),
        Some(id) if id.as_u64().is_some_and(|id| id < vocab.len() as u64) => Ok(()),
        Some(id) => Err(format!("`unk_id` is {id}; allowed: less than {}", vocab.len())),
    }
}

fn check_added(file: &Map<String, Value>) -> Checked {
    let tokens = match file.get("added_tokens") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(tokens)) => tokens,
        Some(_) => return Err("`added_tokens` is no list".to_owned()),
    };
    for token in tokens {
        let content = token.get("content").and_then(Value::as_str);
        let id = token.get("id").and_then(Value::as_u64).filter(|id| *id <= MAX_ID);
        if content.is_none() || id.is_none() {
            return Err(format!("added token {token} needs a content and an id up to {MAX_ID}"));
        }
    }
    Ok(())
}

/// How the vocabulary spells spaces and bytes, from the parts that turn text into that spelling or back.
fn style(file: &Map<String, Value>) -> Style {
    let parts = ["decoder", "pre_tokenizer", "normalizer"].map(|key| file.get(key));
    let names = |wanted: &dyn Fn(&Map<String, Value>) -> bool| {
        parts.iter().flatten().any(|part| contains(part, wanted))
    };
    let is = |part: &Map<String, Value>, name| part.get("type").is_some_and(|kind| kind == name);
    let metaspace = |part: &Map<String, Value>| {
        is(part, "Metaspace") || part.get("content").is_some_and(|text| text == "\u{2581}")
    };
    if names(&|part| is(part, "ByteLevel")) {
        Style::ByteLevel
    } else if names(&metaspace) {
        Style::Metaspace
    } else {
        Style::Plain
    }
}

/// Whether an object somewhere inside `value` is the wanted one. The reader of JSON has bounded the depth.
fn contains(value: &Value, wanted: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match value {
        Value::Object(object) => {
            wanted(object) || object.values().any(|inner| contains(inner, wanted))
        }
        Value::Array(list) => list.iter().any(|inner| contains(inner, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
