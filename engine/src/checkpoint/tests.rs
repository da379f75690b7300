//! Hostile and honest files through the door of the room.
//!
//! Helpers that make files are here; what is claimed stands in the modules below.

mod class_means;
mod hostile;
mod opening;
#[cfg(feature = "shared-checks")]
mod shared;

use std::fs;
use std::path::Path;

use super::{Checkpoint, OpenError};

/// A safetensors file of a header as it stands and this many weights of bytes.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// The entry of one tensor.
fn entry(name: &str, dtype: &str, shape: &str, begin: usize, end: usize) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

/// A valid file: F32 `a` [2, 2], F16 `b` [3], BF16 `c` [1, 1]; 24 bytes of weights.
fn valid() -> Vec<u8> {
    let header = format!(
        r#"{{"__metadata__":{{"format":"pt"}},{},{},{}}}"#,
        entry("a", "F32", "[2,2]", 0, 16),
        entry("b", "F16", "[3]", 16, 22),
        entry("c", "BF16", "[1,1]", 22, 24),
    );
    file(&header, &(1..=24).collect::<Vec<u8>>())
}

/// Writes a file, and the folders above it.
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A file of this length that holds nothing and takes no place on the disk.
fn write_sparse(path: &Path, start: &[u8], len: u64) {
    write(path, start);
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

/// Name, shape and bytes of every tensor.
fn contents(checkpoint: &dyn Checkpoint) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let tensors = checkpoint.tensors().iter();
    tensors
        .map(|t| (t.name.clone(), t.shape.clone(), checkpoint.bytes(t).unwrap().to_vec()))
        .collect()
}

/// The error, which has to be there.
fn refused<T>(result: Result<T, OpenError>) -> OpenError {
    match result {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}
