//! Attention in which every token reads the whole of its sequence, as encoders do.
//!
//! Definition: for head h of query t, with g = h / (heads / kv_heads) and j over all positions of the same
//! sequence: `p_tj = softmax_j(q_t . k_j / sqrt(head_dim))`, `out = sum_j p_tj v_j`. Queries are taken in
//! tiles, so that memory grows with the length of a sequence and not with its square.

use rayon::prelude::*;

use crate::kernel::attention::{Heads, softmax};
use crate::kernel::matmul::{Dims, Strided, Target, Threads, product};
use crate::kernel::rounded;

/// Queries of one tile, as in causal attention.
const QUERIES: usize = 32;

/// `q` is [tokens, count * dim], `k` and `v` are [tokens, kv_count * dim]; `starts` as in a batch.
/// Returns [tokens, count * dim]. `columns`, where it is wanted, becomes [count, tokens]: what every token
/// receives as a key, `sum_t p_tj` over the queries of its sequence.
pub(crate) fn full_attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    starts: &[usize],
    heads: Heads,
    columns: Option<&mut Vec<f32>>,
) -> Vec<f32> {
    let width = heads.count * heads.dim;
    let mut out = vec![0.0; q.len()];
    let mut tiles = Vec::new();
    let mut rest = out.as_mut_slice();
    for (&begin, &end) in starts.iter().zip(starts.iter().skip(1)) {
        for first in (begin..end).step_by(QUERIES) {
            let (tile, after) = rest.split_at_mut(QUERIES.min(end - first) * width);
            rest = after;
            tiles.push(Tile { begin, keys: end - begin, first, out: tile });
        }
    }
    let sums = columns.is_some();
    let parts: Vec<(usize, Vec<f64>)> =
        tiles.into_par_iter().map(|tile| (tile.begin, tile.run(q, k, v, heads, sums))).collect();
    if let Some(columns) = columns {
        let tokens = q.len() / width.max(1);
        let mut totals = vec![0.0_f64; heads.count * tokens];
        // In the order of the tiles, whatever thread they came from.
        for (begin, part) in parts {
            let keys = part.len() / heads.count.max(1);
            for (head, sums) in part.chunks_exact(keys.max(1)).enumerate() {
                let row = &mut totals[head * tokens + begin..][..keys];
                row.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            }
        }
        *columns = totals.into_iter().map(rounded).collect();
    }
    out
}

/// Some queries of one sequence.
struct Tile<'a> {
    /// First token of the sequence.
    begin: usize,
    /// Its length.
    keys: usize,
    /// First query.
    first: usize,
    out: &'a mut [f32],
}

impl Tile<'_> {
    /// Returns [count, keys], what each key received from these queries; nothing where it is not wanted.
    fn run(self, q: &[f32], k: &[f32], v: &[f32], heads: Heads, wants_sums: bool) -> Vec<f64> {
        let Heads { count, kv_count, dim } = heads;
        let (width, kv_width, keys) = (count * dim, kv_count * dim, self.keys);
        let queries = self.out.len() / width;
        let mut scores = vec![0.0; queries * keys];
        let mut sums = vec![0.0; if wants_sums { count * keys } else { 0 }];
        for head in 0..count {
            let kv_at = self.begin * kv_width + head / (count / kv_count) * dim;
            product(
                Target { data: &mut scores, row: keys },
                Strided { data: &q[self.first * width + head * dim..], row: width, col: 1 },
                Strided { data: &k[kv_at..], row: 1, col: kv_width },
                Dims { rows: queries, cols: keys, inner: dim },
                Threads::One,
            );
            for row in scores.chunks_exact_mut(keys) {
                softmax(row, (dim as f32).sqrt().recip());
            }
            if wants_sums {
                for row in scores.chunks_exact(keys) {
                    let sums = &mut sums[head * keys..][..keys];
                    sums.iter_mut().zip(row).for_each(|(sum, &p)| *sum += f64::from(p));
                }
            }
            product(
                Target { data: &mut self.out[head * dim..], row: width },
                Strided { data: &scores, row: keys, col: 1 },
                Strided { data: &v[kv_at..], row: kv_width, col: 1 },
                Dims { rows: queries, cols: dim, inner: keys },
                Threads::One,
            );
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values and column sums, in f64 and token by token.
    fn plain(
        q: &[f32],
        k: &[f32],
        v: &[f32],
        starts: &[usize],
        heads: Heads,
    ) -> (Vec<f64>, Vec<f64>) {
        let Heads { count, kv_count, dim } = heads;
        let (width, kv_width) = (count * dim, kv_count * dim);
        let tokens = q.len() / width;
        let (mut out, mut columns) = (vec![0.0; q.len()], vec![0.0; count * tokens]);
        for window in starts.windows(2) {
            for t in window[0]..window[1] {
                for h in 0..count {
                    let g = h / (count / kv_count) * dim;
                    let weight = |j: usize| {
                        let query = &q[t * width + h * dim..][..dim];
                        let key = &k[j * kv_width + g..][..dim];
                        let dot: f32 = query.iter().zip(key).map(|(a, b)| a * b).sum();
                        (f64::from(dot) / (dim as f64).sqrt()).exp()
                    };
                    let sum: f64 = (window[0]..window[1]).map(weight).sum();
                    for j in window[0]..window[1] {
                        let p = weight(j) / sum;
                        columns[h * tokens + j] += p;
                        let values = &v[j * kv_width + g..][..dim];
                        let out = &mut out[t * width + h * dim..][..dim];
                        out.iter_mut().zip(values).for_each(|(o, &v)| *o += p * f64::from(v));
                    }
                }
            }
        }
        (out, columns)
    }

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn tiles_give_what_the_definition_says(
            lengths in prop::collection::vec(0_usize..80, 1..4),
            kv_count in 1_usize..3,
            share in 1_usize..3,
            dim in 1_usize..6,
        ) {
            let heads = Heads { count: kv_count * share, kv_count, dim };
            let mut starts = vec![0];
            starts.extend(lengths.iter().scan(0, |end, length| { *end += length; Some(*end) }));
            let tokens = starts.last().copied().unwrap();
            let q = wave(tokens * heads.count * dim, 0.73);
            let k = wave(tokens * kv_count * dim, 0.41);
            let v = wave(tokens * kv_count * dim, 0.29);
            let mut columns = Vec::new();
            let fast = full_attention(&q, &k, &v, &starts, heads, Some(&mut columns));
            let (want, sums) = plain(&q, &k, &v, &starts, heads);
            for (got, want) in fast.iter().zip(want).chain(columns.iter().zip(sums)) {
                prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} {want}");
            }
            prop_assert_eq!(&fast, &full_attention(&q, &k, &v, &starts, heads, None));
            prop_assert_eq!(columns.len(), heads.count * tokens);
        }
    }

    #[test]
    fn a_nan_never_reaches_another_sequence() {
        let heads = Heads { count: 1, kv_count: 1, dim: 2 };
        let q = wave(12, 0.3);
        let mut v = wave(12, 0.2);
        v[4] = f32::NAN;
        let out = full_attention(&q, &q, &v, &[0, 4, 6], heads, None);
        assert!(out[..8].iter().step_by(2).all(|x| x.is_nan()));
        assert!(out[8..].iter().all(|x| x.is_finite()));
    }
}
