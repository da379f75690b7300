//! Packed weights in registers, 32 at a time, with the same bits as the plain version gives.
//!
//! A nibble can only mean 16 weights, so a block's 16 are computed once and picked by a permutation, which
//! looks at the low four (of two tables: five) bits of an index only.

use std::arch::x86_64::{
    __m128i, __m512, __m512i, _mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32, _mm_loadu_si128,
    _mm256_loadu_si256, _mm512_add_ps, _mm512_and_si512, _mm512_castsi512_ps, _mm512_cvtepi8_epi32,
    _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_cvtph_ps,
    _mm512_loadu_si512, _mm512_mul_ps, _mm512_or_si512, _mm512_permutex2var_ps,
    _mm512_permutexvar_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_ps, _mm512_slli_epi32,
    _mm512_srl_epi32, _mm512_srli_epi32, _mm512_sub_epi32, _mm512_sub_ps,
};

use super::pack::store;
use crate::kernel::packed::scale_and_min;
use crate::kernel::slivers::LANES;

/// Weights that are unpacked together: two registers.
pub(super) const GROUP: usize = 2 * LANES;

/// Calls `$run::<BYTES, GROUPS>(arguments, unpack)` for a type: `BYTES` of a block hold `GROUPS` groups of 32
/// weights, and `unpack(block, group)` gives one of them. A macro, since a function that needs processor
/// features can be handed on only from inside a function that has them.
macro_rules! with_groups {
    ($dtype:expr, $run:ident ( $($argument:expr),* )) => {{
        use crate::checkpoint::DType;
        use crate::kernel::avx512::unpack as u;
        match $dtype {
            DType::F32 => $run::<128, 1>($($argument,)* |block, _| u::f32(block)),
            DType::F16 => $run::<64, 1>($($argument,)* |block, _| u::f16(block)),
            DType::BF16 => $run::<64, 1>($($argument,)* |block, _| u::bf16(block)),
            DType::Q8_0 => $run::<34, 1>($($argument,)* |block, _| u::q8_0(block)),
            DType::Q4_0 => $run::<18, 1>($($argument,)* |block, _| u::q4_0(block)),
            DType::Q4_1 => $run::<20, 1>($($argument,)* |block, _| u::q4_1(block)),
            DType::Q4K => $run::<144, 8>($($argument,)* |block, group| u::q4_k(block, group)),
            DType::Q5K => $run::<176, 8>($($argument,)* |block, group| u::q5_k(block, group)),
            DType::Q6K => $run::<210, 8>($($argument,)* |block, group| u::q6_k(block, group)),
        }
    }};
}
pub(super) use with_groups;

/// Unpacks whole groups and returns how many weights that were.
#[target_feature(enable = "avx512f")]
pub(super) fn unpack(dtype: crate::checkpoint::DType, bytes: &[u8], out: &mut [f32]) -> usize {
    with_groups!(dtype, store_groups(bytes, out))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_groups<const B: usize, const GROUPS: usize>(
    bytes: &[u8],
    out: &mut [f32],
    unpack: impl Fn(&[u8; B], usize) -> [__m512; 2],
) -> usize {
    let blocks = bytes.as_chunks::<B>().0;
    let places = out.as_chunks_mut::<LANES>().0.chunks_exact_mut(2 * GROUPS);
    let count = blocks.len().min(places.len());
    for (block, places) in blocks.iter().zip(places) {
        for (group, place) in places.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let [low, high] = unpack(block, group);
            store(&mut place[0], low);
            store(&mut place[1], high);
        }
    }
    count * GROUPS * GROUP
}

/// `N` bytes of a block; where they lie is constant, so the check is gone after inlining.
#[inline]
fn part<const N: usize>(block: &[u8], at: usize) -> &[u8; N] {
    block[at..].first_chunk().unwrap_or(&[0; N])
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "loads take a pointer")]
fn bytes16(block: &[u8], at: usize) -> __m128i {
    // SAFETY: 16 bytes lie behind the reference, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(part::<16>(block, at).as_ptr().cast()) }
}

/// Two bytes of a block as f16.
#[inline]
#[target_feature(enable = "avx512f")]
fn half(block: &[u8], at: usize) -> f32 {
    let bits = u16::from_le_bytes(*part(block, at));
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// 0.0, 1.0, ... 15.0
#[inline]
#[target_feature(enable = "avx512f")]
fn counting() -> __m512 {
    _mm512_setr_ps(0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn shifted(v: __m512i, bits: usize) -> __m512i {
    // Always below 8.
    _mm512_srl_epi32(v, _mm_cvtsi32_si128(i32::try_from(bits).unwrap_or(0)))
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "loads take a pointer")]
pub(super) fn f32(block: &[u8; 128]) -> [__m512; 2] {
    // SAFETY: 64 bytes lie behind each reference, and the load asks for no alignment.
    let at = |at| unsafe { _mm512_loadu_si512(part::<64>(block, at).as_ptr().cast()) };
    [_mm512_castsi512_ps(at(0)), _mm512_castsi512_ps(at(64))]
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "loads take a pointer")]
pub(super) fn f16(block: &[u8; 64]) -> [__m512; 2] {
    // SAFETY: 32 bytes lie behind each reference, and the load asks for no alignment.
    let at = |at| unsafe { _mm256_loadu_si256(part::<32>(block, at).as_ptr().cast()) };
    [_mm512_cvtph_ps(at(0)), _mm512_cvtph_ps(at(32))]
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "loads take a pointer")]
pub(super) fn bf16(block: &[u8; 64]) -> [__m512; 2] {
    // SAFETY: 32 bytes lie behind each reference, and the load asks for no alignment.
    let at = |at| unsafe { _mm256_loadu_si256(part::<32>(block, at).as_ptr().cast()) };
    let wide = |v| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(v)));
    [wide(at(0)), wide(at(32))]
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn q8_0(block: &[u8; 34]) -> [__m512; 2] {
    let d = _mm512_set1_ps(half(block, 0));
    let at = |at| {
        let q = _mm512_cvtepi8_epi32(bytes16(block, at));
        _mm512_mul_ps(d, _mm512_cvtepi32_ps(q))
    };
    [at(2), at(18)]
}

