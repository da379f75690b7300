//! What opens, and that its bytes are those of the file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{contents, entry, file, valid, write, write_sparse};
use crate::checkpoint::{Checkpoint, DType, open, open_embedded};

fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Arc<dyn Checkpoint>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write(&dir.path().join(name), bytes);
    }
    let checkpoint = open(dir.path()).unwrap();
    (dir, checkpoint)
}

const CONFIG: &[u8] = br#"{"model_type":"llama","num_hidden_layers":2}"#;

#[test]
fn a_folder_gives_the_bytes_of_the_file() {
    let valid = valid();
    let (dir, checkpoint) = folder(&[("config.json", CONFIG), ("model.safetensors", &valid)]);
    assert_eq!(
        contents(&*checkpoint),
        [
            ("a".to_owned(), vec![2, 2], (1..=16).collect::<Vec<u8>>()),
            ("b".to_owned(), vec![3], (17..=22).collect()),
            ("c".to_owned(), vec![1, 1], vec![23, 24]),
        ]
    );
    let types: Vec<_> = checkpoint.tensors().iter().map(|t| t.dtype).collect();
    assert_eq!(types, [DType::F32, DType::F16, DType::BF16]);
    assert_eq!(checkpoint.config()["num_hidden_layers"], 2);
    assert_eq!(checkpoint.size_bytes(), valid.len() as u64);
    assert_eq!(checkpoint.path(), dir.path());
    assert_eq!(checkpoint.format(), "Hugging Face folder");
    assert!(checkpoint.tokenizer().unwrap().is_none());
    assert_eq!(checkpoint.chat_template(), None);
}

#[test]
fn exit_heads_beside_the_weights_are_one_more_part() {
    let heads = |name: &str| {
        let header = format!(
            r#"{{"__metadata__":{{"pooling":"mean","format":"other"}},{}}}"#,
            entry(name, "F32", "[1]", 0, 4)
        );
        file(&header, &[1, 2, 3, 4])
    };
    let (valid, exits) = (valid(), heads("exit.0.weight"));
    let files: [(&str, &[u8]); 3] = [
        ("config.json", CONFIG),
        ("model.safetensors", &valid),
        ("exit_heads.safetensors", &exits),
    ];
    let (dir, checkpoint) = folder(&files);
    let bare = open(&dir.path().join("model.safetensors")).unwrap();
    for checkpoint in [&checkpoint, &bare] {
        let all = contents(&**checkpoint);
        assert_eq!(all.last().unwrap(), &("exit.0.weight".to_owned(), vec![1], vec![1, 2, 3, 4]));
        assert_eq!(all.len(), 4);
        // The weights' own notes come first.
        let notes = ["pooling", "format", "x"].map(|key| checkpoint.metadata(key));
        assert_eq!(notes, [Some("mean"), Some("pt"), None]);
        assert_eq!(checkpoint.size_bytes(), (valid.len() + exits.len()) as u64);
    }
    let (_dir, without) = folder(&files[..2]);
    assert_ne!(without.fingerprint().unwrap(), checkpoint.fingerprint().unwrap());
    // Opened by itself it is not joined to itself.
    let alone = open(&dir.path().join("exit_heads.safetensors")).unwrap();
    assert_eq!(contents(&*alone).len(), 1);
    let twice = heads("a");
    write(&dir.path().join("exit_heads.safetensors"), &twice);
    let error = open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("the tensor `a` is there twice"), "{error}");
}

#[test]
fn a_bare_file_opens_with_its_config_whatever_its_extension() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("config.json"), CONFIG);
    for name in ["x.safetensors", "x.SAFETENSORS", "x", "x.bin", "x.gguf"] {
        let path = dir.path().join(name);
        write(&path, valid());
        let checkpoint = open(&path).unwrap();
        assert_eq!(checkpoint.tensors().len(), 3, "{name}");
        assert_eq!(checkpoint.config()["model_type"], "llama");
    }
}

