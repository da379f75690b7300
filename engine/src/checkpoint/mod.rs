//! Files become validated headers here; bytes are reachable only through one.
//!
//! Must not know: networks, families, tensors as numbers.

mod error;
mod gguf;
mod map;
mod tensor;
mod tokenizer;

pub(crate) use error::OpenError;
pub(crate) use tensor::{Bytes, DType, TensorInfo};
pub(crate) use tokenizer::Tokenizer;

use std::path::Path;
use std::sync::Arc;

/// A kind of file that can be opened.
pub(crate) trait Format: Sync {
    /// For messages: "GGUF", "safetensors", "Hugging Face folder".
    fn name(&self) -> &'static str;
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
    /// Sorted by name, in the file's own spelling.
    fn tensors(&self) -> &[TensorInfo];
    /// Configuration: the object of config.json, or every scalar GGUF key ("llama.block_count": 5).
    fn config(&self) -> &serde_json::Map<String, serde_json::Value>;
    /// The bytes of one tensor, still packed, mapped and not copied.
    fn bytes(&self, tensor: &TensorInfo) -> Result<Bytes, OpenError>;
    /// The tokenizer: tokenizer.json beside the weights, or built from GGUF metadata.
    /// `Ok(None)` where the checkpoint has none.
    fn tokenizer(&self) -> Result<Option<Tokenizer>, OpenError>;
    /// Chat template of the checkpoint, as it stands in tokenizer_config.json or the GGUF metadata.
    fn chat_template(&self) -> Option<String>;
    /// Bytes on disk of all weight files.
    fn size_bytes(&self) -> u64;
    /// SHA-256 (hex) over the header and samples of the weights; says which checkpoint this was.
    fn fingerprint(&self) -> Result<String, OpenError>;
}

/// Every format, asked in this order.
pub(crate) static FORMATS: &[&dyn Format] = &[&gguf::FORMAT];

/// Opens what `path` holds: reads and validates the header.
pub(crate) fn open(path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError> {
    let source = std::io::Error::other(format!("{} formats are known", FORMATS.len()));
    Err(OpenError::Io { path: path.to_owned(), source })
}

/// A checkpoint that lies in memory, through the same checks as any other.
pub(crate) fn open_embedded(
    _name: &str,
    _config: &'static [u8],
    _weights: &'static [u8],
    _tokenizer: &'static [u8],
) -> Result<Arc<dyn Checkpoint>, OpenError> {
    open(Path::new("embedded"))
}
