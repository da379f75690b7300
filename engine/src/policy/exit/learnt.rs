//! A learnt stop: logistic regression on the signals of a depth, taught on the calibration part to say whether the answer there is
//! right; a token stops where its probability reaches the threshold.
//!
//! One set of weights for all depths (as in BERxiT's learning to exit). Features, each made to mean 0 and spread 1: max
//! probability, margin, entropy, cosine to the depth before (0 where there is none), whether the first choice is that of the exit before, and how deep it
//! is. At most 100,000 cells, evenly spaced, are used.

use std::sync::Arc;

use rayon::prelude::*;

use super::about::Fit;
use super::logistic::{Cell, Logistic, WEIGHTS};
use super::patience::Lasting;
use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, Reader, TokenSignals};
use super::truth::{self, Truth, nothing_to_fit};
use crate::knob::Real;
use crate::recording::depth_of;
use crate::signal::{Depth, Signal};

/// Pairs of token and depth that are learnt from.
const MOST_CELLS: usize = 100_000;
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
        let logistic = fit.recording.cubes.memo.get(&name, || learn(fit, truth));
        if logistic.is_none() {
            return Err(nothing_to_fit(fit));
        }
        Ok(Learnt::new(knobs.real(&THRESHOLD), logistic, fit.about.layers))
    },
};

/// sigmoid(w x + b) >= threshold.
#[derive(Debug)]
pub(super) struct Learnt {
    threshold: f64,
    logistic: Arc<Option<Logistic>>,
    /// How deep each depth below L is.
    deep: Vec<f64>,
    line: Line,
}

/// Features that add up to more than this are not judged by the line; entropies of the largest vocabularies are half as
/// large, and nothing else is larger than 1.
const LARGEST: f64 = 32.0;
/// How far from the threshold the line is believed, for each unit of what its terms can add up to. Rounding moves z, and
/// what the exponential makes of it, by less than a millionth of that.
const SLACK: f64 = 1e-8;
/// Nearer to 0 and 1 than this, steps of a probability are too coarse for `SLACK`.
const EDGE: f64 = 1e-6;

/// z = constant + sum factor x: what the exponential is taken of, without a division and but for rounding. It decides
/// where z is clear of the threshold; where it is not, the probability itself does.
#[derive(Debug)]
struct Line {
    constant: f64,
    factors: [f64; WEIGHTS],
    /// A smaller z does not stop.
    below: f64,
    /// A larger z stops.
    above: f64,
}

impl Line {
    fn new(logistic: &Logistic, threshold: f64) -> Self {
        let Logistic { mean, spread, weights } = logistic;
        let factors: [f64; WEIGHTS] = std::array::from_fn(|at| weights[at] / spread[at]);
        let constant = -factors.iter().zip(mean).map(|(factor, mean)| factor * mean).sum::<f64>();
        let terms = factors.iter().zip(mean);
        let most: f64 = terms.map(|(factor, mean)| factor.abs() * (LARGEST + mean.abs())).sum();
        let slack = SLACK * (1.0 + most);
        let logit = |p: f64| (p / (1.0 - p)).ln();
        let is_low = threshold < EDGE;
        let is_high = threshold > 1.0 - EDGE;
        Self {
            constant,
            factors,
            below: if is_low {
                f64::NEG_INFINITY
            } else {
                logit(threshold.min(1.0 - EDGE)) - slack
            },
            above: if is_high { f64::INFINITY } else { logit(threshold.max(EDGE)) + slack },
        }
    }

    /// Whether the probability reaches the threshold; `None` where it must be computed.
    #[inline]
    fn decides(&self, x: &[f64; WEIGHTS]) -> Option<bool> {
        self.decides_at(self.z(x))
    }

    /// z, the same for every threshold; NaN where the features are too large for it.
    #[inline]
    fn z(&self, x: &[f64; WEIGHTS]) -> f64 {
        // In the order in which a processor need not wait; the slack covers what another order rounds otherwise.
        let [one, a, b, c, d, lasts, deep] = *x;
        let [of_one, of_a, of_b, of_c, of_d, of_lasts, of_deep] = self.factors;
        let of_depth = self.constant + one * of_one + deep * of_deep;
        let z = (of_depth + lasts * of_lasts) + ((a * of_a + b * of_b) + (c * of_c + d * of_d));
        let is_known = (a.abs() + b.abs()) + (c.abs() + d.abs()) <= LARGEST;
        if is_known { z } else { f64::NAN }
    }

    /// What z says.
    #[inline]
    fn decides_at(&self, z: f64) -> Option<bool> {
        // Where z is no number, neither is so.
        let is_clear = z < self.below || z > self.above;
        is_clear.then_some(z > self.above)
    }
}

impl Learnt {
    fn new(threshold: f64, logistic: Arc<Option<Logistic>>, layers: usize) -> Self {
        let nothing =
            Logistic { mean: [0.0; WEIGHTS], spread: [1.0; WEIGHTS], weights: [f64::NAN; WEIGHTS] };
        let line = Line::new(logistic.as_ref().as_ref().unwrap_or(&nothing), threshold);
        let deep = (0..layers).map(|depth| deep(depth_of(depth), layers)).collect();
        Self { threshold, logistic, deep, line }
    }

