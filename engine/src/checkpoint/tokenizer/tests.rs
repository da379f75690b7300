use std::path::Path;

use super::*;

fn path() -> &'static Path {
    Path::new("tokenizer.json")
}

/// A byte-fallback vocabulary as a small Llama has it, with no byte tokens: `?` is unknown.
fn small() -> GgufVocabulary<'static> {
    let tokens =
        vec!["<unk>", "<s>", "</s>", "<0x0A>", "\u{2581}", "a", "b", "ab", "\u{2581}ab", "<x>"];
    GgufVocabulary {
        model: "llama",
        types: Some(vec![2.0, 3.0, 3.0, 6.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0]),
        scores: Some(vec![0.0, 0.0, 0.0, 0.0, -5.0, -6.0, -7.0, -1.0, -2.0, 0.0]),
        tokens,
        bos: Some(1),
        eos: Some(2),
        unknown: Some(0),
        ..GgufVocabulary::default()
    }
}

fn byte_level_small() -> GgufVocabulary<'static> {
    GgufVocabulary {
        model: "gpt2",
        pre: Some("smollm"),
        tokens: vec!["<|end|>", "a", "b", "Ġ", "1", "ab", "Ġab", "Ċ"],
        types: Some(vec![3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        merges: Some(vec!["a b", "Ġ ab"]),
        bos: Some(0),
        ..GgufVocabulary::default()
    }
}

#[test]
fn a_sentencepiece_like_vocabulary_encodes_as_its_scores_say() {
    let tokenizer = Tokenizer::from_gguf(&small(), path()).unwrap();
    assert_eq!(tokenizer.encode("ab abb").unwrap(), [1, 8, 8, 6]);
    assert_eq!(tokenizer.encode("ab\n").unwrap(), [1, 8, 3]);
    assert_eq!(tokenizer.encode("a?b").unwrap(), [1, 4, 5, 0, 6]);
    assert_eq!(tokenizer.encode("</s><x>").unwrap(), [1, 2, 9]);
    assert_eq!(tokenizer.encode("").unwrap(), [1]);
    assert_eq!(tokenizer.summary(), "BPE, 10 tokens");
}

#[test]
fn pieces_read_as_a_person_writes() {
    let tokenizer = Tokenizer::from_gguf(&small(), path()).unwrap();
    let pieces: Vec<_> = (0..11).map(|id| tokenizer.piece(id)).collect();
    assert_eq!(
        pieces,
        ["<unk>", "<s>", "</s>", "<0x0A>", " ", "a", "b", "ab", " ab", "<x>", "<10>"]
    );
}

#[test]
fn switches_of_the_file_are_obeyed() {
    let vocabulary = GgufVocabulary {
        add_bos: Some(false),
        add_eos: Some(true),
        add_space_prefix: Some(false),
        ..small()
    };
    let tokenizer = Tokenizer::from_gguf(&vocabulary, path()).unwrap();
    assert_eq!(tokenizer.encode("ab ab").unwrap(), [7, 8, 2]);
}

#[test]
fn a_byte_level_vocabulary_cuts_as_its_name_says() {
    let tokenizer = Tokenizer::from_gguf(&byte_level_small(), path()).unwrap();
    assert_eq!(tokenizer.encode("ab ab11\n<|end|>").unwrap(), [5, 6, 4, 4, 7, 0]);
    assert_eq!(tokenizer.piece(6), " ab");
    assert_eq!(tokenizer.piece(7), "\n");
    assert_eq!(tokenizer.piece(0), "<|end|>");
    assert_eq!(tokenizer.summary(), "byte-level BPE (smollm), 8 tokens");
}

#[test]
fn every_supported_cut_compiles_and_keeps_every_byte() {
    let names = "default gpt-2 phi-2 olmo mpt smollm starcoder refact command-r codeshell llama-bpe llama3 \
                 llama-v3 dbrx smaug-bpe qwen2 stablelm2 deepseek-r1-qwen tekken";
    for pre in names.split_whitespace() {
        let vocabulary =
            GgufVocabulary { pre: Some(pre), add_bos: Some(false), ..byte_level_small() };
        let tokenizer = Tokenizer::from_gguf(&vocabulary, path()).unwrap();
        let text = " ab  ba\n\n11 1ab";
        let back: String =
            tokenizer.encode(text).unwrap().into_iter().map(|id| tokenizer.piece(id)).collect();
        assert_eq!(back, text, "{pre}");
    }
}

#[test]
fn a_fingerprint_changes_with_every_fact() {
    let print =
        |v: &GgufVocabulary<'_>| Tokenizer::from_gguf(v, path()).unwrap().fingerprint().to_owned();
    let one = small();
    let mut others = [one.clone(), one.clone(), one.clone()];
    others[0].add_bos = Some(false);
    others[1].tokens[9] = "<y>";
    others[2].scores.as_mut().unwrap()[8] = -0.5;
    let mut prints: Vec<_> = others.iter().chain([&one]).map(print).collect();
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), 4);
}

