//! Every rung of a ladder at once, from the mildest to the strictest, where a token may stop at every depth from the least one on.
//!
//! Depth by depth a token passes the rungs that its largest value so far reaches: one range of them stops at each depth at
//! which it surpasses itself.

use std::ops::Range;

use super::about::Checks;
use super::branchless::{nearest, numbered, pack};
use super::rule::{Stop, Stops, Sweep};
use crate::recording::{Ladder, RUNGS, Recording, Sense, depth_of};
use crate::signal::Depth;

/// Places for the thresholds of the rungs; a power of two, so that no index has to be checked.
const PLACES: usize = 1024;
const _: () = assert!(RUNGS + 2 < PLACES);
/// The last rung.
const LAST: f64 = (RUNGS - 1) as f64;

/// The rungs of one ladder.
pub(super) struct Rungs {
    ladder: Ladder,
    /// From 0 to the top, then some that nothing reaches.
    thresholds: [f64; PLACES],
    /// One more threshold, whose number is that behind the rungs'.
    more: f64,
}

impl Rungs {
    pub(super) fn new(ladder: Ladder, more: f64) -> Self {
        let threshold = |rung| if rung < RUNGS { ladder.threshold(rung) } else { f64::NAN };
        Self { ladder, thresholds: std::array::from_fn(threshold), more }
    }

    /// `Ladder::reach` of thresholds that stand in a table: there each takes a division.
    #[inline]
    fn reach(&self, value: f32) -> usize {
        let number = f64::from(value);
        // The number of thresholds up to the value is this or one of the next three.
        let near = nearest(number * (LAST / self.ladder.top), 1.0, LAST) - 1;
        let next = |beyond: usize| {
            let threshold = self.thresholds[(near + beyond) % PLACES];
            usize::from(threshold <= number)
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
        stop: &mut dyn FnMut(Depth, Stops<'_>),
    ) {
        let sign = if self.ladder.sense == Sense::AtLeast { 1.0 } else { -1.0 };
        // Of each row the value that passed most so far, turned so that it is the largest, and how many rungs it passes.
        let mut best = vec![f32::NEG_INFINITY; rows.len()];
        let mut reached = vec![0; rows.len()];
        // Whether it has stopped at the one more threshold.
        let mut has_stopped = vec![false; rows.len()];
        // Rows that surpass themselves, and their values. None is branched on, which a processor could not foresee: what does
        // not count is written over.
        let mut hits = vec![(0_u32, 0.0); rows.len()];
        let mut stops = vec![Stop::new(0, 0..0); 2 * rows.len()];
        for depth in checks.iter() {
            let column = recording.column(self.ladder.signal, depth).unwrap_or_default();
            let surpassing = numbered(rows.iter().zip(&mut best)).map(|(at, (row, best))| {
                let value = column.get(*row).copied().unwrap_or(f32::NAN);
                let turned = sign * value;
                let surpasses = turned > *best;
                // What is no number is not the larger one.
                *best = best.max(turned);
                ((at, value), surpasses)
            });
            let num_hits = pack(surpassing, &mut hits);
            let mut num = 0_usize;
            let mut push = |at: u32, settings: Range<usize>, counts: bool| {
                if let Some(slot) = stops.get_mut(num) {
                    *slot = Stop::new(at, settings);
                }
                num = num.wrapping_add(usize::from(counts));
            };
            for (at, value) in hits.iter().take(num_hits).copied() {
                let number = at as usize;
                let (Some(reached), Some(has_stopped)) =
                    (reached.get_mut(number), has_stopped.get_mut(number))
                else {
                    continue;
                };
                let passes = self.ladder.sense.passes(value, self.more);
                push(at, RUNGS..RUNGS + 1, passes && !*has_stopped);
                *has_stopped |= passes;
                let reach = self.reach(value);
                push(at, *reached..reach, reach > *reached);
                *reached = reach.max(*reached);
            }
            stop(depth, Stops::Ranges(stops.get(..num).unwrap_or_default()));
        }
        stops.clear();
        let rest = (0..).zip(reached).filter(|(_, reached)| *reached < RUNGS);
        stops.extend(rest.map(|(at, reached)| Stop::new(at, reached..RUNGS)));
        let rest = (0..).zip(has_stopped).filter(|(_, has_stopped)| !has_stopped);
        stops.extend(rest.map(|(at, _)| Stop::new(at, RUNGS..RUNGS + 1)));
        stop(depth_of(checks.layers()), Stops::Ranges(&stops));
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
