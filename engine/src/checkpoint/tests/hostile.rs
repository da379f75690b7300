//! What is said about files that do not open: made here, never stored.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{entry, file, refused, valid, write, write_sparse};
use crate::checkpoint::safetensors::header::Header;
use crate::checkpoint::{FORMATS, OpenError, limits, open};

/// Sentence and hint of every case, in which the temporary folder is called `[dir]`.
struct Sentences {
    dir: tempfile::TempDir,
    text: String,
}

impl Sentences {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), text: String::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn add(&mut self, case: &str, error: &OpenError) {
        let dir = self.dir.path().to_str().unwrap();
        let sentence = error.to_string().replace(dir, "[dir]");
        // The list grows with every format; that it is whole has a test of its own.
        let hint = match error {
            OpenError::NotACheckpoint { formats, .. } => error.hint().replace(formats, "[formats]"),
            _ => error.hint(),
        };
        writeln!(self.text, "{case}\n  {sentence}\n  {hint}\n").unwrap();
    }

    fn open(&mut self, case: &str, path: &Path) {
        let error = refused(open(path).map(|_| ()));
        self.add(case, &error);
    }

    /// One file of these bytes.
    fn file(&mut self, case: &str, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        write(&path, bytes);
        self.open(case, &path);
        fs::remove_file(path).unwrap();
    }

    /// One safetensors file of this header and as many bytes of weights.
    fn header(&mut self, case: &str, header: &str, data: usize) {
        self.file(case, "x.safetensors", file(header, &vec![0; data]));
    }

    /// A folder of these files, opened as a folder.
    fn folder(&mut self, case: &str, files: &[(&str, &[u8])]) {
        let folder = self.path("model");
        fs::create_dir(&folder).unwrap();
        for (name, bytes) in files {
            write(&folder.join(name), bytes);
        }
        self.open(case, &folder);
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn files_that_are_no_checkpoints_are_refused_by_reason() {
    let mut said = Sentences::new();
    said.open("a path that is not there", &said.path("absent"));
    let denied = OpenError::io(&said.path("x.gguf"))(ErrorKind::PermissionDenied.into());
    said.add("no permission", &denied);
    let broken = OpenError::io(&said.path("x.gguf"))(std::io::Error::other("Input/output error"));
    said.add("a broken disk", &broken);
    #[cfg(unix)]
    {
        let path = said.path("socket");
        let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        said.open("a socket", &path);
        drop(socket);
    }
    said.file("an empty file", "x.safetensors", "");
    said.file("a text file", "notes.txt", "Once upon a time");
    said.file(
        "a text file cut inside a character",
        "notes",
        [vec![b'a'; 4095], "é".into()].concat(),
    );
    said.file("a zip archive", "x.zip", b"PK\x03\x04\x14\0\0\0readme\xff");
    said.file("noise", "x.dat", [0xff, 0x00, 0xfe, 0x01]);
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    said.file("a Git LFS pointer", "x.safetensors", lfs);
    said.file("a pickle", "weights", b"\x80\x02}q\0.");
    said.file("a pickle that claims to be safetensors", "x.safetensors", b"\x80\x04}\x94.");
    said.file("an archive of PyTorch", "model.ckpt", b"PK\x03\x04\0\0model/data.pkl\x80\x02");
    said.file("a name that promises a pickle", "a'b.pt", [7; 20]);
    insta::assert_snapshot!(said.text);
}

#[test]
fn a_file_of_unknown_kind_is_told_every_format_that_opens_and_none_that_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dat");
    write(&path, [0xff, 0x00, 0xfe, 0x01]);
    let hint = refused(open(&path).map(|_| ())).hint();
    for format in FORMATS {
        assert_eq!(hint.contains(format.name()), !format.refuses(), "{}: {hint}", format.name());
    }
}

#[test]
fn folders_that_are_incomplete_are_refused_by_reason() {
    let mut said = Sentences::new();
    let weights = &*valid();
    said.folder("no config.json", &[("model.safetensors", weights)]);
    said.folder("no weights", &[("config.json", b"{}"), ("training_args.bin", b"\x80\x02")]);
    let archive = b"PK\x03\x04\0\0archive/data.pkl";
    let pickled: &[(&str, &[u8])] = &[("config.json", b"{}"), ("pytorch_model.bin", archive)];
    said.folder("only a pickle", pickled);
    said.folder("config.json cut", &[("config.json", b"{\"a\":"), ("model.safetensors", weights)]);
    said.folder("config.json a list", &[("config.json", b"[1]"), ("model.safetensors", weights)]);
    let template = br#"{"chat_template": 7}"#;
    let files: &[(&str, &[u8])] = &[
        ("config.json", b"{}"),
        ("model.safetensors", weights),
        ("tokenizer_config.json", template),
    ];
    said.folder("a chat template of numbers", files);
    said.file("no config.json beside a file", "alone/x.safetensors", weights);
    let folder = said.path("huge");
    write_sparse(&folder.join("config.json"), b"{", limits::CONFIG_BYTES + 1);
    said.open("a huge config.json", &folder);
    write(&folder.join("config.json"), "{}");
    write(&folder.join("model.safetensors"), weights);
    write_sparse(&folder.join("tokenizer.json"), b"{", limits::TOKENIZER_BYTES + 1);
    let error = refused(open(&folder).unwrap().tokenizer());
    said.add("a huge tokenizer.json", &error);
    insta::assert_snapshot!(said.text);
}

