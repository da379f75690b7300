//! A tokenizer out of the keys of a GGUF file: sentencepiece-like (`llama`) and byte-level (`gpt2`). Word pieces (`bert`)
//! stand in `word_pieces`.
//!
//! Must not know: how a GGUF file is read.

use std::path::Path;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use super::{
    Specials, Style, Tokenizer, Tokens, fingerprint, guarded, score_bpe, word_pieces, wrong,
};
use crate::checkpoint::OpenError;
use crate::count::counted;

/// Most tokens. The largest vocabularies in use have 262,144.
const MAX_TOKENS: usize = 1 << 20;

/// All spellings together; the largest vocabularies in use have about 2 MB.
const MAX_TEXT_BYTES: usize = 32 << 20;

/// What a GGUF file says about its tokenizer (keys `tokenizer.ggml.*`).
#[derive(Debug, Default, Clone)]
pub(crate) struct GgufVocabulary<'a> {
    /// Kind: "llama", "gpt2", "bert".
    pub(crate) model: &'a str,
    /// Name of the rule that cuts a text into words, byte-level vocabularies only.
    pub(crate) pre: Option<&'a str>,
    /// Spelling of every id.
    pub(crate) tokens: Vec<&'a str>,
    /// Score of every id, sentencepiece-like vocabularies only.
    pub(crate) scores: Option<Vec<f64>>,
    /// Type of every id: 1 ordinary, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub(crate) types: Option<Vec<f64>>,
    /// "left right", the most urgent first, byte-level vocabularies only.
    pub(crate) merges: Option<Vec<&'a str>>,
    /// Beginning of a sequence.
    pub(crate) bos: Option<u64>,
    /// End of a sequence.
    pub(crate) eos: Option<u64>,
    /// In front of a text and behind it, word pieces only; newer files say `bos` and `eos` as well.
    pub(crate) cls: Option<u64>,
    pub(crate) sep: Option<u64>,
    /// Stands for what the vocabulary cannot spell.
    pub(crate) unknown: Option<u64>,
    /// Whether every text begins with `bos`.
    pub(crate) add_bos: Option<bool>,
    /// Whether every text ends with `eos`.
    pub(crate) add_eos: Option<bool>,
    /// Whether a space is put before every text.
    pub(crate) add_space_prefix: Option<bool>,
    /// Whether letters become small and lose their accents first, word pieces only.
    pub(crate) lowercase: Option<bool>,
    pub(crate) strip_accents: Option<bool>,
}

/// Type of a token, in the file's numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ordinary,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// What the two kinds of vocabulary do differently.
struct Built {
    inner: tokenizers::Tokenizer,
    style: Style,
    name: String,
    add_bos: bool,
}

/// Builds the tokenizer that `vocabulary` describes.
pub(super) fn build(vocabulary: &GgufVocabulary<'_>, path: &Path) -> Result<Tokenizer, OpenError> {
    let kinds = check(vocabulary, path)?;
    let built = match vocabulary.model {
        "llama" => sentencepiece_like(vocabulary, &kinds, path)?,
        "gpt2" => byte_level(vocabulary, path)?,
        "bert" => return word_pieces::from_gguf(vocabulary, &kinds, path),
        other => {
            let what = format!("kind `{other}` is not supported; supported: llama, gpt2, bert");
            return Err(wrong(path, what));
        }
    };
    let mut inner = built.inner;
    let added = vocabulary.tokens.iter().zip(&kinds).filter_map(|(token, kind)| match kind {
        _ if token.is_empty() => None,
        Kind::Control | Kind::Unknown => Some(AddedToken::from(*token, true)),
        Kind::UserDefined => Some(AddedToken::from(*token, false).normalized(false)),
        Kind::Ordinary | Kind::Unused | Kind::Byte => None,
    });
    let added: Vec<_> = added.collect();
    guarded(path, || inner.add_tokens(added))?;
    let readable = |(token, kind): (&&str, &Kind)| match kind {
        Kind::Ordinary | Kind::Unused => built.style.readable(token),
        Kind::Unknown | Kind::Control | Kind::UserDefined | Kind::Byte => (*token).to_owned(),
    };
    let num_tokens = vocabulary.tokens.len();
    let end = |asked: bool, id: Option<u64>, name: &str| match id {
        _ if !asked => Ok(Vec::new()),
        Some(id) if id < num_tokens as u64 => u32::try_from(id)
            .map(|id| vec![id])
            .map_err(|_too_large| wrong(path, format!("{name} {id} is no token"))),
        Some(id) => Err(wrong(path, format!("{name} {id} is no token, there are {num_tokens}"))),
        None => Err(wrong(path, format!("{name} is asked for and missing"))),
    };
    let before = end(vocabulary.add_bos.unwrap_or(built.add_bos), vocabulary.bos, "bos_token_id")?;
    let after = end(vocabulary.add_eos.unwrap_or(false), vocabulary.eos, "eos_token_id")?;
    Ok(Tokenizer {
        path: path.to_owned(),
        inner,
        specials: Specials::Around(before, after),
        tokens: Tokens::List(vocabulary.tokens.iter().zip(&kinds).map(readable).collect()),
        style: built.style,
        summary: format!("{}, {}", built.name, counted(num_tokens, "token")),
        fingerprint: identity(vocabulary),
    })
}

