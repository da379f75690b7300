//! Evenly spaced thresholds of a signal.

use crate::signal::Signal;

/// Thresholds of a ladder: 0, 1/1000, ..., 1 of its top.
pub(crate) const RUNGS: usize = 1001;

/// How a signal is compared with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sense {
    /// Passes where signal >= threshold.
    AtLeast,
    /// Passes where signal < threshold.
    Below,
}

impl Sense {
    /// Whether a value passes; NaN never does.
    pub(crate) fn passes(self, value: f32, threshold: f64) -> bool {
        match self {
            Self::AtLeast => f64::from(value) >= threshold,
            Self::Below => f64::from(value) < threshold,
        }
    }

    /// Whether a value passes more thresholds than `best`, the value that passed most so far; NaN passes none.
    pub(crate) fn is_beyond(self, value: f32, best: Option<f32>) -> bool {
        !value.is_nan() && best.is_none_or(|best| self.is_stricter(value.into(), best.into()))
    }

    /// Whether threshold `a` lets less pass than `b`.
    pub(super) fn is_stricter(self, a: f64, b: f64) -> bool {
        match self {
            Self::AtLeast => a > b,
            Self::Below => a < b,
        }
    }
}

/// A signal, its comparison, and evenly spaced thresholds from 0 to `top`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ladder {
    pub(crate) signal: Signal,
    pub(crate) sense: Sense,
    pub(crate) top: f64,
}

impl Ladder {
    /// The ladders whose cubes are stored with a recording.
    pub(crate) fn stored(vocab: usize) -> [Self; 3] {
        let entropy = (vocab.max(2) as f64).ln();
        [
            Self { signal: Signal::MaxProb, sense: Sense::AtLeast, top: 1.0 },
            Self { signal: Signal::Margin, sense: Sense::AtLeast, top: 1.0 },
            Self { signal: Signal::Entropy, sense: Sense::Below, top: entropy },
        ]
    }

    /// The threshold of a rung. `top` = 1 gives the number that "0.123" reads as.
    pub(crate) fn threshold(self, rung: usize) -> f64 {
        self.top * rung as f64 / (RUNGS - 1) as f64
    }

    /// The rung that is exactly `threshold`.
    pub(crate) fn rung(self, threshold: f64) -> Option<usize> {
        let rung = self.num_up_to(threshold).checked_sub(1)?;
        (self.threshold(rung) == threshold).then_some(rung)
    }

    /// The rung's own number where `threshold` is one but for rounding (a slider adds up steps), else `threshold`.
    pub(crate) fn snap(self, threshold: f64) -> f64 {
        let near = self.num_up_to(threshold);
        [near.saturating_sub(1), near.min(RUNGS - 1)]
            .into_iter()
            .map(|rung| self.threshold(rung))
            .find(|t| (t - threshold).abs() <= 1e-9 * self.top)
            .unwrap_or(threshold)
    }

    /// Number of rungs whose threshold is <= `value`; 0 for NaN.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, NaN becomes 0, and the loops below correct the guess"
    )]
    fn num_up_to(self, value: f64) -> usize {
        if value.is_nan() {
            return 0;
        }
        let guess = (value / self.top * (RUNGS - 1) as f64) as usize;
        let mut num = guess.saturating_add(1).min(RUNGS);
        while num > 0 && self.threshold(num - 1) > value {
            num -= 1;
        }
        while num < RUNGS && self.threshold(num) <= value {
            num += 1;
        }
        num
    }

    /// The threshold of a rung that is counted from the mildest.
    pub(crate) fn mildest_first(self, position: usize) -> f64 {
        self.threshold(self.position(position))
    }

    /// A rung's number counted from the mildest, and back.
    pub(crate) fn position(self, rung: usize) -> usize {
        match self.sense {
            Sense::AtLeast => rung,
            Sense::Below => (RUNGS - 1).saturating_sub(rung),
        }
    }

    /// How many rungs a value passes, counted from the mildest.
    pub(crate) fn reach(self, value: f32) -> usize {
        let value = f64::from(value);
        match self.sense {
            _ if value.is_nan() => 0,
            Sense::AtLeast => self.num_up_to(value),
            Sense::Below => RUNGS - self.num_up_to(value),
        }
    }
}
