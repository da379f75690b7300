//! How much attention every token receives.
//!
//! Definition: the sum of the attention weights of a key over the queries of its sequence that see it, head by
//! head, in f64. The weights are made again from queries and keys, tile by tile, so that whoever does not ask
//! pays nothing and no [tokens x tokens] matrix exists.

use std::ops::Range;

use rayon::prelude::*;

use super::{Looking, Tile, after, tiles_of};
use crate::kernel::rounded;

/// `q` and `k` as in `attention`. Returns [heads, tokens].
pub(crate) fn column_sums(q: &[f32], k: &[f32], starts: &[usize], how: Looking) -> Vec<f32> {
    let tokens = starts.last().copied().unwrap_or(0);
    sums(|| tiles_of(starts, how.window), tokens, q, k, how)
}

/// What `keys` keys receive from new queries; `q`, `k` and `seen` as in `attention_seen`. Returns [heads, keys].
pub(crate) fn column_sums_seen(
    q: &[f32],
    k: &[f32],
    seen: &[Range<usize>],
    keys: usize,
    how: Looking,
) -> Vec<f32> {
    sums(|| after::tiles(seen), keys, q, k, how)
}

fn sums<T: Iterator<Item = Tile>>(
    tiles: impl Fn() -> T + Sync,
    tokens: usize,
    q: &[f32],
    k: &[f32],
    how: Looking,
) -> Vec<f32> {
    let mut out = vec![0.0; how.heads.count * tokens];
    out.par_chunks_mut(tokens.max(1)).enumerate().for_each(|(head, out)| {
        let mut sums = vec![0.0_f64; tokens];
        let mut weights = Vec::new();
        for tile in tiles() {
            let keys = tile.keys.len();
            weights.resize(tile.seen.len() * keys, 0.0);
            tile.weigh(q, k, head, how, &mut weights);
            for (seen, row) in tile.seen.iter().zip(weights.chunks_exact(keys)) {
                let sums = &mut sums[tile.keys.start + seen.start..];
                for (sum, &weight) in sums.iter_mut().zip(&row[seen.clone()]) {
                    *sum += f64::from(weight);
                }
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = rounded(sum);
        }
    });
    out
}
