//! A learnt stop: logistic regression on the signals of a depth, taught on the calibration part to say whether the answer there is
//! right; a token stops where its probability reaches the threshold.
//!
//! One set of weights for all depths (as in BERxiT's learning to exit). Features, each made to mean 0 and spread 1: max
//! probability, margin, entropy, cosine to the depth before (0 where there is none), whether the first choice is that of the exit before, and how deep it
//! is. At most 16,384 cells, evenly spaced over tokens and depths, are used.

use rayon::prelude::*;

use super::about::Fit;
use super::logistic::{Cell, Logistic, WEIGHTS};
use super::patience::Lasting;
use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, Reader, TokenSignals};
use super::truth::{self, Truth, nothing_to_fit};
use crate::knob::Real;
use crate::signal::{Depth, Signal};

/// Pairs of token and depth that are learnt from.
const MOST_CELLS: usize = 1 << 14;
const THRESHOLD: Real = super::probability(
    "A token stops where it is right with at least this probability, as learnt on the calibration part",
);

/// Registry entry.
pub(super) static RULE: Entry<Learnt> = Entry {
    card: RuleCard {
        id: "learnt",
        label: "Learnt stop (logistic)",
        meaning: "Stops where a logistic regression on the signals, taught on the calibration part, is sure enough that the answer is right",
        source: "Fan et al. 2024 (AdaInfer), Xin et al. 2021 (BERxiT): stop classifiers; these features are an extension",
        signal: None,
        needs: &[Signal::MaxProb, Signal::Margin, Signal::Entropy],
        reads_out: true,
        is_fitted: true,
        main: "threshold",
    },
    knobs: |about| vec![THRESHOLD.card(), truth::card(about)],
    ladder: None,
    build: |knobs, fit| {
        let truth = Truth::of(knobs);
        let name = format!("learnt {truth:?} {}", fit.key);
        let line = *fit.recording.cubes.memo.get(&name, || learn(fit, truth).map(Line::of));
        let line = line.ok_or_else(|| nothing_to_fit(fit))?;
        Ok(Learnt::new(knobs.real(&THRESHOLD), line, fit.about.layers))
    },
};

/// z >= logit(threshold), which is sigmoid(z) >= threshold: no sigmoid of a finite z reaches 1, and every one reaches 0.
#[derive(Debug)]
pub(super) struct Learnt {
    least: f64,
    line: Line,
    layers: usize,
}

/// z = constant + sum factor x, of features as they are.
#[derive(Debug, Clone, Copy)]
struct Line {
    constant: f64,
    factors: [f64; WEIGHTS],
}

impl Line {
    fn of(Logistic { mean, spread, weights }: Logistic) -> Self {
        let factors: [f64; WEIGHTS] = std::array::from_fn(|at| weights[at] / spread[at]);
        let constant = -factors.iter().zip(mean).map(|(factor, mean)| factor * mean).sum::<f64>();
        Self { constant, factors }
    }

    /// NaN where it is no finite number.
    #[inline]
    fn z(&self, x: &[f64; WEIGHTS]) -> f64 {
        // In the order in which a processor need not wait.
        let [one, a, b, c, d, lasts, deep] = *x;
        let [of_one, of_a, of_b, of_c, of_d, of_lasts, of_deep] = self.factors;
        let of_depth = self.constant + one * of_one + deep * of_deep;
        let z = (of_depth + lasts * of_lasts) + ((a * of_a + b * of_b) + (c * of_c + d * of_d));
        // Without a branch: nothing times what is not finite is no number.
        z + 0.0 * z
    }
}

impl Learnt {
    fn new(threshold: f64, line: Line, layers: usize) -> Self {
        Self { least: (threshold / (1.0 - threshold)).ln(), line, layers }
    }
}

/// How deep a depth is, from 0 to 1.
fn deep(depth: Depth, layers: usize) -> f64 {
    f64::from(depth.0) / layers.max(1) as f64
}

/// Whether a first choice lasts, as a number. Read from a table: a branch could not be foreseen by a processor.
static LASTS: [f64; 2] = [0.0, 1.0];

