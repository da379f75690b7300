//! Rows cut into pieces, which threads take one by one.

use std::ops::Range;

/// Rows of a piece: as many as stay in a fast memory while they are walked depth by depth.
pub(super) const TOGETHER: usize = 1024;

/// Some rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    /// How many rows stand before them.
    pub(super) before: usize,
    pub(super) rows: Vec<usize>,
}

/// Pieces of at most `TOGETHER` rows, which together are all rows in their order.
pub(super) fn pieces(rows: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for range in rows {
        let mut rest = range.clone();
        while !rest.is_empty() {
            let has_room = pieces.last().is_some_and(|piece| piece.rows.len() < TOGETHER);
            if !has_room {
                let before = pieces.len() * TOGETHER;
                pieces.push(Piece { before, rows: Vec::with_capacity(TOGETHER) });
            }
            let Some(piece) = pieces.last_mut() else { break };
            let here = rest.len().min(TOGETHER - piece.rows.len());
            piece.rows.extend(rest.start..rest.start + here);
            rest.start += here;
        }
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
