//! Stops where the largest probability is at least the threshold (CALM's `softmax_max`).

use super::{Entry, ExitRule, TokenSignals, probability};
use crate::recording::Sense;
use crate::signal::{Depth, Signal};

/// Registry entry.
pub(super) static RULE: Entry<MaxProb> = Entry {
    id: "max-prob",
    label: "Max probability",
    signal: Signal::MaxProb,
    sense: Sense::AtLeast,
    threshold: |_| probability("A token stops where its largest probability is at least this"),
    build: |threshold| MaxProb { threshold },
};

/// p1 >= threshold.
#[derive(Debug)]
pub(super) struct MaxProb {
    threshold: f64,
}

impl ExitRule for MaxProb {
    type State = ();

    fn stops(&self, _state: &mut (), token: TokenSignals, _depth: Depth) -> bool {
        f64::from(token.max_prob) >= self.threshold
    }
}
