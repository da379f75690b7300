//! How deep a token goes is decided by its position alone (SkipDecode's budget of blocks, read as an exit depth).
//!
//! `b(t)` is `n_max` in the prompt, then falls along a line to `n_min` at the last token (T - 1) and stays there; halves are rounded to
//! even. SkipDecode itself spends the budget on the *upper* blocks, which is a skip rule; here the lower ones run.
//! Executed sets shrink along the positions, so no later token reads a key that is not there.

use super::about::About;
use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use crate::knob::{Integer, KnobCard, Knobs};
use crate::signal::Depth;

const MOST: Integer = Integer {
    id: "most-blocks",
    label: "Blocks at first (layers)",
    help: "How many blocks the prompt and the first token behind it run",
    default: u16::MAX as i64,
    min: 0,
    max: u16::MAX as i64,
};
const LEAST: Integer = Integer {
    id: "least-blocks",
    label: "Blocks at last (layers)",
    help: "How many blocks the last token runs",
    default: 0,
    min: 0,
    max: u16::MAX as i64,
};
const LENGTH: Integer = Integer {
    id: "schedule-length",
    label: "Length (tokens)",
    help: "Positions after which the budget has fallen to its end, the prompt's included",
    default: 512,
    min: 1,
    max: 1 << 20,
};

/// Registry entry.
pub(super) static RULE: Entry<Schedule> = Entry {
    card: RuleCard {
        id: "schedule",
        label: "Position schedule",
        meaning: "Stops at a depth that falls along the positions, whatever the token shows",
        source: "Del Corro et al. 2023 (SkipDecode), budget; that the lower blocks run is an extension",
        signal: None,
        needs: &[],
        reads_out: false,
        is_fitted: false,
        main: "least-blocks",
    },
    knobs: Schedule::knobs,
    ladder: None,
    build: |knobs, fit| Ok(Schedule::new(knobs, &fit.about)),
};

/// depth >= b(t).
#[derive(Debug)]
pub(in crate::policy) struct Schedule {
    most: f64,
    least: f64,
    /// T - P.
    length: f64,
    /// Blocks that there are.
    layers: f64,
}

/// A number of this size has no digits behind the point, so what is added to it is rounded, halves to even.
/// `round_ties_even` would call a library, once for every token, depth and setting.
const WHOLE: f64 = (3_u64 << 51) as f64;

impl Schedule {
    /// The knobs of the budget.
    pub(in crate::policy) fn knobs(about: &About) -> Vec<KnobCard> {
        let most = about.most_layers();
        vec![MOST.card(most), least(about).card(most), length(about).card(LENGTH.max)]
    }

    /// The budget for how its knobs stand.
    pub(in crate::policy) fn new(knobs: &Knobs, about: &About) -> Self {
        let blocks = |knob| knobs.integer(knob).min(about.most_layers()) as f64;
        Self {
            most: blocks(&MOST),
            least: blocks(&least(about)),
            // Counted from the end of the prompt, as steps are.
            length: (knobs.integer(&length(about)) - i64::from(about.prompt)) as f64,
            layers: about.most_layers() as f64,
        }
    }

    /// b(t) as a number of blocks.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two numbers of blocks"
    )]
    pub(in crate::policy) fn blocks(&self, place: Place) -> usize {
        self.budget(place) as usize
    }

    /// After so many tokens behind the prompt it stays as it is.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of tokens below that of a knob"
    )]
    pub(in crate::policy) fn steps(&self) -> u32 {
        self.length.max(0.0) as u32
    }

    /// b(t), of a token `step` tokens behind the prompt.
    fn budget(&self, place: Place) -> f64 {
        if place.is_prompt { self.most } else { self.blocks_of(self.least, self.left(place)) }
    }

    /// The share of the way that is left until the budget has fallen.
    fn left(&self, place: Place) -> f64 {
        let last = self.length - 1.0;
        let left = if last > 0.0 { (last - f64::from(place.step)) / last } else { 0.0 };
        left.max(0.0)
    }

    /// The budget that falls to `least`, with such a share of the way left.
    fn blocks_of(&self, least: f64, left: f64) -> f64 {
        let blocks = least + (self.most - least) * left;
        (blocks + WHOLE) - WHOLE
    }
}

/// Half of the blocks where nobody chose.
fn least(about: &About) -> Integer {
    Integer { default: about.most_layers() / 2, ..LEAST }
}

/// The longest sequence where nobody chose.
fn length(about: &About) -> Integer {
    Integer { default: i64::from(about.longest), ..LENGTH }
}

/// How far a token has come.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Progress {
    left: f64,
    /// The largest number of least blocks of which the budget is spent here.
    spent: f64,
}

impl ExitRule for Schedule {
    type State = Option<Progress>;

    fn look(
        &self,
        state: &mut Option<Progress>,
        _token: TokenSignals,
        place: Place,
        depth: Depth,
    ) -> f64 {
        let depth = f64::from(depth.0);
        if place.is_prompt {
            return if depth >= self.most { f64::INFINITY } else { f64::NAN };
        }
        let Progress { left, spent } =
            state.get_or_insert_with(|| Progress { left: self.left(place), spent: -1.0 });
        while *spent < self.layers && self.blocks_of(*spent + 1.0, *left) <= depth {
            *spent += 1.0;
        }
        *spent
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    #[test]
    fn the_budget_is_that_of_the_specification() {
        // L = 24, P = 4, T = 14.
        let rule = Schedule { most: 16.0, least: 4.0, length: 10.0, layers: 24.0 };
        let budgets: Vec<f64> = (0..14).map(|at| rule.budget(Place::new(at, 4))).collect();
        let golden = [16, 16, 16, 16, 16, 15, 13, 12, 11, 9, 8, 7, 5, 4].map(f64::from);
        assert_eq!(budgets, golden);
        assert_eq!(rule.budget(Place::new(100, 4)), 4.0);
        // A token stops where it has spent its budget.
        for place in (0..30).map(|at| Place::new(at, 4)) {
            let mut state = None;
            let stops = (0..24).map(|depth| rule.stops(&mut state, token(), place, Depth(depth)));
            let stops: Vec<bool> = stops.collect();
            let spent: Vec<bool> =
                (0..24).map(|depth| f64::from(depth) >= rule.budget(place)).collect();
            assert_eq!(stops, spent);
        }
    }
}
