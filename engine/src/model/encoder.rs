//! One instrumented encoder, configured by a plan and stepped block by block.
//!
//! Must not know: which family made the plan, or where its tensors lie.

mod block;
mod embed;
mod head;
mod linear;
mod plan;

pub use plan::Pooling;
pub(crate) use plan::{
    Classes, Head as HeadPlan, Input, Masked, Names, NormSpelling, Patches, Placement, Plan,
    Pooled, Sharing, Words, mean_name,
};

use block::Block;
use embed::Embed;
use head::Head;

use crate::count::counted;
use crate::job::Job;
use crate::kernel::add;
use crate::kernel::numerics::Numerics;
use crate::kernel::readout::Request;
use crate::model::refuse::{self, Asked, Rounds};
use crate::model::weights::Weights;
use crate::model::{
    Batch, LayeredModel, ModelCard, ModelError, Point, Probe, Readouts, Run, Stream,
};
use crate::signal::{Depth, Layer};

/// An encoder with its weights.
pub(crate) struct Encoder {
    card: ModelCard,
    plan: Plan,
    embed: Embed,
    /// One where all share it.
    blocks: Vec<Block>,
    head: Head,
    numerics: Numerics,
}

impl Encoder {
    /// Takes every weight of the plan.
    pub(crate) fn new(
        plan: Plan,
        card: ModelCard,
        weights: &mut Weights<'_>,
    ) -> Result<Self, ModelError> {
        let embed = Embed::take(&plan, weights)?;
        let mut blocks = Vec::new();
        for layer in 0..plan.stored_blocks() {
            blocks.push(Block::take(&plan, layer, weights)?);
        }
        let head = Head::take(&plan, &embed, weights)?;
        Ok(Self { card, plan, embed, blocks, head, numerics: Numerics::default() })
    }

    fn block_of(&self, layer: Layer) -> Result<&Block, ModelError> {
        let at = match self.plan.sharing {
            Sharing::Own => layer.index(),
            Sharing::One => 0,
        };
        let block = self.blocks.get(at).filter(|_| layer.index() < self.plan.layers);
        block.ok_or_else(|| refuse::block(layer, self.plan.layers))
    }

    /// Refuses a batch that is not laid out as one, or that this network cannot take.
    fn check_batch(&self, batch: &Batch) -> Result<(), ModelError> {
        refuse::batch(batch, self.plan.context())?;
        if batch.behind.is_some() {
            let allowed = "absent: every token of an encoder sees those behind it, too".to_owned();
            let found = counted(batch.past(), "token");
            return Err(ModelError::Request { what: "a shared start", found, allowed });
        }
        if self.plan.pooling().is_some() {
            Self::check_sequences(batch)?;
        }
        self.embed.check(batch)
    }

    /// A sequence of no token has no state.
    fn check_sequences(batch: &Batch) -> Result<(), ModelError> {
        if batch.starts.windows(2).any(|pair| pair[1] == pair[0]) {
            let (found, allowed) = ("no token".to_owned(), "at least one token".to_owned());
            return Err(ModelError::Request { what: "a sequence", found, allowed });
        }
        Ok(())
    }

    fn check_stream(&self, stream: &Stream, rows: usize) -> Result<(), ModelError> {
        refuse::stream(stream, rows, self.plan.width)
    }
}

impl LayeredModel for Encoder {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError> {
        self.check_batch(batch)?;
        Ok(Stream { hidden: self.embed.embed(batch), width: self.plan.width })
    }

    fn block(
        &self,
        layer: Layer,
        run: Run,
        batch: &Batch,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        let block = self.block_of(layer)?;
        self.check_batch(batch)?;
        self.check_stream(stream, batch.ids.len())?;
        let h = &mut stream.hidden;
        let mut columns = probe.wants(Point::AttnColumns, layer).then(Vec::new);
        let mut look = |point: Point, values: &[f32]| {
            if probe.wants(point, layer) {
                probe.see(point, layer, values);
            }
        };
        // Norms behind sublayers belong to the block and not to one of them.
        let is_after = self.plan.placement == Placement::After && run != Run::SkipBlock;
        look(Point::ResidPre, h);
        if matches!(run, Run::Full | Run::SkipMlp) {
            let added = block.attention(&self.plan, &batch.starts, h, columns.as_mut());
            if let Some(columns) = &columns {
                look(Point::AttnColumns, columns);
            }
            look(Point::AttnOut, &added);
            add(h, &added);
        }
        if is_after {
            block.attn_norm.apply(h);
        }
        look(Point::ResidMid, h);
        if matches!(run, Run::Full | Run::SkipAttn) {
            let added = block.feed_forward(&self.plan, h);
            look(Point::MlpOut, &added);
            add(h, &added);
        }
        if is_after {
            block.ffn_norm.apply(h);
        }
        look(Point::ResidPost, h);
        Ok(())
    }

    fn subjects(&self, batch: &Batch, stream: &Stream) -> Result<Stream, ModelError> {
        if let Some(pooling) = self.plan.pooling() {
            return self.pool(batch, stream, pooling);
        }
        self.check_batch(batch)?;
        self.check_stream(stream, batch.ids.len())?;
        Ok(stream.clone())
    }

    fn pooling(&self) -> Option<Pooling> {
        self.plan.pooling()
    }

    fn pool(&self, batch: &Batch, stream: &Stream, pooling: Pooling) -> Result<Stream, ModelError> {
        self.check_batch(batch)?;
        Self::check_sequences(batch)?;
        self.check_stream(stream, batch.ids.len())?;
        let width = stream.width;
        let rows = |pair: &[usize]| &stream.hidden[pair[0] * width..pair[1] * width];
        let sequences = batch.starts.windows(2).map(rows);
        let hidden = match pooling {
            Pooling::First => sequences.flat_map(|rows| &rows[..width]).copied().collect(),
            Pooling::Mean => sequences.flat_map(|rows| mean(rows, width)).collect(),
        };
        Ok(Stream { hidden, width })
    }

    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        job: &Job,
    ) -> Result<Readouts, ModelError> {
        let (layers, outputs) = (self.plan.layers, self.card.outputs);
        let name_of_truth = "the id of what is true";
        let asked = Asked { depths, streams, truth: next_ids, name_of_truth };
        refuse::readout(&asked, layers, self.plan.width, outputs)?;
        let last_is_final = depths.last().is_some_and(|depth| depth.index() == layers);
        let hidden: Vec<&[f32]> = streams.iter().map(|stream| stream.hidden.as_slice()).collect();
        let request = Request { depths, streams: &hidden, next: next_ids, last_is_final };
        self.head.read(request, (outputs, self.numerics), job)
    }

    fn segments(&self) -> usize {
        match self.plan.input {
            Input::Words(words) => words.segments.max(1),
            Input::Patches(_) => 1,
        }
    }

    fn numerics(&self) -> Numerics {
        self.numerics
    }

    fn set_numerics(&mut self, numerics: Numerics) -> Result<(), ModelError> {
        let rounds = match self.head {
            Head::Masked { .. } => Rounds::Always,
            Head::None | Head::Classes { .. } | Head::Exits(_) | Head::Means { .. } => {
                Rounds::Never
            }
        };
        refuse::numerics(numerics, &self.card, rounds)?;
        self.numerics = numerics;
        Ok(())
    }
}

/// The mean of rows, summed in f64.
fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; width];
    for row in rows.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, &h)| *sum += f64::from(h));
    }
    let count = (rows.len() / width) as f64;
    sums.into_iter().map(|sum| crate::kernel::rounded(sum / count)).collect()
}
