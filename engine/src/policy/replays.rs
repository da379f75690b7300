//! Every position of the knob that trades answers for depth, replayed over rows: as many at once as can be.
//!
//! Rows stop at ranges of positions, of which differences from position to position are summed, or at marked ones, which are
//! counted bit by bit: no row is added once for each position.

use rayon::prelude::*;

use crate::knob::{Knobs, Value};
use crate::policy::exit::{Chosen, MOST_AT_ONCE, Settings, Stops};
use crate::policy::pieces::Piece;
use crate::policy::sweep::{main_card, number, positions};
use crate::recording::{RUNGS, Recording};
use crate::signal::Depth;

/// The positions.
pub(super) struct Replays {
    settings: Settings,
    /// Of each setting; that of the present one is NaN.
    positions: Vec<f64>,
    /// The number of the setting that is how the knob stands now.
    present: usize,
}

/// More evenly spaced positions than this are not replayed at once: a setting must be left for the present one.
const MOST: u32 = MOST_AT_ONCE - 1;

impl Replays {
    /// How the knob stands and, beside it, every rung where a cube answers the rule, else at most `most` positions, evenly
    /// spaced.
    pub(super) fn of(recording: &Recording, chosen: &Chosen, knobs: &Knobs, most: u32) -> Self {
        if let Some((ladder, threshold)) = chosen.ladder() {
            let rungs = (0..RUNGS).map(|place| ladder.mildest_first(place));
            let settings = Settings::rungs(chosen, (ladder, threshold));
            return Self { settings, positions: rungs.chain([f64::NAN]).collect(), present: RUNGS };
        }
        let card = main_card(recording, chosen.rule);
        let mut values =
            card.as_ref().map(|card| positions(card, most.min(MOST))).unwrap_or_default();
        let now = card.and_then(|card| knobs.resolved(&[card]).into_values().next());
        let now = now.unwrap_or(Value::Integer(0));
        // Values rise.
        let present = values.partition_point(|value| number(value) < number(&now));
        values.insert(present, now);
        let settings = Settings::new(recording, chosen.rule, knobs, &values);
        let mut positions: Vec<f64> = values.iter().map(number).collect();
        if let Some(position) = positions.get_mut(present) {
            *position = f64::NAN;
        }
        Self { settings, positions, present }
    }

    /// The number of the setting that is how the knob stands now.
    pub(super) fn present(&self) -> usize {
        self.present
    }

    /// What is counted of each position but the present one, of what is counted of all settings.
    pub(super) fn at_positions<T>(&self, counted: Vec<T>) -> Vec<(f64, T)> {
        let both = self.positions.iter().copied().zip(counted);
        both.filter(|(position, _)| !position.is_nan()).collect()
    }

    /// How many settings there are.
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Sums over rows: `add` takes in rows of a piece that stop at a depth at some settings.
    pub(super) fn summed<S: Send>(
        &self,
        recording: &Recording,
        pieces: &[Piece],
        empty: impl Fn() -> S + Sync + Send,
        add: impl Fn(&mut S, &Piece, Depth, Stops<'_>) + Sync + Send,
        plus: impl Fn(S, S) -> S + Sync + Send,
    ) -> S {
        let of_piece = |mut sums: S, piece: &Piece| {
            self.settings.stops(recording, &piece.rows, &mut |depth, stops| {
                add(&mut sums, piece, depth, stops);
            });
            sums
        };
        pieces.par_iter().fold(&empty, of_piece).reduce(&empty, plus)
    }
}
