//! What one threshold does to the tokens of a slice.

use std::sync::Arc;

use crate::recording::{Agreement, Recording, depth_of};
use crate::signal::{Depth, Signal};

/// A NLL is summed in whole parts of 2^-24 nats: exact sums in any order, finer than its f32.
const TICKS_PER_NAT: f64 = 16_777_216.0;
/// Larger values are cut here, so that no sum overflows; no finite model comes near.
const MAX_TICKS: f64 = 1e24;
/// Below this many ticks half a tick can be added to the 24 digits of an f32 without rounding.
const HALVES_ARE_EXACT: f64 = (1_u64 << 51) as f64;

/// Tokens that are fetched before they are counted.
const AHEAD: usize = 256;

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
    let value = f64::from(nll) * TICKS_PER_NAT;
    // Halves are rounded away from zero, as `round` does; that is a call, and so is a cast to 128 bits.
    if value.abs() < HALVES_ARE_EXACT {
        return Some(i128::from((value + 0.5_f64.copysign(value)) as i64));
    }
    value.is_finite().then(|| value.round().clamp(-MAX_TICKS, MAX_TICKS) as i128)
}

/// What is counted of one token that exits at one depth.
#[derive(Debug)]
pub(super) struct Outcome {
    depth: usize,
    pub(super) agrees: Option<bool>,
    /// NaN where it is not known.
    pub(super) nll: f32,
    pub(super) is_right: Option<bool>,
}

/// What says what an exit does.
#[derive(Debug, Clone)]
pub(super) struct Judge<'a> {
    recording: &'a Recording,
    agreement: Arc<Agreement>,
    rightness: Arc<Agreement>,
    /// `[depth]`; empty where it was not recorded.
    nll: &'a [Vec<f32>],
}

impl<'a> Judge<'a> {
    pub(super) fn new(recording: &'a Recording) -> Self {
        let nll = recording.signals.get(&Signal::Nll).map(Vec::as_slice).unwrap_or_default();
        let (agreement, rightness) = (recording.agreement(), recording.rightness());
        Self { recording, agreement, rightness, nll }
    }

    /// What a token that exits at a depth is counted as.
    #[inline]
    pub(super) fn outcome(&self, token: usize, depth: usize) -> Outcome {
        self.judged(token, depth, self.nll(token, depth))
    }

    /// NaN where it is not known.
    #[inline]
    fn nll(&self, token: usize, depth: usize) -> f32 {
        let nll = self.nll.get(depth).and_then(|column| column.get(token));
        nll.copied().unwrap_or(f32::NAN)
    }

    #[inline]
    fn judged(&self, token: usize, depth: usize, nll: f32) -> Outcome {
        let full = self.recording.first_choice(self.recording.num_layers(), token);
        Outcome {
            depth,
            agrees: full.map(|_| self.agreement.at(depth)(token)),
            nll,
            is_right: self.recording.truth(token).map(|_| self.rightness.at(depth)(token)),
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

    /// Counts tokens whose exits are known.
    pub(crate) fn add(
        &mut self,
        recording: &Recording,
        exits: impl IntoIterator<Item = (usize, Depth)>,
    ) {
        let judge = Judge::new(recording);
        let mut exits = exits.into_iter();
        let (mut some, mut nll) = (Vec::new(), Vec::new());
        loop {
            some.clear();
            some.extend(exits.by_ref().take(AHEAD).map(|(token, exit)| (token, exit.index())));
            if some.is_empty() {
                return;
            }
            // Exits lie far apart in memory. Nothing is decided until some have been fetched, so that many are on their way at
            // once.
            nll.clear();
            nll.extend(some.iter().map(|(token, depth)| judge.nll(*token, *depth)));
            for ((token, depth), nll) in some.iter().zip(&nll) {
                self.count(&judge.judged(*token, *depth, *nll));
            }
        }
    }

    /// What is counted in either of two.
    pub(crate) fn plus(mut self, other: &Self) -> Self {
        self.exits.iter_mut().zip(&other.exits).for_each(|(sum, part)| *sum += part);
        self.agreeing.iter_mut().zip(&other.agreeing).for_each(|(sum, part)| *sum += part);
        self.answered += other.answered;
        self.with_nll += other.with_nll;
        self.nll_ticks += other.nll_ticks;
        self.with_truth += other.with_truth;
        self.right += other.right;
        self
    }

    /// Counts a token.
    #[inline]
    pub(super) fn count(&mut self, outcome: &Outcome) {
        if let Some(count) = self.exits.get_mut(outcome.depth) {
            *count += 1;
        }
        if let Some(count) = self.agreeing.get_mut(outcome.depth) {
            *count += u64::from(outcome.agrees == Some(true));
        }
        self.answered += u64::from(outcome.agrees.is_some());
        let nll = ticks(outcome.nll);
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
        let nll = ticks(outcome.nll);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a tick is defined as.
    #[expect(clippy::cast_possible_truncation, reason = "clamped far inside i128")]
    fn rounded(nll: f32) -> Option<i128> {
        let value = f64::from(nll) * TICKS_PER_NAT;
        nll.is_finite().then(|| value.round().clamp(-MAX_TICKS, MAX_TICKS) as i128)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ticks_are_the_nearest_whole_numbers(bits in any::<u32>()) {
            let nll = f32::from_bits(bits);
            prop_assert_eq!(ticks(nll), rounded(nll));
        }
    }

    #[test]
    fn halves_of_a_tick_go_away_from_zero() {
        let tick = 1.0 / 16_777_216.0_f32;
        let halves = [0.5, 1.5, 2.5, 0.499_999_97, -0.5, -2.5].map(|part| ticks(part * tick));
        assert_eq!(halves, [1, 2, 3, 0, -1, -3].map(Some));
        let large = [f32::MAX, 1.4e8, f32::NAN, f32::INFINITY];
        assert_eq!(large.map(ticks), large.map(rounded));
    }
}