#[test]
fn a_hostile_vocabulary_gets_one_clear_sentence() {
    let change = |what: fn(&mut GgufVocabulary<'static>), from: GgufVocabulary<'static>| {
        let mut vocabulary = from;
        what(&mut vocabulary);
        Tokenizer::from_gguf(&vocabulary, path()).map(|_| ()).unwrap_err().to_string()
    };
    let long: &'static str = String::leak("a".repeat(600));
    let mut long_token = small();
    long_token.tokens[7] = long;
    let told = [
        change(|v| v.model = "t5", small()),
        change(|v| v.tokens.clear(), small()),
        change(|v| v.scores = None, small()),
        change(|v| v.scores = Some(vec![0.0]), small()),
        change(|v| v.scores = Some(vec![f64::NAN; 10]), small()),
        change(|v| v.types = Some(vec![9.0; 10]), small()),
        change(|v| v.bos = Some(1 << 40), small()),
        change(|v| v.bos = None, small()),
        change(|_| (), long_token),
        change(|v| v.pre = Some("new"), byte_level_small()),
        change(|v| v.merges = None, byte_level_small()),
        change(|v| v.merges = Some(vec!["a c"]), byte_level_small()),
        change(|v| v.merges = Some(vec!["b b"]), byte_level_small()),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

/// A tokenizer.json that opens, with one thing changed.
fn json(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut value = serde_json::json!({
        "version": "1.0",
        "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": null,
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true}],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": {"<s>": 0, "a": 1, "b": 2, "ab": 3, "\u{2581}": 4, "\u{2581}ab": 5},
            "merges": ["a b", ["\u{2581}", "ab"]]},
    });
    change(&mut value);
    serde_json::to_vec(&value).unwrap()
}

/// The library takes merges of one kind only.
fn plain(value: &mut serde_json::Value) {
    value["model"]["merges"] = serde_json::json!(["a b", "\u{2581} ab"]);
}

#[test]
fn a_tokenizer_json_encodes_without_cutting() {
    let tokenizer = Tokenizer::from_hf_json(&json(plain), path()).unwrap();
    assert_eq!(tokenizer.encode("ab ab ab").unwrap(), [0, 3, 5, 5]);
    assert_eq!(tokenizer.summary(), "BPE, 6 tokens");
    let pieces: Vec<_> = (0..7).map(|id| tokenizer.piece(id)).collect();
    assert_eq!(pieces, ["<s>", "a", "b", "ab", " ", " ab", "<6>"]);
}

#[test]
fn a_cut_text_keeps_the_special_tokens_around_it() {
    let bytes = json(|value| {
        plain(value);
        let end = serde_json::json!({"SpecialToken": {"id": "<s>", "type_id": 0}});
        value["post_processor"]["single"].as_array_mut().unwrap().push(end);
    });
    let tokenizer = Tokenizer::from_hf_json(&bytes, path()).unwrap();
    assert_eq!(tokenizer.encode("ab ab").unwrap(), [0, 3, 5, 0]);
    let within = |most| tokenizer.encode_within("ab ab", most).unwrap();
    assert_eq!(within(4), (vec![0, 3, 5, 0], false));
    assert_eq!(within(3), (vec![0, 3, 0], true));
    assert_eq!(within(1), (vec![0], true));
    assert_eq!(within(0), (vec![], true));
    let open = Tokenizer::from_gguf(&small(), path()).unwrap();
    assert_eq!(open.encode_within("ab abb", 2).unwrap(), (vec![1, 8], true));
}

#[test]
fn a_word_piece_tokenizer_reads_as_bert_does() {
    let bytes = serde_json::to_vec(&serde_json::json!({
        "version": "1.0", "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [{"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true}],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "cafe": 4, "un": 5,
                "##like": 6, "##ly": 7, "!": 8}},
    }));
    let tokenizer = Tokenizer::from_hf_json(&bytes.unwrap(), path()).unwrap();
    let ids = tokenizer.encode("Café unlikely, x!").unwrap();
    // Neither the comma nor the x is in the vocabulary.
    assert_eq!(ids, [2, 4, 5, 6, 7, 1, 1, 8, 3]);
    assert_eq!(tokenizer.summary(), "WordPiece, 9 tokens");
    assert_eq!(tokenizer.piece(6), "##like");
}

