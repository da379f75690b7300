//! Networks that are stepped block by block from outside.
//!
//! Must not know: recordings, rules, lenses, threads. Which families exist is data in `families/`.

#[cfg(test)]
#[cfg(feature = "shared-checks")]
mod bf16_tests;
mod cache;
#[cfg(test)]
mod class_means_tests;
mod config;
mod cost;
mod decoder;
mod encoder;
#[cfg(test)]
mod encoder_tests;
mod error;
mod families;
#[cfg(test)]
mod family_tests;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod gguf_tests;
#[cfg(test)]
#[cfg(feature = "shared-checks")]
mod golden_encoders;
#[cfg(test)]
#[cfg(feature = "shared-checks")]
mod golden_tests;
mod mask;
mod network;
mod preparation;
mod refuse;
#[cfg(test)]
mod step_tests;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use crate::kernel::readout::Readouts;
pub(crate) use crate::signal::NO_TOKEN;
pub(crate) use cache::Cache;
pub use encoder::Pooling;
pub(crate) use encoder::mean_name;
pub(crate) use error::ModelError;
pub(crate) use mask::{Mask, MissingKv};
pub(crate) use preparation::preparation;

use std::collections::BTreeMap;
use std::sync::Arc;

use network::Network;
use refuse::Rounds;
use weights::Weights;

use crate::checkpoint::{Checkpoint, DType, Tokenizer};
use crate::job::Job;
use crate::kernel::numerics::Numerics;
use crate::notes::Note;
use crate::signal::{Depth, Layer, ReadBy, Subject};

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
    /// What its readouts are about.
    #[serde(default)]
    pub subject: Subject,
    /// What turns a state into probabilities.
    #[serde(default, skip_serializing_if = "ReadBy::is_head")]
    pub read_by: ReadBy,
    /// What reads out: "language-model head", "classification head, 3 classes".
    #[serde(default)]
    pub readout: String,
    /// What a readout chooses among: tokens of the vocabulary, or classes.
    #[serde(default)]
    pub outputs: usize,
    /// Names of the classes in the order of their ids; empty where a readout chooses among tokens.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Weights of the matrices that one readout multiplies with what it reads.
    #[serde(default)]
    pub readout_weights: u64,
    /// Attention heads of a block.
    pub heads: usize,
    /// Key/value heads of a block.
    pub kv_heads: usize,
    /// Width of one head; not always width / heads.
    pub head_dim: usize,
    /// Inner width of the feed-forward sublayer.
    pub ffn_width: usize,
    /// Side of the square images that it reads, in pixels; `None` where it reads text.
    #[serde(default)]
    pub image_side: Option<usize>,
    /// Longest sequence the model was made for, in tokens.
    pub context: usize,
    /// Weights of the matrices that one block multiplies with each token.
    #[serde(default)]
    pub block_weights: u64,
    /// For each block how many positions a token sees, its own included; null: all up to its own.
    #[serde(default)]
    pub windows: Vec<Option<usize>>,
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
    /// Attention that each token receives, summed over the queries that see it: [heads, tokens].
    AttnColumns,
    /// Probabilities of the experts: [tokens, experts].
    Router,
}

/// Sequences laid end to end, without padding. They differ in length at no cost: every product sees the tokens of all
/// of them, and attention goes sequence by sequence.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Batch {
    /// Token ids of all sequences.
    pub(crate) ids: Vec<u32>,
    /// Where each sequence begins; one more entry at the end: `ids.len()`. Positions count from 0 in each, or from what
    /// stands before.
    pub(crate) starts: Vec<usize>,
    /// Which of two texts each token is from, where a model knows the difference; empty: all from the first.
    pub(crate) segments: Vec<u32>,
    /// Pixels of images in the place of words, each [channels, side, side] and normalised; then an id stands for
    /// the class token or a patch, and its number says nothing. Empty where the input is text.
    pub(crate) pixels: Vec<f32>,
    /// Tokens that every sequence begins with and that ran before: keys and values of the network that is stepped. They
    /// are not among `ids`. Decoders only.
    pub(crate) behind: Option<Arc<Cache>>,
}

impl Batch {
    /// Tokens in front of every sequence.
    pub(crate) fn past(&self) -> usize {
        self.behind.as_ref().map_or(0, |cache| cache.positions())
    }
}

/// The residual stream of a batch: `hidden` is [tokens, width], row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stream {
    pub(crate) hidden: Vec<f32>,
    pub(crate) width: usize,
}

