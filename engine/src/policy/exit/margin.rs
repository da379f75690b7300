//! Stops where the two largest probabilities differ by at least the threshold (CALM's softmax confidence).

use super::{Entry, ExitRule, TokenSignals, probability};
use crate::recording::Sense;
use crate::signal::{Depth, Signal};

/// Registry entry.
pub(super) static RULE: Entry<Margin> = Entry {
    id: "margin",
    label: "Margin p1 − p2",
    signal: Signal::Margin,
    sense: Sense::AtLeast,
    threshold: |_| {
        probability("A token stops where its two largest probabilities differ by at least this")
    },
    build: |threshold| Margin { threshold },
};

/// p1 - p2 >= threshold.
#[derive(Debug)]
pub(super) struct Margin {
    threshold: f64,
}

impl ExitRule for Margin {
    type State = ();

    fn stops(&self, _state: &mut (), token: TokenSignals, _depth: Depth) -> bool {
        f64::from(token.margin) >= self.threshold
    }
}
