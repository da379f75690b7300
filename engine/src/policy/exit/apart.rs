//! Settings that follow no order, replayed at once: each has a threshold of its own at every depth.
//!
//! At every depth the thresholds are sorted; a score passes so many of them, which says which settings it stops at. All
//! comparisons are made as "no larger than a limit".

use std::ops::Range;

use super::about::Checks;
use super::alone::Running;
use super::at_depth::{Comparison, Score};
use super::rule::{MOST_AT_ONCE, Stop, Sweep};
use super::signals::Reader;
use crate::recording::{Recording, depth_of};
use crate::signal::Depth;

/// Settings that differ in their thresholds.
pub(super) struct Apart {
    score: Score,
    comparison: Comparison,
    order: Vec<usize>,
    /// `[depth]` below L.
    depths: Vec<Sorted>,
}

/// Parts of equal width into which the numbers between the limits of a depth are divided.
const PARTS: usize = 256;

/// The limits of one depth.
struct Sorted {
    /// From the mildest, which is the largest, to the strictest.
    limits: Vec<f64>,
    /// The settings that stop where so many limits are kept, one bit each.
    marks: Vec<u64>,
    /// For each part how many limits lie in larger parts: all that are kept by any score in it, but for those in it.
    kept: Vec<usize>,
    /// The smallest limit, and parts in a unit.
    low: f64,
    scale: f64,
}

impl Sorted {
    /// Of limits and their settings, in no order.
    fn new(mut limits: Vec<(f64, usize)>) -> Self {
        limits.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let mut marks = vec![0];
        marks.extend(limits.iter().scan(0, |marks, (_, setting)| {
            *marks |= 1 << setting;
            Some(*marks)
        }));
        let limits: Vec<f64> = limits.into_iter().map(|(limit, _)| limit).collect();
        // Those that no score keeps, or every one, say nothing about where scores lie.
        let usual = |limit: &&f64| limit.abs() < 1e3;
        let high = limits.iter().find(usual).copied().unwrap_or(0.0);
        let low = limits.iter().rfind(usual).copied().unwrap_or(0.0);
        let scale = if high > low { PARTS as f64 / (high - low) } else { 0.0 };
        let mut sorted = Self { limits, marks, kept: Vec::new(), low, scale };
        let parts: Vec<usize> = sorted.limits.iter().map(|limit| sorted.part(*limit)).collect();
        let larger = |part: usize| parts.iter().filter(|of_limit| **of_limit > part).count();
        sorted.kept = (0..PARTS).map(larger).collect();
        sorted
    }

    /// The part of a number; it never falls where the number rises.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and NaN becomes 0"
    )]
    fn part(&self, number: f64) -> usize {
        (((number - self.low) * self.scale) as usize).min(PARTS - 1)
    }

    /// The settings whose limits a score keeps.
    fn marks(&self, score: f32) -> u64 {
        let score = f64::from(score);
        let mut kept = self.kept.get(self.part(score)).copied().unwrap_or(0);
        while self.limits.get(kept).is_some_and(|limit| score <= *limit) {
            kept += 1;
        }
        // What is no number keeps none.
        if score.is_nan() { 0 } else { self.marks.get(kept).copied().unwrap_or(0) }
    }
}

impl Apart {
    /// Of thresholds `[setting][depth]`, at most `MOST_AT_ONCE`; a setting that has none stops nothing.
    pub(super) fn new((score, comparison): (Score, Comparison), thresholds: &[Vec<f64>]) -> Self {
        let settings = thresholds.len().min(MOST_AT_ONCE);
        let layers = thresholds.iter().map(Vec::len).max().unwrap_or(0);
        let sorted = |depth: usize| {
            let here = thresholds.iter().map(|depths| depths.get(depth).copied());
            let here = here.take(settings).enumerate();
            let here = here.filter_map(|(setting, at)| Some((limit(comparison, at?), setting)));
            Sorted::new(here.filter(|(limit, _)| !limit.is_nan()).collect())
        };
        let depths = (0..layers).map(sorted).collect();
        Self { score, comparison, order: (0..settings).collect(), depths }
    }
}

/// A score passes a threshold where it, with the other sign for `AtLeast`, is no larger than this; NaN where none does.
fn limit(comparison: Comparison, threshold: f64) -> f64 {
    match comparison {
        Comparison::AtLeast => -threshold,
        Comparison::AtMost => threshold,
        Comparison::Below if threshold == f64::NEG_INFINITY => f64::NAN,
        Comparison::Below => threshold.next_down(),
    }
}

/// The settings that are marked, from the first to the last.
pub(super) fn runs(mut marks: u64) -> impl Iterator<Item = Range<usize>> {
    std::iter::from_fn(move || {
        (marks != 0).then(|| {
            let start = marks.trailing_zeros();
            let end = start + (marks >> start).trailing_ones();
            // The lowest run: adding its first bit carries through it, and only what follows stays.
            marks &= marks.wrapping_add(1 << start);
            start as usize..end as usize
        })
    })
}

impl Sweep for Apart {
    fn order(&self) -> &[usize] {
        &self.order
    }

    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, &[Stop]),
    ) {
        let all = marks_of_all(self.order.len());
        let sign = if self.comparison == Comparison::AtLeast { -1.0_f32 } else { 1.0 };
        let reader = Reader::new(recording);
        // Marks of the settings at which each row has stopped.
        let mut stopped = vec![0_u64; rows.len()];
        let mut running = Running::new(rows.len());
        // Rows that stop at some more settings, and which; the others are not branched on, which a processor could not
        // foresee.
        let mut hits = vec![(0, 0); rows.len()];
        let mut stops = Vec::with_capacity(rows.len());
        for depth in checks.iter() {
            let Some(sorted) = self.depths.get(depth.index()) else { continue };
            let columns = reader.at(depth);
            let mut num_hits = 0;
            for at in running.0.iter().copied() {
                let (Some(row), Some(stopped), Some(hit)) =
                    (rows.get(at).copied(), stopped.get_mut(at), hits.get_mut(num_hits))
                else {
                    continue;
                };
                let here = sorted.marks(sign * self.score.number(columns.signals(row)));
                let here = here & !*stopped;
                *stopped |= here;
                *hit = (at, here);
                num_hits += usize::from(here != 0);
            }
            for (at, here) in hits.iter().take(num_hits).copied() {
                stops.extend(runs(here).map(|settings| Stop { at, settings }));
            }
            stop(depth, &stops);
            stops.clear();
            if num_hits > 0 {
                running.retain(|at| stopped.get(at).is_some_and(|stopped| *stopped != all));
            }
        }
        for (at, stopped) in stopped.into_iter().enumerate() {
            stops.extend(runs(all & !stopped).map(|settings| Stop { at, settings }));
        }
        stop(depth_of(checks.layers()), &stops);
    }
}

/// One bit for each of so many settings.
pub(super) fn marks_of_all(settings: usize) -> u64 {
    (0..settings.min(MOST_AT_ONCE)).fold(0, |marks, setting| marks | 1 << setting)
}
