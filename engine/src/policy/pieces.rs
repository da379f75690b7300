//! Rows cut into pieces, which threads take one by one.

use std::ops::Range;

/// Rows of a piece: as many as stay in a fast memory while they are walked depth by depth.
const TOGETHER: usize = 1024;

/// Some rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    /// How many rows stand before them.
    pub(super) before: usize,
    pub(super) rows: Vec<Range<usize>>,
}

/// Pieces of at most `TOGETHER` rows, which together are all rows in their order.
pub(super) fn pieces(rows: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut piece, mut num) = (Piece::default(), 0);
    for range in rows {
        let mut rest = range.clone();
        while !rest.is_empty() {
            let here = rest.len().min(TOGETHER - num);
            piece.rows.push(rest.start..rest.start + here);
            rest.start += here;
            num += here;
            if num == TOGETHER {
                let before = piece.before + num;
                pieces.push(std::mem::replace(&mut piece, Piece { before, rows: Vec::new() }));
                num = 0;
            }
        }
    }
    if num > 0 {
        pieces.push(piece);
    }
    pieces
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
            let all: Vec<usize> = pieces.iter().flat_map(|piece| piece.rows.iter().cloned().flatten()).collect();
            prop_assert_eq!(&all, &rows.iter().cloned().flatten().collect::<Vec<_>>());
            let mut before = 0;
            for piece in &pieces {
                let num: usize = piece.rows.iter().map(ExactSizeIterator::len).sum();
                prop_assert_eq!(piece.before, before);
                prop_assert!((1..=TOGETHER).contains(&num));
                before += num;
            }
        }
    }
}
