//! Norms of rows: by their root mean square, or a layer norm.
//!
//! Definition of the first: `y = x / sqrt(mean(x^2) + eps) * weight`, row by row; the mean is a sum in f64.

use rayon::prelude::*;

use crate::kernel::layer_norm::LayerNorm;
use crate::kernel::rounded;

/// A norm with its weights.
#[derive(Debug, Clone)]
pub(crate) enum Norm {
    /// By the root mean square; `weight` is `[width]`.
    Rms { weight: Vec<f32>, eps: f32 },
    /// Around the mean.
    Layer(LayerNorm),
}

impl Norm {
    /// Norms every row of `x` ([rows, width]) into a new vector.
    pub(crate) fn of(&self, x: &[f32]) -> Vec<f32> {
        let mut out = x.to_vec();
        self.apply(&mut out);
        out
    }

    /// Norms every row of `x` ([rows, width]) in place.
    pub(crate) fn apply(&self, x: &mut [f32]) {
        match self {
            Self::Rms { weight, eps } => {
                let rows = x.par_chunks_mut(weight.len().max(1)).with_min_len(16);
                rows.for_each(|row| rms_norm_row(row, weight, *eps));
            }
            Self::Layer(norm) => norm.apply(x),
        }
    }

    /// Norms one row in place.
    pub(crate) fn apply_row(&self, row: &mut [f32]) {
        match self {
            Self::Rms { weight, eps } => rms_norm_row(row, weight, *eps),
            Self::Layer(norm) => norm.apply_row(row),
        }
    }
}

fn rms_norm_row(row: &mut [f32], weight: &[f32], eps: f32) {
    let squares: f64 = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let scale = rounded((squares / row.len() as f64 + f64::from(eps)).sqrt().recip());
    for (v, &w) in row.iter_mut().zip(weight) {
        *v = *v * scale * w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_normed_alone_and_weighted() {
        let x = [3.0, 4.0, 0.0, 0.0, f32::NAN, 1.0];
        let out = Norm::Rms { weight: vec![1.0, 2.0], eps: 0.0 }.of(&x);
        let rms = 12.5_f32.sqrt();
        assert!((out[0] - 3.0 / rms).abs() < 1e-6 && (out[1] - 8.0 / rms).abs() < 1e-6);
        assert!(out[2..].iter().all(|v| v.is_nan()), "0/0 and NaN stay visible");
        let out = Norm::Rms { weight: vec![1.0, 2.0], eps: 1e-5 }.of(&x);
        assert_eq!(&out[2..4], &[0.0, 0.0]);
    }

    #[test]
    fn a_row_alone_is_a_row_among_others() {
        let (weight, bias) = (vec![1.0, 2.0, -1.0], vec![0.5, 0.0, 1.0]);
        let x = [3.0, 4.0, 1.0, -2.0, 0.5, 7.0];
        for norm in [
            Norm::Rms { weight: weight.clone(), eps: 1e-5 },
            Norm::Layer(LayerNorm { weight, bias, eps: 1e-5 }),
        ] {
            let mut row = [-2.0, 0.5, 7.0];
            norm.apply_row(&mut row);
            assert_eq!(norm.of(&x)[3..], row);
        }
    }
}
