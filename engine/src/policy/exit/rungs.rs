//! Every rung of a ladder at once, where a token may stop at every depth from the least one on.
//!
//! Depth by depth a token passes the rungs that its largest value so far reaches: one range of them stops at each depth at
//! which it surpasses itself.

use super::about::Checks;
use super::rule::{Stop, Sweep};
use crate::recording::{Ladder, RUNGS, Recording, Sense, depth_of};
use crate::signal::Depth;

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
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, &[Stop]),
    ) {
        let sign = if self.ladder.sense == Sense::AtLeast { 1.0 } else { -1.0 };
        // Of each row the value that passed most so far, turned so that it is the largest, and how many rungs it passes.
        let mut best = vec![f32::NEG_INFINITY; rows.len()];
        let mut reached = vec![0; rows.len()];
        // Rows that surpass themselves; the others are not branched on, which a processor could not foresee.
        let mut hits = vec![0; rows.len()];
        let mut stops = Vec::with_capacity(rows.len());
        for depth in checks.iter() {
            let column = recording.column(self.ladder.signal, depth).unwrap_or_default();
            let value = |row: usize| column.get(row).copied().unwrap_or(f32::NAN);
            let mut num_hits = 0;
            for (at, (row, best)) in rows.iter().zip(&mut best).enumerate() {
                let turned = sign * value(*row);
                if let Some(hit) = hits.get_mut(num_hits) {
                    *hit = at;
                }
                num_hits += usize::from(turned > *best);
                // What is no number is not the larger one.
                *best = best.max(turned);
            }
            for at in hits.iter().take(num_hits).copied() {
                let (Some(row), Some(reached)) = (rows.get(at).copied(), reached.get_mut(at))
                else {
                    continue;
                };
                let reach = self.reach(value(row));
                if reach > *reached {
                    stops.push(Stop { at, settings: *reached..reach });
                    *reached = reach;
                }
            }
            stop(depth, &stops);
            stops.clear();
        }
        let rest = reached.into_iter().enumerate().filter(|(_, reached)| *reached < RUNGS);
        stops.extend(rest.map(|(at, reached)| Stop { at, settings: reached..RUNGS }));
        stop(depth_of(checks.layers()), &stops);
    }
}
