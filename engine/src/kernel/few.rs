//! Products of few rows, such as one new token: every weight is read once, and reading is what takes the time.
//!
//! Definition: as in `matmul`, with sums that run in lanes along the row.

use rayon::prelude::*;

use crate::kernel::avx512::Avx512;
use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};
use crate::kernel::matrix::Matrix;
use crate::kernel::rounded;
use crate::kernel::tally::dot;

/// Rows of `x` up to which a product is one of few rows.
pub(super) const FEW: usize = 8;
/// Weights below which another thread is not worth waking.
const LEAST_WEIGHTS: usize = 1 << 15;
/// Shares of one thread, so that one that is held up is helped.
const SHARES: usize = 4;

/// `y = x * w^T`, with `x` [tokens, w.cols()] and `y` [tokens, w.rows()].
pub(super) fn product(cpu: Option<Avx512>, x: &[f32], w: &Matrix, y: &mut [f32]) {
    let tokens = x.len() / w.cols();
    let least = (LEAST_WEIGHTS / w.cols()).max(1);
    let share = w.rows().div_ceil(rayon::current_num_threads() * SHARES).max(least);
    if let (1, Some(cpu)) = (tokens, cpu) {
        in_shares(y, share, |at, y| {
            cpu.packed_dots(w.dtype(), w.row_bytes(at..at + y.len()), x, y);
        });
        return;
    }
    // Output by output, so that the numbers of one thread lie together.
    let mut by_output = vec![0.0; y.len()];
    in_shares(&mut by_output, share * tokens, |at, y| some(cpu, x, w, at / tokens, y));
    for (token, y) in y.chunks_exact_mut(w.rows()).enumerate() {
        for (y, outputs) in y.iter_mut().zip(by_output.chunks_exact(tokens)) {
            *y = outputs[token];
        }
    }
}

/// Calls `run` with parts of `y` and where each begins.
fn in_shares(y: &mut [f32], share: usize, run: impl Fn(usize, &mut [f32]) + Sync) {
    if y.len() <= share {
        run(0, y);
        return;
    }
    y.par_chunks_mut(share).enumerate().for_each(|(at, y)| run(at * share, y));
}

/// Outputs from `first` on: `y` is [outputs, tokens].
fn some(cpu: Option<Avx512>, x: &[f32], w: &Matrix, first: usize, y: &mut [f32]) {
    let mut weights = vec![0.0; w.cols()];
    for (row, y) in (first..).zip(y.chunks_exact_mut(x.len() / w.cols())) {
        w.copy_row(row, &mut weights);
        match cpu {
            Some(cpu) => cpu.dots(&weights, x, y),
            None => fastest(Dots { weights: &weights, x, y }),
        }
    }
}

/// The dot products of `weights` with rows of `x`.
struct Dots<'a> {
    weights: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Work for Dots<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) {
        for (y, x) in self.y.iter_mut().zip(self.x.chunks_exact(self.weights.len())) {
            *y = rounded(dot::<V>(self.weights, x));
        }
    }
}