/// Which parts of a block run, the same for every token. What single tokens run says a `Mask`.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the seam of skip rules; tests hold it against PyTorch")
)]
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
    /// `values`: [tokens, width], row by row, where the point says nothing else.
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
    /// What a readout reads, one row for each subject: the stream itself, or, where the subject is the sample,
    /// one state for each sequence.
    fn subjects(&self, batch: &Batch, stream: &Stream) -> Result<Stream, ModelError>;
    /// Which state of a sequence a readout reads; `None` where it reads every token's.
    fn pooling(&self) -> Option<Pooling> {
        None
    }
    /// That state of each sequence, whatever a readout reads; an error where tokens do not see the whole sequence.
    fn pool(
        &self,
        _batch: &Batch,
        _stream: &Stream,
        _pooling: Pooling,
    ) -> Result<Stream, ModelError> {
        Err(ModelError::Request {
            what: "the network whose samples are to be read as a whole",
            found: self.card().family.clone(),
            allowed: "an encoder".to_owned(),
        })
    }
    /// Statistics of the readout of `streams` (un-normed, one per depth, all of the same subjects).
    /// `next_ids`: what is true for each (the next token, the label), or `NO_TOKEN`. KL is taken against the last stream when
    /// that is depth L; a depth is compared with the one before where the stream of that stands before its own. The [tokens x vocabulary] matrix of a depth is never stored whole. `job` is looked
    /// at between tiles, so that a cancel does not wait for a whole vocabulary.
    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        job: &Job,
    ) -> Result<Readouts, ModelError>;

    /// Kinds of segments that it tells apart; 1: it does not know which of two texts a token is from.
    fn segments(&self) -> usize {
        1
    }

    /// How its readouts round.
    fn numerics(&self) -> Numerics {
        Numerics::F32
    }

    /// Its readouts round so from now on. Streams and the logits that a next token is chosen from stay exact: what
    /// blocks round, later blocks amplify. An error where this machine or this head does not round so.
    fn set_numerics(&mut self, numerics: Numerics) -> Result<(), ModelError> {
        refuse::numerics(numerics, self.card(), Rounds::Never)
    }

    /// An empty cache for one sequence that grows; an error where the network does not read from left to right.
    fn cache(&self) -> Result<Cache, ModelError> {
        Err(no_decoder(self.card()))
    }

    /// The stream at depth 0 of new tokens, of which the first stands at position `past` of its sequence.
    fn begin_at(&self, _new: &[u32], _past: usize) -> Result<Stream, ModelError> {
        Err(no_decoder(self.card()))
    }

    /// The stream at depth 0 of new tokens that stand behind those that went through every block of the cache.
    fn begin_step(&self, new: &[u32], cache: &Cache) -> Result<Stream, ModelError> {
        self.begin_at(new, cache.positions())
    }

    /// Runs one block over the stream of new tokens, in place. They look at what the cache keeps of this block, behind
    /// which they stand, and their own keys and values are kept there, too. Tokens that waited at the same depth are new
    /// to the block as well: they go through it together with the ones that follow them.
    fn step(
        &self,
        _layer: Layer,
        _cache: &mut Cache,
        _stream: &mut Stream,
        _probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        Err(no_decoder(self.card()))
    }

    /// The same for several sequences, each behind its own cache, whose new tokens may leave parts of the block out:
    /// `mask` says which, and what is read in the place of their keys and values. A batch is one of empty caches. With
    /// nothing left out it gives the bits of `block` and of `step`. What attention and feed-forward sublayer added, and
    /// the router, have rows only of the tokens that ran them; nobody can look at columns of attention.
    fn step_masked(
        &self,
        _layer: Layer,
        _mask: Mask<'_>,
        _caches: &mut [Cache],
        _stream: &mut Stream,
        _probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        Err(no_decoder(self.card()))
    }

    /// Logits `[vocabulary]` of the last token of a stream at depth L: final norm, head and cap.
    fn logits(&self, _stream: &Stream) -> Result<Vec<f32>, ModelError> {
        Err(no_decoder(self.card()))
    }

    /// The same of every token of the stream, `[tokens, vocabulary]`.
    fn all_logits(&self, _stream: &Stream) -> Result<Vec<f32>, ModelError> {
        Err(no_decoder(self.card()))
    }
}

