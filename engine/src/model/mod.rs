//! Networks that are stepped block by block from outside.
//!
//! Must not know: recordings, rules, lenses, threads. Which families exist is data in `families/`.

mod cost;
mod error;

pub(crate) use crate::kernel::readout::Readouts;
pub use crate::signal::NO_TOKEN;
pub(crate) use error::ModelError;

use std::sync::Arc;

use crate::checkpoint::{Checkpoint, Tokenizer};
use crate::job::Job;
use crate::notes::Note;
use crate::signal::{Depth, Layer};

/// What a model is, without the model: the window and a manifest hold this.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ModelCard {
    /// Last part of the path, or "Embedded default".
    pub name: String,
    /// "GGUF", "Hugging Face folder", "safetensors".
    pub format: String,
    /// "Llama".
    pub family: String,
    /// Number of blocks L.
    pub layers: usize,
    /// Width d of the residual stream.
    pub width: usize,
    /// Vocabulary size V.
    pub vocab: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Key/value heads of a block.
    pub kv_heads: usize,
    /// Inner width of the feed-forward sublayer.
    pub ffn_width: usize,
    /// Longest sequence the model was made for, in tokens.
    pub context: usize,
    /// Weights in all, tied ones counted once.
    pub parameters: u64,
    /// "F32 x 48, Q8_0 x 32".
    pub types: String,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// "llama, 512 tokens"; "none" without one.
    pub tokenizer: String,
    /// Chat template of the checkpoint, if it has one.
    pub chat_template: Option<String>,
    /// Fingerprint of header and weights (hex).
    pub fingerprint: String,
    /// Fingerprint of the tokenizer (hex); empty without one.
    pub tokenizer_fingerprint: String,
    /// Points that a probe can look at.
    pub points: Vec<Point>,
}

/// A named place inside a block; names follow TransformerLens.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// The stream before a block.
    ResidPre,
    /// The stream between attention and feed-forward.
    ResidMid,
    /// The stream after a block.
    ResidPost,
    /// What attention added.
    AttnOut,
    /// What the feed-forward sublayer added.
    MlpOut,
}

/// Sequences laid end to end, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Token ids of all sequences.
    pub(crate) ids: Vec<u32>,
    /// Where each sequence begins; one more entry at the end: `ids.len()`. Positions count from 0 in each.
    pub(crate) starts: Vec<usize>,
}

/// The residual stream of a batch: `hidden` is [tokens, width], row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stream {
    pub(crate) hidden: Vec<f32>,
    pub(crate) width: usize,
}

/// Which parts of a block run. Masks of single tokens come with the rules that need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Full,
    SkipAttn,
    SkipMlp,
    SkipBlock,
}

/// Looks at values inside a block while it runs.
pub(crate) trait Probe {
    /// Unwanted points are never materialised.
    fn wants(&self, point: Point, layer: Layer) -> bool;
    /// `values`: [tokens, width], row by row.
    fn see(&mut self, point: Point, layer: Layer, values: &[f32]);
}

/// A probe that wants nothing.
pub(crate) struct NoProbe;

impl Probe for NoProbe {
    fn wants(&self, _point: Point, _layer: Layer) -> bool {
        false
    }

    fn see(&mut self, _point: Point, _layer: Layer, _values: &[f32]) {}
}

/// A network, stepped from outside. It never leaves its thread; the window gets its card.
pub(crate) trait LayeredModel: Send {
    /// What it is.
    fn card(&self) -> &ModelCard;
    /// The stream at depth 0.
    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError>;
    /// Runs one block over the stream, in place.
    fn block(
        &self,
        layer: Layer,
        run: Run,
        batch: &Batch,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError>;
    /// Statistics of the readout of `streams` (un-normed, one per depth, all of the same tokens).
    /// `next_ids`: the true next token of each, or `NO_TOKEN`. KL is taken against the last stream when
    /// that is depth L. The [tokens x vocabulary] matrix of a depth is never stored whole. `job` is looked
    /// at between tiles, so that a cancel does not wait for a whole vocabulary.
    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        job: &Job,
    ) -> Result<Readouts, ModelError>;
}

/// What a checkpoint is, from its header only; an error where the family is not known or a tensor does not fit.
pub(crate) fn card(
    checkpoint: &dyn Checkpoint,
    _tokenizer: Option<&Tokenizer>,
) -> Result<ModelCard, ModelError> {
    let found = checkpoint.format().to_owned();
    Err(ModelError::UnknownFamily { found, allowed: Vec::new() })
}

/// Puts the weights in place (mapped, not copied, where the type allows); notes say what is odd (NaN weights).
pub(crate) fn load(
    checkpoint: &Arc<dyn Checkpoint>,
    tokenizer: Option<&Tokenizer>,
    job: &Job,
) -> Result<(Box<dyn LayeredModel>, Vec<Note>), ModelError> {
    job.check()?;
    let card = card(checkpoint.as_ref(), tokenizer)?;
    Err(ModelError::UnknownFamily { found: card.family, allowed: Vec::new() })
}
