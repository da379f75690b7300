//! Thresholds between two rungs: which tokens a typed threshold moves away from where a rung beside it stops them.
//!
//! Between two rungs a token changes its exit only at a value that lies between them. Those are about a thousandth
//! of all values; they are listed by rung, each with the exits on both sides of it, so a typed threshold looks at
//! them and at nothing else, and the answer stays exact.

use rayon::prelude::*;

use super::crowd::{CROWD, Change, Crowd};
use super::tally::{Outcome, Tally};
use super::{CHUNK, RUNGS, Source, depth_of};

/// A token leaves the exit `from` for `to` where a threshold becomes stricter than its value at `from`.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// How far behind the first token of its chunk.
    token: u16,
    from: u16,
    to: u16,
}

/// A token that exits elsewhere than at the rung from which is counted.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) token: usize,
    pub(super) from: Outcome,
    pub(super) to: Outcome,
}

/// What a threshold between two rungs moves, counted from the rung of the two that is nearer in tokens.
#[derive(Debug)]
pub(super) struct Moves {
    pub(super) is_from_stricter: bool,
    moves: Vec<Move>,
}

impl Moves {
    /// Turns what the rung does into what the threshold does, for the tokens of a slice.
    pub(super) fn apply(&self, tally: &mut Tally, is_member: impl Fn(usize) -> bool) {
        for Move { token, from, to } in &self.moves {
            if is_member(*token) {
                tally.uncount(from);
                tally.count(to);
            }
        }
    }
}

/// Steps of all tokens, listed by rung.
#[derive(Debug)]
pub(super) struct Between {
    chunks: Vec<Chunk>,
    /// The same steps once more, of rungs that have too many to look at each.
    pub(super) crowds: Vec<Crowd>,
}

/// Steps of neighbouring tokens.
#[derive(Debug)]
struct Chunk {
    first_token: usize,
    /// Where the steps of each reach begin, and one entry more.
    starts: Vec<u32>,
    steps: Vec<Step>,
}

impl Chunk {
    fn new(source: &Source<'_>, first_token: usize) -> Self {
        let mut found = Vec::new();
        let tokens = first_token..source.recording.num_tokens().min(first_token + CHUNK);
        for (token, behind) in tokens.zip(0_u16..) {
            source.steps(token, |reach, from, to| {
                if let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(to)) {
                    found.push((reach, Step { token: behind, from, to }));
                }
            });
        }
        let mut starts = vec![0_u32; RUNGS + 1];
        for (reach, _) in &found {
            starts[reach + 1] += 1;
        }
        for reach in 1..starts.len() {
            starts[reach] += starts[reach - 1];
        }
        let mut next = starts.clone();
        let mut steps = vec![Step { token: 0, from: 0, to: 0 }; found.len()];
        for (reach, step) in found {
            steps[next[reach] as usize] = step;
            next[reach] += 1;
        }
        Self { first_token, starts, steps }
    }

    fn with_reach(&self, reach: usize) -> &[Step] {
        let bounds = self.starts.get(reach).zip(self.starts.get(reach + 1));
        bounds
            .and_then(|(from, to)| self.steps.get(*from as usize..*to as usize))
            .unwrap_or_default()
    }

    fn token(&self, step: Step) -> usize {
        self.first_token + usize::from(step.token)
    }
}

impl Between {
    pub(super) fn build(source: &Source<'_>) -> Self {
        let first_tokens = (0..source.recording.num_tokens().div_ceil(CHUNK)).into_par_iter();
        let chunks: Vec<_> = first_tokens.map(|chunk| Chunk::new(source, chunk * CHUNK)).collect();
        let changes = |reach: usize| {
            let of_chunk = |chunk: &Chunk| -> Vec<Change> {
                let change = |step: &Step| {
                    let token = u32::try_from(chunk.token(*step)).ok()?;
                    Some(Change { token, from: step.from, to: step.to })
                };
                chunk.with_reach(reach).iter().filter_map(change).collect()
            };
            chunks.iter().flat_map(of_chunk).collect()
        };
        let num_steps =
            |reach: usize| chunks.iter().map(|c| c.with_reach(reach).len()).sum::<usize>();
        let crowded = (0..RUNGS).filter(|reach| num_steps(*reach) > CROWD);
        let crowds = crowded.map(|reach| Crowd::new(source, reach, changes(reach))).collect();
        Self { chunks, crowds }
    }

    pub(super) fn num_bytes(&self) -> usize {
        let bytes = |chunk: &Chunk| size_of_val(&chunk.starts[..]) + size_of_val(&chunk.steps[..]);
        let of_crowds: usize = self.crowds.iter().map(Crowd::num_bytes).sum();
        self.chunks.iter().map(bytes).sum::<usize>() + of_crowds
    }

    /// What a threshold moves that lies between the rung whose values reach `reach` and the next stricter one.
    pub(super) fn moves(&self, source: &Source<'_>, reach: usize, threshold: f64) -> Moves {
        let (left, stayed): (Vec<_>, Vec<_>) = self
            .chunks
            .par_iter()
            .map(|chunk| {
                let steps = chunk.with_reach(reach).iter().copied();
                steps.partition::<Vec<_>, _>(|step| {
                    !source.passes(usize::from(step.from), chunk.token(*step), threshold)
                })
            })
            .unzip();
        let count = |steps: &[Vec<Step>]| steps.iter().map(Vec::len).sum::<usize>();
        let is_from_stricter = count(&stayed) < count(&left);
        let steps = if is_from_stricter { stayed } else { left };
        let moves = self.chunks.par_iter().zip(&steps).flat_map_iter(|(chunk, steps)| {
            steps.iter().map(|step| {
                let token = chunk.token(*step);
                let at = |depth: u16| Outcome::of(source.recording, token, depth_of(depth.into()));
                let (from, to) = (at(step.from), at(step.to));
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
