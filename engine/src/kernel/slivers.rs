//! Rows of a left factor, 16 side by side.
//!
//! A sliver holds 16 rows: step by step what the 16 have at that step, so that one vector register takes one
//! step of all. A step is one number (f32), or two neighbouring ones (bf16 pairs). Rows that are missing in
//! the last sliver are zero.

use rayon::prelude::*;

/// Rows of one sliver: lanes of a vector register.
pub(crate) const LANES: usize = 16;

/// All rows of a left factor.
#[derive(Debug)]
pub(crate) struct Slivers<T> {
    steps: Vec<[T; LANES]>,
    /// Steps of one sliver.
    inner: usize,
    /// Rows that are there.
    rows: usize,
}

impl<T: Copy + Default + Send> Slivers<T> {
    /// Packs `x` ([rows, width]) into slivers of `inner` steps; `pack` fills one sliver from at most 16 rows.
    pub(crate) fn new(
        x: &[f32],
        width: usize,
        inner: usize,
        pack: impl Fn(&[f32], &mut [[T; LANES]]) + Sync,
    ) -> Self {
        let rows = x.len() / width;
        let mut steps = vec![[T::default(); LANES]; rows.div_ceil(LANES) * inner];
        steps
            .par_chunks_exact_mut(inner)
            .zip(x.par_chunks(LANES * width))
            .with_min_len(4)
            .for_each(|(sliver, rows)| pack(rows, sliver));
        Self { steps, inner, rows }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Steps of a row.
    pub(crate) fn inner(&self) -> usize {
        self.inner
    }

    /// Some slivers from the one of row `16 * first` on.
    pub(crate) fn some<const S: usize>(&self, first: usize) -> [&[[T; LANES]]; S] {
        std::array::from_fn(|s| &self.steps[(first + s) * self.inner..][..self.inner])
    }
}
