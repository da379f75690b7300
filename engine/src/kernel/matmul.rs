//! Matrix products on the threads of the engine's pool.
//!
//! Definition: `y[t][o] = sum over i of x[t][i] * w[o][i]`, in f32 unless the matrix asks for another
//! `Numerics`. The order of a sum does not depend on the number of threads.

use gemm::Parallelism;
use rayon::prelude::*;

use crate::kernel::avx512::Avx512;
use crate::kernel::columns::Columns;
use crate::kernel::factor::Factor;
use crate::kernel::few;
use crate::kernel::matrix::Matrix;

/// Weights that a thread takes at a time, in numbers: 192 kB as f32, which stay in a core's cache while all
/// rows pass.
const SHARE: usize = 48 << 10;
/// Output columns of a register tile.
const COLUMNS: usize = 8;

/// Numbers that lie `row` apart from row to row and `col` apart from column to column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row: usize,
    pub(crate) col: usize,
}

/// Where a product goes: rows lie `row` apart.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) data: &'a mut [f32],
    pub(crate) row: usize,
}

/// Rows, columns and inner length of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dims {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) inner: usize,
}

/// Whether a product may use the other threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Only the one that calls: inside a parallel loop.
    One,
    /// All of the pool.
    #[cfg(feature = "bench")]
    All,
}

/// `x` is [tokens, w.cols()], `y` becomes [tokens, w.rows()].
pub(crate) fn matmul(x: &[f32], w: &Matrix, y: &mut Vec<f32>) {
    matmul_on(Avx512::detect(), x, w, y);
}

/// `matmul` on a machine that has AVX-512 or not.
fn matmul_on(cpu: Option<Avx512>, x: &[f32], w: &Matrix, y: &mut Vec<f32>) {
    let inner = w.cols();
    let tokens = x.len() / inner;
    y.resize(tokens * w.rows(), 0.0);
    if y.is_empty() {
        return;
    }
    if tokens <= few::FEW {
        few::product(cpu, x, w, y);
        return;
    }
    let factor = Factor::new(cpu, x, inner, w.numerics());
    let most = (SHARE / inner).max(COLUMNS);
    let shares = w.rows().div_ceil(most).next_multiple_of(rayon::current_num_threads());
    let share = w.rows().div_ceil(shares).next_multiple_of(COLUMNS);
    let columns: Vec<_> = Columns::new(y, tokens, w.rows(), w.rows()).shares(share).collect();
    let starts = (0..w.rows()).into_par_iter().step_by(share);
    starts.zip(columns).for_each_init(
        Default::default,
        |(scratch, pairs), (start, mut columns)| {
            let tile = w.tile(start..start + columns.cols(), scratch);
            factor.times(factor.met(tile, pairs), &mut columns);
        },
    );
}

/// `target = a * b`, with `a` [rows, inner] and `b` [inner, cols].
pub(crate) fn product(
    target: Target<'_>,
    a: Strided<'_>,
    b: Strided<'_>,
    dims: Dims,
    threads: Threads,
) {
    let Dims { rows, cols, inner } = dims;
    if rows > 0 && cols > 0 {
        let Target { data, row } = target;
        product_into(&mut Columns::new(data, rows, cols, row), a, b, inner, threads);
    }
}

/// `target = a * b`, with `a` [target.rows(), inner] and `b` [inner, target.cols()].
pub(super) fn product_into(
    target: &mut Columns<'_>,
    a: Strided<'_>,
    b: Strided<'_>,
    inner: usize,
    threads: Threads,
) {
    let (rows, cols) = (target.rows(), target.cols());
    assert!(reaches(a.data.len(), rows, a.row, inner, a.col));
    assert!(reaches(b.data.len(), inner, b.row, cols, b.col));
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        #[cfg(feature = "bench")]
        Threads::All => Parallelism::Rayon(0),
    };
    let (first, row) = target.place();
    #[expect(unsafe_code, reason = "the gemm crate takes pointers; the asserts are its contract")]
    // SAFETY: the asserts hold every element that is read inside its slice, the target holds its own inside the
    // borrow it has; its rows do not overlap, and it is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            inner,
            first,
            1,
            stride(row),
            false,
            a.data.as_ptr(),
            stride(a.col),
            stride(a.row),
            b.data.as_ptr(),
            stride(b.col),
            stride(b.row),
            0.0_f32,
            1.0_f32,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Strides are below the length of a slice, and no slice is longer than `isize::MAX` bytes.
fn stride(of: usize) -> isize {
    isize::try_from(of).unwrap_or(isize::MAX)
}

/// Whether the last of `rows` x `cols` numbers lies inside `len`.
pub(super) fn reaches(len: usize, rows: usize, row: usize, cols: usize, col: usize) -> bool {
    let last = |count: usize, by: usize| count.saturating_sub(1).checked_mul(by);
    match (last(rows, row), last(cols, col)) {
        (Some(down), Some(right)) => down.checked_add(right).is_some_and(|at| at < len),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
