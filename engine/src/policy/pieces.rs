//! Rows cut into pieces, which threads take one by one.

use std::ops::Range;

/// Rows of a piece: as many as stay in a fast memory while they are walked depth by depth.
const TOGETHER: usize = 1024;

/// Some rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    /// How many rows stand before them.
    pub(super) before: usize,
    pub(super) rows: Vec<usize>,
}

/// Pieces of at most `TOGETHER` rows, which together are all rows in their order.
pub(super) fn pieces(rows: &[Range<usize>]) -> Vec<Piece> {
    let rows: Vec<usize> = rows.iter().cloned().flatten().collect();
    let starts = (0..).step_by(TOGETHER);
    let pieces = rows.chunks(TOGETHER).zip(starts);
    pieces.map(|(rows, before)| Piece { before, rows: rows.to_vec() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn all_pieces_are_all_rows_in_their_order(lengths in proptest::collection::vec((0_usize..20, 0_usize..3000), 0..12)) {
            let mut rows = Vec::new();
            let mut start = 0;
            for (gap, len) in lengths {
                rows.push(start + gap..start + gap + len);
                start += gap + len;
            }
            let pieces = pieces(&rows);
            let all: Vec<usize> = pieces.iter().flat_map(|piece| piece.rows.iter().copied()).collect();
            prop_assert_eq!(&all, &rows.iter().cloned().flatten().collect::<Vec<_>>());
            let mut before = 0;
            for piece in &pieces {
                let num = piece.rows.len();
                prop_assert_eq!(piece.before, before);
                prop_assert!((1..=TOGETHER).contains(&num));
                before += num;
            }
        }
    }
}
