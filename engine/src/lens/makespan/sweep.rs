//! Every threshold at once, and how sure the gain of the present one is.

use std::sync::Arc;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::attempts::{Attempt, Attempts, Counts, Plan};
use super::case::Case;
use crate::recording::Recording;

/// Thresholds 0, 1/100, ..., 1.
const STEPS: u32 = 100;
/// Draws of all attempts for an interval, and most attempts that are drawn for it in all.
const MOST_RESAMPLES: usize = 400;
const LEAST_RESAMPLES: usize = 40;
const MOST_DRAWN: usize = 2_000_000;
/// More draws than this share without a single success leave an interval open.
const OPEN_SHARE: f64 = 0.025;

/// What a threshold does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trial {
    pub(super) threshold: f64,
    pub(super) case: Case,
    pub(super) expected: f64,
}

/// Trials by threshold, ascending.
#[derive(Debug)]
pub(super) struct Sweep(pub(super) Vec<Trial>);

impl Sweep {
    pub(super) fn new(
        recording: &Recording,
        plan: &Plan,
        attempts: &Attempts,
        restart: f64,
    ) -> Arc<Self> {
        let name = format!("early abort sweep {plan:?} {restart}");
        recording.cubes.memo.get(&name, || {
            let trial = |step: u32| {
                let threshold = f64::from(step) / f64::from(STEPS);
                let case = Counts::of(attempts.shown.iter(), Some(threshold)).case(restart)?;
                Some(Trial { threshold, case, expected: case.expected() })
            };
            Self((0..=STEPS).filter_map(trial).collect())
        })
    }

    /// The trial that ends soonest; of equals the lowest threshold. `None` where nothing ever ends.
    pub(super) fn best(&self) -> Option<Trial> {
        let finite = self.0.iter().filter(|trial| trial.expected.is_finite());
        finite.min_by(|a, b| a.expected.total_cmp(&b.expected)).copied()
    }
}

/// The middle 95 % of E0 − E1 over attempts drawn anew (percentile bootstrap); an extension of ours. `None` where too
/// many draws hold no success, or nothing can be drawn.
pub(super) fn gain_interval(
    attempts: &[Attempt],
    threshold: f64,
    restart: f64,
    seed: u64,
) -> Option<(f64, f64)> {
    let num = attempts.len();
    if num == 0 {
        return None;
    }
    let num_resamples = (MOST_DRAWN / num).clamp(LEAST_RESAMPLES, MOST_RESAMPLES);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let gain = || {
        let drawn = (0..num).filter_map(|_| attempts.get(rng.random_range(0..num)));
        let case = Counts::of(drawn, Some(threshold)).case(restart);
        case.map_or(f64::NAN, |case| case.without_calls().expected() - case.expected())
    };
    let mut gains: Vec<f64> =
        std::iter::repeat_with(gain).take(num_resamples).filter(|gain| !gain.is_nan()).collect();
    let num_open = num_resamples - gains.len();
    if num_open as f64 > OPEN_SHARE * num_resamples as f64 {
        return None;
    }
    gains.sort_by(f64::total_cmp);
    // Of n values the k-th from each end, with k = 2.5 % of n.
    let edge = gains.len() / 40;
    let (low, high) = (gains.get(edge)?, gains.get(gains.len() - 1 - edge)?);
    (low.is_finite() && high.is_finite()).then_some((*low, *high))
}
