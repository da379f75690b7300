//! GGUF files, versions 2 and 3, little-endian: one file with keys, tensors and the tokenizer.
//!
//! Our own reader over the mapped file, since the known ones divide by an alignment of zero or wrap a product of axes.
//! Rows of `q` and `k` stay as llama.cpp permutes them for rotary; who computes with them turns them back.
//! Must not know: networks, tensors as numbers.

mod header;
mod metadata;
mod reader;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;

#[cfg(test)]
pub(crate) use writer::Writer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use self::header::Header;
use crate::checkpoint::marks::{self, Marks};
use crate::checkpoint::tokenizer::GgufVocabulary;
use crate::checkpoint::{Bytes, Checkpoint, Format, OpenError, TensorInfo, Tokenizer, hex, map};

/// How many pieces of the weights a fingerprint reads.
const SAMPLES: usize = 64;

/// Bytes of one such piece: a page.
const SAMPLE_BYTES: usize = 4096;

/// The format.
pub(crate) struct Gguf;

/// For the registry.
pub(crate) static FORMAT: Gguf = Gguf;

impl Format for Gguf {
    fn name(&self) -> &'static str {
        "GGUF"
    }

    fn matches(&self, head: &[u8], path: &Path) -> bool {
        // The extension counts too, so that a cut file gets an answer about GGUF.
        let hinted = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"));
        head.starts_with(b"GGUF") || hinted
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError> {
        Ok(Arc::new(GgufFile::new(map::map(path)?, path)?))
    }
}

/// An open file.
struct GgufFile {
    path: PathBuf,
    file: map::Owner,
    header: Header,
}

impl GgufFile {
    fn new(file: map::Owner, path: &Path) -> Result<Self, OpenError> {
        let header = Header::read((*file).as_ref(), path)?;
        Ok(Self { path: path.to_owned(), file, header })
    }

    fn file(&self) -> &[u8] {
        (*self.file).as_ref()
    }
}

impl Checkpoint for GgufFile {
    fn format(&self) -> &'static str {
        FORMAT.name()
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.header.tensors
    }

    fn config(&self) -> &Map<String, Value> {
        &self.header.metadata.json
    }

    fn bytes(&self, tensor: &TensorInfo) -> Result<Bytes, OpenError> {
        Bytes::new(Arc::clone(&self.file), tensor.range.clone()).ok_or_else(|| {
            OpenError::Truncated {
                path: self.path.clone(),
                needed: tensor.range.end as u64,
                found: self.file().len() as u64,
            }
        })
    }

    fn tokenizer(&self) -> Result<Option<Tokenizer>, OpenError> {
        let metadata = &self.header.metadata;
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let texts = |name: &str| metadata.texts(self.file(), &self.path, &key(name));
        let numbers = |name: &str| metadata.numbers(self.file(), &self.path, &key(name));
        let Some(model) = metadata.text(&key("model")) else { return Ok(None) };
        if matches!(model, "no_vocab" | "none") {
            return Ok(None);
        }
        let id = |name: &str| metadata.json.get(&key(name)).and_then(Value::as_u64);
        let flag = |name: &str| metadata.json.get(&key(name)).and_then(Value::as_bool);
        let vocabulary = GgufVocabulary {
            model,
            pre: metadata.text(&key("pre")),
            tokens: texts("tokens")?.unwrap_or_default(),
            scores: numbers("scores")?,
            types: numbers("token_type")?,
            merges: texts("merges")?,
            bos: id("bos_token_id"),
            eos: id("eos_token_id"),
            cls: id("cls_token_id"),
            // Spelt so by the format.
            sep: id("seperator_token_id"),
            unknown: id("unknown_token_id"),
            add_bos: flag("add_bos_token"),
            add_eos: flag("add_eos_token"),
            add_space_prefix: flag("add_space_prefix"),
            lowercase: flag("normalizer.lowercase"),
            strip_accents: flag("normalizer.strip_accents"),
        };
        Tokenizer::from_gguf(&vocabulary, &self.path).map(Some)
    }

    fn chat_template(&self) -> Option<String> {
        self.header.metadata.text("tokenizer.chat_template").map(str::to_owned)
    }

    fn marks(&self, tokenizer: &Tokenizer) -> Result<Marks, OpenError> {
        let ids = |name: &str| -> Result<BTreeSet<u32>, OpenError> {
            let key = format!("tokenizer.ggml.{name}_token_id");
            Ok(marks::ids(&self.header.metadata.json, &key, &self.path)?.unwrap_or_default())
        };
        let (bos, eos) = (ids("bos")?, ids("eos")?);
        let spelt = |ids: &BTreeSet<u32>| ids.first().map(|id| tokenizer.piece(*id));
        let (bos, last) = (spelt(&bos).unwrap_or_default(), spelt(&eos).unwrap_or_default());
        // The end of a turn and of a message for a tool end a text as well.
        let ends = eos.into_iter().chain(ids("eot")?).chain(ids("eom")?).collect();
        Ok(Marks { ends, bos, eos: last })
    }

    fn size_bytes(&self) -> u64 {
        self.file().len() as u64
    }

    fn fingerprint(&self) -> Result<String, OpenError> {
        let file = self.file();
        let mut hash = Sha256::new();
        hash.update((file.len() as u64).to_le_bytes());
        hash.update(file.get(..self.header.len).unwrap_or_default());
        let data = file.get(self.header.len..).unwrap_or_default();
        let last = data.len().saturating_sub(SAMPLE_BYTES);
        for sample in 0..SAMPLES {
            // Evenly spaced from the first byte to the last; a small file is read more than once, which does no harm.
            let start = last.saturating_mul(sample) / (SAMPLES - 1);
            let end = start.saturating_add(SAMPLE_BYTES).min(data.len());
            hash.update(data.get(start..end).unwrap_or_default());
        }
        Ok(hex(&hash.finalize()))
    }
}
