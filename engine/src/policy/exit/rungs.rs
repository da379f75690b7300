//! Every rung of a ladder at once, where a token may stop at every depth from the least one on.
//!
//! Depth by depth a token passes the rungs that its largest value so far reaches: one range of them stops at each depth at
//! which it surpasses itself.

use std::ops::Range;

use super::about::Checks;
use super::alone::{Running, running};
use super::rule::{Stop, Sweep};
use crate::recording::{Ladder, RUNGS, Recording, depth_of};

/// The rungs of one ladder.
pub(super) struct Rungs {
    ladder: Ladder,
    /// Thresholds of the rungs, from 0 to the top.
    thresholds: Vec<f64>,
    order: Vec<usize>,
}

impl Rungs {
    pub(super) fn new(ladder: Ladder) -> Self {
        let thresholds = (0..RUNGS).map(|rung| ladder.threshold(rung)).collect();
        Self { ladder, thresholds, order: (0..RUNGS).map(|rung| ladder.position(rung)).collect() }
    }

    /// How many rungs a value passes, counted from the mildest.
    fn reach(&self, value: f32) -> usize {
        self.ladder.reach_by(value, |rung| self.thresholds.get(rung).copied().unwrap_or(f64::NAN))
    }
}

impl Sweep for Rungs {
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
        // The value that passed most so far, and how many rungs it passes.
        let mut running: Vec<Running<(Option<f32>, usize)>> = running(rows);
        for depth in checks.iter() {
            let column = recording.column(self.ladder.signal, depth).unwrap_or_default();
            running.retain_mut(|Running { at, row, state: (best, reached) }| {
                let value = column.get(*row).copied().unwrap_or(f32::NAN);
                if self.ladder.sense.is_beyond(value, *best) {
                    *best = Some(value);
                    let reach = self.reach(value);
                    if reach > *reached {
                        stop(Stop { at: *at, row: *row, settings: *reached..reach, depth });
                        *reached = reach;
                    }
                }
                *reached < RUNGS
            });
        }
        let depth = depth_of(checks.layers());
        for Running { at, row, state: (_, reached) } in running {
            stop(Stop { at, row, settings: reached..RUNGS, depth });
        }
    }
}
