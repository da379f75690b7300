//! Word pieces as BERT has them, wherever their list came from.
//!
//! They become the tokenizer.json that stands for the same tokenizer, and go through the same checks.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::gguf::{GgufVocabulary, Kind};
use super::{Tokenizer, hf, wrong};
use crate::checkpoint::OpenError;

/// In front of a piece that begins a word, in GGUF; elsewhere a piece that goes on with one has `##`.
const WORD_START: char = '\u{2581}';
/// For messages.
const PRES: &str = "default, bert-bge, bert-bge-large";

/// A list of word pieces and how a text is brought to them.
pub(super) struct WordPieces<'a> {
    /// Spelling to id.
    pub(super) vocab: Map<String, Value>,
    /// Spellings that are written as they are, and never pieces of a word.
    pub(super) special: Vec<&'a str>,
    /// Stands for what cannot be spelt.
    pub(super) unknown: &'a str,
    /// In front of a text and behind it.
    pub(super) around: [Option<&'a str>; 2],
    pub(super) lowercase: bool,
    pub(super) strip_accents: bool,
    pub(super) chinese: bool,
}

impl WordPieces<'_> {
    /// The tokenizer of these pieces.
    pub(super) fn load(self, path: &Path) -> Result<Tokenizer, OpenError> {
        let Self { vocab, special, unknown, around, .. } = self;
        let [before, behind] = around;
        for needed in [Some(unknown), before, behind].into_iter().flatten() {
            if !vocab.contains_key(needed) {
                let what = format!("no token `{needed}`, which a list of word pieces has");
                return Err(wrong(path, what));
            }
        }
        let added: Vec<Value> = special
            .iter()
            .filter_map(|token| Some((*token, vocab.get(*token)?.clone())))
            .map(|(token, id)| {
                json!({"id": id, "content": token, "special": true, "single_word": false,
                    "lstrip": false, "rstrip": false, "normalized": false})
            })
            .collect();
        let special = |token: Option<&str>, kind: u32| {
            token.map(|token| json!({"SpecialToken": {"id": token, "type_id": kind}}))
        };
        let text = |id: &str, kind: u32| Some(json!({"Sequence": {"id": id, "type_id": kind}}));
        let first = [special(before, 0), text("A", 0), special(behind, 0)];
        let second = [text("B", 1), special(behind, 1)];
        let listed =
            |parts: &[Option<Value>]| parts.iter().flatten().cloned().collect::<Vec<Value>>();
        let ids = |token: &str| json!({"id": token, "ids": [vocab.get(token)], "tokens": [token]});
        let used: Map<String, Value> =
            around.into_iter().flatten().map(|token| (token.to_owned(), ids(token))).collect();
        let template = json!({"type": "TemplateProcessing", "single": listed(&first),
            "pair": ([listed(&first), listed(&second)].concat()), "special_tokens": used});
        let file = json!({
            "version": "1.0",
            "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "clean_text": true,
                "handle_chinese_chars": self.chinese, "strip_accents": self.strip_accents,
                "lowercase": self.lowercase},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": template,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {"type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": vocab},
        });
        let bytes = serde_json::to_vec(&file).map_err(|error| wrong(path, error.to_string()))?;
        hf::load(&bytes, path)
    }
}

