use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::checkpoint::DType;

fn open(bytes: &[u8]) -> Result<GgufFile, OpenError> {
    GgufFile::new(Arc::new(bytes.to_vec()), Path::new("x.gguf"))
}

fn sentence(writer: &Writer) -> String {
    open(&writer.0).map(|_| ()).unwrap_err().to_string()
}

/// Two float tensors, one packed, an empty one, a vocabulary.
fn small() -> Writer {
    Writer::new(4, 5)
        .key_text("general.architecture", "llama")
        .key_u32("llama.block_count", 5)
        .key_text("tokenizer.chat_template", "{{ x }}")
        .key_text("tokenizer.ggml.model", "gpt2")
        .key_texts("tokenizer.ggml.tokens", &["a", "b", "ab"])
        .tensor("b", &[4, 2], 0, 0)
        .tensor("a", &[32, 3], 8, 32)
        .tensor("c", &[2], 1, 160)
        .tensor("d", &[2, 0], 0, 160)
        .data(164)
}

#[test]
fn a_small_file_opens_with_its_shapes_turned_round() {
    let file = open(&small().0).unwrap();
    let start = file.tensors()[1].range.start;
    let seen: Vec<_> = file
        .tensors()
        .iter()
        .map(|t| (t.name.as_str(), t.shape.clone(), t.dtype, t.range.len()))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", vec![3, 32], DType::Q8_0, 102),
            ("b", vec![2, 4], DType::F32, 32),
            ("c", vec![2], DType::F16, 4),
            ("d", vec![0, 2], DType::F32, 0),
        ]
    );
    assert_eq!(start % 32, 0);
    assert_eq!(file.config()["llama.block_count"], 5);
    assert_eq!(file.config()["tokenizer.ggml.tokens"][2], "ab");
    assert_eq!(file.chat_template().unwrap(), "{{ x }}");
    assert_eq!(&*file.bytes(&file.tensors()[2]).unwrap(), [7, 7, 7, 7]);
    assert!(file.bytes(&file.tensors()[3]).unwrap().is_empty());
}

#[test]
fn a_fingerprint_changes_with_weights_and_keys() {
    let one = small();
    let mut other = one.clone();
    *other.0.last_mut().unwrap() = 8;
    let print = |w: &Writer| open(&w.0).unwrap().fingerprint().unwrap();
    assert_eq!(print(&one).len(), 64);
    assert_eq!(print(&one), print(&one.clone()));
    assert_ne!(print(&one), print(&other));
}

#[test]
fn numbers_that_json_lacks_stay_visible() {
    let writer = Writer::new(0, 1).text("eps").u32(6).u32(f32::NAN.to_bits());
    assert_eq!(open(&writer.0).unwrap().config()["eps"], "NaN");
}

