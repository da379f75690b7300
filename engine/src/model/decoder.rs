//! One instrumented decoder, configured by a plan and stepped block by block.
//!
//! Must not know: which family made the plan.

mod attention;
mod feed_forward;
mod linear;
mod masked;
#[cfg(test)]
mod masked_tests;
pub(crate) mod names;
pub(crate) mod plan;
mod positions;
mod running;

pub(crate) use names::Names;
pub(crate) use plan::{NormKind, Plan, Positions, Sizes};

use attention::{Among, Attention};
use feed_forward::FeedForward;
use linear::{Take, norm};
use plan::Residual;
use positions::{Places, Turns, positions};
use running::Running;

use crate::job::Job;
use crate::kernel::add;
use crate::kernel::attention::Heads;
use crate::kernel::cap::soft_cap;
use crate::kernel::matmul::matmul;
use crate::kernel::matrix::Matrix;
use crate::kernel::norm::Norm;
use crate::kernel::numerics::Numerics;
use crate::kernel::readout::{Head, Request, readout};
use crate::model::refuse::{self, Asked, Rounds};
use crate::model::weights::Weights;
use crate::model::{
    Batch, Cache, LayeredModel, Mask, ModelCard, ModelError, Point, Probe, Readouts, Run, Stream,
};
use crate::signal::{Depth, Layer};

/// Weights of one block.
#[derive(Debug)]
struct Block {
    attention: Attention,
    feed_forward: FeedForward,
}

impl Block {
    /// Runs the parts that `run` says over `h` ([tokens, width]), in place.
    fn run(
        &self,
        at: &mut Running<'_>,
        run: Run,
        (among, turns): (Among<'_>, Option<&Turns>),
        h: &mut [f32],
    ) {
        let residual = at.plan.residual;
        at.look(Point::ResidPre, || &*h);
        let attn = matches!(run, Run::Full | Run::SkipMlp)
            .then(|| self.attention.run(at, among, turns, h));
        let feeds = matches!(run, Run::Full | Run::SkipAttn);
        let parallel =
            (feeds && residual == Residual::Parallel).then(|| self.feed_forward.run(at, h));
        if let Some(added) = attn {
            at.look(Point::AttnOut, || &added);
            add(h, &added);
        }
        if residual == Residual::Sequential {
            at.look(Point::ResidMid, || &*h);
        }
        if feeds {
            let added = parallel.unwrap_or_else(|| self.feed_forward.run(at, h));
            at.look(Point::MlpOut, || &added);
            add(h, &added);
        }
        at.look(Point::ResidPost, || &*h);
    }
}

/// A decoder with its weights.
pub(crate) struct Decoder {
    card: ModelCard,
    plan: Plan,
    embedding: Matrix,
    places: Places,
    blocks: Vec<Block>,
    final_norm: Norm,
    head: Matrix,
    numerics: Numerics,
}

impl Decoder {
    /// Takes every weight of the plan; that each is there with its shape was checked for the card.
    pub(crate) fn new(
        plan: Plan,
        card: ModelCard,
        weights: &mut Weights<'_>,
    ) -> Result<Self, ModelError> {
        let (d, vocab) = (plan.width, plan.vocab);
        let embedding = weights.matrix(&plan.weight(plan.names.embedding), vocab, d)?;
        let head =
            if plan.tied { embedding.clone() } else { weights.matrix(&plan.head(), vocab, d)? };
        let mut blocks = Vec::new();
        for layer in 0..plan.layers {
            let mut from = Take { plan: &plan, weights, layer };
            let attention = Attention::take(&mut from)?;
            blocks.push(Block { attention, feed_forward: FeedForward::take(&mut from)? });
        }
        let name = format!("{}{}", plan.prefix, plan.names.final_norm);
        let final_norm = norm(&plan, weights, &name, d)?;
        let places = Places::take(&plan, weights)?;
        let numerics = Numerics::default();
        Ok(Self { card, plan, embedding, places, blocks, final_norm, head, numerics })
    }

