//! A weight matrix that stays where its bytes are.
//!
//! Aligned little-endian f32 is used in place; every other type is unpacked tile by tile into a scratch
//! that the caller reuses, so a model is never twice in memory.

use std::ops::Range;

use rayon::prelude::*;

use crate::checkpoint::{Bytes, DType};
use crate::kernel::numerics::Numerics;
use crate::kernel::packed;

/// [rows, cols], row by row; a linear layer is [out, in].
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    bytes: Bytes,
    dtype: DType,
    rows: usize,
    cols: usize,
    numerics: Numerics,
}

impl Matrix {
    /// `None` where the bytes are not exactly `rows` x `cols` weights, or a row is no whole number of blocks.
    pub(crate) fn new(bytes: Bytes, dtype: DType, rows: usize, cols: usize) -> Option<Self> {
        let whole = cols.is_multiple_of(dtype.block_len());
        let row_bytes = (cols / dtype.block_len()).checked_mul(dtype.block_bytes())?;
        let right = whole && cols > 0 && row_bytes.checked_mul(rows)? == bytes.len();
        right.then_some(Self { bytes, dtype, rows, cols, numerics: Numerics::default() })
    }

    /// The same weights, multiplied with another rounding where this machine has it.
    pub(crate) fn with_numerics(self, numerics: Numerics) -> Self {
        Self { numerics: numerics.available(), ..self }
    }

    /// How products with it may round.
    pub(crate) fn numerics(&self) -> Numerics {
        self.numerics
    }

    /// How its weights are stored.
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Number of rows: outputs of a linear layer.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns: inputs of a linear layer.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// All weights where they lie, if they are f32 that this machine can read in place.
    fn in_place(&self) -> Option<&[f32]> {
        if self.dtype != DType::F32 || cfg!(target_endian = "big") {
            return None;
        }
        floats(&self.bytes)
    }

    /// The stored bytes of the rows of `range`, which must lie inside.
    pub(crate) fn row_bytes(&self, range: Range<usize>) -> &[u8] {
        let row_bytes = self.cols / self.dtype.block_len() * self.dtype.block_bytes();
        &self.bytes[range.start * row_bytes..range.end * row_bytes]
    }

    /// The rows of `range` (which must lie inside) as f32: in place, or unpacked into `scratch`.
    pub(crate) fn tile<'a>(&'a self, range: Range<usize>, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let count = range.len() * self.cols;
        if let Some(all) = self.in_place() {
            return &all[range.start * self.cols..][..count];
        }
        scratch.resize(count, 0.0);
        packed::dequantize(self.dtype, self.row_bytes(range), scratch);
        scratch
    }

    /// As `tile`, unpacked by all threads: for tiles that all threads read.
    pub(crate) fn shared_tile<'a>(
        &'a self,
        range: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        if self.in_place().is_some() {
            return self.tile(range, scratch);
        }
        scratch.resize(range.len() * self.cols, 0.0);
        scratch
            .par_chunks_exact_mut(self.cols)
            .zip(range)
            .with_min_len(16)
            .for_each(|(out, row)| self.copy_row(row, out));
        scratch
    }

    /// One row into `out`, which is `cols` long.
    pub(crate) fn copy_row(&self, row: usize, out: &mut [f32]) {
        packed::dequantize(self.dtype, self.row_bytes(row..row + 1), out);
    }

    /// Whether a weight is NaN or infinite. Reads every byte once.
    pub(crate) fn has_non_finite(&self) -> bool {
        const TILE: usize = 256;
        (0..self.rows).into_par_iter().step_by(TILE).any(|start| {
            let mut scratch = Vec::new();
            let tile = self.tile(start..self.rows.min(start + TILE), &mut scratch);
            // A fold without an early end has no branch and becomes vector code.
            tile.chunks(1 << 14)
                .any(|part| part.iter().fold(false, |bad, weight| bad | !weight.is_finite()))
        })
    }
}

#[expect(unsafe_code, reason = "f32 weights are read where the file is mapped, without a copy")]
fn floats(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: every bit pattern of four bytes is a valid f32, and `align_to` keeps to alignment and bounds.
    let (before, middle, after) = unsafe { bytes.align_to::<f32>() };
    (before.is_empty() && after.is_empty()).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn bytes_of(values: &[f32], shift: usize) -> Bytes {
        let mut raw = vec![0_u8; shift];
        raw.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        let end = raw.len();
        Bytes::new(Arc::new(raw), shift..end).unwrap()
    }

    #[test]
    fn a_tile_is_the_same_in_place_and_unaligned() {
        let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
        for shift in 0..4 {
            let matrix = Matrix::new(bytes_of(&values, shift), DType::F32, 4, 3).unwrap();
            let mut scratch = Vec::new();
            assert_eq!(matrix.tile(1..3, &mut scratch), &values[3..9]);
            let mut row = [0.0; 3];
            matrix.copy_row(3, &mut row);
            assert_eq!(row, values[9..]);
        }
    }

    #[test]
    fn bytes_that_do_not_fit_make_no_matrix() {
        assert!(Matrix::new(bytes_of(&[0.0; 12], 0), DType::F32, 4, 4).is_none());
        assert!(Matrix::new(bytes_of(&[0.0; 17], 0), DType::Q8_0, 2, 33).is_none());
        assert!(Matrix::new(bytes_of(&[0.0; 12], 0), DType::F32, usize::MAX, 4).is_none());
    }

    #[test]
    fn a_nan_or_an_infinity_is_found_wherever_it_is() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 700, 2999] {
                let mut values = vec![f32::MAX; 3000];
                let fine = Matrix::new(bytes_of(&values, 0), DType::F32, 1000, 3).unwrap();
                assert!(!fine.has_non_finite());
                values[at] = bad;
                let matrix = Matrix::new(bytes_of(&values, 0), DType::F32, 1000, 3).unwrap();
                assert!(matrix.has_non_finite());
            }
        }
    }
}