#[test]
fn headers_that_lie_are_refused_by_reason() {
    let mut said = Sentences::new();
    let valid = valid();
    write(&said.path("config.json"), "{}");
    said.file("cut in the length", "x.safetensors", &valid[..5]);
    said.file("cut in the header", "x.safetensors", &valid[..40]);
    said.file("cut in the weights", "x.safetensors", &valid[..valid.len() - 1]);
    said.file("a byte too many", "x.safetensors", [&*valid, &[0]].concat());
    said.file("a header of 2^64-1 bytes", "x.safetensors", [[0xff; 8], *b"{\"a\":{}}"].concat());
    let long = 200_000_000_u64.to_le_bytes();
    said.file("a header of 200 MB", "x.safetensors", [long, *b"{\"a\":{}}"].concat());
    said.header("no JSON", "{\"a\" = 1}", 0);
    said.header("no object", "[]", 0);
    said.header("a control character", "{\"\u{0}\":1}", 0);
    let no_text = [&8_u64.to_le_bytes()[..], b"{\"\xff\":{}}"].concat();
    said.file("no UTF-8", "x.safetensors", no_text);
    let nest = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = entry("a", "F32", "[1]", 0, 4).replace('{', &format!("{{\"x\":{nest},"));
    said.header("nested 200 deep", &format!("{{{deep}}}"), 4);
    let metadata = format!("{{\"__metadata__\":{{\"a\":1}},{}}}", entry("a", "F32", "[1]", 0, 4));
    said.header("notes that are no text", &metadata, 4);
    said.header("no tensor", "{}", 0);
    let one = |name: &str, dtype: &str, shape: &str, begin: usize, end: usize| {
        format!("{{{}}}", entry(name, dtype, shape, begin, end))
    };
    let two = |first: String, second: String| format!("{{{first},{second}}}");
    let a = || entry("a", "F32", "[1]", 0, 4);
    said.header("a name twice", &two(a(), entry("a", "F32", "[1]", 4, 8)), 8);
    said.header("a hole", &two(a(), entry("b", "F32", "[1]", 8, 12)), 12);
    said.header("an overlap", &two(a(), entry("b", "F32", "[1]", 0, 4)), 4);
    said.header("an end before its start", &one("a", "F32", "[1]", 4, 0), 4);
    said.header("an end of 2^64-1", &one("a", "U8", "[4]", usize::MAX - 4, usize::MAX), 4);
    said.header("shape and bytes differ", &one("a", "F32", "[2,3]", 0, 20), 20);
    said.header("a product over 2^64", &one("a", "F32", "[2147483648,2147483648,4,4]", 0, 4), 4);
    let none = "[0,2147483648,2147483648,2147483648]";
    said.header("a product over 2^64 but for a zero", &one("a", "F32", none, 0, 0), 0);
    said.header("an axis over 2^31", &one("a", "F32", "[2147483649]", 0, 4), 4);
    said.header("an axis below 0", &one("a", "F32", "[-1]", 0, 4), 4);
    said.header("nine axes", &one("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4), 4);
    said.header("a long name", &one(&"n".repeat(1025), "F32", "[1]", 0, 4), 4);
    said.header("a name of controls", &one("a\\u001b[31m\\n", "F9", "[1]", 0, 4), 4);
    said.header("a type of the future", &one("a", "F7", "[1]", 0, 4), 4);
    said.header("packed integers", &one("layers.0.up_proj.qweight", "I32", "[1]", 0, 4), 4);
    said.header("double precision", &one("a", "F64", "[1]", 0, 8), 8);
    let many: Vec<_> =
        (0..=limits::TENSORS).map(|i| entry(&i.to_string(), "F32", "[0]", 0, 0)).collect();
    said.header("too many tensors", &format!("{{{}}}", many.join(",")), 0);
    insta::assert_snapshot!(said.text);
}

#[test]
fn an_index_that_lies_is_refused_by_reason() {
    let mut said = Sentences::new();
    let first = &*file(&format!("{{{}}}", entry("a", "F32", "[1]", 0, 4)), &[1; 4]);
    let second = &*file(&format!("{{{}}}", entry("b", "F32", "[1]", 0, 4)), &[2; 4]);
    let both = br#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#;
    let mut check = |case: &str, index: &[u8], parts: &[(usize, &[u8])]| {
        let names: Vec<_> =
            parts.iter().map(|(i, _)| format!("model-{i:05}-of-00002.safetensors")).collect();
        let mut files: Vec<(&str, &[u8])> =
            vec![("config.json", b"{}"), ("model.safetensors.index.json", index)];
        files.extend(names.iter().zip(parts).map(|(name, (_, bytes))| (&**name, *bytes)));
        said.folder(case, &files);
    };
    check("no JSON", b"weights", &[]);
    check("no map", b"{}", &[]);
    check("an empty map", br#"{"weight_map":{}}"#, &[]);
    check("a part above the folder", br#"{"weight_map":{"a":"../x.safetensors"}}"#, &[]);
    check("an absolute part", br#"{"weight_map":{"a":"/tmp/x.safetensors"}}"#, &[]);
    check("a part of another system", br#"{"weight_map":{"a":"C:\\x.safetensors"}}"#, &[]);
    check("a part in a folder", br#"{"weight_map":{"a":"sub/x.safetensors"}}"#, &[]);
    check("a part that is a pickle", br#"{"weight_map":{"a":"x.bin"}}"#, &[]);
    check("a part without a name", br#"{"weight_map":{"a":""}}"#, &[]);
    check("a part is missing", both, &[(1, first)]);
    check("a part too many", both, &[(1, first), (2, second), (3, second)]);
    check("a tensor in the other part", both, &[(1, second), (2, first)]);
    let b = entry("b", "F32", "[1]", 4, 8);
    let extra = file(&format!("{{{},{b}}}", entry("a", "F32", "[1]", 0, 4)), &[0; 8]);
    check("a tensor too many", both, &[(1, &extra), (2, second)]);
    check("a part is cut", both, &[(1, first), (2, &second[..second.len() - 1])]);
    check("a part is empty", both, &[(1, first), (2, b"")]);
    let many: Vec<_> =
        (0..=limits::SHARDS).map(|i| format!("\"{i}\":\"{i}.safetensors\"")).collect();
    let many = format!("{{\"weight_map\":{{{}}}}}", many.join(","));
    check("too many parts", many.as_bytes(), &[]);
    insta::assert_snapshot!(said.text);
}

/// What every accepted header promises to whoever reads the weights.
fn holds(header: &Header, file: &[u8]) {
    assert!(header.tensors.is_sorted_by(|a, b| a.name < b.name));
    for tensor in &header.tensors {
        assert!(tensor.range.start >= header.len);
        let bytes = &file[tensor.range.clone()];
        assert_eq!(bytes.len(), tensor.num_elements() * tensor.dtype.block_bytes());
    }
}

#[test]
fn every_truncation_of_a_valid_file_is_an_error() {
    let valid = valid();
    for len in 0..valid.len() {
        let error = refused(Header::read(&valid[..len], Path::new("x"), 0));
        assert!(matches!(error, OpenError::Truncated { .. }), "cut at {len}: {error}");
    }
    holds(&Header::read(&valid, Path::new("x"), 0).unwrap(), &valid);
}

proptest! {
    #[test]
    fn changed_bytes_give_an_error_or_a_header_that_holds(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut file = valid();
        for (place, byte) in changes {
            let at = place.index(file.len());
            file[at] = byte;
        }
        if let Ok(header) = Header::read(&file, Path::new("x"), 0) {
            holds(&header, &file);
        }
    }

    #[test]
    fn changed_weights_leave_the_header_as_it_was(place in 0_usize..24, byte: u8) {
        let valid = valid();
        let expected = Header::read(&valid, Path::new("x"), 0).unwrap();
        let mut file = valid;
        let at = expected.len + place;
        file[at] = byte;
        prop_assert_eq!(Header::read(&file, Path::new("x"), 0).unwrap().tensors, expected.tensors);
    }

    #[test]
    fn digits_put_anywhere_in_the_header_never_panic(at in 8_usize..200, digits in "[0-9]{1,20}") {
        let valid = valid();
        let start = 8 + usize::try_from(u64::from_le_bytes(valid[..8].try_into().unwrap())).unwrap();
        let mut header = String::from_utf8(valid[8..start].to_vec()).unwrap();
        header.insert_str((at - 8).min(header.len()), &digits);
        let file = file(&header, &valid[start..]);
        if let Ok(header) = Header::read(&file, Path::new("x"), 0) {
            holds(&header, &file);
        }
    }
}
