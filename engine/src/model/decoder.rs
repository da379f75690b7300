//! One instrumented decoder, configured by a plan and stepped block by block.
//!
//! Must not know: which family made the plan, or where its tensors lie.

use std::sync::{Arc, Mutex, PoisonError};

use crate::job::Job;
use crate::kernel::attention::{Heads, attention};
use crate::kernel::matmul::matmul;
use crate::kernel::matrix::Matrix;
use crate::kernel::norm::rms_norm;
use crate::kernel::readout::{Head, Request, readout};
use crate::kernel::rotary::{Angles, Pairs, Rotary, Scaling};
use crate::model::weights::Weights;
use crate::model::{
    Batch, LayeredModel, ModelCard, ModelError, NO_TOKEN, Point, Probe, Readouts, Run, Stream,
};
use crate::signal::{Depth, Layer};

/// Everything that decides which decoder it is.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) family: &'static str,
    pub(crate) names: &'static Names,
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: Heads,
    pub(crate) ffn_width: usize,
    pub(crate) vocab: usize,
    pub(crate) context: usize,
    pub(crate) norm_eps: f32,
    pub(crate) theta: f64,
    pub(crate) scaling: Scaling,
    pub(crate) pairs: Pairs,
    /// The head is the embedding.
    pub(crate) tied: bool,
}

/// How a family calls its tensors; names of a block follow `block`, its number and a dot.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) embedding: &'static str,
    pub(crate) final_norm: &'static str,
    pub(crate) head: &'static str,
    /// Divisors of the rotary frequencies, where the checkpoint stores them.
    pub(crate) rope_divisors: Option<&'static str>,
    pub(crate) block: &'static str,
    pub(crate) attn_norm: &'static str,
    pub(crate) q: &'static str,
    pub(crate) k: &'static str,
    pub(crate) v: &'static str,
    pub(crate) o: &'static str,
    pub(crate) ffn_norm: &'static str,
    pub(crate) gate: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

impl Names {
    fn of_block(&self, layer: usize, name: &str) -> String {
        format!("{}{layer}.{name}", self.block)
    }
}

impl Plan {
    /// Refuses sizes that cannot be, before anything is allocated from them.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        let Heads { count, kv_count, dim } = self.heads;
        let limits = [
            ("number of blocks", self.layers, 4096),
            ("width", self.width, 1 << 17),
            ("feed-forward width", self.ffn_width, 1 << 20),
            ("vocabulary", self.vocab, 1 << 22),
            ("number of attention heads", count, 1 << 12),
            ("number of key/value heads", kv_count, count),
            ("width of a head", dim, 1 << 12),
        ];
        for (what, size, most) in limits {
            if size == 0 || size > most {
                return Err(refused(what, size, format!("1 to {most}")));
            }
        }
        if !count.is_multiple_of(kv_count) {
            return Err(refused(
                "number of key/value heads",
                kv_count,
                format!("a divisor of {count}"),
            ));
        }
        if !dim.is_multiple_of(2) {
            return Err(refused("width of a head", dim, "an even number".to_owned()));
        }
        Ok(self)
    }

    /// Names and shapes of every tensor that the decoder takes. `rope_divisors` only where it is there.
    pub(crate) fn tensors(&self, weights: &Weights<'_>) -> Vec<(String, Vec<usize>)> {
        let (d, f, names) = (self.width, self.ffn_width, self.names);
        let inner = self.heads.count * self.heads.dim;
        let kv_inner = self.heads.kv_count * self.heads.dim;
        let mut all = vec![
            (names.embedding.to_owned(), vec![self.vocab, d]),
            (names.final_norm.to_owned(), vec![d]),
        ];
        if !self.tied {
            all.push((names.head.to_owned(), vec![self.vocab, d]));
        }
        if let Some(name) = names.rope_divisors.filter(|name| weights.has(name)) {
            all.push((name.to_owned(), vec![self.heads.dim / 2]));
        }
        for layer in 0..self.layers {
            for (name, shape) in [
                (names.attn_norm, vec![d]),
                (names.q, vec![inner, d]),
                (names.k, vec![kv_inner, d]),
                (names.v, vec![kv_inner, d]),
                (names.o, vec![d, inner]),
                (names.ffn_norm, vec![d]),
                (names.gate, vec![f, d]),
                (names.up, vec![f, d]),
                (names.down, vec![d, f]),
            ] {
                all.push((names.of_block(layer, name), shape));
            }
        }
        all
    }

    /// Whether a tensor that nobody takes changes no number: a stored copy of a tied head.
    pub(crate) fn is_spare(&self, name: &str) -> bool {
        self.tied && name == self.names.head
    }
}

