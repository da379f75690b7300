//! The exponential of f32, in a form that becomes vector code.
//!
//! Definition: `e^x`, at most 2e-7 off (relative). Below -87 it stays at e^-87 = 1.6e-38, which no sum of
//! probabilities notices; NaN stays NaN.
//!
//! Products and sums are fused: half the instructions, and the same bits everywhere, since a fused one is rounded
//! once by definition. A processor without it (x86-64 before 2013, and small ones of later years that
//! lack AVX2) works it out in software, 15 to 28 times more slowly than separate products and sums were. So would code that is
//! not compiled for the machine: what calls this has to run in `machine::fastest`.

use crate::kernel::lanes::Lanes;

/// 1.5 * 2^23: adding it rounds a small f32 to a whole number and leaves that in the low bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// Where it stays.
const LEAST: f32 = -87.0;

/// ln 2 in two parts (Cody and Waite), with the other sign.
const LN_2: [f32; 2] = [-0.693_359_4, 2.121_944_4e-4];

/// 1 + r q(r), with q through (e^r - 1) / r at the six Chebyshev nodes of |r| <= ln 2 / 2: at most 1.1e-8 off.
const SERIES: [f32; 7] =
    [1.393_364_2e-3, 8.369_149e-3, 4.166_646_7e-2, 1.666_650_5e-1, 0.5, 1.0, 1.0];

/// `e^x` for `x` up to 88.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call inside the hot loop would undo its vector code")]
pub(super) fn exp(x: f32) -> f32 {
    // Comparisons, not `max`: that would swallow a NaN.
    let x = if x < LEAST { LEAST } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let r = whole.mul_add(LN_2[1], whole.mul_add(LN_2[0], x));
    let [first, rest @ ..] = SERIES;
    let mut p = first;
    for next in rest {
        p = p.mul_add(r, next);
    }
    p * power_of_two(shifted)
}

/// `2^n` for `ROUND + n`, with n of -126 ..= 127.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call inside the hot loop would undo its vector code")]
pub(super) fn power_of_two(shifted: f32) -> f32 {
    f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23)
}

/// The same of sixteen, with the same bits.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as `Work` asks")]
pub(super) fn exp_of_all<V: Lanes>(x: V) -> V {
    let x = V::splat(LEAST).larger_or(x);
    let round = V::splat(ROUND);
    let shifted = x.mul_add(V::splat(std::f32::consts::LOG2_E), round);
    let whole = shifted - round;
    let r = whole.mul_add(V::splat(LN_2[1]), whole.mul_add(V::splat(LN_2[0]), x));
    let [first, rest @ ..] = SERIES;
    let mut p = V::splat(first);
    for next in rest {
        p = p.mul_add(r, V::splat(next));
    }
    p * shifted.power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_of_the_standard_library() {
        for step in 0..200_000_u32 {
            let x = step as f32 * -4.35e-4;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 2e-7, "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) < 2e-38 && exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::NAN).is_nan());
    }
}