/// The features; NaN where the readout is no number.
#[inline]
fn features(token: TokenSignals, lasts: bool, deep: f64) -> [f64; WEIGHTS] {
    let turn = if token.cos_prev.is_nan() { 0.0 } else { token.cos_prev };
    [
        1.0,
        f64::from(token.max_prob),
        f64::from(token.margin),
        f64::from(token.entropy),
        f64::from(turn),
        LASTS[usize::from(lasts)],
        deep,
    ]
}

/// `None` where there is nothing to learn from.
fn learn(fit: &Fit<'_>, truth: Truth) -> Option<Logistic> {
    let (reader, right) = (Reader::new(fit.recording), truth.right(fit.recording));
    let depths: Vec<Depth> = fit.checks.iter().collect();
    let rows: Vec<usize> = fit.tokens().collect();
    let stride = (rows.len() * depths.len()).div_ceil(MOST_CELLS).max(1);
    // Depth by depth, along the columns.
    let cells = (0..depths.len()).into_par_iter().map(|exit| {
        let depth = depths[exit];
        let (here, is_right) = (reader.at(depth), right.at(depth.index()));
        let before = exit.checked_sub(1).map(|before| reader.at(depths[before]));
        let cell = |token: usize| {
            let signals = here.signals(token);
            let mut lasting = Lasting::default();
            if let Some(before) = before {
                lasting.take(before.signals(token).top1);
            }
            let lasts = lasting.take(signals.top1) > 0;
            let x = features(signals, lasts, deep(depth, fit.about.layers));
            let counts = truth.is_known(fit.recording, token) && x.iter().all(|x| x.is_finite());
            counts.then(|| (x, is_right(token)))
        };
        // Other tokens at every depth: those of one token say much the same.
        let rows = rows.iter().skip(exit % stride).step_by(stride);
        rows.filter_map(|row| cell(*row)).collect::<Vec<Cell>>()
    });
    let cells = cells.collect::<Vec<_>>().concat();
    (!cells.is_empty()).then(|| Logistic::fitted(cells))
}

impl ExitRule for Learnt {
    type State = Lasting;

    #[inline]
    fn look(&self, state: &mut Lasting, token: TokenSignals, _place: Place, depth: Depth) -> f64 {
        let lasts = state.take(token.top1) > 0;
        self.line.z(&features(token, lasts, deep(depth, self.layers)))
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    fn learnt(threshold: f64) -> Learnt {
        let logistic = Logistic {
            mean: [0.0, 0.4, 0.3, 2.0, 0.8, 0.5, 0.5],
            spread: [1.0, 0.5, 0.3, 1.5, 0.1, 0.5, 0.3],
            weights: [0.7, 1.1, -0.4, -1.9, 0.3, 0.8, 2.5],
        };
        let x = [1.0, 0.5, 0.25, 1.5, 0.75, 0.0, 0.25];
        let line = Line::of(logistic.clone());
        let own = logistic.probability(&logistic.scaled(x));
        assert!((1.0 / (1.0 + (-line.z(&x)).exp()) - own).abs() < 1e-12);
        assert!(own > 0.1 && own < 0.3, "{own}");
        Learnt::new(threshold, line, 4)
    }

    /// What stops at depth 1 of 4.
    fn stops(threshold: f64, entropy: f32) -> bool {
        let token =
            TokenSignals { max_prob: 0.5, margin: 0.25, entropy, cos_prev: 0.75, ..token() };
        learnt(threshold).stops(&mut Lasting::default(), token, Place::default(), Depth(1))
    }

    #[test]
    fn it_stops_where_the_probability_reaches_the_threshold() {
        assert_eq!([0.0, 0.1, 0.3, 1.0].map(|t| stops(t, 1.5)), [true, true, false, false]);
        // What is no number never stops, and nothing is sure.
        for entropy in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!stops(0.0, entropy) && !stops(1.0, entropy));
        }
        assert!(stops(0.9, -100.0) && !stops(1.0, -100.0));
    }
}
