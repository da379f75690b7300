//! Sixteen f32 in four registers of NEON.
//!
//! Its instructions are part of the target: every processor for which this file is compiled has them.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddq_f64, vaddq_u32, vaddvq_f64, vaddvq_u32, vbslq_f32, vcgtq_f32,
    vcvt_f64_f32, vcvt_high_f64_f32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32, vget_low_f32, vld1q_f32,
    vmulq_f32, vreinterpretq_f32_s32, vreinterpretq_s32_f32, vshlq_n_s32, vst1q_f32, vsubq_f32,
    vsubq_s32,
};
use std::ops::{Add, Mul, Sub};

use crate::kernel::exp::ROUND;
use crate::kernel::lanes::{LANES, Lanes};

#[derive(Debug, Clone, Copy)]
pub(super) struct Registers([float32x4_t; 4]);

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Add for Registers {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        // SAFETY: see the head of this file.
        Self(unsafe { [vaddq_f32(a, e), vaddq_f32(b, f), vaddq_f32(c, g), vaddq_f32(d, h)] })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Sub for Registers {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        // SAFETY: see the head of this file.
        Self(unsafe { [vsubq_f32(a, e), vsubq_f32(b, f), vsubq_f32(c, g), vsubq_f32(d, h)] })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Mul for Registers {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        // SAFETY: see the head of this file.
        Self(unsafe { [vmulq_f32(a, e), vmulq_f32(b, f), vmulq_f32(c, g), vmulq_f32(d, h)] })
    }
}

#[expect(unsafe_code, reason = "the instructions are there: see the head of this file")]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Lanes for Registers {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see the head of this file.
        Self([unsafe { vdupq_n_f32(value) }; 4])
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        let from = from.as_ptr();
        // SAFETY: sixteen f32 lie behind the reference; see also the head of this file.
        unsafe {
            Self([
                vld1q_f32(from),
                vld1q_f32(from.add(4)),
                vld1q_f32(from.add(8)),
                vld1q_f32(from.add(12)),
            ])
        }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let ([a, b, c, d], to) = (self.0, to.as_mut_ptr());
        // SAFETY: sixteen f32 lie behind the reference; see also the head of this file.
        unsafe {
            vst1q_f32(to, a);
            vst1q_f32(to.add(4), b);
            vst1q_f32(to.add(8), c);
            vst1q_f32(to.add(12), d);
        }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, factor.0);
        let [i, j, k, l] = addend.0;
        // SAFETY: see the head of this file.
        Self(unsafe {
            [vfmaq_f32(i, a, e), vfmaq_f32(j, b, f), vfmaq_f32(k, c, g), vfmaq_f32(l, d, h)]
        })
    }

    #[inline(always)]
    fn larger_or(self, other: Self) -> Self {
        // The instruction for the larger gives NaN where either is.
        // SAFETY: see the head of this file.
        let larger = |a, b| unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) };
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([larger(a, e), larger(b, f), larger(c, g), larger(d, h)])
    }

    #[inline(always)]
    fn count_above(self, bar: Self) -> u32 {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, bar.0);
        // SAFETY: see the head of this file.
        unsafe {
            // All bits of a place where it holds: minus one.
            let low = vaddq_u32(vcgtq_f32(a, e), vcgtq_f32(b, f));
            let high = vaddq_u32(vcgtq_f32(c, g), vcgtq_f32(d, h));
            vaddvq_u32(vaddq_u32(low, high)).wrapping_neg()
        }
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        let base = ROUND.to_bits().cast_signed() - 127;
        // SAFETY: see the head of this file.
        let power = |v: float32x4_t| unsafe {
            let n = vsubq_s32(vreinterpretq_s32_f32(v), vdupq_n_s32(base));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(n))
        };
        let [a, b, c, d] = self.0;
        Self([power(a), power(b), power(c), power(d)])
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        let [a, b, c, d] = self.0;
        // SAFETY: see the head of this file.
        unsafe {
            let low_a_c = vaddq_f64(vcvt_f64_f32(vget_low_f32(a)), vcvt_f64_f32(vget_low_f32(c)));
            let low_b_d = vaddq_f64(vcvt_f64_f32(vget_low_f32(b)), vcvt_f64_f32(vget_low_f32(d)));
            let high_a_c = vaddq_f64(vcvt_high_f64_f32(a), vcvt_high_f64_f32(c));
            let high_b_d = vaddq_f64(vcvt_high_f64_f32(b), vcvt_high_f64_f32(d));
            vaddvq_f64(vaddq_f64(vaddq_f64(low_a_c, low_b_d), vaddq_f64(high_a_c, high_b_d)))
        }
    }
}
