//! Every depth's readouts: how sure they are, how often they are right, and what becomes of them later.

use std::sync::Arc;

use rayon::prelude::*;

use super::bins::{Bin, bins, calibration_error};
use super::knobs::Asked;
use crate::recording::{Recording, Slice, depth_of};
use crate::signal::Signal;

/// The readouts of one depth.
pub(super) struct AtDepth {
    pub(super) bins: Vec<Bin>,
    /// Rows that are judged and whose max probability is a number.
    pub(super) num: u64,
    /// Rows that are judged and whose max probability is none.
    pub(super) unknown: u64,
    /// Right here and wrong at depth L, by what is true.
    pub(super) spoiled_later: u64,
    /// Wrong here and right at depth L.
    pub(super) mended_later: u64,
}

impl AtDepth {
    /// Share that is right; `None` without rows.
    pub(super) fn right(&self) -> Option<f64> {
        self.mean(Bin::right)
    }

    /// Mean max probability; `None` without rows.
    pub(super) fn confidence(&self) -> Option<f64> {
        self.mean(Bin::confidence)
    }

    /// Expected calibration error; `None` without rows.
    pub(super) fn error(&self) -> Option<f64> {
        calibration_error(&self.bins)
    }

    fn mean(&self, of: impl Fn(&Bin) -> Option<f64>) -> Option<f64> {
        let sum: f64 = self.bins.iter().filter_map(|bin| Some(of(bin)? * bin.num as f64)).sum();
        (self.num > 0).then(|| sum / self.num as f64)
    }
}

/// All depths.
pub(super) struct Report {
    /// `[depth]`, 0..=L.
    pub(super) depths: Vec<AtDepth>,
    /// Rows of which it is known what is true.
    pub(super) with_truth: u64,
    /// Those that are right at a depth before L and wrong at L.
    pub(super) overthought: u64,
    /// Those that are wrong at every depth before L and right at L.
    pub(super) needed_all: u64,
    /// Those that are wrong everywhere.
    pub(super) never_right: u64,
}

/// The report of a slice; made once.
pub(super) fn report(recording: &Recording, slice: &Slice, asked: &Asked) -> Arc<Report> {
    let Asked { goal, bins: num, binning, .. } = *asked;
    let name = format!("reliability {} {goal:?} {num} {binning:?}", slice.key());
    recording.cubes.memo.get(&name, || {
        let rows: Vec<usize> = slice.ranges(recording).into_iter().flatten().collect();
        let last = recording.num_layers();
        let at = |depth: usize| {
            let column = recording.column(Signal::MaxProb, depth_of(depth)).unwrap_or_default();
            let mut known = Vec::with_capacity(rows.len());
            let (mut unknown, mut spoiled_later, mut mended_later) = (0, 0, 0);
            for row in rows.iter().copied() {
                if let Some(fails) = goal.fails(recording, depth, row) {
                    match column.get(row).filter(|confidence| !confidence.is_nan()) {
                        Some(confidence) => known.push((*confidence, !fails)),
                        None => unknown += 1,
                    }
                }
                match (recording.is_right(depth, row), recording.is_right(last, row)) {
                    (Some(true), Some(false)) => spoiled_later += 1,
                    (Some(false), Some(true)) => mended_later += 1,
                    _ => {}
                }
            }
            let count = known.len() as u64;
            let bins = bins(known, num, binning);
            AtDepth { bins, num: count, unknown, spoiled_later, mended_later }
        };
        let depths = (0..=last).into_par_iter().map(at).collect();
        let (mut with_truth, mut overthought, mut needed_all, mut never_right) = (0, 0, 0, 0);
        for row in rows.iter().copied() {
            let Some(at_last) = recording.is_right(last, row) else { continue };
            let was_right = (0..last).any(|depth| recording.is_right(depth, row) == Some(true));
            with_truth += 1;
            match (was_right, at_last) {
                (true, false) => overthought += 1,
                (false, true) => needed_all += 1,
                (false, false) => never_right += 1,
                (true, true) => {}
            }
        }
        Report { depths, with_truth, overthought, needed_all, never_right }
    })
}
