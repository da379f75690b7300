//! Activations of feed-forward sublayers and of heads, number by number.
//!
//! Definitions: relu `max(x, 0)`; tanh; GELU `x Phi(x)` with the normal distribution's `Phi` (erf form), or its
//! approximation `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))` (tanh form). NaN stays NaN.
#![expect(clippy::inline_always, reason = "as `Work` asks")]

use rayon::prelude::*;

use crate::kernel::exp::exp;
use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Relu,
    Tanh,
    GeluErf,
    GeluTanh,
}

impl Activation {
    /// Replaces every number of `x`.
    pub(crate) fn apply(self, x: &mut [f32]) {
        // One loop each, so that each becomes vector code.
        match self {
            Self::Relu => each(x, |x| if x < 0.0 { 0.0 } else { x }),
            Self::Tanh => each(x, tanh),
            Self::GeluErf => each(x, gelu_erf),
            Self::GeluTanh => each(x, gelu_tanh),
        }
    }
}

fn each(x: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    const PART: usize = 1 << 14;
    x.par_chunks_mut(PART).for_each(|x| fastest(Activated { x, f: &f }));
}

struct Activated<'a, F> {
    x: &'a mut [f32],
    f: &'a F,
}

impl<F: Fn(f32) -> f32> Work for Activated<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        self.x.iter_mut().for_each(|x| *x = (self.f)(*x));
    }
}

/// `(1 - e^-2|x|) / (1 + e^-2|x|)` with the sign of x; near 0, where that loses digits, a polynomial (Cephes' tanhf).
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * square + 2.063_909e-2;
    p = p * square - 5.373_971_6e-2;
    p = p * square + 1.333_144_2e-1;
    p = p * square - 3.333_328e-1;
    let near = p * square * x + x;
    let falling = exp(-2.0 * x.abs());
    let far = ((1.0 - falling) / (1.0 + falling)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> f32 {
    // sqrt(2 / pi).
    let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + tanh(inner))
}

/// `Phi` by erfc of Abramowitz and Stegun 7.1.26, at most 1.5e-7 off.
#[inline(always)]
fn gelu_erf(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut p = 1.061_405_4;
    p = p * t - 1.453_152;
    p = p * t + 1.421_413_7;
    p = p * t - 0.284_496_74;
    p = p * t + 0.254_829_6;
    let tail = 0.5 * p * t * exp(-z * z);
    x * if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(activation: Activation, definition: fn(f64) -> f64) {
        let mut values: Vec<f32> = (-30_000..30_000).map(|i| i as f32 * 4e-4).collect();
        values.extend([0.0, -0.0, 1e-20, -1e-20, 40.0, -40.0, 1e4, -1e4]);
        let want: Vec<f64> = values.iter().map(|&x| definition(f64::from(x))).collect();
        activation.apply(&mut values);
        for (got, want) in values.iter().zip(want) {
            let off = (f64::from(*got) - want).abs();
            assert!(off < 6e-7 * want.abs().max(1.0), "{activation:?}: {got} {want}");
        }
        let mut nan = [f32::NAN];
        activation.apply(&mut nan);
        assert!(nan[0].is_nan(), "{activation:?}");
    }

    #[test]
    fn each_is_what_its_definition_says() {
        check(Activation::Relu, |x| x.max(0.0));
        check(Activation::Tanh, f64::tanh);
        check(Activation::GeluErf, |x| {
            x * 0.5 * statrs::function::erf::erfc(-x / std::f64::consts::SQRT_2)
        });
        check(Activation::GeluTanh, |x| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        });
    }
}
