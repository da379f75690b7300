//! Causal attention with grouped keys and values.
//!
//! Definition: for head h of query t, with g = h / (heads / kv_heads) and j over the positions of the same
//! sequence that t sees: `out = sum_j softmax_j(cap(q_t . k_j * scale)) v_j`. A query sees the positions up to
//! its own, of those only the last `window` where there is one; `cap` is a soft cap, where there is one.
//! Queries are taken in tiles, so that memory grows with the length of a sequence and not with its square.
//! What a query does not see is never read, not even with weight zero: its NaN stays its own.

mod after;
mod behind;
mod columns;

pub(crate) use after::{attention_after, attention_seen};
pub(crate) use behind::{Shared, attention_behind};
pub(crate) use columns::{column_sums, column_sums_seen};

use std::ops::Range;

use rayon::prelude::*;

use crate::kernel::cap::soft_cap;
use crate::kernel::exp::{exp, exp_of_all};
use crate::kernel::lanes::{LANES, Lanes};
use crate::kernel::machine::{Work, fastest};
use crate::kernel::matmul::{Dims, Strided, Target, Threads, product};
use crate::kernel::rounded;

/// Queries of one tile: scores of 2,048 keys are then 256 kB, which stays in a core's cache.
const QUERIES: usize = 32;

/// Heads of one block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    /// Query heads.
    pub(crate) count: usize,
    /// Key/value heads; divides `count`.
    pub(crate) kv_count: usize,
    /// Width of one head.
    pub(crate) dim: usize,
}

/// How the queries of one block look at its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looking {
    pub(crate) heads: Heads,
    /// Factor of the scores, usually `1 / sqrt(dim)`.
    pub(crate) scale: f32,
    /// Soft cap of the scaled scores.
    pub(crate) cap: Option<f32>,
    /// Positions that a query sees, its own included; `None`: all up to its own.
    pub(crate) window: Option<usize>,
}

/// `q` is [tokens, count * dim], `k` and `v` are [tokens, kv_count * dim]; `starts` as in a batch.
/// Returns [tokens, count * dim].
pub(crate) fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    starts: &[usize],
    how: Looking,
) -> Vec<f32> {
    run_tiles(tiles_of(starts, how.window), q, k, v, how)
}

/// Runs tiles that hold every query in its order, side by side.
fn run_tiles(
    all: impl Iterator<Item = Tile>,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    how: Looking,
) -> Vec<f32> {
    let width = how.heads.count * how.heads.dim;
    let mut out = vec![0.0; q.len()];
    let mut tiles = Vec::new();
    let mut rest = out.as_mut_slice();
    for tile in all {
        let (out, after) = rest.split_at_mut(tile.seen.len() * width);
        rest = after;
        tiles.push((tile, out));
    }
    tiles.into_par_iter().for_each(|(tile, out)| tile.run(q, k, v, how, out));
    out
}

/// The queries of every sequence, tile by tile.
fn tiles_of(starts: &[usize], window: Option<usize>) -> impl Iterator<Item = Tile> {
    starts.iter().zip(starts.iter().skip(1)).flat_map(move |(&begin, &end)| {
        (begin..end).step_by(QUERIES).map(move |first| {
            let queries = first..end.min(first + QUERIES);
            Tile::new(first, queries.map(|query| seen_from(query, begin, window)).collect())
        })
    })
}

/// What token `query` sees of a sequence that begins at `begin`; all of them counted as the keys are.
pub(crate) fn seen_from(query: usize, begin: usize, window: Option<usize>) -> Range<usize> {
    let earliest = (query + 1).saturating_sub(window.unwrap_or(usize::MAX));
    begin.max(earliest)..query + 1
}

/// Some queries of one sequence and the keys that one of them sees.
struct Tile {
    /// The row of the first query.
    row: usize,
    keys: Range<usize>,
    /// Which of `keys` each query sees, counted from the first of them.
    seen: Vec<Range<usize>>,
    /// Those of them before the tile that all of its queries see; none where the window is shorter than the tile.
    shared: Range<usize>,
}

