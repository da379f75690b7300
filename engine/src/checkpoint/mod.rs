//! Files become validated headers here; bytes are reachable only through one.
//!
//! Must not know: networks, families, tensors as numbers.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub(crate) mod class_means;
mod error;
mod gguf;
mod hf;
mod limits;
mod map;
mod marks;
mod pickle;
mod safetensors;
mod tensor;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use class_means::ClassMeansFrom;
pub(crate) use error::{OpenError, reason};
#[cfg(test)]
pub(crate) use gguf::Writer as GgufWriter;
pub(crate) use marks::Marks;
pub(crate) use tensor::{Bytes, DType, TensorInfo};
pub(crate) use tokenizer::{Encoded, Tokenizer, hex};

use std::path::Path;
use std::sync::Arc;

/// A kind of file that can be opened.
pub(crate) trait Format: Sync {
    /// For messages: "GGUF", "safetensors", "Hugging Face folder".
    fn name(&self) -> &'static str;
    /// Whether the kind is known only to be refused with its reason; no message lists it among what opens.
    fn refuses(&self) -> bool {
        false
    }
    /// Content first (`head`: the first bytes of a file, empty for a folder), extension only as a hint.
    fn matches(&self, head: &[u8], path: &Path) -> bool;
    /// Reads and validates the header; no weight is touched.
    fn open(&self, path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError>;
}

/// A validated header and the way to the bytes behind it.
pub(crate) trait Checkpoint: Send + Sync {
    /// Name of the format, for the card.
    fn format(&self) -> &'static str;
    /// What a person opened.
    fn path(&self) -> &Path;
    /// The folder whose files belong to it; `None` where it is a file by itself.
    fn folder(&self) -> Option<&Path> {
        None
    }
    /// Sorted by name, in the file's own spelling.
    fn tensors(&self) -> &[TensorInfo];
    /// Configuration: the object of config.json, or every scalar GGUF key ("llama.block_count": 5).
    fn config(&self) -> &serde_json::Map<String, serde_json::Value>;
    /// What whoever wrote the weights noted beside them (`__metadata__` of a safetensors file); `None` without.
    fn metadata(&self, _key: &str) -> Option<&str> {
        None
    }
    /// The bytes of one tensor, still packed, mapped and not copied.
    fn bytes(&self, tensor: &TensorInfo) -> Result<Bytes, OpenError>;
    /// The tokenizer: tokenizer.json beside the weights, or built from GGUF metadata.
    /// `Ok(None)` where the checkpoint has none.
    fn tokenizer(&self) -> Result<Option<Tokenizer>, OpenError>;
    /// preprocessor_config.json beside the weights: how images become numbers. `Ok(None)` without one.
    fn preprocessor(
        &self,
    ) -> Result<Option<serde_json::Map<String, serde_json::Value>>, OpenError> {
        Ok(None)
    }
    /// Chat template of the checkpoint, as it stands in tokenizer_config.json or the GGUF metadata.
    fn chat_template(&self) -> Option<String>;
    /// What begins and ends a text.
    fn marks(&self, tokenizer: &Tokenizer) -> Result<Marks, OpenError>;
    /// Bytes on disk of all weight files.
    fn size_bytes(&self) -> u64;
    /// SHA-256 (hex) over the header and samples of the weights; says which checkpoint this was.
    fn fingerprint(&self) -> Result<String, OpenError>;
}

/// Every format, asked in this order. A safetensors file whose header has 640 bytes begins like a pickle of protocol 2,
/// and never the other way round, so it is asked first.
pub(crate) static FORMATS: &[&dyn Format] =
    &[&gguf::FORMAT, &hf::FORMAT, &safetensors::FORMAT, &pickle::FORMAT];

/// Opens what `path` holds, with the class means that lie beside it: reads and validates the headers.
pub(crate) fn open(path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError> {
    open_with(path, &ClassMeansFrom::Beside)
}

/// The same with the class means that `from` says.
pub(crate) fn open_with(
    path: &Path,
    from: &ClassMeansFrom,
) -> Result<Arc<dyn Checkpoint>, OpenError> {
    class_means::join(open_alone(path)?, from)
}

fn open_alone(path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError> {
    let kind = std::fs::metadata(path).map_err(OpenError::io(path))?;
    let head = if kind.is_dir() { Vec::new() } else { map::head(path, limits::HEAD_BYTES)? };
    if kind.is_file() && head.is_empty() {
        return Err(OpenError::Empty { path: path.to_owned() });
    }
    // Once by content alone, with no name to hint; then by name, which decides only where no content did.
    let by = |hint: &Path| FORMATS.iter().find(|format| format.matches(&head, hint));
    match by(Path::new("")).or_else(|| by(path)) {
        Some(format) => format.open(path),
        None => Err(unknown(&head, path)),
    }
}

/// What to say about bytes that no format knows.
fn unknown(head: &[u8], path: &Path) -> OpenError {
    let found = match std::str::from_utf8(head) {
        Ok(_) => "a text file",
        // A character may be cut in two where the head ends.
        Err(error) if error.error_len().is_none() => "a text file",
        Err(_) if head.starts_with(b"PK\x03\x04") => "a zip archive",
        Err(_) => "a file of unknown kind",
    };
    let opening = FORMATS.iter().filter(|format| !format.refuses());
    let names: Vec<_> = opening.map(|format| format.name()).collect();
    OpenError::NotACheckpoint { path: path.to_owned(), found, formats: names.join(", ") }
}

/// A checkpoint that lies in memory, through the same checks as any other. Nothing is copied, unless the weights do not
/// start on a multiple of four bytes.
pub(crate) fn open_embedded(
    name: &str,
    config: &'static [u8],
    weights: &'static [u8],
    tokenizer: &'static [u8],
) -> Result<Arc<dyn Checkpoint>, OpenError> {
    Ok(Arc::new(hf::bundle::Bundle::embedded(name, config, weights, tokenizer)?))
}
