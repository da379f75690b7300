//! Every rung of a ladder at once, from the mildest to the strictest, where a token may stop at every depth from the least one on.
//!
//! Depth by depth a token passes the rungs that its largest value so far reaches: one range of them stops at each depth at
//! which it surpasses itself.

use super::about::Checks;
use super::rule::{Stop, Sweep};
use crate::recording::{Ladder, RUNGS, Recording, Sense, depth_of};
use crate::signal::Depth;

/// The last rung.
const LAST: i32 = 1000;
const _: () = assert!(RUNGS == LAST as usize + 1);

/// The rungs of one ladder.
pub(super) struct Rungs {
    ladder: Ladder,
    /// Thresholds of the rungs, from 0 to the top, and beyond it some that nothing reaches.
    thresholds: Vec<f64>,
    /// One more threshold, whose number is that behind the rungs'.
    more: f64,
}

impl Rungs {
    pub(super) fn new(ladder: Ladder, more: f64) -> Self {
        let mut thresholds: Vec<f64> = (0..RUNGS).map(|rung| ladder.threshold(rung)).collect();
        // What lies beyond the top is never reached.
        thresholds.extend([f64::NAN; 2]);
        Self { ladder, thresholds, more }
    }

    /// `Ladder::reach` of thresholds that stand in a table: there each takes a division.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, NaN becomes 0, and rungs are few"
    )]
    #[inline]
    fn reach(&self, value: f32) -> usize {
        let (value, last) = (f64::from(value), LAST);
        // The number of thresholds up to the value is this or one of the next three; compared without a branch.
        let near = (value * (f64::from(last) / self.ladder.top)) as i32;
        let near = near.saturating_sub(1).clamp(0, last) as usize;
        let next = |beyond: usize| {
            let threshold = self.thresholds.get(near + beyond).copied().unwrap_or(f64::NAN);
            usize::from(threshold <= value)
        };
        let up_to = near + next(0) + next(1) + next(2);
        match self.ladder.sense {
            _ if value.is_nan() => 0,
            Sense::AtLeast => up_to,
            Sense::Below => RUNGS - up_to,
        }
    }
}

impl Sweep for Rungs {
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
        // Whether it has stopped at the one more threshold.
        let mut has_stopped = vec![false; rows.len()];
        // Rows that surpass themselves; the others are not branched on, which a processor could not foresee.
        let mut hits = vec![0_u32; rows.len()];
        let mut stops = Vec::with_capacity(rows.len());
        for depth in checks.iter() {
            let column = recording.column(self.ladder.signal, depth).unwrap_or_default();
            let value = |row: usize| column.get(row).copied().unwrap_or(f32::NAN);
            let mut num_hits = 0;
            for ((at, row), best) in (0..).zip(rows).zip(&mut best) {
                let turned = sign * value(*row);
                if let Some(hit) = hits.get_mut(num_hits) {
                    *hit = at;
                }
                num_hits += usize::from(turned > *best);
                // What is no number is not the larger one.
                *best = best.max(turned);
            }
            for at in hits.iter().take(num_hits).copied() {
                let number = at as usize;
                let (Some(row), Some(reached), Some(has_stopped)) = (
                    rows.get(number).copied(),
                    reached.get_mut(number),
                    has_stopped.get_mut(number),
                ) else {
                    continue;
                };
                let value = value(row);
                let reach = self.reach(value);
                if !*has_stopped && self.ladder.sense.passes(value, self.more) {
                    stops.push(Stop::new(at, RUNGS..RUNGS + 1));
                    *has_stopped = true;
                }
                if reach > *reached {
                    stops.push(Stop::new(at, *reached..reach));
                    *reached = reach;
                }
            }
            stop(depth, &stops);
            stops.clear();
        }
        let rest = (0..).zip(reached).filter(|(_, reached)| *reached < RUNGS);
        stops.extend(rest.map(|(at, reached)| Stop::new(at, reached..RUNGS)));
        let rest = (0..).zip(has_stopped).filter(|(_, has_stopped)| !has_stopped);
        stops.extend(rest.map(|(at, _)| Stop::new(at, RUNGS..RUNGS + 1)));
        stop(depth_of(checks.layers()), &stops);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reaches_as_many_rungs_as_the_ladder_says() {
        for ladder in Ladder::stored(49_152) {
            let rungs = Rungs::new(ladder, f64::NAN);
            #[expect(clippy::cast_possible_truncation, reason = "neighbours are asked as well")]
            let near = (0..RUNGS).map(|rung| ladder.threshold(rung) as f32);
            let beside = near.flat_map(|value| [value, value.next_up(), value.next_down()]);
            let others =
                [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, -1.0, f32::MIN_POSITIVE, 1e30];
            for value in beside.chain(others) {
                assert_eq!(rungs.reach(value), ladder.reach(value), "{ladder:?} {value}");
            }
        }
    }
}
