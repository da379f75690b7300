//! How much a file may ask for before anything is allocated.
//!
//! Out of memory and stack overflow end the process and cannot be caught, so every count of a file meets its limit first.
//! The depth of nested JSON is serde_json's own limit (128).

/// Bytes at the start of a file that decide its format: a zip archive of PyTorch names `data.pkl` within the first hundred.
pub(super) const HEAD_BYTES: u64 = 4096;

/// Header of a safetensors file: [`TENSORS`] entries of 200 bytes are 13 MB; also bounds all that is parsed from it.
pub(super) const HEADER_BYTES: usize = 32 << 20;

/// Tensors of one checkpoint: 60 layers of 256 experts with three matrices each are 46,080.
pub(super) const TENSORS: usize = 1 << 16;

/// Name of one tensor: the longest published ones have about 120 bytes.
pub(super) const NAME_BYTES: usize = 1024;

/// Axes of one tensor: a convolution over video has 5.
pub(super) const AXES: usize = 8;

/// Length of one axis: vocabularies end below 2^20, so this leaves a thousandfold.
pub(super) const AXIS: u64 = 1 << 31;

/// config.json and tokenizer_config.json: the longest published ones list every expert or added token in some 100 kB.
pub(super) const CONFIG_BYTES: u64 = 8 << 20;

/// Chat template as a file of its own: the longest published ones have about 20 kB.
pub(super) const TEMPLATE_BYTES: u64 = 1 << 20;

/// tokenizer.json: vocabularies of 256,000 tokens with their merges take about 35 MB.
pub(super) const TOKENIZER_BYTES: u64 = 128 << 20;

/// Index of a sharded checkpoint: one line of at most 300 bytes for each of [`TENSORS`].
pub(super) const INDEX_BYTES: u64 = 20 << 20;

/// Files of a sharded checkpoint, each mapped and held open: systems allow 1,024 open files by default.
pub(super) const SHARDS: usize = 512;

/// Length of a text that an error repeats from a file.
pub(super) const QUOTED_CHARS: usize = 80;
