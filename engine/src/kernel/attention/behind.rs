//! Queries of several sequences that all stand behind the same kept keys and values.

use rayon::prelude::*;

use super::{Looking, attention_after};

/// Keys and values that every sequence begins with, each [past, kv_count * dim].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) keys: &'a [f32],
    pub(crate) values: &'a [f32],
}

/// `q`, `k`, `v` and `starts` as in `attention`, of the tokens behind the shared ones alone. Returns
/// [tokens, count * dim].
///
/// What is shared is copied in front of each sequence, of as many at a time as there are threads: next to the matrix
/// products of a block that is little, and there stays one attention that knows one place for its keys.
pub(crate) fn attention_behind(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    starts: &[usize],
    shared: Shared<'_>,
    how: Looking,
) -> Vec<f32> {
    let (width, kv_width) = (how.heads.count * how.heads.dim, how.heads.kv_count * how.heads.dim);
    let past = shared.keys.len() / kv_width;
    let mut out = vec![0.0; q.len()];
    let mut sequences = Vec::new();
    let mut rest = out.as_mut_slice();
    for pair in starts.windows(2) {
        let (out, after) = rest.split_at_mut((pair[1] - pair[0]) * width);
        rest = after;
        sequences.push((pair[0]..pair[1], out));
    }
    sequences.into_par_iter().for_each(|(range, out)| {
        let q = &q[range.start * width..range.end * width];
        let own = range.start * kv_width..range.end * kv_width;
        let keys = [shared.keys, &k[own.clone()]].concat();
        let values = [shared.values, &v[own]].concat();
        out.copy_from_slice(&attention_after(q, &keys, &values, past, how));
    });
    out
}