impl Tile {
    /// `seen`: which keys each query sees, its own the last of them. From query to query neither end falls.
    fn new(row: usize, mut seen: Vec<Range<usize>>) -> Self {
        let (first, last) = (seen.first().cloned(), seen.last().cloned());
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        for range in &mut seen {
            *range = range.start - first.start..range.end - first.start;
        }
        let past = first.len().saturating_sub(1);
        let shared = (last.start - first.start).min(past)..past;
        Self { row, keys: first.start..last.end, seen, shared }
    }

    /// Weights of the keys for every query of the tile and one head, [queries, keys]; where a query does not
    /// see a key there is no number that means anything.
    fn weigh(&self, q: &[f32], k: &[f32], head: usize, how: Looking, weights: &mut [f32]) {
        let Heads { count, kv_count, dim } = how.heads;
        let (width, kv_width) = (count * dim, kv_count * dim);
        let keys = self.keys.len();
        let group = head / (count / kv_count);
        product(
            Target { data: weights, row: keys },
            Strided { data: &q[self.row * width + head * dim..], row: width, col: 1 },
            Strided { data: &k[self.keys.start * kv_width + group * dim..], row: 1, col: kv_width },
            Dims { rows: self.seen.len(), cols: keys, inner: dim },
            Threads::One,
        );
        for (seen, row) in self.seen.iter().zip(weights.chunks_exact_mut(keys)) {
            let row = &mut row[seen.clone()];
            let Some(cap) = how.cap else {
                softmax(row, how.scale);
                continue;
            };
            for score in row.iter_mut() {
                *score *= how.scale;
            }
            soft_cap(row, cap);
            softmax(row, 1.0);
        }
    }

    fn run(&self, q: &[f32], k: &[f32], v: &[f32], how: Looking, out: &mut [f32]) {
        let Heads { count, kv_count, dim } = how.heads;
        let (width, kv_width) = (count * dim, kv_count * dim);
        let (keys, shared) = (self.keys.len(), self.shared.clone());
        let mut weights = vec![0.0; self.seen.len() * keys];
        for head in 0..count {
            self.weigh(q, k, head, how, &mut weights);
            let group = head / (count / kv_count);
            let v = &v[self.keys.start * kv_width + group * dim..];
            if !shared.is_empty() {
                product(
                    Target { data: &mut out[head * dim..], row: width },
                    Strided { data: &weights[shared.start..], row: keys, col: 1 },
                    Strided { data: &v[shared.start * kv_width..], row: kv_width, col: 1 },
                    Dims { rows: self.seen.len(), cols: dim, inner: shared.len() },
                    Threads::One,
                );
            }
            // The two ragged ends, key by key.
            for (i, (seen, row)) in self.seen.iter().zip(weights.chunks_exact(keys)).enumerate() {
                let out = &mut out[i * width + head * dim..][..dim];
                for j in (seen.start..shared.start).chain(shared.end.max(seen.start)..seen.end) {
                    for (o, &value) in out.iter_mut().zip(&v[j * kv_width..][..dim]) {
                        *o += row[j] * value;
                    }
                }
            }
        }
    }
}

/// Makes weights of scores that are yet to be scaled.
pub(super) fn softmax(row: &mut [f32], scale: f32) {
    fastest(Softmax { row, scale });
}

struct Softmax<'a> {
    row: &'a mut [f32],
    scale: f32,
}

impl Work for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) {
        let Self { row, scale } = self;
        let (whole, rest) = row.as_chunks_mut::<LANES>();
        let mut largest = V::splat(f32::NEG_INFINITY);
        for scores in whole.iter() {
            largest = V::load(scores).larger_or(largest);
        }
        let mut max = largest.peak();
        for &score in rest.iter() {
            max = if score > max { score } else { max };
        }
        let (maxima, scales) = (V::splat(max), V::splat(scale));
        let mut sum = 0.0_f64;
        for scores in whole {
            let weights = exp_of_all((V::load(scores) - maxima) * scales);
            weights.store(scores);
            // In f64, so that it does not matter where in the row a key stands.
            sum += weights.sum();
        }
        for score in rest {
            *score = exp((*score - max) * scale);
            sum += f64::from(*score);
        }
        let scale = rounded(sum.recip());
        for score in row.iter_mut() {
            *score *= scale;
        }
    }
}

#[cfg(test)]
mod tests;