fn no_decoder(card: &ModelCard) -> ModelError {
    ModelError::Request {
        what: "the network that is to go on with a text",
        found: card.family.clone(),
        allowed: "a decoder, which reads from left to right".to_owned(),
    }
}

/// What a checkpoint is, from its header only; an error where the family is not known or a tensor does not fit.
pub(crate) fn card(
    checkpoint: &dyn Checkpoint,
    tokenizer: Option<&Tokenizer>,
) -> Result<ModelCard, ModelError> {
    card_of(&families::network(checkpoint)?, checkpoint, tokenizer)
}

fn card_of(
    network: &Network,
    checkpoint: &dyn Checkpoint,
    tokenizer: Option<&Tokenizer>,
) -> Result<ModelCard, ModelError> {
    let mut weights = Weights::new(checkpoint);
    let mut parameters = 0;
    let mut types = BTreeMap::<DType, usize>::new();
    for (name, shape) in network.tensors(&weights) {
        let info = weights.info(&name, &shape)?;
        if network.is_counted(&name) {
            parameters += info.num_elements() as u64;
        }
        *types.entry(info.dtype).or_default() += 1;
    }
    weights.finish(network.family(), |name| network.is_spare(name))?;
    let sizes = network.sizes();
    let types: Vec<_> = types.iter().map(|(t, count)| format!("{} x {count}", t.name())).collect();
    let path = checkpoint.path();
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(ModelCard {
        name: name.to_string_lossy().into_owned(),
        format: checkpoint.format().to_owned(),
        family: network.family().to_owned(),
        layers: sizes.layers,
        width: sizes.width,
        vocab: sizes.vocab,
        subject: sizes.subject,
        read_by: sizes.read_by,
        readout: sizes.readout,
        outputs: sizes.outputs,
        classes: sizes.classes,
        heads: sizes.heads.count,
        kv_heads: sizes.heads.kv_count,
        head_dim: sizes.heads.dim,
        ffn_width: sizes.ffn_width,
        image_side: sizes.image_side,
        context: sizes.context,
        block_weights: sizes.block_weights,
        readout_weights: sizes.readout_weights,
        windows: sizes.windows,
        parameters,
        types: types.join(", "),
        size_bytes: checkpoint.size_bytes(),
        tokenizer: tokenizer.map_or_else(|| "none".to_owned(), Tokenizer::summary),
        chat_template: checkpoint.chat_template(),
        fingerprint: checkpoint.fingerprint()?,
        tokenizer_fingerprint: tokenizer.map_or("", Tokenizer::fingerprint).to_owned(),
        points: sizes.points,
    })
}

/// Puts the weights in place (mapped, not copied, where the type allows); notes say what is odd (NaN weights).
pub(crate) fn load(
    checkpoint: &Arc<dyn Checkpoint>,
    tokenizer: Option<&Tokenizer>,
    job: &Job,
) -> Result<(Box<dyn LayeredModel>, Vec<Note>), ModelError> {
    job.check()?;
    let checkpoint = checkpoint.as_ref();
    let network = families::network(checkpoint)?;
    let card = card_of(&network, checkpoint, tokenizer)?;
    let mut weights = Weights::new(checkpoint);
    let notes = scan(&network, &mut weights, job)?;
    Ok((network.build(card, &mut weights)?, notes))
}

/// Looks at every weight once: a NaN or an infinity is no reason to refuse a checkpoint, but one to say so.
fn scan(network: &Network, weights: &mut Weights<'_>, job: &Job) -> Result<Vec<Note>, ModelError> {
    let tensors = network.tensors(weights);
    let total = tensors.len() as u64;
    let mut odd = Vec::new();
    for (done, (name, shape)) in (0..).zip(&tensors) {
        job.progress("Reading weights", "tensors", done, total)?;
        let (rows, cols) = match shape[..] {
            [rows, cols] => (rows, cols),
            _ => (1, shape.iter().product()),
        };
        if weights.matrix_of(name, shape, rows, cols)?.has_non_finite() {
            odd.push(name.as_str());
        }
    }
    job.progress("Reading weights", "tensors", total, total)?;
    let Some(first) = odd.first() else { return Ok(Vec::new()) };
    let others = match odd.len() - 1 {
        0 => String::new(),
        1 => " and one more tensor".to_owned(),
        more => format!(" and {more} more tensors"),
    };
    Ok(vec![Note::new(
        format!("Weights are NaN or infinite in `{first}`{others}"),
        "Numbers that depend on them are shown as absent; download the checkpoint again.",
    )])
}
