//! Thresholds between two steps: which tokens a typed threshold moves away from where a step beside it stops them.
//!
//! Between two steps a token changes its exit only at a value that lies between them. Those are at most about a
//! thousandth of all values; they are listed by step, each with the exits on both sides of it, so a typed threshold
//! looks at them and at nothing else, and the answer stays exact.

use rayon::prelude::*;

use super::steps::Steps;
use super::tally::{Judge, Outcome, Tally};
use super::{CHUNK, Source};

/// A token leaves the exit `from` for `to` where a threshold becomes stricter than its value at `from`.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// How far behind the first token of its chunk.
    token: u16,
    from: u16,
    to: u16,
}

/// A token that exits elsewhere than at the step from which is counted.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) token: usize,
    pub(super) from: Outcome,
    pub(super) to: Outcome,
}

/// What a threshold between two steps moves, counted from the step of the two that is nearer in tokens.
#[derive(Debug)]
pub(super) struct Moves {
    pub(super) is_from_stricter: bool,
    moves: Vec<Move>,
}

impl Moves {
    /// Turns what the step does into what the threshold does, for the tokens of a slice.
    pub(super) fn apply(&self, tally: &mut Tally, is_member: impl Fn(usize) -> bool) {
        for Move { token, from, to } in &self.moves {
            if is_member(*token) {
                tally.uncount(from);
                tally.count(to);
            }
        }
    }
}

/// Changes of all tokens, listed by step.
#[derive(Debug)]
pub(super) struct Between(Vec<Chunk>);

/// Changes of neighbouring tokens.
#[derive(Debug)]
struct Chunk {
    first_token: usize,
    /// Where the changes of each reach begin, and one entry more.
    starts: Vec<u32>,
    changes: Vec<Change>,
}

impl Chunk {
    fn new(source: &Source<'_>, by: &Steps, first_token: usize) -> Self {
        let mut found = Vec::new();
        let tokens = first_token..source.recording.num_tokens().min(first_token + CHUNK);
        for (token, behind) in tokens.zip(0_u16..) {
            source.changes(token, |value, from, to| {
                if let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(to)) {
                    found.push((by.reach(value), Change { token: behind, from, to }));
                }
            });
        }
        let mut starts = vec![0_u32; by.len() + 1];
        for (reach, _) in &found {
            starts[reach + 1] += 1;
        }
        for reach in 1..starts.len() {
            starts[reach] += starts[reach - 1];
        }
        let mut next = starts.clone();
        let mut changes = vec![Change { token: 0, from: 0, to: 0 }; found.len()];
        for (reach, change) in found {
            changes[next[reach] as usize] = change;
            next[reach] += 1;
        }
        Self { first_token, starts, changes }
    }

    fn with_reach(&self, reach: usize) -> &[Change] {
        let bounds = self.starts.get(reach).zip(self.starts.get(reach + 1));
        bounds
            .and_then(|(from, to)| self.changes.get(*from as usize..*to as usize))
            .unwrap_or_default()
    }

    fn token(&self, change: Change) -> usize {
        self.first_token + usize::from(change.token)
    }
}

impl Between {
    pub(super) fn build(source: &Source<'_>, by: &Steps) -> Self {
        let first_tokens = (0..source.recording.num_tokens().div_ceil(CHUNK)).into_par_iter();
        Self(first_tokens.map(|chunk| Chunk::new(source, by, chunk * CHUNK)).collect())
    }

    pub(super) fn num_bytes(&self) -> usize {
        let bytes =
            |chunk: &Chunk| size_of_val(&chunk.starts[..]) + size_of_val(&chunk.changes[..]);
        self.0.iter().map(bytes).sum()
    }

    /// What a threshold moves that lies between the step whose values reach `reach` and the next stricter one.
    pub(super) fn moves(&self, source: &Source<'_>, reach: usize, threshold: f64) -> Moves {
        let (left, stayed): (Vec<_>, Vec<_>) = self
            .0
            .par_iter()
            .map(|chunk| {
                let changes = chunk.with_reach(reach).iter().copied();
                changes.partition::<Vec<_>, _>(|change| {
                    !source.passes(usize::from(change.from), chunk.token(*change), threshold)
                })
            })
            .unzip();
        let count = |changes: &[Vec<Change>]| changes.iter().map(Vec::len).sum::<usize>();
        let is_from_stricter = count(&stayed) < count(&left);
        let changes = if is_from_stricter { stayed } else { left };
        let judge = &Judge::new(source.recording);
        let moves = self.0.par_iter().zip(&changes).flat_map_iter(|(chunk, changes)| {
            changes.iter().map(move |change| {
                let token = chunk.token(*change);
                let at = |depth: u16| judge.outcome(token, depth.into());
                let (from, to) = (at(change.from), at(change.to));
                if is_from_stricter {
                    Move { token, from: to, to: from }
                } else {
                    Move { token, from, to }
                }
            })
        });
        Moves { is_from_stricter, moves: moves.collect() }
    }
}
