//! Thresholds between two rungs: which tokens a typed threshold moves away from where the milder rung stops them.
//!
//! A token stops at another depth than at the milder rung only where the value it stopped on lies between
//! that rung and the threshold. Those are about a thousandth of all values; they are listed by rung, so a
//! typed threshold looks at them and at nothing else, and the answer stays exact.

use rayon::prelude::*;

use super::tally::Outcome;
use super::{CHUNK, RUNGS, Source, depth_of};

/// A depth at which a token stops at some rung, and the strictest rung at which it does.
struct Stop {
    /// Rungs that the value passes, counted from the mildest; below `RUNGS`.
    reach: usize,
    /// How far behind the first token of its chunk.
    token: u16,
    depth: u16,
}

/// A token that exits deeper than at the milder rung.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) token: usize,
    pub(super) from: Outcome,
    pub(super) to: Outcome,
}

/// Stops of all tokens, listed by rung.
#[derive(Debug)]
pub(super) struct Between(Vec<Chunk>);

/// Stops of neighbouring tokens.
#[derive(Debug)]
struct Chunk {
    first_token: usize,
    /// Where the stops of each reach begin, and one entry more.
    starts: Vec<u32>,
    /// How far behind the first token, and the depth.
    stops: Vec<[u16; 2]>,
}

impl Chunk {
    fn new(source: &Source<'_>, first_token: usize) -> Self {
        let mut stops = Vec::new();
        let tokens = first_token..source.recording.num_tokens().min(first_token + CHUNK);
        for (token, behind) in tokens.zip(0_u16..) {
            source.stops(token, |_, reach, depth| {
                if let Ok(depth) = u16::try_from(depth)
                    && reach < RUNGS
                {
                    stops.push(Stop { reach, token: behind, depth });
                }
            });
        }
        let mut starts = vec![0_u32; RUNGS + 1];
        for stop in &stops {
            starts[stop.reach + 1] += 1;
        }
        for reach in 1..starts.len() {
            starts[reach] += starts[reach - 1];
        }
        let mut next = starts.clone();
        let mut listed = vec![[0; 2]; stops.len()];
        for Stop { reach, token, depth } in stops {
            listed[next[reach] as usize] = [token, depth];
            next[reach] += 1;
        }
        Self { first_token, starts, stops: listed }
    }

    fn with_reach(&self, reach: usize) -> &[[u16; 2]] {
        let bounds = self.starts.get(reach).zip(self.starts.get(reach + 1));
        bounds
            .and_then(|(from, to)| self.stops.get(*from as usize..*to as usize))
            .unwrap_or_default()
    }
}

impl Between {
    pub(super) fn build(source: &Source<'_>) -> Self {
        let first_tokens = (0..source.recording.num_tokens().div_ceil(CHUNK)).into_par_iter();
        Self(first_tokens.map(|chunk| Chunk::new(source, chunk * CHUNK)).collect())
    }

    pub(super) fn num_bytes(&self) -> usize {
        self.0.iter().map(|chunk| chunk.starts.len() * 4 + chunk.stops.len() * 4).sum()
    }

    /// The tokens that leave the exit which they have at the rung whose values reach `reach`, at a stricter
    /// threshold before the next rung.
    pub(super) fn moves(&self, source: &Source<'_>, reach: usize, threshold: f64) -> Vec<Move> {
        let last = source.signal.len() - 1;
        let of_chunk = |chunk: &Chunk| -> Vec<Move> {
            let stops = chunk.with_reach(reach).iter();
            let stops = stops.map(|[token, depth]| {
                (chunk.first_token + usize::from(*token), usize::from(*depth))
            });
            stops
                .filter(|(token, depth)| !source.passes(*depth, *token, threshold))
                .map(|(token, from)| {
                    let passes = |depth: &usize| source.passes(*depth, token, threshold);
                    let to = (from + 1..last).find(passes).unwrap_or(last);
                    let at = |depth| Outcome::of(source.recording, token, depth_of(depth));
                    Move { token, from: at(from), to: at(to) }
                })
                .collect()
        };
        self.0.par_iter().flat_map_iter(of_chunk).collect()
    }
}
