//! Matrix products on the threads of the engine's pool.
//!
//! Definition: `y[t][o] = sum over i of x[t][i] * w[o][i]`, in f32. The order of the sum does not depend
//! on the number of threads.

use gemm::Parallelism;

use crate::kernel::matrix::Matrix;

/// Rows of a packed matrix that are unpacked at a time: 256 x 4096 f32 are 4 MB, shared by all tokens.
const ROWS_PER_TILE: usize = 256;

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
    All,
}

/// `x` is [tokens, w.cols()], `y` becomes [tokens, w.rows()].
pub(crate) fn matmul(x: &[f32], w: &Matrix, y: &mut Vec<f32>) {
    let tokens = x.len() / w.cols();
    y.resize(tokens * w.rows(), 0.0);
    let inner = w.cols();
    let tile_rows = if w.in_place().is_some() { w.rows() } else { ROWS_PER_TILE };
    let mut scratch = Vec::new();
    for start in (0..w.rows()).step_by(tile_rows.max(1)) {
        let end = w.rows().min(start + tile_rows);
        let tile = w.row_tile(start..end, &mut scratch);
        product(
            Target { data: &mut y[start..], row: w.rows() },
            Strided { data: x, row: inner, col: 1 },
            Strided { data: tile, row: 1, col: inner },
            Dims { rows: tokens, cols: end - start, inner },
            Threads::All,
        );
    }
}

/// `target = a * b`, with `a` [rows, inner] and `b` [inner, cols].
#[expect(unsafe_code, reason = "the gemm crate takes pointers; the three asserts are its contract")]
pub(crate) fn product(
    target: Target<'_>,
    a: Strided<'_>,
    b: Strided<'_>,
    dims: Dims,
    threads: Threads,
) {
    let Dims { rows, cols, inner } = dims;
    let Target { data, row } = target;
    if rows == 0 || cols == 0 {
        return;
    }
    assert!(cols <= row && reaches(data.len(), rows, row, cols, 1));
    assert!(reaches(a.data.len(), rows, a.row, inner, a.col));
    assert!(reaches(b.data.len(), inner, b.row, cols, b.col));
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(0),
    };
    // SAFETY: the asserts hold every element that the product touches inside its slice; rows of the target
    // do not overlap (`cols <= row`), and it is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            inner,
            data.as_mut_ptr(),
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

fn reaches(len: usize, rows: usize, row: usize, cols: usize, col: usize) -> bool {
    let last = |count: usize, by: usize| count.saturating_sub(1).checked_mul(by);
    match (last(rows, row), last(cols, col)) {
        (Some(down), Some(right)) => down.checked_add(right).is_some_and(|at| at < len),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Bytes, DType};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn plain(x: &[f32], w: &[f32], inner: usize) -> Vec<f32> {
        let mut y = Vec::new();
        for row in x.chunks(inner) {
            for weights in w.chunks(inner) {
                let sum: f64 =
                    row.iter().zip(weights).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                y.push(crate::kernel::rounded(sum));
            }
        }
        y
    }

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn the_fast_product_is_the_plain_one(tokens in 1_usize..20, out in 1_usize..300, inner in 1_usize..70) {
            let (x, w) = (wave(tokens * inner, 0.37), wave(out * inner, 0.61));
            for dtype in [DType::F32, DType::BF16] {
                let raw: Vec<u8> = match dtype {
                    DType::F32 => w.iter().flat_map(|v| v.to_le_bytes()).collect(),
                    _ => w.iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect(),
                };
                let mut seen = vec![0.0; w.len()];
                crate::kernel::packed::dequantize(dtype, &raw, &mut seen);
                let len = raw.len();
                let bytes = Bytes::new(Arc::new(raw), 0..len).unwrap();
                let matrix = Matrix::new(bytes, dtype, out, inner).unwrap();
                let mut y = Vec::new();
                matmul(&x, &matrix, &mut y);
                for (got, want) in y.iter().zip(plain(&x, &seen, inner)) {
                    prop_assert!((got - want).abs() < 1e-4, "{got} {want}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "reaches")]
    fn a_slice_that_is_too_short_never_reaches_the_library() {
        product(
            Target { data: &mut [0.0; 4], row: 2 },
            Strided { data: &[0.0; 3], row: 2, col: 1 },
            Strided { data: &[0.0; 4], row: 2, col: 1 },
            Dims { rows: 2, cols: 2, inner: 2 },
            Threads::One,
        );
    }
}
