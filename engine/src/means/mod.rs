//! Class means: a labelled pass that averages, at every depth, the states of the samples of each class.
//!
//! With `h_(l,i)` the state of sample i at depth l, which is what a readout of whole samples reads there,
//! `mean_(l,c) = sum of h_(l,i) over the samples i of class c / their number`: nothing is trained. Sums are f64, in the order
//! of the data.
//!
//! Must not know: how means read out, rules, lenses, windows.

mod error;
mod file;
mod labels;
#[cfg(test)]
mod tests;

pub(crate) use error::MeansError;
pub(crate) use file::check;

use std::path::Path;

use crate::dataset::images::{Pixels as _, Preparation};
use crate::dataset::{Data, Sequence, tokens_of};
use crate::job::Job;
use crate::kernel::rounded;
use crate::model::{LayeredModel, ModelCard, NoProbe, Pooling, Run, Stream};
use crate::notes::Note;
use crate::record::{batch_of, batches};
use crate::signal::Layer;
use labels::Labels;

/// What is run, and how samples are read.
pub(crate) struct Asked<'a> {
    pub(crate) data: &'a Data,
    /// Of its images; `None` where it has none.
    pub(crate) preparation: Option<&'a Preparation>,
    /// Of `data`, one for each sample.
    pub(crate) sequences: &'a [Sequence],
    /// Which state of a sample is averaged; `None`: the one that the checkpoint's own head reads.
    pub(crate) pooling: Option<Pooling>,
    /// More bytes of sums than this are refused before the run.
    pub(crate) budget_bytes: u64,
}

/// The mean state of each class at every depth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassMeans {
    pub(crate) pooling: Pooling,
    /// Names of the classes.
    pub(crate) labels: Vec<String>,
    /// Samples of each.
    pub(crate) counts: Vec<u64>,
    /// For each depth [classes, width].
    means: Vec<Vec<f32>>,
    width: usize,
    /// What was left out.
    pub(crate) notes: Vec<Note>,
}

/// What was made, for whoever asked.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeMeans {
    /// Each class and how many samples it had.
    pub classes: Vec<(String, u64)>,
    /// Depths L + 1.
    pub depths: usize,
    /// Which state of a sample was averaged.
    pub pooling: Pooling,
    /// What was done differently than asked.
    pub notes: Vec<Note>,
}

/// Runs the labelled samples through `model`. A pass that is cancelled leaves nothing.
pub(crate) fn collect(
    model: &dyn LayeredModel,
    asked: &Asked<'_>,
    job: &Job,
) -> Result<ClassMeans, MeansError> {
    let card = model.card();
    let pooling = asked.pooling.or_else(|| model.pooling());
    let pooling = pooling.ok_or_else(|| MeansError::NoPooling { readout: card.readout.clone() })?;
    let labels = Labels::of(asked.data)?;
    let of = |sequence: &Sequence| labels.class_of(sequence.sample);
    let has_class = |sequence: &&Sequence| of(sequence).is_some() && !sequence.ids.is_empty();
    let labelled: Vec<Sequence> = asked.sequences.iter().filter(has_class).cloned().collect();
    let largest = batches(&labelled).map(tokens_of).max().unwrap_or(0);
    check_size(card, labels.names.len(), largest, asked.budget_bytes)?;
    let mut sums = Sums::new(card, labels.names.len());
    let total = tokens_of(&labelled);
    let mut done = 0;
    for samples in batches(&labelled) {
        let mut batch = batch_of(samples);
        if let Some(preparation) = asked.preparation {
            preparation.add_pixels((asked.data, samples), &mut batch.pixels)?;
        }
        let mut stream = model.begin(&batch)?;
        for depth in 0..=card.layers {
            job.progress("Class means", "tokens", done, total)?;
            sums.add(depth, &model.pool(&batch, &stream, pooling)?, samples, &of)?;
            if let Some(layer) = u16::try_from(depth).ok().filter(|_| depth < card.layers) {
                model.block(Layer(layer), Run::Full, &batch, &mut stream, &mut NoProbe)?;
            }
        }
        samples.iter().filter_map(of).for_each(|class| sums.count(class));
        done += tokens_of(samples);
    }
    job.progress("Class means", "tokens", done, total)?;
    let mut notes = Vec::new();
    notes.extend(labels.note());
    sums.means(labels.names, pooling, notes)
}

