//! Root-mean-square norm.
//!
//! Definition: `y = x / sqrt(mean(x^2) + eps) * weight`, row by row; the mean is a sum in f64.

use rayon::prelude::*;

use crate::kernel::rounded;

/// Norms every row of `x` ([rows, weight.len()]) into `out`, which has the same length.
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len().max(1);
    out.par_chunks_mut(width)
        .zip(x.par_chunks(width))
        .with_min_len(16)
        .for_each(|(y, row)| rms_norm_row(row, weight, eps, y));
}

/// Norms one row.
pub(crate) fn rms_norm_row(row: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let squares: f64 = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let scale = rounded((squares / row.len() as f64 + f64::from(eps)).sqrt().recip());
    for ((y, &v), &w) in out.iter_mut().zip(row).zip(weight) {
        *y = v * scale * w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_normed_alone_and_weighted() {
        let x = [3.0, 4.0, 0.0, 0.0, f32::NAN, 1.0];
        let mut out = [0.0; 6];
        rms_norm(&x, &[1.0, 2.0], 0.0, &mut out);
        let rms = 12.5_f32.sqrt();
        assert!((out[0] - 3.0 / rms).abs() < 1e-6 && (out[1] - 8.0 / rms).abs() < 1e-6);
        assert!(out[2..].iter().all(|v| v.is_nan()), "0/0 and NaN stay visible");
        rms_norm(&x, &[1.0, 2.0], 1e-5, &mut out);
        assert_eq!(&out[2..4], &[0.0, 0.0]);
    }
}
