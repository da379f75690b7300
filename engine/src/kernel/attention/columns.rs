//! How much attention every token receives.
//!
//! Definition: the sum of the attention weights of a key over the queries of its sequence that see it, head by
//! head, in f64. The weights are made again from queries and keys, tile by tile, so that whoever does not ask
//! pays nothing and no [tokens x tokens] matrix exists.

use rayon::prelude::*;

use super::{Looking, tiles_of};
use crate::kernel::rounded;

/// `q` and `k` as in `attention`. Returns [heads, tokens].
pub(crate) fn column_sums(q: &[f32], k: &[f32], starts: &[usize], how: Looking) -> Vec<f32> {
    let tokens = starts.last().copied().unwrap_or(0);
    let mut out = vec![0.0; how.heads.count * tokens];
    out.par_chunks_mut(tokens.max(1)).enumerate().for_each(|(head, out)| {
        let mut sums = vec![0.0_f64; tokens];
        let mut weights = Vec::new();
        for tile in tiles_of(starts, how.window) {
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
