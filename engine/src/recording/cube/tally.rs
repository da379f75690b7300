//! What one threshold does to the tokens of a slice.

use std::ops::Range;

use crate::recording::{Recording, depth_of};
use crate::signal::{Depth, Signal};

/// A NLL is summed in whole parts of 2^-24 nats: exact sums in any order, finer than its f32.
const TICKS_PER_NAT: f64 = 16_777_216.0;
/// Larger values are cut here, so that no sum overflows; no finite model comes near.
const MAX_TICKS: f64 = 1e24;

/// Counts of tokens by the depth at which they exit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// `[depth]` 0..=L.
    pub(crate) exits: Vec<u64>,
    /// Those whose first choice equals the full model's, `[depth]`.
    pub(crate) agreeing: Vec<u64>,
    /// Tokens for which the full model has a first choice: only they can agree or disagree.
    pub(crate) answered: u64,
    /// Tokens whose NLL is known.
    pub(crate) with_nll: u64,
    /// Sum of their NLL at the exit, in ticks.
    pub(crate) nll_ticks: i128,
    /// Tokens of which it is known what is true: the next token, the label.
    pub(crate) with_truth: u64,
    /// Those whose first choice at the exit is that.
    pub(crate) right: u64,
}

/// A NLL in whole ticks; `None` where it is not a finite number.
#[expect(clippy::cast_possible_truncation, reason = "clamped far inside i128")]
pub(super) fn ticks(nll: f32) -> Option<i128> {
    let value = f64::from(nll);
    let is_known = value.is_finite();
    is_known.then(|| (value * TICKS_PER_NAT).round().clamp(-MAX_TICKS, MAX_TICKS) as i128)
}

/// What is counted of one token that exits at one depth.
#[derive(Debug)]
pub(super) struct Outcome {
    depth: usize,
    agrees: Option<bool>,
    nll: Option<f32>,
    is_right: Option<bool>,
}

impl Outcome {
    pub(super) fn of(recording: &Recording, token: usize, exit: Depth) -> Self {
        let nll = recording.column(Signal::Nll, exit).and_then(|column| column.get(token));
        Self {
            depth: exit.index(),
            agrees: recording.agrees(exit.index(), token),
            nll: nll.copied(),
            is_right: recording.is_right(exit.index(), token),
        }
    }
}

/// Ticks as nats.
pub(super) fn nats(ticks: i128) -> f64 {
    ticks as f64 / TICKS_PER_NAT
}

impl Tally {
    pub(crate) fn empty(num_depths: usize) -> Self {
        let zeros = vec![0; num_depths];
        Self {
            exits: zeros.clone(),
            agreeing: zeros,
            answered: 0,
            with_nll: 0,
            nll_ticks: 0,
            with_truth: 0,
            right: 0,
        }
    }

    /// Counts tokens whose exits are known: `exits` holds one depth for each token of `range`.
    pub(crate) fn add(&mut self, recording: &Recording, range: Range<usize>, exits: &[Depth]) {
        for (token, exit) in range.zip(exits) {
            self.count(&Outcome::of(recording, token, *exit));
        }
    }

    /// Counts a token.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        if let Some(count) = self.exits.get_mut(outcome.depth) {
            *count += 1;
        }
        if let Some(count) = self.agreeing.get_mut(outcome.depth) {
            *count += u64::from(outcome.agrees == Some(true));
        }
        self.answered += u64::from(outcome.agrees.is_some());
        let nll = outcome.nll.and_then(ticks);
        self.with_nll += u64::from(nll.is_some());
        self.nll_ticks += nll.unwrap_or(0);
        self.with_truth += u64::from(outcome.is_right.is_some());
        self.right += u64::from(outcome.is_right == Some(true));
    }

    /// Counts a token, which was counted, no longer.
    pub(super) fn uncount(&mut self, outcome: &Outcome) {
        if let Some(count) = self.exits.get_mut(outcome.depth) {
            *count -= 1;
        }
        if let Some(count) = self.agreeing.get_mut(outcome.depth) {
            *count -= u64::from(outcome.agrees == Some(true));
        }
        self.answered -= u64::from(outcome.agrees.is_some());
        let nll = outcome.nll.and_then(ticks);
        self.with_nll -= u64::from(nll.is_some());
        self.nll_ticks -= nll.unwrap_or(0);
        self.with_truth -= u64::from(outcome.is_right.is_some());
        self.right -= u64::from(outcome.is_right == Some(true));
    }

    pub(crate) fn num_tokens(&self) -> u64 {
        self.exits.iter().sum()
    }

    pub(crate) fn num_agreeing(&self) -> u64 {
        self.agreeing.iter().sum()
    }

    /// Mean exit depth; `None` without tokens.
    pub(crate) fn mean_depth(&self) -> Option<f64> {
        let weighted = self.exits.iter().zip(0_u64..).map(|(n, depth)| n * depth).sum::<u64>();
        ratio(weighted, self.num_tokens())
    }

    /// Of the tokens for which the full model has a first choice, the share that has the same at the exit; `None`
    /// without any.
    pub(crate) fn agreement(&self) -> Option<f64> {
        ratio(self.num_agreeing(), self.answered)
    }

    /// Mean NLL at the exit in nats, over tokens that have a next token.
    pub(crate) fn mean_nll(&self) -> Option<f64> {
        (self.with_nll > 0).then(|| nats(self.nll_ticks) / self.with_nll as f64)
    }

    /// Of the tokens of which it is known what is true, the share whose first choice at the exit is that; `None`
    /// without any.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        ratio(self.right, self.with_truth)
    }

    /// The share of tokens that exit at `depth`.
    pub(crate) fn share(&self, depth: Depth) -> f64 {
        let exits = self.exits.get(depth.index()).copied().unwrap_or(0);
        ratio(exits, self.num_tokens()).unwrap_or(0.0)
    }

    /// Depths and how many tokens exit there.
    pub(crate) fn by_depth(&self) -> impl Iterator<Item = (Depth, u64)> + '_ {
        self.exits.iter().enumerate().map(|(depth, exits)| (depth_of(depth), *exits))
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
