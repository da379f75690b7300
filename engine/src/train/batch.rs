//! Samples as tensors: tokens, what follows each of them, and how much each of these counts.

use candle_core::{Device, Result, Tensor};

use super::grammar::{Part, Sample};
use super::vocabulary::{END, Vocabulary};

/// How much a word counts in the loss. What nobody can know counts a little, so that the network learns to say
/// that it does not know; that is what keeps it from leaving early there.
const GIVEN_WEIGHT: f32 = 0.05;
const FRAME_WEIGHT: f32 = 0.2;
const ANSWER_WEIGHT: f32 = 1.0;

/// A word of the batch that a task asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Which sample of the batch.
    pub(crate) sample_idx: usize,
    /// The place in the flattened batch from which the word is predicted.
    pub(crate) place: usize,
    /// The right word.
    pub(crate) answer: u32,
}

/// Samples of one forward pass, padded on the right.
pub(crate) struct Batch {
    /// Tokens [rows, length].
    pub(crate) tokens: Tensor,
    /// The next token of each [rows * length, 1].
    pub(crate) targets: Tensor,
    /// How much each counts [rows * length]; the sum is 1.
    pub(crate) weights: Tensor,
    /// Every answer.
    pub(crate) asked: Vec<Asked>,
    /// Tokens of each row that are not padding.
    pub(crate) lengths: Vec<usize>,
    /// Length of a padded row.
    pub(crate) length: usize,
}

impl Batch {
    /// Lays `samples` out as rows.
    pub(crate) fn new(samples: &[Sample], vocabulary: &Vocabulary) -> Result<Self> {
        // A row is the sequence without its last token: that one is only predicted.
        let lengths: Vec<usize> = samples.iter().map(|sample| sample.words.len() + 1).collect();
        let length = lengths.iter().copied().max().unwrap_or(0);
        let cells = samples.len() * length;
        let mut tokens = vec![END; cells];
        let mut targets = vec![END; cells];
        let mut weights = vec![0.0_f32; cells];
        let mut asked = Vec::new();
        for (sample_idx, sample) in samples.iter().enumerate() {
            let sequence = vocabulary.sequence(sample);
            let parts = sample.words.iter().map(|word| word.part).chain([Part::Frame]);
            let pairs = sequence.windows(2).zip(parts).enumerate();
            for (at, (pair, part)) in pairs {
                let place = sample_idx * length + at;
                tokens[place] = pair[0];
                targets[place] = pair[1];
                weights[place] = weight(part);
                if part == Part::Answer {
                    asked.push(Asked { sample_idx, place, answer: pair[1] });
                }
            }
        }
        let sum: f32 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum.max(f32::MIN_POSITIVE);
        }
        let cpu = &Device::Cpu;
        Ok(Self {
            tokens: Tensor::from_vec(tokens, (samples.len(), length), cpu)?,
            targets: Tensor::from_vec(targets, (cells, 1), cpu)?,
            weights: Tensor::from_vec(weights, cells, cpu)?,
            asked,
            lengths,
            length,
        })
    }
}

fn weight(part: Part) -> f32 {
    match part {
        Part::Given => GIVEN_WEIGHT,
        Part::Frame => FRAME_WEIGHT,
        Part::Answer => ANSWER_WEIGHT,
    }
}
