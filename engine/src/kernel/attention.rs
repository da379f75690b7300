//! Causal attention with grouped keys and values.
//!
//! Definition: for head h of query t, with g = h / (heads / kv_heads) and j over the positions of the same
//! sequence up to t: `out = sum_j softmax_j(q_t . k_j / sqrt(head_dim)) v_j`. Queries are taken in tiles,
//! so that memory grows with the length of a sequence and not with its square. A later token is never
//! read, not even with weight zero: its NaN stays its own.

use rayon::prelude::*;

use crate::kernel::exp::exp;
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

/// `q` is [tokens, count * dim], `k` and `v` are [tokens, kv_count * dim]; `starts` as in a batch.
/// Returns [tokens, count * dim].
pub(crate) fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    starts: &[usize],
    heads: Heads,
) -> Vec<f32> {
    let width = heads.count * heads.dim;
    let mut out = vec![0.0; q.len()];
    let mut tiles = Vec::new();
    let mut rest = out.as_mut_slice();
    for (&begin, &end) in starts.iter().zip(starts.iter().skip(1)) {
        for first in (begin..end).step_by(QUERIES) {
            let count = QUERIES.min(end - first);
            let (tile, after) = rest.split_at_mut(count * width);
            rest = after;
            tiles.push(Tile { begin, first, out: tile });
        }
    }
    tiles.into_par_iter().for_each(|tile| tile.run(q, k, v, heads));
    out
}

/// Some queries of one sequence.
struct Tile<'a> {
    /// First token of the sequence.
    begin: usize,
    /// First query.
    first: usize,
    out: &'a mut [f32],
}

impl Tile<'_> {
    fn run(self, q: &[f32], k: &[f32], v: &[f32], heads: Heads) {
        let Heads { count, kv_count, dim } = heads;
        let (width, kv_width) = (count * dim, kv_count * dim);
        let queries = self.out.len() / width;
        let past = self.first - self.begin;
        let keys = past + queries;
        let mut scores = vec![0.0; queries * keys];
        for head in 0..count {
            let group = head / (count / kv_count);
            let kv_at = self.begin * kv_width + group * dim;
            product(
                Target { data: &mut scores, row: keys },
                Strided { data: &q[self.first * width + head * dim..], row: width, col: 1 },
                Strided { data: &k[kv_at..], row: 1, col: kv_width },
                Dims { rows: queries, cols: keys, inner: dim },
                Threads::One,
            );
            for (i, row) in scores.chunks_exact_mut(keys).enumerate() {
                softmax(&mut row[..=past + i], (dim as f32).sqrt().recip());
            }
            if past > 0 {
                product(
                    Target { data: &mut self.out[head * dim..], row: width },
                    Strided { data: &scores, row: keys, col: 1 },
                    Strided { data: &v[kv_at..], row: kv_width, col: 1 },
                    Dims { rows: queries, cols: dim, inner: past },
                    Threads::One,
                );
            }
            // The triangle of the tile itself, without the keys that come later.
            for (i, row) in scores.chunks_exact(keys).enumerate() {
                let out = &mut self.out[i * width + head * dim..][..dim];
                for (j, &weight) in row[past..=past + i].iter().enumerate() {
                    let values = &v[kv_at + (past + j) * kv_width..][..dim];
                    for (o, &value) in out.iter_mut().zip(values) {
                        *o += weight * value;
                    }
                }
            }
        }
    }
}

pub(super) fn softmax(row: &mut [f32], scale: f32) {
    let mut max = f32::NEG_INFINITY;
    for &score in row.iter() {
        max = if score > max { score } else { max };
    }
    let mut sum = 0.0_f64;
    for score in row.iter_mut() {
        *score = exp((*score - max) * scale);
        sum += f64::from(*score);
    }
    let scale = rounded(sum.recip());
    for score in row.iter_mut() {
        *score *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(q: &[f32], k: &[f32], v: &[f32], starts: &[usize], heads: Heads) -> Vec<f32> {
        let (width, kv_width) = (heads.count * heads.dim, heads.kv_count * heads.dim);
        let mut out = vec![0.0; q.len()];
        for window in starts.windows(2) {
            for t in window[0]..window[1] {
                for h in 0..heads.count {
                    let g = h / (heads.count / heads.kv_count) * heads.dim;
                    let query = &q[t * width + h * heads.dim..][..heads.dim];
                    let weights: Vec<f64> = (window[0]..=t)
                        .map(|j| {
                            let key = &k[j * kv_width + g..][..heads.dim];
                            let dot: f32 = query.iter().zip(key).map(|(a, b)| a * b).sum();
                            (f64::from(dot) / (heads.dim as f64).sqrt()).exp()
                        })
                        .collect();
                    let sum: f64 = weights.iter().sum();
                    let out = &mut out[t * width + h * heads.dim..][..heads.dim];
                    for (c, out) in out.iter_mut().enumerate() {
                        let value = |i: usize| f64::from(v[(window[0] + i) * kv_width + g + c]);
                        let terms = weights.iter().enumerate().map(|(i, w)| w / sum * value(i));
                        *out = rounded(terms.sum());
                    }
                }
            }
        }
        out
    }

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn tiles_give_what_the_definition_says(
            lengths in prop::collection::vec(0_usize..80, 1..4),
            kv_count in 1_usize..3,
            share in 1_usize..4,
            half in 1_usize..5,
        ) {
            let heads = Heads { count: kv_count * share, kv_count, dim: 2 * half };
            let mut starts = vec![0];
            starts.extend(lengths.iter().scan(0, |end, length| { *end += length; Some(*end) }));
            let tokens = starts.last().copied().unwrap();
            let q = wave(tokens * heads.count * heads.dim, 0.73);
            let k = wave(tokens * kv_count * heads.dim, 0.41);
            let v = wave(tokens * kv_count * heads.dim, 0.29);
            let fast = attention(&q, &k, &v, &starts, heads);
            for (got, want) in fast.iter().zip(plain(&q, &k, &v, &starts, heads)) {
                prop_assert!((got - want).abs() < 1e-5, "{got} {want}");
            }
        }
    }

    #[test]
    fn a_nan_never_reaches_an_earlier_token_or_another_sequence() {
        let heads = Heads { count: 1, kv_count: 1, dim: 2 };
        let q = wave(12, 0.3);
        let mut v = wave(12, 0.2);
        v[4] = f32::NAN;
        let out = attention(&q, &q, &v, &[0, 4, 6], heads);
        assert!(out[..4].iter().all(|x| x.is_finite()) && out[8..].iter().all(|x| x.is_finite()));
        assert!(out[4].is_nan() && out[6].is_nan());
    }
}
