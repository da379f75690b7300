//! Size and direction of the stream, row by row. Definitions: `signal` (RMS, cosine, update).
//!
//! Sums are f64: a stream of width 4096 has entries that differ by four orders of magnitude.

use rayon::prelude::*;

use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};
use crate::kernel::rounded;

/// Sums that run side by side, so that the compiler can keep them in one register.
const LANES: usize = 8;

/// sqrt(mean of squares) of every row of `h` ([tokens, width]).
pub(crate) fn rms(h: &[f32], width: usize) -> Vec<f32> {
    h.par_chunks(width.max(1))
        .map(|row| rounded((dot(row, row) / row.len() as f64).sqrt()))
        .collect()
}

/// Cosine between the same rows of two streams; NaN where one of them is zero.
pub(crate) fn cosine(h: &[f32], next: &[f32], width: usize) -> Vec<f32> {
    h.par_chunks(width.max(1))
        .zip(next.par_chunks(width.max(1)))
        .map(|(a, b)| {
            let cosine = dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt());
            // Rounding may leave the range by an ulp; `clamp` keeps a NaN.
            rounded(cosine.clamp(-1.0, 1.0))
        })
        .collect()
}

/// `|next - h| / |h|` of every row; NaN or infinite where `h` is zero.
pub(crate) fn update(h: &[f32], next: &[f32], width: usize) -> Vec<f32> {
    h.par_chunks(width.max(1))
        .zip(next.par_chunks(width.max(1)))
        .map(|(a, b)| {
            let moved = sum(a, b, |a, b| (b - a) * (b - a));
            rounded(moved.sqrt() / dot(a, a).sqrt())
        })
        .collect()
}

/// `|h - point|` of every row of `h` ([rows, width]) and every one of `points` ([points, width]): [rows, points].
/// Differences are taken in f64, where they are exact for numbers of like size: `|h|^2 - 2 h point + |point|^2` would
/// lose the digits that tell near points apart.
pub(crate) fn distances(h: &[f32], points: &[f32], width: usize) -> Vec<f32> {
    let width = width.max(1);
    let from =
        |row: &[f32], point: &[f32]| rounded(sum(row, point, |a, b| (a - b) * (a - b)).sqrt());
    let rows = h.par_chunks(width);
    rows.flat_map_iter(|row| points.chunks(width).map(move |point| from(row, point))).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| a * b)
}

/// The sum of `of` over pairs.
fn sum(a: &[f32], b: &[f32], of: impl Fn(f64, f64) -> f64) -> f64 {
    fastest(Sum { a, b, of })
}

struct Sum<'a, F> {
    a: &'a [f32],
    b: &'a [f32],
    of: F,
}

impl<F: Fn(f64, f64) -> f64> Work for Sum<'_, F> {
    type Output = f64;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) -> f64 {
        let mut sums = [0.0; LANES];
        let (a, a_rest) = self.a.as_chunks::<LANES>();
        let (b, b_rest) = self.b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += (self.of)(f64::from(a), f64::from(b));
            }
        }
        let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| (self.of)(f64::from(a), f64::from(b)));
        sums.into_iter().chain(rest).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_triangles_have_known_sides() {
        let h = [3.0, 4.0, 1.0, 0.0, 1.0, 1.0];
        let next = [3.0, 4.0, 0.0, 2.0, -1.0, -1.0];
        assert_eq!(rms(&h, 2), [12.5_f32.sqrt(), 0.5_f32.sqrt(), 1.0]);
        let cosines = cosine(&h, &next, 2);
        assert_eq!(cosines[..2], [1.0, 0.0]);
        assert!((cosines[2] + 1.0).abs() < 1e-6);
        assert_eq!(update(&h, &next, 2), [0.0, 5.0_f32.sqrt(), 2.0]);
    }

    #[test]
    fn distances_are_those_of_the_definition() {
        let number = |at: usize| ((at * 37 % 101) as f32 - 50.0) * 0.37;
        for (rows, points, width) in [(1, 2, 3), (3, 5, 8), (4, 1, 29)] {
            let h: Vec<f32> = (0..rows * width).map(number).collect();
            let means: Vec<f32> = (0..points * width).map(|at| number(at + 11)).collect();
            let got = distances(&h, &means, width);
            assert_eq!(got.len(), rows * points);
            for (at, got) in got.iter().enumerate() {
                let (row, point) = (at / points, at % points);
                let pairs = (0..width).map(|i| (h[row * width + i], means[point * width + i]));
                let squares = pairs.map(|(a, b)| (f64::from(a) - f64::from(b)).powi(2));
                let want = squares.sum::<f64>().sqrt();
                assert!((f64::from(*got) - want).abs() <= 1e-6 * want, "{got} {want}");
            }
        }
        assert_eq!(
            distances(&[3.0, 4.0, 0.0, 0.0], &[0.0, 0.0, 3.0, 0.0], 2),
            [5.0, 4.0, 0.0, 3.0]
        );
        let odd = distances(&[f32::NAN, 0.0, 1.0, 1.0], &[1.0, 1.0], 2);
        assert!(odd[0].is_nan() && odd[1] == 0.0);
        // Where the squares of the lengths would cancel: 1e4 away from 0, a thousandth apart.
        assert_eq!(distances(&[1e4, 1e4], &[1e4, 1e4 + 0.001_953_125], 2), [0.001_953_125]);
    }

    #[test]
    fn nothing_hides_a_nan_or_a_zero() {
        assert!(rms(&[f32::NAN, 1.0], 2)[0].is_nan());
        assert!(cosine(&[0.0, 0.0], &[1.0, 1.0], 2)[0].is_nan());
        assert!(update(&[0.0, 0.0], &[0.0, 0.0], 2)[0].is_nan());
        assert!(update(&[1.0, 0.0], &[f32::NAN, 0.0], 2)[0].is_nan());
    }
}
