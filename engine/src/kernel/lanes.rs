//! Sixteen f32 at a time, for the sums over logits.
//!
//! Loops over arrays of sums do become vector code, but only where the compiler sees through them: inlined beside
//! others some stayed number by number, which took longer than a quarter of the product they follow. So the vector is
//! written out, and a machine brings its own. What works on them has plain loops: in a closure that an iterator calls, the
//! instructions would be calls of functions.

use std::ops::{Add, Mul, Sub};

use crate::kernel::exp::power_of_two;

pub(crate) const LANES: usize = 16;

/// Sixteen f32. Every machine gives the same bits.
#[expect(clippy::inline_always, reason = "as `Work` asks")]
pub(crate) trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    /// Sixteen times the same.
    fn splat(value: f32) -> Self;

    fn load(from: &[f32; LANES]) -> Self;

    fn store(self, to: &mut [f32; LANES]);

    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// `self` where it is larger, else `other`: also where either is NaN.
    fn larger_or(self, other: Self) -> Self;

    /// In how many places `self` is larger.
    fn count_above(self, bar: Self) -> u32;

    /// `2^n` for `ROUND + n`, with n of -126 ..= 127.
    fn power_of_two(self) -> Self;

    /// The sum in f64: halves onto each other, since one lane after the other is four times as many additions that
    /// wait for one another.
    fn sum(self) -> f64;

    /// The largest; NaN is passed over.
    #[inline(always)]
    fn peak(self) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        lanes.into_iter().fold(f32::NEG_INFINITY, |max, z| if z > max { z } else { max })
    }
}

/// What every machine has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain([f32; LANES]);

#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Plain {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for (out, other) in out.iter_mut().zip(other.0) {
            *out = f(*out, other);
        }
        Self(out)
    }
}

#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Add for Plain {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Sub for Plain {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Mul for Plain {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
}

#[expect(clippy::inline_always, reason = "as `Work` asks")]
impl Lanes for Plain {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let mut out = self.0;
        for ((out, factor), addend) in out.iter_mut().zip(factor.0).zip(addend.0) {
            *out = out.mul_add(factor, addend);
        }
        Self(out)
    }

    #[inline(always)]
    fn larger_or(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn count_above(self, bar: Self) -> u32 {
        self.0.into_iter().zip(bar.0).map(|(z, bar)| u32::from(z > bar)).sum()
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(self.0.map(power_of_two))
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        let mut sums = self.0.map(f64::from);
        for half in [8, 4, 2, 1] {
            let (low, high) = sums.split_at_mut(half);
            low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        }
        sums[0]
    }
}