/// Lengths that have to agree, and the type of every token.
fn check(vocabulary: &GgufVocabulary<'_>, path: &Path) -> Result<Vec<Kind>, OpenError> {
    let num_tokens = vocabulary.tokens.len();
    if num_tokens == 0 || num_tokens > MAX_TOKENS {
        return Err(wrong(path, format!("{num_tokens} tokens; supported: 1 to {MAX_TOKENS}")));
    }
    let text_bytes: usize = vocabulary.tokens.iter().map(|token| token.len()).sum();
    if text_bytes > MAX_TEXT_BYTES {
        let what = format!("tokens of {text_bytes} bytes; at most {MAX_TEXT_BYTES} are supported");
        return Err(wrong(path, what));
    }
    for (name, list) in [("scores", &vocabulary.scores), ("token_type", &vocabulary.types)] {
        if let Some(len) = list.as_ref().map(Vec::len).filter(|len| *len != num_tokens) {
            return Err(wrong(path, format!("{name} has {len} values for {num_tokens} tokens")));
        }
    }
    let Some(types) = &vocabulary.types else { return Ok(vec![Kind::Ordinary; num_tokens]) };
    let kind = |(id, code): (usize, &f64)| match *code {
        // 0 is "undefined", which llama.cpp treats as ordinary.
        0.0 | 1.0 => Ok(Kind::Ordinary),
        2.0 => Ok(Kind::Unknown),
        3.0 => Ok(Kind::Control),
        4.0 => Ok(Kind::UserDefined),
        5.0 => Ok(Kind::Unused),
        6.0 => Ok(Kind::Byte),
        other => Err(wrong(path, format!("token_type of token {id} is {other}; allowed: 0 to 6"))),
    };
    types.iter().enumerate().map(kind).collect()
}

/// Spelling to id. Where two ids share a spelling the first is the one that a text becomes.
fn ids(vocabulary: &GgufVocabulary<'_>) -> Vocab {
    let mut ids = Vocab::default();
    for (id, token) in (0_u32..).zip(&vocabulary.tokens) {
        ids.entry((*token).to_owned()).or_insert(id);
    }
    ids
}

fn sentencepiece_like(
    vocabulary: &GgufVocabulary<'_>,
    kinds: &[Kind],
    path: &Path,
) -> Result<Built, OpenError> {
    let Some(scores) = &vocabulary.scores else {
        return Err(wrong(path, "scores are missing"));
    };
    if let Some(id) = scores.iter().position(|score| !score.is_finite()) {
        return Err(wrong(path, format!("score of token {id} is no number")));
    }
    let ids = ids(vocabulary);
    // Control, unknown and byte tokens never arise from text, whatever it spells.
    let mergeable: Vec<(&str, u32, f64)> = (0_u32..)
        .zip(&vocabulary.tokens)
        .zip(scores)
        .zip(kinds)
        .filter(|(((id, token), _), kind)| {
            matches!(kind, Kind::Ordinary | Kind::UserDefined | Kind::Unused)
                && ids.get(**token) == Some(id)
        })
        .map(|(((id, token), score), _)| (*token, id, *score))
        .collect();
    let merges = score_bpe::merges(&mergeable, path)?;
    let mut model = BPE::builder().vocab_and_merges(ids, merges).byte_fallback(true).fuse_unk(true);
    let unknown = vocabulary.unknown.and_then(|id| usize::try_from(id).ok());
    if let Some(token) = unknown.and_then(|id| vocabulary.tokens.get(id)) {
        model = model.unk_token((*token).to_owned());
    }
    let inner = guarded(path, || {
        let mut inner = tokenizers::Tokenizer::new(model.build()?);
        let mut steps = Vec::new();
        if vocabulary.add_space_prefix.unwrap_or(true) {
            steps.push(Prepend::new("\u{2581}".to_owned()).into());
        }
        steps.push(Replace::new(" ", "\u{2581}")?.into());
        inner.with_normalizer(Some(Normalizers::new(steps)))?;
        Ok(inner)
    })?;
    Ok(Built { inner, style: Style::Metaspace, name: "BPE".to_owned(), add_bos: true })
}

