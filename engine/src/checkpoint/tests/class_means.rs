//! Class means that join a checkpoint, and those that do not.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{contents, entry, file, refused, valid, write};
use crate::checkpoint::class_means::{FILE, LABELS, POOLING};
use crate::checkpoint::{ClassMeansFrom, open, open_with};

const CONFIG: &[u8] = br#"{"model_type":"bert"}"#;

/// A file of one tensor, with these notes.
fn means(name: &str, notes: &str) -> Vec<u8> {
    let entry = entry(name, "F32", "[2,1]", 0, 8);
    file(&format!(r#"{{"__metadata__":{{{notes}}},{entry}}}"#), &[9; 8])
}

fn model(home: &tempfile::TempDir) -> PathBuf {
    write(&home.path().join("config.json"), CONFIG);
    write(&home.path().join("model.safetensors"), valid());
    home.path().to_owned()
}

#[test]
fn class_means_beside_the_weights_or_of_a_named_file_join_them() {
    let home = tempfile::tempdir().unwrap();
    let folder = model(&home);
    let bare = open(&folder).unwrap();
    let print = bare.fingerprint().unwrap();
    let notes = format!(r#""pooling":"mean","labels":"[]","format":"other","model":"{print}""#);
    let (beside, elsewhere) = (folder.join(FILE), folder.join("far").join("x"));
    write(&beside, means("mean.0", &notes));
    write(&elsewhere, means("mean.7", &notes));
    let named = |path: &Path| open_with(path, &ClassMeansFrom::File(elsewhere.clone())).unwrap();
    let file = folder.join("model.safetensors");
    let mut prints = vec![print];
    for (checkpoint, name) in [
        (open(&folder).unwrap(), "mean.0"),
        (open(&file).unwrap(), "mean.0"),
        (named(&folder), "mean.7"),
        (named(&file), "mean.7"),
    ] {
        let all = contents(&*checkpoint);
        assert_eq!(all.len(), 4);
        assert_eq!(all.last().unwrap(), &(name.to_owned(), vec![2, 1], vec![9; 8]));
        // The checkpoint's own notes are not those of its class means.
        let notes = [POOLING, LABELS, "format", "pooling"].map(|key| checkpoint.metadata(key));
        assert_eq!(notes, [Some("mean"), Some("[]"), Some("pt"), None]);
        assert_eq!(checkpoint.config(), bare.config());
        let size = bare.size_bytes() + fs::metadata(&beside).unwrap().len();
        assert_eq!(checkpoint.size_bytes(), size);
        prints.push(checkpoint.fingerprint().unwrap());
    }
    // Folder and file are one checkpoint; other means are another.
    assert_eq!((&prints[1], &prints[3]), (&prints[2], &prints[4]));
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), 3);
    let without = open_with(&folder, &ClassMeansFrom::Nowhere).unwrap();
    assert_eq!(without.fingerprint().unwrap(), bare.fingerprint().unwrap());
    // Opened by itself it is not joined to itself.
    assert_eq!(contents(&*open(&beside).unwrap()).len(), 1);
}

#[test]
fn class_means_of_something_else_are_refused_by_reason() {
    let home = tempfile::tempdir().unwrap();
    let folder = model(&home);
    let mut said = String::new();
    let mut refuse = |case: &str, bytes: &[u8]| {
        write(&folder.join(FILE), bytes);
        let error = refused(open(&folder).map(|_| ()));
        let text = error.to_string().replace(folder.to_str().unwrap(), "[dir]");
        writeln!(said, "{case}\n  {text}\n  {}", error.hint()).unwrap();
        // Means are made of the checkpoint without any, whatever lies there.
        open_with(&folder, &ClassMeansFrom::Nowhere).unwrap();
    };
    let good = means("mean.0", r#""pooling":"mean""#);
    refuse("another checkpoint", &means("mean.0", r#""model":"0123""#));
    refuse("a weight", &means("a", ""));
    refuse("no tensor", &file("{}", &[]));
    refuse("cut", &good[..good.len() - 1]);
    refuse("empty", b"");
    refuse("a text", b"mean,of,states");
    let huge = entry("mean.0", "F32", "[2147483648,2147483648]", 0, 8);
    refuse("a shape that is not there", &file(&format!("{{{huge}}}"), &[0; 8]));
    insta::assert_snapshot!(said);
    write(&folder.join(FILE), good);
    open(&folder).unwrap();
}