impl ClassMeans {
    /// Writes them to a file that joins the checkpoint of `card`; what was made.
    pub(crate) fn write(
        self,
        (card, data): (&ModelCard, &Data),
        path: &Path,
    ) -> Result<MadeMeans, MeansError> {
        file::write(&self, (card, data), path)?;
        let Self { pooling, labels, counts, means, notes, .. } = self;
        let classes = labels.into_iter().zip(counts).collect();
        Ok(MadeMeans { classes, depths: means.len(), pooling, notes })
    }
}

/// Bytes of the sums, of the means and of their file, and of the streams of the largest batch, before anything is
/// allocated.
fn check_size(
    card: &ModelCard,
    classes: usize,
    largest: u64,
    allowed: u64,
) -> Result<(), MeansError> {
    let width = card.width as u64;
    let numbers = (classes as u64).saturating_mul(card.layers as u64 + 1).saturating_mul(width);
    // A sum is f64, a mean f32, and its bytes stand once more in the file.
    let held = numbers.saturating_mul(8 + 4 + 4);
    // The stream and what its block makes of it.
    let running = largest.saturating_mul(width.saturating_mul(4 * 8));
    let needed = held.saturating_add(running);
    if needed > allowed {
        return Err(MeansError::TooLarge { classes, depths: card.layers + 1, needed, allowed });
    }
    Ok(())
}

/// Sums of states, and how many there are.
struct Sums {
    width: usize,
    /// For each depth [classes, width].
    of_depths: Vec<Vec<f64>>,
    counts: Vec<u64>,
}

impl Sums {
    fn new(card: &ModelCard, classes: usize) -> Self {
        let width = card.width;
        let of_depths = vec![vec![0.0; classes * width]; card.layers + 1];
        Self { width, of_depths, counts: vec![0; classes] }
    }

    /// Adds the states of some samples at a depth.
    fn add(
        &mut self,
        depth: usize,
        states: &Stream,
        samples: &[Sequence],
        class_of: &dyn Fn(&Sequence) -> Option<usize>,
    ) -> Result<(), MeansError> {
        let width = self.width;
        let Some(sums) = self.of_depths.get_mut(depth) else { return Ok(()) };
        for (sample, state) in samples.iter().zip(states.hidden.chunks_exact(width)) {
            if state.iter().any(|h| !h.is_finite()) {
                return Err(MeansError::NotFinite { sample: sample.sample + 1, depth });
            }
            let start = class_of(sample).map(|class| class * width);
            let row = start.and_then(|start| sums.get_mut(start..start + width));
            for (sum, h) in row.into_iter().flatten().zip(state) {
                *sum += f64::from(*h);
            }
        }
        Ok(())
    }

    fn count(&mut self, class: usize) {
        if let Some(count) = self.counts.get_mut(class) {
            *count += 1;
        }
    }

    fn means(
        self,
        labels: Vec<String>,
        pooling: Pooling,
        notes: Vec<Note>,
    ) -> Result<ClassMeans, MeansError> {
        let Self { width, of_depths, counts } = self;
        if counts.iter().all(|count| *count == 0) {
            return Err(MeansError::NothingToRun);
        }
        if let Some((label, _)) = labels.iter().zip(&counts).find(|(_, count)| **count == 0) {
            return Err(MeansError::EmptyClass { label: label.clone() });
        }
        let of_depth = |sums: Vec<f64>| {
            let rows = sums.chunks_exact(width).zip(&counts);
            rows.flat_map(|(row, count)| row.iter().map(|sum| rounded(sum / *count as f64)))
                .collect()
        };
        let means = of_depths.into_iter().map(of_depth).collect();
        Ok(ClassMeans { pooling, labels, counts, means, width, notes })
    }
}
