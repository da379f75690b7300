//! Sixteen f32 in one register.
//!
//! Only `Avx512::run` names this type, so that its methods are called where the processor was found to have the
//! instructions, and only there. They are inlined into code that is compiled for them.

use std::arch::x86_64::{
    __m512, _CMP_GT_OQ, _mm_add_pd, _mm_add_sd, _mm_cvtsd_f64, _mm_unpackhi_pd, _mm256_add_pd,
    _mm256_castpd256_pd128, _mm256_extractf128_pd, _mm512_add_pd, _mm512_add_ps,
    _mm512_castpd512_pd256, _mm512_castps_si512, _mm512_castps512_ps256, _mm512_castsi512_ps,
    _mm512_cmp_ps_mask, _mm512_cvtps_pd, _mm512_extractf32x8_ps, _mm512_extractf64x4_pd,
    _mm512_fmadd_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_slli_epi32, _mm512_sub_epi32, _mm512_sub_ps,
};
use std::ops::{Add, Mul, Sub};

use super::pack::{load, store};
use crate::kernel::exp::ROUND;
use crate::kernel::lanes::{LANES, Lanes};

/// Made only by its own methods.
#[derive(Debug, Clone, Copy)]
pub(super) struct Register(__m512);

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Add for Register {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Sub for Register {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Mul for Register {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Lanes for Register {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see the head of this file.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        // SAFETY: see the head of this file.
        Self(unsafe { load(from) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: see the head of this file.
        unsafe { store(to, self.0) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see the head of this file.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn larger_or(self, other: Self) -> Self {
        // Where either is NaN the instruction gives the second.
        // SAFETY: see the head of this file.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn count_above(self, bar: Self) -> u32 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, bar.0) }.count_ones()
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        let base = ROUND.to_bits().cast_signed() - 127;
        // SAFETY: see the head of this file.
        Self(unsafe {
            let n = _mm512_sub_epi32(_mm512_castps_si512(self.0), _mm512_set1_epi32(base));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(n))
        })
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        // SAFETY: see the head of this file.
        unsafe {
            let low = _mm512_cvtps_pd(_mm512_castps512_ps256(self.0));
            let high = _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(self.0));
            let v = _mm512_add_pd(low, high);
            let v = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v));
            let v = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
            _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v)))
        }
    }
}