    /// Refuses a batch that is not laid out as one, or that this network cannot take.
    fn check_batch(&self, batch: &Batch) -> Result<(), ModelError> {
        refuse::batch(batch, self.plan.context)?;
        match &batch.behind {
            Some(cache) if !self.owns(cache) => return Err(foreign()),
            Some(cache) if !cache.is_whole() => {
                let allowed = "with an entry of every token in every block".to_owned();
                let (what, found) = ("the shared start", "one that left blocks out".to_owned());
                return Err(ModelError::Request { what, found, allowed });
            }
            _ => {}
        }
        self.check_ids(&batch.ids)
    }

    fn owns(&self, cache: &Cache) -> bool {
        let Heads { kv_count, dim, .. } = self.plan.heads;
        cache.is_of(self.plan.layers, kv_count * dim)
    }

    /// Refuses ids that have no row in the embedding.
    fn check_ids(&self, ids: &[u32]) -> Result<(), ModelError> {
        let vocab = self.plan.vocab;
        match ids.iter().find(|id| **id as usize >= vocab) {
            None => Ok(()),
            Some(id) => {
                let (found, allowed) = (id.to_string(), format!("below {vocab}"));
                Err(ModelError::Request { what: "a token id", found, allowed })
            }
        }
    }

    fn numbered(&self, layer: Layer) -> Result<&Block, ModelError> {
        self.blocks.get(layer.index()).ok_or_else(|| refuse::block(layer, self.blocks.len()))
    }

    /// Rows of the embedding, without positions.
    fn embedded(&self, ids: &[u32]) -> Stream {
        let width = self.plan.width;
        let mut hidden = vec![0.0; ids.len() * width];
        for (row, &id) in hidden.chunks_exact_mut(width).zip(ids) {
            self.embedding.copy_row(id as usize, row);
            for value in row {
                *value *= self.plan.embedding_scale;
            }
        }
        Stream { hidden, width }
    }

    fn check_stream(&self, stream: &Stream, tokens: usize) -> Result<(), ModelError> {
        refuse::stream(stream, tokens, self.plan.width)
    }

    /// Final norm, head and cap of rows of a stream.
    fn logits_of(&self, mut rows: Vec<f32>) -> Vec<f32> {
        self.final_norm.apply(&mut rows);
        let mut logits = Vec::new();
        matmul(&rows, &self.head, &mut logits);
        if let Some(cap) = self.plan.logit_cap {
            soft_cap(&mut logits, cap);
        }
        logits
    }
}

impl LayeredModel for Decoder {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError> {
        self.check_batch(batch)?;
        let mut stream = self.embedded(&batch.ids);
        self.places.add_to(&mut stream.hidden, positions(batch));
        Ok(stream)
    }

    fn block(
        &self,
        layer: Layer,
        run: Run,
        batch: &Batch,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        let block = self.numbered(layer)?;
        self.check_batch(batch)?;
        self.check_stream(stream, batch.ids.len())?;
        let turns = self.places.turns(positions(batch), self.plan.looking(layer.index()).window);
        let among = match &batch.behind {
            None => Among::Batch(&batch.starts),
            Some(_) if probe.wants(Point::AttnColumns, layer) => {
                let allowed = "any other: what a shared start receives belongs to no one sequence";
                let (found, allowed) = ("attn_columns".to_owned(), allowed.to_owned());
                return Err(ModelError::Request { what: "the point", found, allowed });
            }
            Some(cache) => {
                Among::Behind(cache.kept(layer.index()).ok_or_else(foreign)?, &batch.starts)
            }
        };
        let at = &mut Running { plan: &self.plan, layer, probe };
        block.run(at, run, (among, turns.as_ref()), &mut stream.hidden);
        Ok(())
    }

