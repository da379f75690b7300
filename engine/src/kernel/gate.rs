//! The gate of a feed-forward sublayer.
//!
//! Definition: `gate = gate * sigmoid(gate) * up`, number by number.

use rayon::prelude::*;

use crate::kernel::exp::exp;

/// Gates `up` with the SiLU of `gate`, in place of `gate`.
pub(crate) fn silu_gate(gate: &mut [f32], up: &[f32]) {
    const PART: usize = 1 << 14;
    gate.par_chunks_mut(PART).zip(up.par_chunks(PART)).for_each(|(gate, up)| {
        for (g, &up) in gate.iter_mut().zip(up) {
            // Of |g|, so that the exponential only falls; sigmoid(g) = 1 - sigmoid(-g).
            let falling = exp(-g.abs());
            let sigmoid = if *g < 0.0 { falling } else { 1.0 } / (1.0 + falling);
            *g *= sigmoid * up;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_what_its_definition_says() {
        let mut gate: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.03).collect();
        let want: Vec<f64> =
            gate.iter().map(|&g| f64::from(g) / (1.0 + (-f64::from(g)).exp()) * 1.5).collect();
        silu_gate(&mut gate, &vec![1.5; 8000]);
        for (got, want) in gate.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 1e-5 * want.abs().max(1.0), "{got} {want}");
        }
        let mut nan = [f32::NAN];
        silu_gate(&mut nan, &[1.0]);
        assert!(nan[0].is_nan());
    }
}
