//! Sixteen f32 in two registers, and the proof that this processor has AVX2.
//!
//! Only `Avx2::run` names the registers, so that their methods are called where the processor was found to have the
//! instructions, and only there. They are inlined into code that is compiled for them.

use std::arch::x86_64::{
    __m256, _CMP_GT_OQ, _mm_add_pd, _mm_add_sd, _mm_cvtsd_f64, _mm_unpackhi_pd, _mm256_add_pd,
    _mm256_add_ps, _mm256_castpd256_pd128, _mm256_castps_si256, _mm256_castps256_ps128,
    _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtps_pd, _mm256_extractf128_pd,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_movemask_ps,
    _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps,
    _mm256_sub_epi32, _mm256_sub_ps,
};
use std::ops::{Add, Mul, Sub};

use crate::kernel::exp::ROUND;
use crate::kernel::lanes::{LANES, Lanes};
use crate::kernel::machine::Work;

/// Proof of AVX2, of fused multiply-add and of the count of bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("popcnt");
        found.then_some(Self(()))
    }

    /// Runs `work`, of which everything that is inlined becomes AVX2 code.
    #[expect(clippy::unused_self, reason = "to have the token is what makes a call sound")]
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx2,fma,popcnt")]
        fn inside<W: Work>(work: W) -> W::Output {
            work.run::<Registers>()
        }
        #[expect(unsafe_code, reason = "the token stands for what the compiler cannot know")]
        // SAFETY: the token proves the features.
        unsafe {
            inside(work)
        }
    }
}

/// Made only by their own methods.
#[derive(Debug, Clone, Copy)]
struct Registers([__m256; 2]);

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Add for Registers {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // SAFETY: see the head of this file.
        Self(unsafe { [_mm256_add_ps(a, c), _mm256_add_ps(b, d)] })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Sub for Registers {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // SAFETY: see the head of this file.
        Self(unsafe { [_mm256_sub_ps(a, c), _mm256_sub_ps(b, d)] })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Mul for Registers {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // SAFETY: see the head of this file.
        Self(unsafe { [_mm256_mul_ps(a, c), _mm256_mul_ps(b, d)] })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Lanes for Registers {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see the head of this file.
        Self([unsafe { _mm256_set1_ps(value) }; 2])
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        // SAFETY: sixteen f32 lie behind the reference, and the loads ask for no alignment; see also the head of
        // this file.
        Self(unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))] })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let [low, high] = self.0;
        // SAFETY: sixteen f32 lie behind the reference, and the stores ask for no alignment; see also the head of
        // this file.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), low);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), high);
        }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let ([a, b], [c, d], [e, f]) = (self.0, factor.0, addend.0);
        // SAFETY: see the head of this file.
        Self(unsafe { [_mm256_fmadd_ps(a, c, e), _mm256_fmadd_ps(b, d, f)] })
    }

    #[inline(always)]
    fn larger_or(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // Where either is NaN the instruction gives the second.
        // SAFETY: see the head of this file.
        Self(unsafe { [_mm256_max_ps(a, c), _mm256_max_ps(b, d)] })
    }

    #[inline(always)]
    fn count_above(self, bar: Self) -> u32 {
        let ([a, b], [c, d]) = (self.0, bar.0);
        // SAFETY: see the head of this file.
        let [low, high] = unsafe {
            [
                _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, c)),
                _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(b, d)),
            ]
        };
        low.count_ones() + high.count_ones()
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        let base = ROUND.to_bits().cast_signed() - 127;
        let [low, high] = self.0;
        // SAFETY: see the head of this file.
        Self(unsafe {
            let base = _mm256_set1_epi32(base);
            let low = _mm256_sub_epi32(_mm256_castps_si256(low), base);
            let high = _mm256_sub_epi32(_mm256_castps_si256(high), base);
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(low)),
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(high)),
            ]
        })
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        let [low, high] = self.0;
        // SAFETY: see the head of this file.
        unsafe {
            let first = _mm256_add_pd(
                _mm256_cvtps_pd(_mm256_castps256_ps128(low)),
                _mm256_cvtps_pd(_mm256_castps256_ps128(high)),
            );
            let second = _mm256_add_pd(
                _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(low)),
                _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(high)),
            );
            let four = _mm256_add_pd(first, second);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
}
