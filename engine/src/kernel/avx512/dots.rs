//! Dot products with weights that are read once: unpacked in registers, multiplied there, never stored.
//!
//! Sums run in 32 lanes, which are added up at the end of a row.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_reduce_add_ps, _mm512_setzero_ps,
};

use super::pack::load;
use super::unpack::{GROUP, with_groups};
use crate::checkpoint::DType;
use crate::kernel::packed;
use crate::kernel::slivers::LANES;

/// One dot product with `x` for each of the packed rows, as long as `x`.
#[target_feature(enable = "avx512f")]
pub(super) fn packed(dtype: DType, rows: &[u8], x: &[f32], out: &mut [f32]) {
    let row_bytes = x.len() / dtype.block_len() * dtype.block_bytes();
    let whole = x.len() - x.len() % GROUP;
    let (x_groups, x_rest) = x.split_at(whole);
    with_groups!(dtype, packed_rows(rows, row_bytes, x_groups, out));
    if x_rest.is_empty() {
        return;
    }
    // Only types without blocks have rows that end inside a group.
    let mut rest = [0.0; GROUP];
    for (row, out) in rows.chunks_exact(row_bytes).zip(out) {
        let bytes = &row[whole * dtype.block_bytes()..];
        packed::dequantize(dtype, bytes, &mut rest[..x_rest.len()]);
        *out += x_rest.iter().zip(rest).map(|(x, w)| x * w).sum::<f32>();
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn packed_rows<const B: usize, const GROUPS: usize>(
    rows: &[u8],
    row_bytes: usize,
    x: &[f32],
    out: &mut [f32],
    unpack: impl Fn(&[u8; B], usize) -> [__m512; 2],
) {
    let x = x.as_chunks::<LANES>().0;
    for (row, out) in rows.chunks_exact(row_bytes).zip(out) {
        let mut sums = [_mm512_setzero_ps(); 4];
        let blocks = row.as_chunks::<B>().0.iter();
        for (block, x) in blocks.zip(x.chunks_exact(2 * GROUPS)) {
            for (group, x) in x.as_chunks::<2>().0.iter().enumerate() {
                let [low, high] = unpack(block, group);
                let odd = group % 2 * 2;
                sums[odd] = _mm512_fmadd_ps(low, load(&x[0]), sums[odd]);
                sums[odd + 1] = _mm512_fmadd_ps(high, load(&x[1]), sums[odd + 1]);
            }
        }
        let [a, b, c, d] = sums;
        *out = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, c), _mm512_add_ps(b, d)));
    }
}

/// The dot product of `w` with every row of `x`.
#[target_feature(enable = "avx512f")]
pub(super) fn plain(w: &[f32], x: &[f32], out: &mut [f32]) {
    let mut done = 0;
    while done < out.len() {
        let (x, out) = (&x[done * w.len()..], &mut out[done..]);
        done += match out.len() {
            1 => some::<1>(w, x, out),
            2 | 3 => some::<2>(w, x, out),
            _ => some::<4>(w, x, out),
        };
    }
}

/// The dot products with the first `N` rows of `x`. Returns `N`.
#[inline]
#[target_feature(enable = "avx512f")]
fn some<const N: usize>(w: &[f32], x: &[f32], out: &mut [f32]) -> usize {
    let (chunks, rest) = w.as_chunks::<LANES>();
    let mut rows = [x; N];
    for (n, row) in rows.iter_mut().enumerate() {
        *row = &x[n * w.len()..][..w.len()];
    }
    let mut sums = [_mm512_setzero_ps(); N];
    for (at, weights) in chunks.iter().enumerate() {
        let weights = load(weights);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = _mm512_fmadd_ps(weights, load(&row.as_chunks::<LANES>().0[at]), *sum);
        }
    }
    for ((sum, row), out) in sums.into_iter().zip(rows).zip(out) {
        let tail = row[w.len() - rest.len()..].iter().zip(rest).map(|(x, w)| x * w).sum::<f32>();
        *out = _mm512_reduce_add_ps(sum) + tail;
    }
    N
}
