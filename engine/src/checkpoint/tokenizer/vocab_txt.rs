//! vocab.txt: the list of word pieces that BERT was published with, before there was tokenizer.json.

use std::path::Path;

use serde_json::{Map, Value};

use super::word_pieces::WordPieces;
use super::{Tokenizer, wrong};
use crate::checkpoint::OpenError;

/// Special tokens of BERT's tokenizer.
const KNOWN: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// `config`: tokenizer_config.json, or nothing.
pub(super) fn load(
    bytes: &[u8],
    config: &Map<String, Value>,
    path: &Path,
) -> Result<Tokenizer, OpenError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| wrong(path, format!("no UTF-8 at byte {}", error.valid_up_to())))?;
    let mut vocab = Map::new();
    for (id, token) in text.lines().enumerate() {
        if vocab.insert(token.to_owned(), id.into()).is_some() {
            return Err(wrong(path, format!("token `{token}` stands there twice")));
        }
    }
    let flag = |key: &str, otherwise: bool| match config.get(key) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(wrong(path, format!("`{key}` of tokenizer_config.json is {other}"))),
    };
    // Without a word about accents they go where letters become small.
    let is_small = flag("do_lower_case", true)?;
    let strips = flag("strip_accents", is_small)?;
    let pieces = WordPieces {
        vocab,
        special: KNOWN.to_vec(),
        unknown: "[UNK]",
        around: [Some("[CLS]"), Some("[SEP]")],
        lowercase: is_small,
        strip_accents: strips,
        chinese: flag("tokenize_chinese_chars", true)?,
    };
    pieces.load(path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checkpoint::Encoded;

    fn of(vocab: &str, config: Value) -> Result<Tokenizer, String> {
        let Value::Object(config) = config else { panic!("an object") };
        let read = load(vocab.as_bytes(), &config, Path::new("vocab.txt"));
        read.map_err(|error| error.to_string())
    }

    const VOCAB: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\ncafe\nCafé\nun\n##like\n##ly\n!\n";

    #[test]
    fn it_reads_as_the_published_tokenizer_does() {
        let small = of(VOCAB, json!({})).unwrap();
        assert_eq!(small.encode("Café unlikely!").unwrap(), [2, 4, 6, 7, 8, 9, 3]);
        assert_eq!(small.encode("[SEP] x").unwrap(), [2, 3, 1, 3]);
        assert_eq!(small.summary(), "WordPiece, 10 tokens");
        let cased = of(VOCAB, json!({"do_lower_case": false})).unwrap();
        assert_eq!(cased.encode("Café cafe").unwrap(), [2, 5, 4, 3]);
        assert_ne!(small.fingerprint(), cased.fingerprint());
    }

    #[test]
    fn two_texts_are_marked_apart_and_the_longer_one_is_cut_first() {
        let tokenizer = of(VOCAB, json!({})).unwrap();
        let pair = |first: &str, second: &str, most: usize| {
            let Encoded { ids, segments, was_cut } =
                tokenizer.encode_pair(first, second, most).unwrap();
            (ids, segments, was_cut)
        };
        let (long, short) = ("Café unlikely!", "cafe");
        let whole = (vec![2, 4, 6, 7, 8, 9, 3, 4, 3], vec![0, 0, 0, 0, 0, 0, 0, 1, 1], false);
        assert_eq!(pair(long, short, 9), whole);
        let cut = (vec![2, 4, 6, 3, 4, 3], vec![0, 0, 0, 0, 1, 1], true);
        assert_eq!(pair(long, short, 6), cut);
        let cut = (vec![2, 4, 3, 4, 6, 3], vec![0, 0, 0, 1, 1, 1], true);
        assert_eq!(pair(short, long, 6), cut);
        let both = (vec![2, 4, 6, 3, 4, 6, 7, 3], vec![0, 0, 0, 0, 1, 1, 1, 1], true);
        assert_eq!(pair(long, long, 8), both);
        assert_eq!(pair(long, "", 9).0, [2, 4, 6, 7, 8, 9, 3, 3]);
        assert_eq!(pair(long, short, 2), (vec![2, 3], vec![0, 0], true));
    }

    #[test]
    fn what_is_no_list_of_word_pieces_is_refused() {
        for (vocab, config, words) in [
            ("a\nb\n", json!({}), "no token `[UNK]`"),
            ("[UNK]\n[CLS]\n[SEP]\na\na\n", json!({}), "token `a` stands there twice"),
            (VOCAB, json!({"do_lower_case": 1}), "`do_lower_case` of tokenizer_config.json is 1"),
            ("", json!({}), "no token `[UNK]`"),
        ] {
            let said = of(vocab, config).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
