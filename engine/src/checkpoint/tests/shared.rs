//! Reference checkpoints that lie beside this repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::{contents, refused};
use crate::checkpoint::{OpenError, open};

fn shared(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(name)
}

/// A folder opens, and every tensor has the shape and bytes that the safetensors library gives; returns how many there are.
fn same_as_the_library(folder: &Path) -> usize {
    let checkpoint = open(folder).unwrap();
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let library = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let ours = contents(&*checkpoint);
    assert_eq!(ours.len(), library.len(), "{}", folder.display());
    for (name, shape, data) in ours {
        let theirs = library.tensor(&name).unwrap();
        assert_eq!(shape, theirs.shape(), "{name}");
        assert!(data == theirs.data(), "{name}");
    }
    library.len()
}

#[test]
fn shared_stories260k_has_every_tensor_and_a_tied_head() {
    let folder = shared("data/stories260K_hf");
    assert_eq!(same_as_the_library(&folder), 47);
    let checkpoint = open(&folder).unwrap();
    assert_eq!(checkpoint.config()["tie_word_embeddings"], true);
    assert!(checkpoint.tensors().iter().all(|tensor| tensor.name != "lm_head.weight"));
    let bare = open(&folder.join("model.safetensors")).unwrap();
    assert_eq!(contents(&*bare), contents(&*checkpoint));
}

#[test]
fn shared_golden_folders_have_the_librarys_bytes() {
    let mut folders = 0;
    for folder in fs::read_dir(shared("golden/tiny")).unwrap() {
        assert!(same_as_the_library(&folder.unwrap().path()) > 20);
        folders += 1;
    }
    assert_eq!(folders, 23);
}

#[test]
fn shared_pickles_are_refused() {
    for name in ["resnet20-12fca82f.th", "resnet56-4bfd9763.th"] {
        let error = refused(open(&shared("data/cifar_resnet").join(name)).map(|_| ()));
        assert!(matches!(error, OpenError::Pickle { .. }), "{error}");
        assert!(error.hint().contains(name), "{}", error.hint());
    }
}
