//! A row-major target whose columns are written by several threads.
//!
//! In memory the columns of all threads alternate, so no slice can be the share of one; this file hands out
//! shares that cannot overlap.

use std::marker::PhantomData;

use crate::kernel::matmul::reaches;

/// Some columns of all rows.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    first: *mut f32,
    rows: usize,
    cols: usize,
    /// From one row to the next.
    row: usize,
    target: PhantomData<&'a mut [f32]>,
}

#[expect(unsafe_code, reason = "a share is as good as a `&mut` to its own numbers")]
// SAFETY: no other share has these numbers, and whoever holds the share holds the only borrow of the target.
unsafe impl Send for Columns<'_> {}

impl<'a> Columns<'a> {
    /// The first `cols` columns of `rows` rows of `data` that lie `row` apart; they must be there.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, cols: usize, row: usize) -> Self {
        assert!(cols <= row && reaches(data.len(), rows, row, cols, 1));
        Self { first: data.as_mut_ptr(), rows, cols, row, target: PhantomData }
    }

    /// Where the first number lies, and how far apart rows lie. What lies at `row * r + c` for a row and a column
    /// of this share may be read and written while the share is borrowed.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "what lies there may be written")]
    pub(super) fn place(&mut self) -> (*mut f32, usize) {
        (self.first, self.row)
    }

    /// Cuts the columns into shares of `width`, the last one narrower.
    pub(crate) fn shares(self, width: usize) -> impl Iterator<Item = Self> {
        (0..self.cols).step_by(width).map(move |at| Self {
            // Inside the first row.
            first: self.first.wrapping_add(at),
            cols: width.min(self.cols - at),
            ..self
        })
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns of this share.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// Writes `values` into `row`, from column `col` of this share on.
    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, row: usize, col: usize, values: [f32; N]) {
        assert!(row < self.rows && col <= self.cols && N <= self.cols - col);
        #[expect(unsafe_code, reason = "the share's numbers are no slice")]
        // SAFETY: the assert holds row and columns inside this share, and a share lies inside the target that it
        // borrows; the offset is below that target's length.
        unsafe {
            self.first.add(row * self.row + col).cast::<[f32; N]>().write(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn shares_fill_every_column_once() {
        let mut data = vec![-1.0; 3 * 7];
        let shares: Vec<_> = Columns::new(&mut data, 3, 7, 7).shares(3).collect();
        assert_eq!(shares.iter().map(Columns::cols).collect::<Vec<_>>(), [3, 3, 1]);
        shares.into_par_iter().enumerate().for_each(|(at, mut share)| {
            for row in 0..share.rows() {
                for col in 0..share.cols() {
                    share.put(row, col, [(row * 7 + at * 3 + col) as f32]);
                }
            }
        });
        assert_eq!(data, (0..21).map(|i| i as f32).collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "self.cols")]
    fn a_share_does_not_reach_its_neighbour() {
        let mut data = vec![0.0; 8];
        if let Some(mut share) = Columns::new(&mut data, 2, 4, 4).shares(2).next() {
            share.put(0, 1, [1.0, 1.0]);
        }
    }
}
