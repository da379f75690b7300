//! Thresholds between two rungs: which tokens a typed threshold moves away from where the milder rung stops them.
//!
//! A token stops at another depth than at the milder rung only where the value it stopped on lies between
//! that rung and the threshold. Those are about a thousandth of all values; they are listed by rung, so a
//! typed threshold looks at them and at nothing else, and the answer stays exact.

use rayon::prelude::*;

use super::{RUNGS, Source, depth_of};
use crate::recording::Tally;

/// A depth at which a token stops at some rung, and the strictest rung at which it does.
pub(super) struct Stop {
    /// Rungs that the value passes, counted from the mildest; below `RUNGS`.
    pub(super) reach: usize,
    pub(super) token: usize,
    pub(super) depth: usize,
}

/// Stops of a slice, listed by rung.
#[derive(Debug)]
pub(super) struct Between {
    pub(super) chunks: Vec<Chunk>,
}

/// Stops of neighbouring tokens.
#[derive(Debug)]
pub(super) struct Chunk {
    first_token: usize,
    /// Where the stops of each reach begin, and one entry more.
    starts: Vec<u32>,
    /// How far behind the first token, and the depth.
    stops: Vec<[u16; 2]>,
}

impl Chunk {
    /// `None` where a number does not fit: such a chunk is not listed and its thresholds are replayed.
    pub(super) fn new(first_token: usize, stops: &[Stop]) -> Option<Self> {
        let mut starts = vec![0_u32; RUNGS + 1];
        for stop in stops {
            *starts.get_mut(stop.reach + 1)? += 1;
        }
        for reach in 1..starts.len() {
            starts[reach] += starts[reach - 1];
        }
        let mut next = starts.clone();
        let mut listed = vec![[0; 2]; stops.len()];
        for stop in stops {
            let at = next.get_mut(stop.reach)?;
            let token = u16::try_from(stop.token.checked_sub(first_token)?).ok()?;
            *listed.get_mut(*at as usize)? = [token, u16::try_from(stop.depth).ok()?];
            *at += 1;
        }
        Some(Self { first_token, starts, stops: listed })
    }

    fn with_reach(&self, reach: usize) -> &[[u16; 2]] {
        let bounds = self.starts.get(reach).zip(self.starts.get(reach + 1));
        bounds
            .and_then(|(from, to)| self.stops.get(*from as usize..*to as usize))
            .unwrap_or_default()
    }
}

impl Between {
    pub(super) fn num_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.starts.len() * 4 + chunk.stops.len() * 4).sum()
    }

    /// Turns the tally of the rung whose values reach `reach` into that of the stricter `threshold`, which lies
    /// before the next rung.
    pub(super) fn refine(
        &self,
        tally: &mut Tally,
        source: &Source<'_>,
        reach: usize,
        threshold: f64,
    ) {
        let num_depths = source.signal.len();
        let empty = || [Tally::empty(num_depths), Tally::empty(num_depths)];
        let [left, joined] = self
            .chunks
            .par_iter()
            .fold(empty, |[mut left, mut joined], chunk| {
                for [token, depth] in chunk.with_reach(reach) {
                    let (token, depth) =
                        (chunk.first_token + usize::from(*token), usize::from(*depth));
                    if source.passes(depth, token, threshold) {
                        continue;
                    }
                    let exit = (depth + 1..num_depths - 1)
                        .find(|depth| source.passes(*depth, token, threshold))
                        .unwrap_or(num_depths - 1);
                    left.add_token(source.recording, token, depth_of(depth));
                    joined.add_token(source.recording, token, depth_of(exit));
                }
                [left, joined]
            })
            .reduce(empty, |[mut left, mut joined], [more_left, more_joined]| {
                left.merge(&more_left);
                joined.merge(&more_joined);
                [left, joined]
            });
        tally.remove(&left);
        tally.merge(&joined);
    }
}