#[test]
fn a_header_of_640_bytes_is_not_taken_for_a_pickle() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("config.json"), CONFIG);
    let header = format!("{{{}}}", entry("a", "F32", "[1]", 0, 4));
    let path = dir.path().join("x.safetensors");
    let bytes = file(&format!("{header:<640}"), &[0; 4]);
    assert_eq!(bytes[..2], [0x80, 2], "the two bytes with which a pickle begins");
    write(&path, bytes);
    assert_eq!(open(&path).unwrap().tensors().len(), 1);
}

#[test]
fn parts_give_what_one_file_gives() {
    let tensor = |name: &str| entry(name, "F32", "[1]", 0, 4);
    let both = format!("{{{},{}}}", tensor("b"), entry("a", "F32", "[1]", 4, 8));
    let whole = file(&both, &[2, 2, 2, 2, 1, 1, 1, 1]);
    let (_whole_dir, whole) = folder(&[("config.json", CONFIG), ("model.safetensors", &whole)]);
    // `b` lies in the first part, so the order of parts is not the order of names; `total_size` may be wrong.
    let index = br#"{"metadata":{"total_size":7},"weight_map":{
        "a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}}"#;
    let first = file(&format!("{{{}}}", tensor("b")), &[2; 4]);
    let second = file(&format!("{{{}}}", tensor("a")), &[1; 4]);
    let (_parts_dir, parts) = folder(&[
        ("config.json", CONFIG),
        ("model.safetensors.index.json", index),
        ("model-00001-of-00002.safetensors", &first),
        ("model-00002-of-00002.safetensors", &second),
        ("consolidated.safetensors", b"of no concern"),
    ]);
    assert_eq!(contents(&*parts), contents(&*whole));
    assert_eq!(parts.size_bytes(), (first.len() + second.len()) as u64);
}

#[test]
fn buffers_that_are_no_weights_are_left_out() {
    let header = format!(
        "{{{},{},{},{},{}}}",
        entry("h.0.attn.bias", "U8", "[4]", 0, 4),
        entry("h.0.attn.rotary_emb.inv_freq", "F32", "[1]", 4, 8),
        entry("position_ids", "I64", "[1]", 8, 16),
        entry("encoder.attn.bias", "F32", "[1]", 16, 20),
        entry("norm.num_batches_tracked", "I64", "[]", 20, 28),
    );
    let weights = file(&header, &[0; 28]);
    let (_dir, checkpoint) = folder(&[("config.json", CONFIG), ("model.safetensors", &weights)]);
    let names: Vec<_> = checkpoint.tensors().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["encoder.attn.bias"], "the one that holds floats is a weight");
}