fn refused(what: &str, found: usize, allowed: String) -> ModelError {
    ModelError::UnsupportedValue { key: what.to_owned(), found: found.to_string(), allowed }
}

/// Weights of one block.
#[derive(Debug)]
struct Block {
    attn_norm: Vec<f32>,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    o: Matrix,
    ffn_norm: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
}

/// A decoder with its weights.
pub(crate) struct Decoder {
    card: ModelCard,
    plan: Plan,
    embedding: Matrix,
    blocks: Vec<Block>,
    final_norm: Vec<f32>,
    head: Matrix,
    rotary: Rotary,
    /// Grows to the longest sequence that came.
    angles: Mutex<Arc<Angles>>,
}

impl Decoder {
    /// Takes every weight of the plan.
    pub(crate) fn new(
        plan: Plan,
        card: ModelCard,
        weights: &mut Weights<'_>,
    ) -> Result<Self, ModelError> {
        let (d, f, names) = (plan.width, plan.ffn_width, plan.names);
        let inner = plan.heads.count * plan.heads.dim;
        let kv_inner = plan.heads.kv_count * plan.heads.dim;
        let embedding = weights.matrix(names.embedding, plan.vocab, d)?;
        let head = if plan.tied {
            embedding.clone()
        } else {
            weights.matrix(names.head, plan.vocab, d)?
        };
        let head = head.with_numerics(weights.numerics());
        let divisors = match names.rope_divisors.filter(|name| weights.has(name)) {
            Some(name) => Some(weights.vector(name, plan.heads.dim / 2)?),
            None => None,
        };
        let mut blocks = Vec::new();
        for layer in 0..plan.layers {
            let name = |name: &str| names.of_block(layer, name);
            blocks.push(Block {
                attn_norm: weights.vector(&name(names.attn_norm), d)?,
                q: weights.matrix(&name(names.q), inner, d)?,
                k: weights.matrix(&name(names.k), kv_inner, d)?,
                v: weights.matrix(&name(names.v), kv_inner, d)?,
                o: weights.matrix(&name(names.o), d, inner)?,
                ffn_norm: weights.vector(&name(names.ffn_norm), d)?,
                gate: weights.matrix(&name(names.gate), f, d)?,
                up: weights.matrix(&name(names.up), f, d)?,
                down: weights.matrix(&name(names.down), d, f)?,
            });
        }
        let final_norm = weights.vector(names.final_norm, d)?;
        let rotary =
            Rotary::new(plan.heads.dim, plan.theta, plan.scaling, divisors.as_deref(), plan.pairs);
        let angles = Mutex::new(Arc::new(rotary.angles(1)));
        Ok(Self { card, plan, embedding, blocks, final_norm, head, rotary, angles })
    }

    /// Angles for a sequence of `positions` tokens.
    fn angles(&self, positions: usize) -> Arc<Angles> {
        let mut angles = self.angles.lock().unwrap_or_else(PoisonError::into_inner);
        if angles.positions() < positions {
            *angles = Arc::new(self.rotary.angles(positions.next_power_of_two()));
        }
        Arc::clone(&angles)
    }

    /// Refuses a batch that is not laid out as one, or that this network cannot take.
    fn check_batch(&self, batch: &Batch) -> Result<(), ModelError> {
        let request = |what, found: String, allowed: String| {
            Err(ModelError::Request { what, found, allowed })
        };
        let (ids, starts) = (&batch.ids, &batch.starts);
        let rises = starts.is_sorted() && starts.first() == Some(&0);
        if !rises || starts.last() != Some(&ids.len()) {
            let allowed = format!("rising from 0 to {}", ids.len());
            return request("the list of sequence starts", format!("{starts:?}"), allowed);
        }
        let longest = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        if longest > self.plan.context {
            let allowed = format!("at most the model's context, {} tokens", self.plan.context);
            return request("the longest sequence", format!("{longest} tokens"), allowed);
        }
        let vocab = self.plan.vocab;
        match ids.iter().find(|id| **id as usize >= vocab) {
            None => Ok(()),
            Some(id) => request("a token id", id.to_string(), format!("below {vocab}")),
        }
    }

    fn check_stream(&self, stream: &Stream, tokens: usize) -> Result<(), ModelError> {
        let width = self.plan.width;
        if stream.width == width && stream.hidden.len() == tokens * width {
            return Ok(());
        }
        Err(ModelError::Request {
            what: "the stream",
            found: format!("{} numbers of width {}", stream.hidden.len(), stream.width),
            allowed: format!("{tokens} tokens of width {width}"),
        })
    }

