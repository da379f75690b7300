//! Settings that follow no order, replayed at once: each has a threshold of its own at every depth.
//!
//! At every depth the thresholds are sorted; a score passes so many of them, which says which settings it stops at. All
//! comparisons are made as "no larger than a limit".

use std::ops::Range;

use super::about::Checks;
use super::alone::{Running, running};
use super::at_depth::{Comparison, Score};
use super::rule::{Stop, Sweep};
use super::signals::Reader;
use crate::recording::{Recording, depth_of};

/// More settings than this have no place in their marks.
pub(super) const MOST: usize = 64;

/// Settings that differ in their thresholds.
pub(super) struct Apart {
    score: Score,
    comparison: Comparison,
    order: Vec<usize>,
    /// `[depth]` below L.
    depths: Vec<Sorted>,
}

/// The limits of one depth.
#[derive(Default)]
struct Sorted {
    /// From the mildest, which is the largest, to the strictest.
    limits: Vec<f64>,
    /// The settings that stop where so many limits are kept, one bit each.
    marks: Vec<u64>,
}

impl Apart {
    /// Of thresholds `[setting][depth]`; a setting that has none stops nothing. `None` where there are too many.
    pub(super) fn new(
        (score, comparison): (Score, Comparison),
        thresholds: &[Vec<f64>],
    ) -> Option<Self> {
        if thresholds.len() > MOST {
            return None;
        }
        let layers = thresholds.iter().map(Vec::len).max().unwrap_or(0);
        let sorted = |depth: usize| {
            let here = thresholds.iter().map(|depths| depths.get(depth).copied());
            let here = here.enumerate().filter_map(|(setting, at)| Some((at?, setting)));
            let here = here.map(|(at, setting)| (limit(comparison, at), setting));
            let mut here: Vec<(f64, usize)> = here.filter(|(limit, _)| !limit.is_nan()).collect();
            here.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            let mut marks = vec![0];
            marks.extend(here.iter().scan(0, |marks, (_, setting)| {
                *marks |= 1 << setting;
                Some(*marks)
            }));
            Sorted { limits: here.into_iter().map(|(limit, _)| limit).collect(), marks }
        };
        let depths = (0..layers).map(sorted).collect();
        Some(Self { score, comparison, order: (0..thresholds.len()).collect(), depths })
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
        rows: &[Range<usize>],
        stop: &mut dyn FnMut(Stop),
    ) {
        let all = marks_of_all(self.order.len());
        let sign = if self.comparison == Comparison::AtLeast { -1.0 } else { 1.0 };
        let reader = Reader::new(recording);
        // Marks of the settings at which a token has stopped.
        let mut running: Vec<Running<u64>> = running(rows);
        for depth in checks.iter() {
            let Some(Sorted { limits, marks }) = self.depths.get(depth.index()) else { continue };
            let columns = reader.at(depth);
            running.retain_mut(|Running { at, row, state: stopped }| {
                let score = sign * self.score.of(columns.signals(*row));
                let kept = limits.partition_point(|limit| score <= *limit);
                let here = marks.get(kept).copied().unwrap_or(0) & !*stopped;
                *stopped |= here;
                runs(here).for_each(|settings| stop(Stop { at: *at, row: *row, settings, depth }));
                *stopped != all
            });
        }
        let depth = depth_of(checks.layers());
        for Running { at, row, state: stopped } in running {
            runs(all & !stopped).for_each(|settings| stop(Stop { at, row, settings, depth }));
        }
    }
}

/// One bit for each of so many settings.
pub(super) fn marks_of_all(settings: usize) -> u64 {
    (0..settings.min(MOST)).fold(0, |marks, setting| marks | 1 << setting)
}
