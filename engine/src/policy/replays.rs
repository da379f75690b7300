//! Every position of the knob that trades answers for depth, replayed over rows: as many at once as can be.
//!
//! All sums are those of differences from position to position, so that a row that stops at a range of them is added twice
//! and not once for each.

use rayon::prelude::*;

use crate::knob::{Knobs, Value};
use crate::policy::exit::{Chosen, MOST_AT_ONCE, Settings, Stop};
use crate::policy::pieces::Piece;
use crate::policy::sweep::{main_card, number, positions};
use crate::recording::{RUNGS, Recording};
use crate::signal::Depth;

/// The positions, in groups that are replayed at once.
pub(super) struct Replays(Vec<Together>);

/// Settings of one replay, and the positions that they are, from the mildest to the strictest.
struct Together {
    settings: Settings,
    positions: Vec<f64>,
}

impl Replays {
    /// Every rung where a cube answers the rule, else at most `most` positions, evenly spaced.
    pub(super) fn of(recording: &Recording, chosen: &Chosen, knobs: &Knobs, most: u32) -> Self {
        if let Some((ladder, _)) = chosen.ladder() {
            let positions = (0..RUNGS).map(|place| ladder.mildest_first(place)).collect();
            return Self(vec![Together { settings: Settings::rungs(chosen, ladder), positions }]);
        }
        let card = main_card(recording, chosen.rule);
        let values = card.map(|card| positions(&card, most)).unwrap_or_default();
        let together = |values: &[Value]| {
            let settings = Settings::new(recording, chosen.rule, knobs, values);
            let order = settings.order().iter().filter_map(|number| values.get(*number));
            let positions = order.map(number).collect();
            Together { settings, positions }
        };
        Self(values.chunks(MOST_AT_ONCE).map(together).collect())
    }

    /// Sums over rows, group by group, with the positions that they are of. `empty` makes sums of so many positions and of
    /// what lies beyond the last; `add` takes in rows of a piece that stop at a depth.
    pub(super) fn summed<S: Send>(
        &self,
        recording: &Recording,
        pieces: &[Piece],
        empty: impl Fn(usize) -> S + Sync,
        add: impl Fn(&mut S, &Piece, Depth, &[Stop]) + Sync,
        plus: impl Fn(S, S) -> S + Sync,
    ) -> Vec<(S, &[f64])> {
        let sums = |Together { settings, positions }: &Together| {
            let empty = || empty(positions.len());
            let of_piece = |mut sums: S, piece: &Piece| {
                settings.stops(recording, &piece.rows, &mut |depth, stops| {
                    add(&mut sums, piece, depth, stops);
                });
                sums
            };
            pieces.par_iter().fold(empty, of_piece).reduce(empty, &plus)
        };
        self.0.iter().map(|together| (sums(together), together.positions.as_slice())).collect()
    }
}
