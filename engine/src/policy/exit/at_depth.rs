//! A threshold of its own at every depth: what rules that are fitted, or set by hand, have in common.

use super::rule::{ExitRule, above};
use super::signals::{Place, TokenSignals};
use crate::signal::{Depth, Signal};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Score {
    MaxProb,
    Margin,
    /// Change of the distribution from the depth before.
    ProbStep,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// score >= threshold.
    AtLeast,
    /// score <= threshold.
    AtMost,
    /// score < threshold.
    Below,
}

/// A fitted threshold is the score of a row. In a run that score may differ in its last bits, so the threshold stands this
/// far, as a share of itself, on the side on which that row is treated as it was when the threshold was fitted.
const BESIDE: f64 = 1e-6;

impl Comparison {
    /// A score that a row had, as a threshold.
    pub(super) fn beside(self, score: f64) -> f64 {
        match self {
            Self::AtLeast | Self::Below => score - BESIDE * score.abs(),
            Self::AtMost => score + BESIDE * score.abs(),
        }
    }

    /// Turns a score so that a larger one is nearer to passing.
    fn sign(self) -> f64 {
        if self == Self::AtLeast { 1.0 } else { -1.0 }
    }

    /// The least turned score that passes.
    fn least(self, threshold: f64) -> f64 {
        match self {
            Self::AtLeast => threshold,
            Self::AtMost => -threshold,
            Self::Below => above(-threshold),
        }
    }

    pub(super) fn passes(self, score: f64, threshold: f64) -> bool {
        match self {
            Self::AtLeast => score >= threshold,
            Self::AtMost => score <= threshold,
            Self::Below => score < threshold,
        }
    }
}

/// Compares a score with the threshold of its depth; NaN thresholds stop nothing.
#[derive(Debug, Clone)]
pub(super) struct AtDepth {
    pub(super) score: Score,
    pub(super) comparison: Comparison,
    /// `[depth]`, below L.
    pub(super) thresholds: Vec<f64>,
}

impl Score {
    pub(super) fn of(self, token: TokenSignals) -> f64 {
        f64::from(self.number(token))
    }

    /// As it was recorded.
    pub(super) fn number(self, token: TokenSignals) -> f32 {
        match self {
            Self::MaxProb => token.max_prob,
            Self::Margin => token.margin,
            Self::ProbStep => token.prob_step,
        }
    }
}

impl ExitRule for AtDepth {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        self.score.of(token) * self.comparison.sign()
    }

    fn least(&self, depth: Depth) -> f64 {
        let threshold = self.thresholds.get(depth.index()).copied().unwrap_or(f64::NAN);
        self.comparison.least(threshold)
    }

    fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    fn signal(&self) -> Option<Signal> {
        Some(match self.score {
            Score::MaxProb => Signal::MaxProb,
            Score::Margin => Signal::Margin,
            Score::ProbStep => Signal::ProbStep,
        })
    }
}