/// What is wrong, and what a person is told.
fn hostile() -> Vec<(&'static str, Writer)> {
    let empty = || Writer::new(0, 1);
    let one = |axes: &[u64], code| Writer::new(1, 0).tensor("w", axes, code, 0).data(4096);
    let two = |offset| {
        let first = Writer::new(2, 0).tensor("v", &[32], 0, 0);
        first.tensor("w", &[32], 0, offset).data(512)
    };
    let version = |version: u32| Writer(b"GGUF".to_vec()).u32(version).u64(0).u64(0);
    vec![
        ("no magic", Writer(b"GGML\x03\0\0\0".to_vec())),
        ("nothing", Writer(Vec::new())),
        ("version 1", version(1)),
        ("version 4", version(4)),
        ("big-endian", version(3_u32.swap_bytes())),
        ("2^60 tensors", Writer::new(1 << 60, 0)),
        ("60,000 tensors", Writer::new(60_000, 0)),
        ("2^60 keys", Writer::new(0, 1 << 60)),
        ("60,000 keys", Writer::new(0, 60_000)),
        ("alignment 0", empty().key_u32("general.alignment", 0)),
        ("alignment 3", empty().key_u32("general.alignment", 3)),
        ("alignment 2^31", empty().key_u32("general.alignment", 1 << 31)),
        ("alignment is text", empty().key_text("general.alignment", "32")),
        ("key past the end", empty().u64(1000).data(64)),
        ("key of 2^63 bytes", empty().u64(1 << 63).data(64)),
        ("empty key", empty().key_u32("", 1)),
        ("value of an unknown type", empty().text("k").u32(99)),
        ("truth of 2", Writer(empty().text("k").u32(7).0.into_iter().chain([2]).collect())),
        ("key twice", Writer::new(0, 2).key_u32("k", 1).key_u32("k", 1)),
        ("array of arrays", empty().text("k").u32(9).u32(9).u64(1).u32(4).u64(1).u32(1)),
        ("array of 2^60", empty().text("k").u32(9).u32(4).u64(1 << 60)),
        ("array of 4 M in 30 bytes", empty().text("k").u32(9).u32(4).u64(4_000_000)),
        ("one of three parts", empty().text("split.count").u32(2).u32(3)),
        ("2^33 x 2^33", one(&[1 << 33, 1 << 33], 0)),
        ("0 x 2^33 x 2^33", one(&[0, 1 << 33, 1 << 33], 0)),
        ("five axes", one(&[1; 5], 0)),
        ("a name of nothing", Writer::new(1, 0).tensor("", &[1], 0, 0).data(4)),
        ("IQ2_XS", one(&[256], 17)),
        ("type 77", one(&[256], 77)),
        ("half a block", one(&[16], 8)),
        ("offset 5", Writer::new(1, 0).tensor("w", &[1], 0, 5).data(64)),
        ("offset 2^64 - 32", Writer::new(1, 0).tensor("w", &[8], 0, u64::MAX - 31).data(64)),
        ("longer than the file", one(&[1025], 0)),
        ("overlap", two(96)),
        ("name twice", Writer::new(2, 0).tensor("w", &[8], 0, 0).tensor("w", &[8], 0, 32).data(64)),
    ]
}

#[test]
fn a_hostile_file_gets_one_clear_sentence() {
    let told: Vec<_> =
        hostile().into_iter().map(|(what, file)| format!("{what}: {}", sentence(&file))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_file_cut_anywhere_is_truncated() {
    let whole = small().0;
    for end in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let error = open(&whole[..end]).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Truncated { .. }), "cut at {end}: {error}");
    }
}

#[test]
fn magic_or_extension_makes_a_gguf_file() {
    assert!(FORMAT.matches(b"GGUF\x03", Path::new("model.bin")));
    assert!(FORMAT.matches(b"", Path::new("model.GGUF")));
    assert!(!FORMAT.matches(b"PK\x03\x04", Path::new("model.bin")));
}

proptest::proptest! {
    #[test]
    fn a_changed_file_is_refused_or_stays_inside_its_bytes(
        changes in proptest::collection::vec((0..10_000_usize, proptest::num::u8::ANY), 1..6),
    ) {
        let mut bytes = small().0;
        let len = bytes.len();
        for (at, byte) in changes {
            bytes[at % len] = byte;
        }
        if let Ok(file) = open(&bytes) {
            for tensor in file.tensors() {
                proptest::prop_assert_eq!(file.bytes(tensor).unwrap().len(), tensor.range.len());
                proptest::prop_assert!(tensor.num_elements() < usize::MAX);
            }
            drop(file.tokenizer());
            file.fingerprint().unwrap();
        }
    }
}

#[cfg(feature = "shared-checks")]
mod shared {
    use super::*;

    const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");

    #[test]
    fn shared_gguf_files_have_the_tensors_that_they_promise() {
        let mut seen = Vec::new();
        for kind in ["f32", "f16", "q8_0"] {
            let path = format!("{SHARED}/data/stories260K_gguf/stories260K-{kind}.gguf");
            let file = FORMAT.open(Path::new(&path)).unwrap();
            let of = |dtype| file.tensors().iter().filter(|t| t.dtype == dtype).count();
            seen.push((kind, of(DType::F32), of(DType::F16), of(DType::Q8_0)));
            assert_eq!(file.config()["llama.block_count"], 5);
            assert_eq!(file.config()["general.architecture"], "llama");
            let embedding = file.tensors().iter().find(|t| t.name == "token_embd.weight").unwrap();
            assert_eq!(embedding.shape, [512, 64]);
            let used: usize = file.tensors().iter().map(|t| t.range.len()).sum();
            assert!(used as u64 <= file.size_bytes());
            assert_eq!(file.chat_template(), None);
        }
        assert_eq!(seen, [("f32", 48, 0, 0), ("f16", 11, 37, 0), ("q8_0", 11, 5, 32)]);
    }
}
