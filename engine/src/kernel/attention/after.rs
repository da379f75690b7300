//! Queries of new tokens over keys and values that are kept from earlier ones.
//!
//! One query, the case of every step of a generation, goes head by head in plain dot products over the kept rows where
//! they lie: nothing is copied, turned or padded. More queries go in tiles, as in a batch.

use std::ops::Range;

use rayon::prelude::*;

use super::{Heads, Looking, QUERIES, Tile, run_tiles, seen_from, softmax};
use crate::kernel::cap::soft_cap;
use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};

/// Products for which another thread is worth waking.
const LEAST_WORK: usize = 1 << 16;
/// Sums that run side by side, so that the compiler can keep them in one register.
const LANES: usize = 16;

/// `q` is [new, count * dim]; `k` and `v` are [past + new, kv_count * dim], all of one sequence, in which the first
/// query stands at position `past`. Returns [new, count * dim].
pub(crate) fn attention_after(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    past: usize,
    how: Looking,
) -> Vec<f32> {
    let new = q.len() / (how.heads.count * how.heads.dim).max(1);
    let seen: Vec<_> = (past..past + new).map(|at| seen_from(at, 0, how.window)).collect();
    attention_seen(q, k, v, &seen, how)
}

/// The same for queries that may stand apart, over keys of which some may be left out: `seen` says which rows of `k` and
/// `v` each query sees, its own the last of them. From query to query neither end falls.
pub(crate) fn attention_seen(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    seen: &[Range<usize>],
    how: Looking,
) -> Vec<f32> {
    match seen {
        [seen] => one(q, k, v, seen, how),
        _ => run_tiles(tiles(seen), q, k, v, how),
    }
}

/// The queries of one sequence, tile by tile.
pub(super) fn tiles(seen: &[Range<usize>]) -> impl Iterator<Item = Tile> {
    let rows = (0..).step_by(QUERIES);
    rows.zip(seen.chunks(QUERIES)).map(|(row, seen)| Tile::new(row, seen.to_vec()))
}

/// A query that sees these keys.
fn one(q: &[f32], k: &[f32], v: &[f32], seen: &Range<usize>, how: Looking) -> Vec<f32> {
    let Heads { count, kv_count, dim } = how.heads;
    let (kv_width, share) = (kv_count * dim, count / kv_count);
    let (k, v) = (&k[seen.start * kv_width..], &v[seen.start * kv_width..]);
    let mut out = vec![0.0; q.len()];
    let heads_of_a_thread = LEAST_WORK.div_ceil(2 * seen.len() * dim);
    let heads = out.par_chunks_mut(dim).zip(q.par_chunks(dim)).enumerate();
    heads.with_min_len(heads_of_a_thread).for_each_init(
        || vec![0.0; seen.len()],
        |weights, (head, (out, q))| {
            let group = head / share * dim;
            fastest(Score { q, keys: &k[group..], kv_width, scale: how.scale, weights });
            if let Some(cap) = how.cap {
                soft_cap(weights, cap);
            }
            softmax(weights, 1.0);
            fastest(Mix { weights, values: &v[group..], kv_width, out });
        },
    );
    out
}

/// Scores of the keys of one head, which lie `kv_width` apart.
struct Score<'a> {
    q: &'a [f32],
    keys: &'a [f32],
    kv_width: usize,
    scale: f32,
    weights: &'a mut [f32],
}

impl Work for Score<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) {
        let Self { q, keys, kv_width, scale, weights } = self;
        for (weight, key) in weights.iter_mut().zip(keys.chunks(kv_width)) {
            *weight = dot(q, &key[..q.len()]) * scale;
        }
    }
}

/// Mixes the values of one head, which lie `kv_width` apart.
struct Mix<'a> {
    weights: &'a [f32],
    values: &'a [f32],
    kv_width: usize,
    out: &'a mut [f32],
}

impl Work for Mix<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) {
        let Self { weights, values, kv_width, out } = self;
        let dim = out.len();
        for (weight, value) in weights.iter().zip(values.chunks(kv_width)) {
            for (out, value) in out.iter_mut().zip(&value[..dim]) {
                *out += weight * value;
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, rest_of_a) = a.as_chunks::<LANES>();
    let (b, rest_of_b) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = rest_of_a.iter().zip(rest_of_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
