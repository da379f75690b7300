//! The series and its items: exits of one recording by their compute, and how likely each item is right at each.

use std::ops::RangeInclusive;

use rand::SeedableRng as _;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::recording::{Recording, depth_of};
use crate::signal::Signal;

/// What stands for the pass rate of an item at an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// exp(−NLL): the probability of what is true.
    Probability,
    /// 1 where the first choice is what is true, else 0.
    Correctness,
}

/// Which exits are known, and which items are taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) feature: Feature,
    /// Depth of the first exit, whose compute is the unit.
    pub(super) first: usize,
    /// Depth of the last exit that is known; the full depth is predicted from these.
    pub(super) known: usize,
    pub(super) most_items: usize,
    pub(super) seed: u64,
}

/// Why there is no series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Fewer known exits than parameters, or none beyond them.
    Exits,
    /// The recording holds no cost of blocks that rises from exit to exit.
    Compute,
    /// No row has a known truth and a readout that is a number at every exit.
    Items,
}

/// Items at the exits from the first to the full depth.
#[derive(Debug)]
pub(super) struct Items {
    /// Depth of every exit, rising; the last is the full depth.
    pub(super) depths: Vec<usize>,
    /// Compute of every exit in units of the first's.
    pub(super) costs: Vec<f64>,
    /// So many exits are known.
    pub(super) num_known: usize,
    /// Row of every item in the recording, rising.
    pub(super) rows: Vec<usize>,
    /// `[item][exit]`, 0 to 1.
    pub(super) values: Vec<Vec<f64>>,
    /// Rows that could have been taken.
    pub(super) num_candidates: usize,
    /// Rows with a known truth that lack a number at some exit.
    pub(super) num_incomplete: usize,
}

/// Parameters of a curve; so many exits must be known.
pub(super) const LEAST_EXITS: usize = 4;

impl Items {
    pub(super) fn new(recording: &Recording, choice: Choice) -> Result<Self, Missing> {
        let full = recording.num_layers();
        let known = choice.known;
        if known >= full || (choice.first..=known).count() < LEAST_EXITS {
            return Err(Missing::Exits);
        }
        let depths: Vec<usize> = (choice.first..=full).collect();
        let costs = costs(recording, choice.first..=full).ok_or(Missing::Compute)?;
        let num_known = known + 1 - choice.first;
        let needed: Vec<usize> = (choice.first..=known).chain([full]).collect();
        let (mut candidates, mut num_incomplete) = (Vec::new(), 0);
        for row in
            (0..recording.num_tokens()).filter(|row| recording.is_right(full, *row).is_some())
        {
            if needed.iter().all(|depth| value(recording, choice.feature, *depth, row).is_some()) {
                candidates.push(row);
            } else {
                num_incomplete += 1;
            }
        }
        let num_candidates = candidates.len();
        let rows: Vec<usize> = if num_candidates > choice.most_items {
            let mut rng = ChaCha8Rng::seed_from_u64(choice.seed);
            let drawn = index::sample(&mut rng, num_candidates, choice.most_items);
            let mut rows: Vec<usize> =
                drawn.iter().filter_map(|place| candidates.get(place).copied()).collect();
            rows.sort_unstable();
            rows
        } else {
            candidates
        };
        if rows.is_empty() {
            return Err(Missing::Items);
        }
        let at = |row: usize, depth: usize| value(recording, choice.feature, depth, row);
        let values = rows.iter().map(|row| {
            // An exit between the known and the full one may lack a number; only figures show it.
            depths.iter().map(|depth| at(*row, *depth).unwrap_or(f64::NAN)).collect()
        });
        let values = values.collect();
        Ok(Self { depths, costs, num_known, rows, values, num_candidates, num_incomplete })
    }

    /// Mean over some items at every exit; NaN where one of them has no number.
    pub(super) fn means(&self, items: impl Iterator<Item = usize>) -> Vec<f64> {
        let mut sums = vec![0.0; self.depths.len()];
        let mut num = 0.0;
        for values in items.filter_map(|item| self.values.get(item)) {
            num += 1.0;
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
        sums.into_iter().map(|sum| sum / num).collect()
    }

    /// The exits that curves are fitted on, of values at all of them.
    pub(super) fn known<'a>(&self, values: &'a [f64]) -> &'a [f64] {
        values.get(..self.num_known).unwrap_or(values)
    }
}

/// The number of a row at an exit; `None` where it has none.
fn value(recording: &Recording, feature: Feature, depth: usize, row: usize) -> Option<f64> {
    match feature {
        Feature::Probability => {
            let nll = recording.column(Signal::Nll, depth_of(depth))?.get(row)?;
            let probability = (-f64::from(*nll)).exp();
            (!probability.is_nan()).then(|| probability.clamp(0.0, 1.0))
        }
        Feature::Correctness => {
            // A readout without a first choice is no wrong answer.
            recording.first_choice(depth, row)?;
            recording.is_right(depth, row).map(|is_right| f64::from(u8::from(is_right)))
        }
    }
}

/// Blocks up to an exit and one readout, in units of the first exit's; `None` where that is not known or does not rise.
fn costs(recording: &Recording, exits: RangeInclusive<usize>) -> Option<Vec<f64>> {
    let manifest = recording.manifest();
    let cost = |depth: usize| {
        let blocks: f64 = manifest.flops_per_block.get(..depth)?.iter().sum();
        Some(blocks + manifest.flops_per_readout)
    };
    let costs: Vec<f64> = exits.map(cost).collect::<Option<_>>()?;
    let unit = costs.first().copied().filter(|unit| *unit > 0.0)?;
    let costs: Vec<f64> = costs.iter().map(|cost| cost / unit).collect();
    let is_rising = costs.windows(2).all(|pair| pair.first() < pair.last());
    (is_rising && costs.iter().all(|cost| cost.is_finite())).then_some(costs)
}
