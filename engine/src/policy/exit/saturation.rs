//! Stops where the stream hardly turns any more from one depth to the next (CALM's hidden-state saturation).
//!
//! At the first exit there is no state to compare with, so CALM's confidence is 0 there.

use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use crate::knob::Real;
use crate::signal::{Depth, Signal};

const THRESHOLD: Real = Real {
    id: "threshold",
    label: "Threshold",
    help: "A token stops where the cosine of its stream to the depth before reaches this",
    unit: "",
    default: 0.95,
    min: -1.0,
    max: 1.0,
    step: 0.001,
};

/// Registry entry.
pub(super) static RULE: Entry<Saturation> = Entry {
    card: RuleCard {
        id: "saturation",
        label: "Hidden-state saturation",
        meaning: "Stops where the cosine between the stream at this depth and at the one before is at least the threshold",
        source: "Schuster et al. 2022 (CALM), section 3.2; `state` of its code",
        signal: Some(Signal::CosNext),
        needs: &[Signal::CosNext],
        reads_out: false,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |_| vec![THRESHOLD.card()],
    ladder: None,
    build: |knobs, _| Ok(Saturation { threshold: knobs.real(&THRESHOLD) }),
};

/// cos(h_(l-1), h_l) >= threshold, and 0 at the first exit.
#[derive(Debug)]
pub(super) struct Saturation {
    threshold: f64,
}

impl ExitRule for Saturation {
    /// Whether an exit was seen.
    type State = bool;

    fn look(&self, state: &mut bool, token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        let is_first = !std::mem::replace(state, true);
        if is_first { 0.0 } else { token.cos_prev.into() }
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    #[test]
    fn the_first_exit_has_no_confidence() {
        let rule = Saturation { threshold: 0.9 };
        let mut state = false;
        let token = TokenSignals { cos_prev: 0.95, ..token() };
        let mut stops = || rule.stops(&mut state, token, Place::default(), Depth(3));
        assert_eq!([stops(), stops()], [false, true]);
    }
}