    #[inline]
    fn features(&self, state: &mut Lasting, token: TokenSignals, depth: Depth) -> [f64; WEIGHTS] {
        let lasts = state.take(token.top1) > 0;
        features(token, lasts, self.deep.get(depth.index()).copied().unwrap_or(1.0))
    }

    /// The probability itself; seldom asked for, and kept out of the way of what always is.
    #[cold]
    fn sure(&self, x: [f64; WEIGHTS]) -> f64 {
        let logistic = self.logistic.as_ref().as_ref();
        logistic.map_or(f64::NAN, |logistic| logistic.probability(&logistic.scaled(x)))
    }
}

/// How deep a depth is, from 0 to 1.
fn deep(depth: Depth, layers: usize) -> f64 {
    f64::from(depth.0) / layers.max(1) as f64
}

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
        f64::from(u8::from(lasts)),
        deep,
    ]
}

/// `None` where there is nothing to learn from.
fn learn(fit: &Fit<'_>, truth: Truth) -> Option<Logistic> {
    let reader = Reader::new(fit.recording);
    let depths: Vec<Depth> = fit.checks.iter().collect();
    let stride = (fit.tokens().count() * depths.len()).div_ceil(MOST_CELLS).max(1);
    let tokens: Vec<usize> = fit.tokens().step_by(stride).collect();
    // Depth by depth, along the columns.
    let cells = (0..depths.len()).into_par_iter().map(|exit| {
        let depth = depths[exit];
        let here = reader.at(depth);
        let before = exit.checked_sub(1).map(|before| reader.at(depths[before]));
        let cell = |token: &usize| {
            let signals = here.signals(*token);
            let mut lasting = Lasting::default();
            if let Some(before) = before {
                lasting.take(before.signals(*token).top1);
            }
            let lasts = lasting.take(signals.top1) > 0;
            let x = features(signals, lasts, deep(depth, fit.about.layers));
            let right = truth.is_right(fit.recording, depth, *token);
            Some((x, right.filter(|_| x.iter().all(|x| x.is_finite()))?))
        };
        tokens.iter().filter_map(cell).collect::<Vec<Cell>>()
    });
    let cells = cells.collect::<Vec<_>>().concat();
    (!cells.is_empty()).then(|| Logistic::fitted(cells))
}

impl ExitRule for Learnt {
    type State = Lasting;

    #[expect(
        clippy::inline_always,
        reason = "a call would first gather signals that it does not look at"
    )]
    #[inline(always)]
    fn stops(&self, state: &mut Lasting, token: TokenSignals, _: Place, depth: Depth) -> bool {
        let x = self.features(state, token, depth);
        self.line.decides(&x).unwrap_or_else(|| self.sure(x) >= self.threshold)
    }

    fn strictness(&self) -> Option<f64> {
        Some(self.threshold)
    }

    fn num_stopping(
        rules: &[Self],
        state: &Lasting,
        token: TokenSignals,
        _: Place,
        depth: Depth,
    ) -> usize {
        let Some(first) = rules.first() else { return 0 };
        // They were learnt together and differ in the threshold only.
        let x = first.features(&mut state.clone(), token, depth);
        let z = first.line.z(&x);
        let stops = |rule: &&Self| {
            rule.line.decides_at(z).unwrap_or_else(|| rule.sure(x) >= rule.threshold)
        };
        rules.iter().take_while(stops).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn logistic(spread: f64) -> Logistic {
        Logistic {
            mean: [0.0, 0.4, 0.3, 2.0, 0.8, 0.5, 0.5],
            spread: [1.0, spread, 0.3, 1.5, 0.1, spread, 0.3],
            weights: [0.7, 1.1, -0.4, -1.9, 0.3, 0.8, 2.5],
        }
    }

    #[test]
    fn the_line_decides_most_and_never_a_number_that_is_none() {
        let logistic = logistic(0.5);
        let line = Line::new(&logistic, 0.9);
        let mut x = [1.0, 0.5, 0.4, 1.0, 0.9, 1.0, 0.3];
        let stops = logistic.probability(&logistic.scaled(x)) >= 0.9;
        assert_eq!(line.decides(&x), Some(stops));
        for bad in [f64::NAN, f64::INFINITY, -1e9] {
            x[3] = bad;
            assert_eq!(line.decides(&x), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_the_line_decides_is_what_the_probability_says(
            shown in proptest::array::uniform6(-1.0_f64..1.0),
            spread in prop_oneof![Just(0.4), Just(1e-3), Just(1e-9)],
            threshold in 0.0_f64..=1.0,
            nudge in -4.0_f64..4.0,
            end in 0_usize..6,
        ) {
            let [a, b, c, d, e, f] = shown;
            let x = [1.0, a, b, 4.0 * c, d, e, f];
            let logistic = logistic(spread);
            let own = logistic.probability(&logistic.scaled(x));
            // Its own probability and what stands right beside it, both ends, and anything.
            let threshold = match end {
                0 => own,
                1 => (own * (1.0 + nudge * f64::EPSILON)).clamp(0.0, 1.0),
                2 => (own + nudge * 1e-8).clamp(0.0, 1.0),
                3 => 0.0,
                4 => 1.0,
                _ => threshold,
            };
            let line = Line::new(&logistic, threshold);
            if let Some(stops) = line.decides(&x) {
                prop_assert_eq!(stops, own >= threshold, "{} {}", own, threshold);
            }
        }
    }
}