/// Low nibbles, then high nibbles of 16 bytes, as `table` says.
#[inline]
#[target_feature(enable = "avx512f")]
fn nibbles(q: __m128i, table: __m512) -> [__m512; 2] {
    let q = _mm512_cvtepu8_epi32(q);
    [_mm512_permutexvar_ps(q, table), _mm512_permutexvar_ps(_mm512_srli_epi32::<4>(q), table)]
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn q4_0(block: &[u8; 18]) -> [__m512; 2] {
    let centred = _mm512_sub_ps(counting(), _mm512_set1_ps(8.0));
    nibbles(bytes16(block, 2), _mm512_mul_ps(centred, _mm512_set1_ps(half(block, 0))))
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn q4_1(block: &[u8; 20]) -> [__m512; 2] {
    let (d, least) = (_mm512_set1_ps(half(block, 0)), _mm512_set1_ps(half(block, 2)));
    nibbles(bytes16(block, 4), _mm512_add_ps(_mm512_mul_ps(counting(), d), least))
}

/// Scale and minimum of a group of a K block, both with the block's own.
#[inline]
#[target_feature(enable = "avx512f")]
fn scale_of_group(block: &[u8], group: usize) -> (__m512, __m512) {
    let (scale, least) = scale_and_min(part::<12>(block, 4), group);
    (_mm512_set1_ps(half(block, 0) * scale), _mm512_set1_ps(half(block, 2) * least))
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn q4_k(block: &[u8; 144], group: usize) -> [__m512; 2] {
    let (d, least) = scale_of_group(block, group);
    let table = _mm512_sub_ps(_mm512_mul_ps(d, counting()), least);
    let from = 16 + group / 2 * 32;
    let at = |at| {
        let q = _mm512_cvtepu8_epi32(bytes16(block, at));
        _mm512_permutexvar_ps(shifted(q, group % 2 * 4), table)
    };
    [at(from), at(from + 16)]
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn q5_k(block: &[u8; 176], group: usize) -> [__m512; 2] {
    let (d, least) = scale_of_group(block, group);
    let upper = _mm512_add_ps(counting(), _mm512_set1_ps(16.0));
    let low = _mm512_sub_ps(_mm512_mul_ps(d, counting()), least);
    let high = _mm512_sub_ps(_mm512_mul_ps(d, upper), least);
    let from = 48 + group / 2 * 32;
    let at = |at| {
        let q = shifted(_mm512_cvtepu8_epi32(bytes16(block, from + at)), group % 2 * 4);
        let fifth = shifted(_mm512_cvtepu8_epi32(bytes16(block, 16 + at)), group);
        let q = _mm512_and_si512(q, _mm512_set1_epi32(15));
        let fifth = _mm512_and_si512(fifth, _mm512_set1_epi32(1));
        let index = _mm512_or_si512(q, _mm512_slli_epi32::<4>(fifth));
        _mm512_permutex2var_ps(low, index, high)
    };
    [at(0), at(16)]
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn q6_k(block: &[u8; 210], group: usize) -> [__m512; 2] {
    let (side, quarter) = (group / 4, group % 4);
    let scales = &part::<16>(block, 192)[8 * side + 2 * quarter..];
    let at = |p: usize| {
        let low = _mm512_cvtepu8_epi32(bytes16(block, 64 * side + quarter % 2 * 32 + 16 * p));
        let low = _mm512_and_si512(shifted(low, quarter / 2 * 4), _mm512_set1_epi32(15));
        let high = _mm512_cvtepu8_epi32(bytes16(block, 128 + 32 * side + 16 * p));
        let high = _mm512_and_si512(shifted(high, 2 * quarter), _mm512_set1_epi32(3));
        let q = _mm512_or_si512(low, _mm512_slli_epi32::<4>(high));
        let q = _mm512_cvtepi32_ps(_mm512_sub_epi32(q, _mm512_set1_epi32(32)));
        let scale = half(block, 208) * f32::from(scales[p].cast_signed());
        _mm512_mul_ps(_mm512_set1_ps(scale), q)
    };
    [at(0), at(1)]
}
