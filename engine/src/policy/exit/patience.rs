//! Stops where the first choice has not changed for so many exits in a row (PABEE).
//!
//! The counter begins at 0 and the first comparison is at the second exit: patience k stops at the (k+1)-th exit at the
//! earliest. Patience 0 never stops.

use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use crate::knob::Integer;
use crate::model::NO_TOKEN;
use crate::signal::{Depth, Signal};

const PATIENCE: Integer = Integer {
    id: "patience",
    label: "Patience (exits)",
    help: "A token stops after so many exits in a row without a change; 0 never stops",
    default: 3,
    min: 0,
    max: u16::MAX as i64,
};

/// Registry entry.
pub(super) static RULE: Entry<Patience> = Entry {
    card: RuleCard {
        id: "patience",
        label: "Patience",
        meaning: "Stops where the first choice has stayed the same for so many exits in a row",
        source: "Zhou et al. 2020 (PABEE), section 3 and its code",
        signal: None,
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: false,
        main: "patience",
    },
    knobs: |about| vec![PATIENCE.card(about.most_layers() - 1)],
    ladder: None,
    build: |knobs, _| {
        Ok(Patience { patience: u32::try_from(knobs.integer(&PATIENCE)).unwrap_or(u32::MAX) })
    },
};

/// Equal neighbours == patience.
#[derive(Debug)]
pub(super) struct Patience {
    patience: u32,
}

/// How long a first choice has lasted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lasting {
    choice: u32,
    equal: u32,
}

impl Default for Lasting {
    fn default() -> Self {
        Self { choice: NO_TOKEN, equal: 0 }
    }
}

impl Lasting {
    /// Takes in the first choice of the next exit; returns how many equal neighbours now stand in a row. A readout without
    /// a choice begins anew.
    pub(super) fn take(&mut self, choice: u32) -> u32 {
        let lasts = choice != NO_TOKEN && choice == self.choice;
        // Without a branch, which a processor could not foresee.
        self.equal = self.equal.wrapping_add(1) * u32::from(lasts);
        self.choice = choice;
        self.equal
    }
}

impl ExitRule for Patience {
    type State = Lasting;

    fn look(&self, state: &mut Lasting, token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        state.take(token.top1).into()
    }

    fn least(&self, _depth: Depth) -> f64 {
        if self.patience > 0 { self.patience.into() } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    /// Number of the exit, from 1, at which it stops.
    fn stop(patience: u32, choices: &[u32]) -> Option<usize> {
        let mut state = Lasting::default();
        let rule = Patience { patience };
        let stops = |choice: &u32| {
            let token = TokenSignals { top1: *choice, ..token() };
            rule.stops(&mut state, token, Place::default(), Depth(1))
        };
        choices.iter().position(stops).map(|at| at + 1)
    }

    #[test]
    fn it_counts_equal_neighbours_from_the_second_exit_on() {
        let choices = [5, 5, 7, 7, 7, 7];
        assert_eq!(
            [0, 1, 2, 3, 4].map(|k| stop(k, &choices)),
            [None, Some(2), Some(5), Some(6), None]
        );
        assert_eq!(stop(2, &[NO_TOKEN, NO_TOKEN, NO_TOKEN, 1, 1, 1]), Some(6));
        assert_eq!(stop(3, &[4, 4, 4]), None);
    }
}