#[test]
fn a_hostile_tokenizer_json_gets_one_clear_sentence() {
    use serde_json::json as j;
    let told = |change: &dyn Fn(&mut serde_json::Value)| {
        let bytes = json(|value| {
            plain(value);
            change(value);
        });
        Tokenizer::from_hf_json(&bytes, path()).map(|_| ()).unwrap_err().to_string()
    };
    let charsmap = |text: &str| j!({"type": "Precompiled", "precompiled_charsmap": text});
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let long = "x".repeat(20);
    let lines = [
        Tokenizer::from_hf_json(b"", path()).map(|_| ()).unwrap_err().to_string(),
        Tokenizer::from_hf_json(b"[]", path()).map(|_| ()).unwrap_err().to_string(),
        Tokenizer::from_hf_json(deep.as_bytes(), path()).map(|_| ()).unwrap_err().to_string(),
        told(&|v| v["model"] = j!(null)),
        told(&|v| v["model"]["type"] = j!("New")),
        told(&|v| v["model"]["vocab"] = j!({})),
        told(&|v| v["model"]["vocab"]["c"] = j!(3)),
        told(&|v| v["model"]["vocab"]["c"] = j!(-1)),
        told(&|v| v["model"]["dropout"] = j!(0.1)),
        told(&|v| v["model"]["merges"] = j!([format!("{long} {long}")])),
        told(&|v| v["model"]["merges"] = j!(["ab ab"])),
        told(&|v| v["model"]["merges"] = j!([["a"]])),
        told(&|v| v["model"]["continuing_subword_prefix"] = j!("##########")),
        told(&|v| v["added_tokens"] = j!([{"id": 1_000_000_000, "content": "x"}])),
        told(&|v| v["normalizer"] = charsmap("AAAA")),
        told(&|v| v["normalizer"] = charsmap("////////")),
        told(&|v| v["normalizer"] = j!({"type": "Sequence", "normalizers": [charsmap("!")]})),
        told(&|v| v["pre_tokenizer"] = j!({"type": "FixedLength", "length": 0})),
        told(&|v| v["post_processor"]["special_tokens"] = j!({})),
        told(&|v| v["post_processor"]["special_tokens"]["<s>"]["ids"] = j!([])),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_panic_of_the_library_becomes_an_error() {
    let error = guarded::<()>(path(), || panic!("index out of bounds")).unwrap_err();
    insta::assert_snapshot!(error, @"tokenizer: the tokenizer library gave up (index out of bounds): tokenizer.json");
}

proptest::proptest! {
    #[test]
    fn a_changed_tokenizer_json_is_refused_or_works(
        changes in proptest::collection::vec((0..10_000_usize, 32..127_u8), 1..5),
    ) {
        let mut bytes = json(plain);
        let len = bytes.len();
        for (at, byte) in changes {
            bytes[at % len] = byte;
        }
        if let Ok(tokenizer) = Tokenizer::from_hf_json(&bytes, path()) {
            drop(tokenizer.encode("ab <s> ab?"));
            drop(tokenizer.piece(3));
        }
    }
}

#[cfg(feature = "shared-checks")]
mod shared {
    use super::*;
    use crate::checkpoint::Format as _;
    use crate::checkpoint::gguf::FORMAT;

    const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");

    fn of_gguf(path: &str) -> Tokenizer {
        FORMAT.open(Path::new(path)).unwrap().tokenizer().unwrap().unwrap()
    }

    fn stories(kind: &str) -> Tokenizer {
        of_gguf(&format!("{SHARED}/data/stories260K_gguf/stories260K-{kind}.gguf"))
    }

    fn stories_json() -> Tokenizer {
        let path = format!("{SHARED}/data/stories260K_hf/tokenizer.json");
        Tokenizer::from_hf_json(&std::fs::read(&path).unwrap(), Path::new(&path)).unwrap()
    }

    #[test]
    fn shared_known_prompt_has_its_known_ids_from_every_file() {
        for tokenizer in [stories_json(), stories("f32"), stories("f16"), stories("q8_0")] {
            assert_eq!(tokenizer.encode("Once upon a time").unwrap(), [1, 403, 407, 261, 378]);
        }
    }

    #[test]
    fn shared_json_and_gguf_agree_on_shakespeare_and_on_every_piece() {
        let text = std::fs::read_to_string(format!("{SHARED}/data/tinyshakespeare/input.txt"));
        let text = text.unwrap();
        let (json, gguf) = (stories_json(), stories("f32"));
        let mut lines: Vec<&str> = text.lines().take(400).collect();
        lines.extend([
            "",
            " ",
            "  two  spaces ",
            "é名\u{1F600}\t\r\n",
            "<s> a</s>b<unk>",
            "\u{2581}x",
        ]);
        // A whole scene at once, newlines inside.
        lines.push(text.get(..20_000).unwrap());
        for line in lines {
            assert_eq!(json.encode(line).unwrap(), gguf.encode(line).unwrap(), "{line}");
        }
        for id in 0..512 {
            assert_eq!(json.piece(id), gguf.piece(id));
        }
    }
}
