//! Rungs between which very many tokens change their exit: flat readouts of early depths all say nearly the same.
//!
//! There the changes lie in the order in which a threshold that becomes stricter meets them, and what was counted
//! is kept at marks along the way, so that a typed threshold counts on from the nearest mark.

use rayon::prelude::*;

use super::tally::{Outcome, Tally};
use super::{Sense, Source, depth_of};
use crate::recording::Recording;

/// From so many changes on, those between two rungs are a crowd: half of them take about 2 ms.
pub(super) const CROWD: usize = 1 << 15;
/// Changes from mark to mark.
const STRIDE: usize = 1 << 13;

/// A token leaves the exit `from` for `to` where a threshold becomes stricter than its value at `from`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) token: u32,
    pub(super) from: u16,
    pub(super) to: u16,
}

impl Change {
    fn token(self) -> usize {
        self.token as usize
    }

    fn at(self, recording: &Recording, depth: u16) -> Outcome {
        Outcome::of(recording, self.token(), depth_of(depth.into()))
    }

    fn make(self, recording: &Recording, tally: &mut Tally) {
        tally.uncount(&self.at(recording, self.from));
        tally.count(&self.at(recording, self.to));
    }

    fn undo(self, recording: &Recording, tally: &mut Tally) {
        tally.uncount(&self.at(recording, self.to));
        tally.count(&self.at(recording, self.from));
    }
}

/// All changes between two rungs, the first one of the mildest threshold.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Whose values reach this.
    pub(super) reach: usize,
    changes: Vec<Change>,
}

/// What was counted before the first change, after every `STRIDE` of them, and after the last.
pub(super) type Marks = Vec<Tally>;

impl Crowd {
    pub(super) fn new(source: &Source<'_>, reach: usize, mut changes: Vec<Change>) -> Self {
        let value = |change: &Change| source.value(usize::from(change.from), change.token());
        changes.par_sort_by(|a, b| {
            let [a, b] = [a, b].map(|change| value(change).unwrap_or(f32::NAN));
            match source.ladder.sense {
                Sense::AtLeast => a.total_cmp(&b),
                Sense::Below => b.total_cmp(&a),
            }
        });
        Self { reach, changes }
    }

    pub(super) fn num_bytes(&self) -> usize {
        size_of_val(&self.changes[..])
    }

    /// Counts on from `tally`, which is that of the milder rung.
    pub(super) fn marks(
        &self,
        recording: &Recording,
        mut tally: Tally,
        is_member: impl Fn(usize) -> bool,
    ) -> Marks {
        let mut marks = vec![tally.clone()];
        for part in self.changes.chunks(STRIDE) {
            for change in part.iter().filter(|change| is_member(change.token())) {
                change.make(recording, &mut tally);
            }
            marks.push(tally.clone());
        }
        marks
    }

    /// What a threshold between the two rungs does.
    pub(super) fn tally(
        &self,
        source: &Source<'_>,
        marks: &Marks,
        threshold: f64,
        is_member: impl Fn(usize) -> bool,
    ) -> Option<Tally> {
        let stays = |c: &Change| source.passes(usize::from(c.from), c.token(), threshold);
        let made = self.changes.partition_point(|change| !stays(change));
        let part = made / STRIDE;
        let (begin, end) = (part * STRIDE, self.changes.len().min((part + 1) * STRIDE));
        let members = |from: usize, to: usize| {
            let changes = self.changes.get(from..to).unwrap_or_default().iter();
            changes.filter(|change| is_member(change.token()))
        };
        if made - begin <= end - made {
            let mut tally = marks.get(part)?.clone();
            members(begin, made).for_each(|change| change.make(source.recording, &mut tally));
            return Some(tally);
        }
        let mut tally = marks.get(part + 1)?.clone();
        members(made, end).for_each(|change| change.undo(source.recording, &mut tally));
        Some(tally)
    }
}
