//! Layer norm.
//!
//! Definition: `y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias`, row by row; both
//! means are sums in f64.

use rayon::prelude::*;

use crate::kernel::rounded;

/// Weights of a layer norm.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    /// `[width]`.
    pub(crate) weight: Vec<f32>,
    /// `[width]`.
    pub(crate) bias: Vec<f32>,
    pub(crate) eps: f32,
}

impl LayerNorm {
    /// Norms every row of `x` ([rows, width]) in place.
    pub(crate) fn apply(&self, x: &mut [f32]) {
        let rows = x.par_chunks_mut(self.weight.len().max(1)).with_min_len(16);
        rows.for_each(|row| self.apply_row(row));
    }

    /// Norms one row in place.
    pub(crate) fn apply_row(&self, row: &mut [f32]) {
        let count = row.len() as f64;
        let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let spread = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        let scale = (spread + f64::from(self.eps)).sqrt().recip();
        for ((y, &w), &b) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
            *y = rounded((f64::from(*y) - mean) * scale) * w + b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_centred_scaled_and_weighted_alone() {
        let norm = LayerNorm { weight: vec![1.0, 2.0], bias: vec![0.5, 0.0], eps: 0.0 };
        let mut x = [3.0, 5.0, 2.0, 2.0, f32::NAN, 1.0];
        norm.apply(&mut x);
        assert_eq!(&x[..2], &[-0.5, 2.0]);
        assert!(x[2..].iter().all(|v| v.is_nan()), "0/0 and NaN stay visible");
        let mut flat = [2.0, 2.0];
        LayerNorm { eps: 1e-5, ..norm }.apply(&mut flat);
        assert_eq!(flat, [0.5, 0.0]);
    }
}