/// How a byte-level vocabulary cuts a text into words before it merges.
struct Cut {
    /// Applied one after the other, each inside the pieces of the one before.
    patterns: &'static [&'static str],
    /// Whether a word that is a token is taken whole, without merges.
    whole_words: bool,
    /// Whether a text begins with `bos` where the file does not say.
    add_bos: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// For messages.
const SUPPORTED_CUTS: &str = "default, gpt-2, phi-2, olmo, mpt, smollm, starcoder, refact, command-r, codeshell, \
    llama-bpe, llama3, llama-v3, dbrx, smaug-bpe, qwen2, stablelm2, deepseek-r1-qwen, tekken";

/// The cut with this name (`tokenizer.ggml.pre`), as the models' own files define it.
/// A wrong cut would give wrong numbers silently, so an unknown name has none.
fn cut(pre: &str) -> Option<Cut> {
    let plain = |patterns| Cut { patterns, whole_words: false, add_bos: false };
    Some(match pre {
        // Older files name none; llama.cpp then cuts like this.
        "default" => plain(&[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
        "gpt-2" | "phi-2" | "olmo" | "mpt" => plain(&[GPT2]),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => plain(&[r"\p{N}", GPT2]),
        "llama-bpe" | "llama3" | "llama-v3" => {
            Cut { patterns: &[LLAMA3], whole_words: true, add_bos: true }
        }
        "dbrx" | "smaug-bpe" => plain(&[LLAMA3]),
        "qwen2" | "stablelm2" | "deepseek-r1-qwen" => plain(&[QWEN2]),
        "tekken" => Cut { patterns: &[TEKKEN], whole_words: true, add_bos: true },
        _ => return None,
    })
}

fn byte_level(vocabulary: &GgufVocabulary<'_>, path: &Path) -> Result<Built, OpenError> {
    let pre = vocabulary.pre.unwrap_or("default");
    let Some(cut) = cut(pre) else {
        let what = format!("pre-tokenizer `{pre}` is not supported; supported: {SUPPORTED_CUTS}");
        return Err(wrong(path, what));
    };
    let Some(lines) = &vocabulary.merges else {
        return Err(wrong(path, "merges are missing"));
    };
    let ids = ids(vocabulary);
    let mut merges = Vec::with_capacity(lines.len());
    for line in lines {
        let pair = line.split_once(' ').filter(|(left, right)| {
            ids.contains_key(*left)
                && ids.contains_key(*right)
                && ids.contains_key(&format!("{left}{right}"))
        });
        let Some((left, right)) = pair else {
            return Err(wrong(path, format!("merge `{line}` does not join two tokens to a third")));
        };
        merges.push((left.to_owned(), right.to_owned()));
    }
    let model = BPE::builder().vocab_and_merges(ids, merges).ignore_merges(cut.whole_words);
    let inner = guarded(path, || {
        let mut inner = tokenizers::Tokenizer::new(model.build()?);
        let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
        for pattern in cut.patterns {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            steps.push(Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?.into());
        }
        steps.push(ByteLevel::new(false, true, false).into());
        inner.with_pre_tokenizer(Some(PreTokenizers::new(steps)));
        Ok(inner)
    })?;
    let name = format!("byte-level BPE ({pre})");
    Ok(Built { inner, style: Style::ByteLevel, name, add_bos: cut.add_bos })
}

/// SHA-256 of every value that changes an id or a spelling.
fn identity(vocabulary: &GgufVocabulary<'_>) -> String {
    let numbers = |list: &Option<Vec<f64>>| -> Vec<u8> {
        list.iter().flatten().flat_map(|number| number.to_le_bytes()).collect()
    };
    let facts = format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        vocabulary.model,
        vocabulary.pre,
        vocabulary.bos,
        vocabulary.eos,
        vocabulary.unknown,
        vocabulary.add_bos,
        vocabulary.add_eos,
        vocabulary.add_space_prefix,
    );
    let (scores, types) = (numbers(&vocabulary.scores), numbers(&vocabulary.types));
    let lists = vocabulary.tokens.iter().chain(vocabulary.merges.iter().flatten());
    fingerprint(
        [facts.as_bytes(), &scores, &types].into_iter().chain(lists.map(|text| text.as_bytes())),
    )
}
