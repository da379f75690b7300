//! How much attention every token receives.
//!
//! Definition: the sum of the attention weights of a key over the queries of its sequence that see it, head by
//! head, in f64. The weights are made again from queries and keys, tile by tile, so that whoever does not ask
//! pays nothing and no [tokens x tokens] matrix exists.

use rayon::prelude::*;

use super::{Looking, Tile, after, tiles_of};
use crate::kernel::rounded;

/// `q` and `k` as in `attention`. Returns [heads, tokens].
pub(crate) fn column_sums(q: &[f32], k: &[f32], starts: &[usize], how: Looking) -> Vec<f32> {
    let tokens = starts.last().copied().unwrap_or(0);
    sums(|| tiles_of(starts, how.window), tokens, q, k, how)
}

/// What the keys of a sequence receive from its new queries; `q`, `k` and `past` as in `attention_after`.
/// Returns [heads, past + new].
pub(crate) fn column_sums_after(q: &[f32], k: &[f32], past: usize, how: Looking) -> Vec<f32> {
    let new = q.len() / (how.heads.count * how.heads.dim).max(1);
    sums(|| after::tiles(past, new, how.window), past + new, q, k, how)
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
            weights.resize(tile.queries * keys, 0.0);
            tile.weigh(q, k, head, how, &mut weights);
            for (i, row) in weights.chunks_exact(keys).enumerate() {
                let seen = tile.seen(i);
                let sums = &mut sums[tile.keys.start + seen.start..];
                for (sum, &weight) in sums.iter_mut().zip(&row[seen]) {
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