/// From the keys of a GGUF file; `kinds`: of every token.
pub(super) fn from_gguf(
    vocabulary: &GgufVocabulary<'_>,
    kinds: &[Kind],
    path: &Path,
) -> Result<Tokenizer, OpenError> {
    // The name stands for how words are cut, which is one way in all of these.
    if let Some(pre) = vocabulary.pre.filter(|pre| !PRES.split(", ").any(|known| known == *pre)) {
        return Err(wrong(
            path,
            format!("pre-tokenizer `{pre}` is not supported; supported: {PRES}"),
        ));
    }
    let mut vocab = Map::new();
    let mut special = Vec::new();
    for ((id, token), kind) in (0_u32..).zip(&vocabulary.tokens).zip(kinds) {
        let is_special = matches!(kind, Kind::Control | Kind::Unknown);
        // Older files write every bracketed name as it is, and say nothing of its kind.
        let is_name = token.len() > 2 && token.starts_with('[') && token.ends_with(']');
        let spelt = match token.strip_prefix(WORD_START) {
            Some(word) if !is_special => word.to_owned(),
            _ if is_special || is_name => (*token).to_owned(),
            _ => format!("##{token}"),
        };
        if is_special || (is_name && vocabulary.types.is_none()) {
            special.push(*token);
        }
        if vocab.insert(spelt, id.into()).is_some() {
            return Err(wrong(path, format!("token `{token}` stands there twice")));
        }
    }
    let spelt = |id: Option<u64>, otherwise: &'static str, name: &str| match id {
        None => Ok(otherwise),
        Some(id) => {
            let token = usize::try_from(id).ok().and_then(|id| vocabulary.tokens.get(id)).copied();
            token.ok_or_else(|| wrong(path, format!("{name} {id} is no token")))
        }
    };
    let before = spelt(vocabulary.bos.or(vocabulary.cls), "[CLS]", "bos_token_id")?;
    let behind = spelt(vocabulary.sep.or(vocabulary.eos), "[SEP]", "seperator_token_id")?;
    let lowercase = vocabulary.lowercase.unwrap_or(true);
    let pieces = WordPieces {
        vocab,
        special,
        unknown: spelt(vocabulary.unknown, "[UNK]", "unknown_token_id")?,
        around: [
            vocabulary.add_bos.unwrap_or(true).then_some(before),
            vocabulary.add_eos.unwrap_or(true).then_some(behind),
        ],
        lowercase,
        strip_accents: vocabulary.strip_accents.unwrap_or(lowercase),
        chinese: true,
    };
    pieces.load(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HF: [&str; 14] = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[unused1]",
        "cafe",
        "un",
        "##like",
        "##ly",
        "!",
        "like",
        "Cafe",
        "中",
    ];
    const TEXTS: [&str; 7] = [
        "Café unlikely!",
        "cafe like un unlike",
        "nowhere [MASK] cafe",
        "",
        "like中cafe  \n un",
        "[SEP] likely unun [unused1]",
        "!!like!",
    ];

    /// As llama.cpp's converter spells them.
    fn phantom(token: &str) -> String {
        if token.starts_with('[') && token != "[unused1]" {
            return token.to_owned();
        }
        token.strip_prefix("##").map_or_else(|| format!("{WORD_START}{token}"), str::to_owned)
    }

    fn types(tokens: &[String]) -> Vec<f64> {
        tokens.iter().map(|token| if token.starts_with('[') { 3.0 } else { 1.0 }).collect()
    }

    fn vocabulary(tokens: &[String]) -> GgufVocabulary<'_> {
        GgufVocabulary {
            model: "bert",
            tokens: tokens.iter().map(String::as_str).collect(),
            types: Some(types(tokens)),
            bos: Some(2),
            eos: Some(3),
            sep: Some(3),
            unknown: Some(1),
            add_bos: Some(true),
            add_eos: Some(true),
            ..GgufVocabulary::default()
        }
    }

    fn made() -> Vec<String> {
        HF.iter().map(|token| phantom(token)).collect()
    }

    fn hugging_face(lowercase: bool) -> Tokenizer {
        let config = json!({"do_lower_case": lowercase});
        let bytes = HF.join("\n");
        let config = config.as_object().unwrap();
        Tokenizer::from_vocab_txt(bytes.as_bytes(), config, Path::new("vocab.txt")).unwrap()
    }

    #[test]
    fn a_gguf_file_gives_the_ids_and_pieces_of_the_folder() {
        let tokens = made();
        let path = Path::new("model.gguf");
        let gguf = Tokenizer::from_gguf(&vocabulary(&tokens), path).unwrap();
        let folder = hugging_face(true);
        for text in TEXTS {
            assert_eq!(gguf.encode(text).unwrap(), folder.encode(text).unwrap(), "{text}");
        }
        for id in 0..14 {
            assert_eq!(gguf.piece(id), folder.piece(id));
        }
        assert_eq!(gguf.summary(), "WordPiece, 14 tokens");
        let cased = GgufVocabulary { lowercase: Some(false), ..vocabulary(&tokens) };
        let (cased, folder) = (Tokenizer::from_gguf(&cased, path).unwrap(), hugging_face(false));
        for text in TEXTS.into_iter().chain(["Cafe"]) {
            assert_eq!(cased.encode(text).unwrap(), folder.encode(text).unwrap(), "{text}");
        }
        assert_ne!(cased.fingerprint(), gguf.fingerprint());
    }

    #[test]
    fn an_older_file_names_no_special_token() {
        let mut tokens = made();
        tokens[5] = "[unused1]".to_owned();
        let old = GgufVocabulary {
            types: None,
            bos: None,
            eos: None,
            sep: None,
            unknown: None,
            add_bos: None,
            add_eos: None,
            ..vocabulary(&tokens)
        };
        let old = Tokenizer::from_gguf(&old, Path::new("model.gguf")).unwrap();
        assert_eq!(old.encode("unlikely [MASK]").unwrap(), [2, 7, 8, 9, 4, 3]);
        let bare =
            GgufVocabulary { add_bos: Some(false), add_eos: Some(false), ..vocabulary(&tokens) };
        let bare = Tokenizer::from_gguf(&bare, Path::new("model.gguf")).unwrap();
        assert_eq!(bare.encode("like").unwrap(), [11]);
    }

    #[test]
    fn what_is_no_list_of_word_pieces_is_refused() {
        let tokens = made();
        let says = |change: &dyn Fn(&mut GgufVocabulary<'_>), words: &str| {
            let mut vocabulary = vocabulary(&tokens);
            change(&mut vocabulary);
            let error = Tokenizer::from_gguf(&vocabulary, Path::new("model.gguf")).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        };
        says(&|v| v.pre = Some("jina-v2-de"), "pre-tokenizer `jina-v2-de` is not supported");
        says(&|v| v.bos = Some(14), "bos_token_id 14 is no token");
        says(&|v| v.unknown = Some(u64::MAX), "unknown_token_id 18446744073709551615 is no token");
        says(&|v| v.tokens[6] = v.tokens[7], "twice");
        says(&|v| v.tokens.truncate(3), "token_type has 14 values for 3 tokens");
        says(&|v| v.bos = Some(6), "no token `\u{2581}cafe`");
    }
}