    /// What attention adds to the stream.
    fn attention(&self, block: &Block, batch: &Batch, h: &[f32]) -> Vec<f32> {
        let heads = self.plan.heads;
        let mut normed = vec![0.0; h.len()];
        rms_norm(h, &block.attn_norm, self.plan.norm_eps, &mut normed);
        let (mut q, mut k, mut v) = (Vec::new(), Vec::new(), Vec::new());
        matmul(&normed, &block.q, &mut q);
        matmul(&normed, &block.k, &mut k);
        matmul(&normed, &block.v, &mut v);
        let lengths = batch.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let positions: Vec<usize> = lengths.flat_map(|length| 0..length).collect();
        let angles = self.angles(positions.iter().max().map_or(0, |last| last + 1));
        angles.rotate(&mut q, heads.count * heads.dim, &positions);
        angles.rotate(&mut k, heads.kv_count * heads.dim, &positions);
        let mixed = attention(&q, &k, &v, &batch.starts, heads);
        matmul(&mixed, &block.o, &mut normed);
        normed
    }

    /// What the feed-forward sublayer adds to the stream.
    fn feed_forward(&self, block: &Block, h: &[f32]) -> Vec<f32> {
        let mut normed = vec![0.0; h.len()];
        rms_norm(h, &block.ffn_norm, self.plan.norm_eps, &mut normed);
        let (mut gate, mut up) = (Vec::new(), Vec::new());
        matmul(&normed, &block.gate, &mut gate);
        matmul(&normed, &block.up, &mut up);
        crate::kernel::gate::silu_gate(&mut gate, &up);
        matmul(&gate, &block.down, &mut normed);
        normed
    }
}

impl LayeredModel for Decoder {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError> {
        self.check_batch(batch)?;
        let width = self.plan.width;
        let mut hidden = vec![0.0; batch.ids.len() * width];
        for (row, &id) in hidden.chunks_exact_mut(width).zip(&batch.ids) {
            self.embedding.copy_row(id as usize, row);
        }
        Ok(Stream { hidden, width })
    }

    fn block(
        &self,
        layer: Layer,
        run: Run,
        batch: &Batch,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        let block = self.blocks.get(layer.index()).ok_or_else(|| ModelError::Request {
            what: "the block",
            found: layer.index().to_string(),
            allowed: format!("below {}", self.blocks.len()),
        })?;
        self.check_batch(batch)?;
        self.check_stream(stream, batch.ids.len())?;
        let h = &mut stream.hidden;
        let mut look = |point: Point, values: &[f32]| {
            if probe.wants(point, layer) {
                probe.see(point, layer, values);
            }
        };
        look(Point::ResidPre, h);
        if matches!(run, Run::Full | Run::SkipMlp) {
            let added = self.attention(block, batch, h);
            look(Point::AttnOut, &added);
            add(h, &added);
        }
        look(Point::ResidMid, h);
        if matches!(run, Run::Full | Run::SkipAttn) {
            let added = self.feed_forward(block, h);
            look(Point::MlpOut, &added);
            add(h, &added);
        }
        look(Point::ResidPost, h);
        Ok(())
    }

    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        job: &Job,
    ) -> Result<Readouts, ModelError> {
        let (layers, vocab) = (self.plan.layers, self.plan.vocab);
        if depths.len() != streams.len() || depths.iter().any(|depth| depth.index() > layers) {
            return Err(ModelError::Request {
                what: "the list of depths",
                found: format!("{depths:?}"),
                allowed: format!("{} depths from 0 to {layers}", streams.len()),
            });
        }
        for stream in streams {
            self.check_stream(stream, next_ids.len())?;
        }
        if let Some(id) = next_ids.iter().find(|id| **id != NO_TOKEN && **id as usize >= vocab) {
            let (found, allowed) = (id.to_string(), format!("below {vocab}"));
            return Err(ModelError::Request { what: "the id of a next token", found, allowed });
        }
        let hidden: Vec<&[f32]> = streams.iter().map(|stream| stream.hidden.as_slice()).collect();
        let head = Head { norm: &self.final_norm, eps: self.plan.norm_eps, matrix: &self.head };
        let last_is_final = depths.last().is_some_and(|depth| depth.index() == layers);
        Ok(readout(head, Request { streams: &hidden, next: next_ids, last_is_final }, job)?)
    }
}

fn add(h: &mut [f32], added: &[f32]) {
    for (h, &added) in h.iter_mut().zip(added) {
        *h += added;
    }
}
