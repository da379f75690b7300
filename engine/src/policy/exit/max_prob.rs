//! Stops where the largest probability reaches the threshold (CALM's `softmax_max`).

use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use super::{on_ladder, probability};
use crate::knob::{Knobs, Real};
use crate::recording::{Ladder, Sense};
use crate::signal::{Depth, Signal};

const THRESHOLD: Real = probability("A token stops where its largest probability reaches this");

/// Registry entry.
pub(super) static RULE: Entry<MaxProb> = Entry {
    card: RuleCard {
        id: "max-prob",
        label: "Max probability",
        meaning: "Stops where the largest probability is at least the threshold",
        source: "Schuster et al. 2022 (CALM), section 3.2; the default of its code",
        signal: Some(Signal::MaxProb),
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |_| vec![THRESHOLD.card()],
    ladder: Some(|_, knobs| ladder(knobs)),
    build: |knobs, _| Ok(MaxProb { threshold: ladder(knobs).1 }),
};

fn ladder(knobs: &Knobs) -> (Ladder, f64) {
    on_ladder(Signal::MaxProb, Sense::AtLeast, &THRESHOLD, knobs)
}

/// p1 >= threshold.
#[derive(Debug)]
pub(super) struct MaxProb {
    threshold: f64,
}

impl ExitRule for MaxProb {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        token.max_prob.into()
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.threshold
    }
}
