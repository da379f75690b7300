//! Measures a trained network: how often each depth is right, and at which depth a threshold lets a token leave.

use std::collections::BTreeMap;

use super::TrainError;
use super::batch::Batch;
use super::grammar::Sample;
use super::network::Network;
use super::vocabulary::Vocabulary;
use crate::job::Job;

/// A token leaves at the first depth whose largest probability reaches this; at the last depth otherwise.
pub(crate) const THRESHOLD: f32 = 0.9;

/// Samples of one forward pass.
const ROWS: usize = 32;

/// What was measured on the samples of one task and difficulty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    /// Samples.
    pub(crate) samples: usize,
    /// Tokens with a readout: begin and every word.
    pub(crate) tokens: usize,
    /// Answers among them.
    pub(crate) answers: usize,
    exit_sum: usize,
    answer_exit_sum: usize,
    right_at_exit: usize,
    right_at_depth: Vec<usize>,
}

impl Cell {
    /// Mean exit depth over all tokens.
    pub(crate) fn mean_exit(&self) -> f64 {
        self.exit_sum as f64 / self.tokens.max(1) as f64
    }

    /// Mean exit depth over the answers.
    pub(crate) fn mean_answer_exit(&self) -> f64 {
        self.answer_exit_sum as f64 / self.answers.max(1) as f64
    }

    /// The part of answers that is right where the token leaves.
    pub(crate) fn accuracy_at_exit(&self) -> f64 {
        self.right_at_exit as f64 / self.answers.max(1) as f64
    }

    /// The part of answers that is right at each depth 0..=L.
    pub(crate) fn accuracies(&self) -> Vec<f64> {
        let answers = self.answers.max(1) as f64;
        self.right_at_depth.iter().map(|right| *right as f64 / answers).collect()
    }

    /// Counts what another cell counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.tokens += other.tokens;
        self.answers += other.answers;
        self.exit_sum += other.exit_sum;
        self.answer_exit_sum += other.answer_exit_sum;
        self.right_at_exit += other.right_at_exit;
        self.right_at_depth.resize(other.right_at_depth.len().max(self.right_at_depth.len()), 0);
        for (mine, theirs) in self.right_at_depth.iter_mut().zip(&other.right_at_depth) {
            *mine += theirs;
        }
    }
}

/// Cells by task and difficulty.
pub(crate) type Cells = BTreeMap<(&'static str, usize), Cell>;

/// Measures `network` on `samples`.
pub(crate) fn measure(
    network: &Network,
    vocabulary: &Vocabulary,
    samples: &[Sample],
    job: &Job,
) -> Result<Cells, TrainError> {
    let mut cells = Cells::new();
    for (chunk_idx, chunk) in samples.chunks(ROWS).enumerate() {
        job.progress("Measuring", "samples", (chunk_idx * ROWS) as u64, samples.len() as u64)?;
        let batch = Batch::new(chunk, vocabulary)?;
        let depths = readouts(network, &batch)?;
        let last = depths.len() - 1;
        let exit = |place: usize| {
            depths.iter().position(|depth| depth[place].1 >= THRESHOLD).unwrap_or(last)
        };
        for (sample_idx, sample) in chunk.iter().enumerate() {
            let cell = cells.entry((sample.task, sample.difficulty)).or_default();
            let start = sample_idx * batch.length;
            let places = start..start + batch.lengths[sample_idx];
            cell.samples += 1;
            cell.tokens += places.len();
            cell.exit_sum += places.map(exit).sum::<usize>();
            cell.right_at_depth.resize(depths.len(), 0);
            for asked in batch.asked.iter().filter(|asked| asked.sample_idx == sample_idx) {
                let leaves = exit(asked.place);
                cell.answers += 1;
                cell.answer_exit_sum += leaves;
                cell.right_at_exit += usize::from(depths[leaves][asked.place].0 == asked.answer);
                for (right, depth) in cell.right_at_depth.iter_mut().zip(&depths) {
                    *right += usize::from(depth[asked.place].0 == asked.answer);
                }
            }
        }
    }
    Ok(cells)
}

/// The likeliest word and its probability, for each depth and each place.
fn readouts(network: &Network, batch: &Batch) -> Result<Vec<Vec<(u32, f32)>>, TrainError> {
    let streams = network.streams(&batch.tokens, &[])?;
    let mut depths = Vec::with_capacity(streams.len());
    for stream in streams {
        let rows = network.log_probs(&stream.detach())?.detach().to_vec2::<f32>()?;
        let best = |row: &Vec<f32>| {
            let mut best = (0, f32::NEG_INFINITY);
            for (id, value) in (0..).zip(row) {
                if *value > best.1 {
                    best = (id, *value);
                }
            }
            (best.0, best.1.exp())
        };
        depths.push(rows.iter().map(best).collect());
    }
    Ok(depths)
}
