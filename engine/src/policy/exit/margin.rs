//! Stops where the two largest probabilities differ by at least the threshold (CALM's softmax confidence).

use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use super::{on_ladder, probability};
use crate::knob::{Knobs, Real};
use crate::recording::{Ladder, Sense};
use crate::signal::{Depth, Signal};

const THRESHOLD: Real =
    probability("A token stops where its two largest probabilities differ by at least this");

/// Registry entry.
pub(super) static RULE: Entry<Margin> = Entry {
    card: RuleCard {
        id: "margin",
        label: "Margin p1 − p2",
        meaning: "Stops where the two largest probabilities differ by at least the threshold",
        source: "Schuster et al. 2022 (CALM), section 3.2, softmax response",
        signal: Some(Signal::Margin),
        needs: &[Signal::Margin],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |_| vec![THRESHOLD.card()],
    ladder: Some(|_, knobs| ladder(knobs)),
    build: |knobs, _| Ok(Margin { threshold: ladder(knobs).1 }),
};

fn ladder(knobs: &Knobs) -> (Ladder, f64) {
    on_ladder(Signal::Margin, Sense::AtLeast, &THRESHOLD, knobs)
}

/// p1 - p2 >= threshold.
#[derive(Debug)]
pub(super) struct Margin {
    threshold: f64,
}

impl ExitRule for Margin {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        token.margin.into()
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.threshold
    }
}
