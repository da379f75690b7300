//! Where the first choice of a depth is the full model's, or is right.

use std::sync::Arc;

use rayon::prelude::*;

use super::Recording;
use crate::signal::NO_TOKEN;

/// One bit for every row and depth: whether the first choice there is the one that is wanted of the row.
#[derive(Debug)]
pub(crate) struct Agreement {
    /// `[depth][row / 64]`
    bits: Vec<Vec<u64>>,
}

impl Agreement {
    fn of(recording: &Recording, wanted: &[u32]) -> Self {
        let bits = |column: &Vec<u32>| {
            let rows = column.chunks(64).zip(wanted.chunks(64));
            let marked = |(here, wanted): (&[u32], &[u32])| {
                here.iter().zip(wanted).rev().fold(0, |bits, (here, wanted)| {
                    // Two absent choices are equal in nothing.
                    let is_wanted = here == wanted && *wanted != NO_TOKEN;
                    bits << 1 | u64::from(is_wanted)
                })
            };
            rows.map(marked).collect()
        };
        Self { bits: recording.top1.par_iter().map(bits).collect() }
    }

    /// Of one depth, to be asked along the rows; false where a choice is not known.
    pub(crate) fn at(&self, depth: usize) -> impl Fn(usize) -> bool + '_ {
        let bits = self.bits.get(depth).map(Vec::as_slice).unwrap_or_default();
        move |row| bits.get(row / 64).copied().unwrap_or(0) >> (row % 64) & 1 == 1
    }
}

impl Recording {
    /// Where first choices are those of the full model; found once.
    pub(crate) fn agreement(&self) -> Arc<Agreement> {
        let full = self.top1.get(self.num_layers()).map(Vec::as_slice).unwrap_or_default();
        self.cubes.memo.get("agreement", || Agreement::of(self, full))
    }

    /// Where first choices are what is true of their rows; found once.
    pub(crate) fn rightness(&self) -> Arc<Agreement> {
        self.cubes.memo.get("rightness", || Agreement::of(self, &self.tokens.next_ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{rough, synthetic};

    #[test]
    fn bits_say_of_every_row_what_its_choices_say() {
        for mut recording in
            [rough(1, 1, 1), rough(64, 3, 2), rough(150, 4, 3), synthetic(129, 2, 4)]
        {
            for row in (0..recording.num_tokens()).step_by(7) {
                recording.top1[row % 2][row] = NO_TOKEN;
                recording.top1[recording.manifest.layers][row / 2] = NO_TOKEN;
                recording.tokens.next_ids[row / 3] = NO_TOKEN;
            }
            let (agreement, rightness) = (recording.agreement(), recording.rightness());
            for depth in 0..=recording.num_layers() {
                for row in 0..recording.num_tokens() {
                    let expected = [recording.agrees(depth, row), recording.is_right(depth, row)];
                    let found = [agreement.at(depth)(row), rightness.at(depth)(row)];
                    assert_eq!(found, expected.map(|known| known == Some(true)), "{depth} {row}");
                }
            }
            let beyond = recording.num_tokens().next_multiple_of(64);
            assert!(!agreement.at(0)(beyond) && !agreement.at(99)(0));
        }
    }
}
