//! Rows laid 16 side by side, and f32 rounded to pairs of bf16.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtne2ps_pbh,
    _mm512_loadu_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_shuffle_f32x4,
    _mm512_shuffle_ps, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_unpackhi_ps,
    _mm512_unpacklo_ps,
};

use crate::kernel::slivers::LANES;

/// 16 numbers from memory.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "loads take a pointer")]
pub(super) fn load(from: &[f32; LANES]) -> __m512 {
    // SAFETY: 16 f32 lie behind the reference, and the load asks for no alignment.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

/// 16 numbers to memory.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "stores take a pointer")]
pub(super) fn store(to: &mut [f32; LANES], values: __m512) {
    // SAFETY: 16 f32 lie behind the reference, and the store asks for no alignment.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), values) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "stores take a pointer")]
fn store_pairs(to: &mut [u32; LANES], values: __m512i) {
    // SAFETY: 16 u32 lie behind the reference, and the store asks for no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), values) }
}

/// Sixteen pairs of bf16, nearest to 32 numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
#[expect(unsafe_code, reason = "the library has no cast between its types of 512 bits")]
fn rounded(low: __m512, high: __m512) -> __m512i {
    // SAFETY: both types are 64 bytes of which every pattern is valid.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) }
}

/// Four rows of 16: the quarter `q` of result `j` holds column `4 q + j`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn quads(v: [__m512; 4]) -> [__m512; 4] {
    let (a, b) = (_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    let (c, d) = (_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    [
        _mm512_shuffle_ps::<0x44>(a, c),
        _mm512_shuffle_ps::<0xee>(a, c),
        _mm512_shuffle_ps::<0x44>(b, d),
        _mm512_shuffle_ps::<0xee>(b, d),
    ]
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(v: &[__m512; LANES]) -> [__m512; LANES] {
    let q = [
        quads([v[0], v[1], v[2], v[3]]),
        quads([v[4], v[5], v[6], v[7]]),
        quads([v[8], v[9], v[10], v[11]]),
        quads([v[12], v[13], v[14], v[15]]),
    ];
    let mut out = [_mm512_setzero_ps(); LANES];
    for j in 0..4 {
        let low = _mm512_shuffle_f32x4::<0x44>(q[0][j], q[1][j]);
        let low_rest = _mm512_shuffle_f32x4::<0x44>(q[2][j], q[3][j]);
        let high = _mm512_shuffle_f32x4::<0xee>(q[0][j], q[1][j]);
        let high_rest = _mm512_shuffle_f32x4::<0xee>(q[2][j], q[3][j]);
        out[j] = _mm512_shuffle_f32x4::<0x88>(low, low_rest);
        out[4 + j] = _mm512_shuffle_f32x4::<0xdd>(low, low_rest);
        out[8 + j] = _mm512_shuffle_f32x4::<0x88>(high, high_rest);
        out[12 + j] = _mm512_shuffle_f32x4::<0xdd>(high, high_rest);
    }
    out
}

/// The `N` numbers of `row` from `at` on; zero behind its end.
#[inline]
fn padded<const N: usize>(row: &[f32], at: usize) -> [f32; N] {
    let mut all = [0.0; N];
    let rest = row.get(at..).unwrap_or_default();
    for (slot, &value) in all.iter_mut().zip(rest) {
        *slot = value;
    }
    all
}

/// At most 16 rows of `width` numbers into one sliver of `width` steps.
#[target_feature(enable = "avx512f")]
pub(super) fn f32(rows: &[f32], width: usize, sliver: &mut [[f32; LANES]]) {
    for (at, steps) in (0..).step_by(LANES).zip(sliver.chunks_mut(LANES)) {
        let mut v = [_mm512_setzero_ps(); LANES];
        for (v, row) in v.iter_mut().zip(rows.chunks_exact(width)) {
            let whole = row.get(at..).and_then(|rest| rest.first_chunk());
            *v = whole.map_or_else(|| load(&padded(row, at)), |chunk| load(chunk));
        }
        for (step, v) in steps.iter_mut().zip(transposed(&v)) {
            store(step, v);
        }
    }
}

/// At most 16 rows of `width` numbers into one sliver of `width / 2` steps, rounded up.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn bf16(rows: &[f32], width: usize, sliver: &mut [[u32; LANES]]) {
    for (at, steps) in (0..).step_by(2 * LANES).zip(sliver.chunks_mut(LANES)) {
        let mut v = [_mm512_setzero_ps(); LANES];
        for (v, row) in v.iter_mut().zip(rows.chunks_exact(width)) {
            *v = _mm512_castsi512_ps(pairs_at(row, at));
        }
        for (step, v) in steps.iter_mut().zip(transposed(&v)) {
            store_pairs(step, _mm512_castps_si512(v));
        }
    }
}

/// One row into pairs.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn bf16_row(row: &[f32], pairs: &mut [u32]) {
    let (whole, rest) = pairs.as_chunks_mut::<LANES>();
    let mut at = 0;
    for chunk in whole {
        store_pairs(chunk, pairs_at(row, at));
        at += 2 * LANES;
    }
    let mut last = [0; LANES];
    store_pairs(&mut last, pairs_at(row, at));
    for (pair, last) in rest.iter_mut().zip(last) {
        *pair = last;
    }
}

/// The 16 pairs from `at` on; zero behind the end of the row.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn pairs_at(row: &[f32], at: usize) -> __m512i {
    let rest = row.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return _mm512_setzero_si512();
    }
    let (low, high) = match rest.as_chunks::<LANES>().0 {
        [low, high, ..] => (load(low), load(high)),
        _ => (load(&padded(rest, 0)), load(&padded(rest, LANES))),
    };
    rounded(low, high)
}