#[test]
fn a_chat_template_is_found_wherever_tools_put_it() {
    let valid = valid();
    let template = |files: &[(&str, &[u8])]| {
        let weights: &[(&str, &[u8])] = &[("config.json", CONFIG), ("model.safetensors", &valid)];
        folder(&[weights, files].concat()).1.chat_template()
    };
    let text: (&str, &[u8]) = ("tokenizer_config.json", br#"{"chat_template":"one"}"#);
    let list: (&str, &[u8]) = (
        "tokenizer_config.json",
        br#"{"chat_template":[{"name":"tool_use","template":"no"},{"name":"default","template":"two"}]}"#,
    );
    let without: (&str, &[u8]) =
        ("tokenizer_config.json", br#"{"chat_template":[{"name":"rag","template":"no"}]}"#);
    let own: (&str, &[u8]) = ("chat_template.jinja", b"three");
    assert_eq!(template(&[text]).as_deref(), Some("one"));
    assert_eq!(template(&[list]).as_deref(), Some("two"));
    assert_eq!(template(&[text, own]).as_deref(), Some("three"));
    assert_eq!(template(&[without]), None);
    assert_eq!(template(&[("tokenizer_config.json", b"{}")]), None);
}

/// `bytes` in memory that is never given back, `shift` bytes after a multiple of 8.
fn leaked(bytes: &[u8], shift: usize) -> &'static [u8] {
    let mut memory = vec![0; bytes.len() + 16];
    let start = memory.as_ptr().align_offset(8) + shift;
    memory[start..start + bytes.len()].copy_from_slice(bytes);
    &memory.leak()[start..start + bytes.len()]
}

#[test]
fn embedded_weights_are_aligned_wherever_the_linker_put_them() {
    // The header ends on a multiple of 4, as every common tool writes it.
    let header = format!("{{{}}}", entry("a", "F32", "[2]", 0, 8));
    let header = format!("{header:<72}");
    let bytes = file(&header, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let (_dir, expected) = folder(&[("config.json", CONFIG), ("model.safetensors", &bytes)]);
    for shift in 0..8 {
        let weights = leaked(&bytes, shift);
        let checkpoint = open_embedded("Embedded default", CONFIG, weights, b"").unwrap();
        let values = checkpoint.bytes(&checkpoint.tensors()[0]).unwrap();
        assert!(values.as_ptr().addr().is_multiple_of(4), "shift {shift}");
        let in_place = values.as_ptr() == weights[80..].as_ptr();
        assert_eq!(in_place, shift % 4 == 0, "copied only where it has to be: shift {shift}");
        assert_eq!(contents(&*checkpoint), contents(&*expected));
        assert_eq!(checkpoint.size_bytes(), bytes.len() as u64);
        assert_eq!(checkpoint.fingerprint().unwrap(), expected.fingerprint().unwrap());
        assert!(checkpoint.tokenizer().unwrap().is_none());
        assert_eq!(checkpoint.path(), Path::new("Embedded default"));
    }
}

#[test]
fn embedded_weights_meet_the_same_checks() {
    let cut = leaked(&valid()[..60], 1);
    let error = super::refused(open_embedded("Embedded default", CONFIG, cut, b"").map(|_| ()));
    assert!(error.to_string().starts_with("truncated"), "{error}");
    let error = super::refused(open_embedded("Embedded default", CONFIG, b"", b"").map(|_| ()));
    assert_eq!(error.to_string(), "the file is empty: Embedded default");
}

#[test]
fn the_fingerprint_follows_config_header_weights_and_length() {
    let of = |config: &[u8], weights: &[u8]| {
        let (_dir, checkpoint) = folder(&[("config.json", config), ("model.safetensors", weights)]);
        checkpoint.fingerprint().unwrap()
    };
    let large = |count: usize| {
        let header = format!("{{{}}}", entry("a", "F16", &format!("[{count}]"), 0, 2 * count));
        file(&header, &vec![0; 2 * count])
    };
    let base = large(200_000);
    let expected = of(CONFIG, &base);
    assert_eq!(expected, of(CONFIG, &base));
    assert_eq!(expected.len(), 64);
    let changed = |at: usize| {
        let mut bytes = base.clone();
        bytes[at] ^= 1;
        of(CONFIG, &bytes)
    };
    let name = base.windows(3).position(|w| w == b"\"a\"").unwrap() + 1;
    let mut seen = vec![
        expected,
        of(b"{}", &base),
        of(CONFIG, &large(200_001)),
        changed(name),
        changed(base.len() - 1),
        changed(base.len() - 400_000),
    ];
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6, "every change shows");
}

#[test]
fn a_file_of_ten_gigabytes_opens_by_its_header() {
    let dir = tempfile::tempdir().unwrap();
    let rows = 5_000_000;
    let header =
        format!("{{{}}}", entry("a", "BF16", &format!("[{rows},1000]"), 0, 10_000_000_000));
    let start = file(&header, b"");
    let len = start.len() as u64 + 10_000_000_000;
    write(&dir.path().join("config.json"), CONFIG);
    write_sparse(&dir.path().join("model.safetensors"), &start, len);
    let checkpoint = open(dir.path()).unwrap();
    assert_eq!(checkpoint.size_bytes(), len);
    assert_eq!(checkpoint.tensors()[0].num_elements(), 5_000_000_000);
    assert_eq!(checkpoint.fingerprint().unwrap().len(), 64);
    assert_eq!(fs::metadata(dir.path().join("model.safetensors")).unwrap().len(), len);
}
