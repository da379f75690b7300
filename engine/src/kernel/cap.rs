//! Soft caps of scores and logits.
//!
//! Definition: `y = cap tanh(x / cap)`, number by number: nearly x near 0, never beyond the cap (Gemma 2).

use crate::kernel::activation::tanh;
use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};

/// Caps every number of `x` in place.
pub(crate) fn soft_cap(x: &mut [f32], cap: f32) {
    fastest(Capped { x, cap });
}

struct Capped<'a> {
    x: &'a mut [f32],
    cap: f32,
}

impl Work for Capped<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) {
        let inverse = self.cap.recip();
        for x in self.x {
            *x = self.cap * tanh(*x * inverse);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_the_cap_and_small_ones_as_they_are() {
        for cap in [0.5, 4.0, 30.0, 50.0_f32] {
            let mut values: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.07).collect();
            let wide = f64::from(cap);
            let want: Vec<f64> =
                values.iter().map(|&x| wide * (f64::from(x) / wide).tanh()).collect();
            soft_cap(&mut values, cap);
            for (got, want) in values.iter().zip(want) {
                assert!((f64::from(*got) - want).abs() <= 6e-7 * wide.max(1.0), "{got} {want}");
                assert!(got.abs() <= cap);
            }
        }
        let mut odd = [f32::NAN, 1e-9, 0.0];
        soft_cap(&mut odd, 4.0);
        assert!(odd[0].is_nan());
        assert_eq!(odd[1..], [1e-9, 0.0]);
    }
}