    fn subjects(&self, batch: &Batch, stream: &Stream) -> Result<Stream, ModelError> {
        self.check_stream(stream, batch.ids.len())?;
        Ok(stream.clone())
    }

    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        job: &Job,
    ) -> Result<Readouts, ModelError> {
        let name_of_truth = "the id of a next token";
        let asked = Asked { depths, streams, truth: next_ids, name_of_truth };
        let Plan { layers, width, vocab, .. } = self.plan;
        refuse::readout(&asked, layers, width, vocab)?;
        let hidden: Vec<&[f32]> = streams.iter().map(|stream| stream.hidden.as_slice()).collect();
        let (norm, cap) = (Some(&self.final_norm), self.plan.logit_cap);
        let matrix = self.head.clone().with_numerics(self.numerics);
        let head = Head { norm, matrix: &matrix, bias: None, cap };
        let last_is_final = depths.last().is_some_and(|depth| depth.index() == layers);
        let request = Request { depths, streams: &hidden, next: next_ids, last_is_final };
        Ok(readout(head, request, job)?)
    }

    fn numerics(&self) -> Numerics {
        self.numerics
    }

    fn set_numerics(&mut self, numerics: Numerics) -> Result<(), ModelError> {
        refuse::numerics(numerics, &self.card, Rounds::Always)?;
        self.numerics = numerics;
        Ok(())
    }

    fn cache(&self) -> Result<Cache, ModelError> {
        let Heads { kv_count, dim, .. } = self.plan.heads;
        Ok(Cache::new(self.plan.layers, kv_count * dim, self.plan.context))
    }

    fn begin_at(&self, new: &[u32], past: usize) -> Result<Stream, ModelError> {
        self.check_ids(new)?;
        let room = self.plan.context.saturating_sub(past);
        if new.len() > room {
            return Err(ModelError::Request {
                what: "the number of new tokens",
                found: new.len().to_string(),
                allowed: format!(
                    "at most {room}: the model's context is {} tokens, of which {past} are used",
                    self.plan.context
                ),
            });
        }
        let mut stream = self.embedded(new);
        self.places.add_to(&mut stream.hidden, past..);
        Ok(stream)
    }

    fn step(
        &self,
        layer: Layer,
        cache: &mut Cache,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        let block = self.numbered(layer)?;
        let new = stream.hidden.len() / self.plan.width;
        self.check_stream(stream, new)?;
        if !self.owns(cache) {
            return Err(foreign());
        }
        let kept = cache.block(layer.index()).ok_or_else(foreign)?;
        let past = kept.positions();
        let turns = self.places.turns(past..past + new, self.plan.looking(layer.index()).window);
        let at = &mut Running { plan: &self.plan, layer, probe };
        block.run(at, Run::Full, (Among::Kept(kept), turns.as_ref()), &mut stream.hidden);
        Ok(())
    }

    fn step_masked(
        &self,
        layer: Layer,
        mask: Mask<'_>,
        caches: &mut [Cache],
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        let block = self.numbered(layer)?;
        let rows = stream.hidden.len() / self.plan.width;
        self.check_stream(stream, rows)?;
        mask.check(rows, caches.len())?;
        if caches.iter().any(|cache| !self.owns(cache)) {
            return Err(foreign());
        }
        let at = &mut Running { plan: &self.plan, layer, probe };
        block.run_masked(at, mask, (caches, &self.places), &mut stream.hidden)
    }

    fn logits(&self, stream: &Stream) -> Result<Vec<f32>, ModelError> {
        let width = self.plan.width;
        self.check_stream(stream, stream.hidden.len() / width)?;
        let row = stream.hidden[stream.hidden.len().saturating_sub(width)..].to_vec();
        if row.is_empty() {
            let (found, allowed) = ("empty".to_owned(), "of at least one token".to_owned());
            return Err(ModelError::Request { what: "the stream", found, allowed });
        }
        Ok(self.logits_of(row))
    }

    fn all_logits(&self, stream: &Stream) -> Result<Vec<f32>, ModelError> {
        self.check_stream(stream, stream.hidden.len() / self.plan.width)?;
        Ok(self.logits_of(stream.hidden.clone()))
    }
}

/// A cache of another network.
fn foreign() -> ModelError {
    let (found, allowed) = ("of another network".to_owned(), "one of this network".to_owned());
    ModelError::Request { what: "the cache", found, allowed }
}
