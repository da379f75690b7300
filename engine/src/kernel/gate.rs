//! The gate of a feed-forward sublayer.
//!
//! Definition: `gate = a(gate) * up`, number by number, with `a` the SiLU `x sigmoid(x)` or an activation.

use rayon::prelude::*;

use crate::kernel::activation::gelu_tanh;
use crate::kernel::exp::exp;
use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};

/// What the gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Silu,
    GeluTanh,
}

impl Gate {
    /// Gates `up`, in place of `gate`.
    pub(crate) fn apply(self, gate: &mut [f32], up: &[f32]) {
        // One loop each, so that each becomes vector code.
        match self {
            Self::Silu => each(gate, up, |g| {
                // Of |g|, so that the exponential only falls; sigmoid(g) = 1 - sigmoid(-g).
                let falling = exp(-g.abs());
                g * (if g < 0.0 { falling } else { 1.0 } / (1.0 + falling))
            }),
            Self::GeluTanh => each(gate, up, gelu_tanh),
        }
    }
}

fn each(gate: &mut [f32], up: &[f32], f: impl Fn(f32) -> f32 + Sync) {
    const PART: usize = 1 << 14;
    gate.par_chunks_mut(PART)
        .zip(up.par_chunks(PART))
        .for_each(|(gate, up)| fastest(Gated { gate, up, f: &f }));
}

struct Gated<'a, F> {
    gate: &'a mut [f32],
    up: &'a [f32],
    f: &'a F,
}

impl<F: Fn(f32) -> f32> Work for Gated<'_, F> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) {
        for (g, &up) in self.gate.iter_mut().zip(self.up) {
            *g = (self.f)(*g) * up;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gate: Gate, definition: fn(f64) -> f64) {
        let mut values: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.03).collect();
        let want: Vec<f64> = values.iter().map(|&g| definition(f64::from(g)) * 1.5).collect();
        gate.apply(&mut values, &vec![1.5; 8000]);
        for (got, want) in values.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 1e-5 * want.abs().max(1.0), "{got} {want}");
        }
        let mut nan = [f32::NAN];
        gate.apply(&mut nan, &[1.0]);
        assert!(nan[0].is_nan());
    }

    #[test]
    fn the_gate_is_what_its_definition_says() {
        check(Gate::Silu, |g| g / (1.0 + (-g).exp()));
        check(Gate::GeluTanh, |g| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (g + 0.044715 * g.powi(3));
            0.5 * g * (1.0 + inner.tanh())
        });
    }
}
