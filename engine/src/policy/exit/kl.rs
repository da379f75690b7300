//! Stops where the readout hardly changes from one depth to the next: KL divergence of consecutive depths below the threshold.

use super::rule::{Entry, ExitRule, RuleCard, above};
use super::signals::{Place, TokenSignals};
use crate::knob::Real;
use crate::signal::{Depth, Signal};

const THRESHOLD: Real = Real {
    id: "threshold",
    label: "Threshold",
    help: "A token stops where the KL divergence of this readout from that of the depth before is below this",
    unit: "nats",
    default: 0.1,
    min: 0.0,
    max: 2.0,
    step: 0.002,
};

/// Registry entry.
pub(super) static RULE: Entry<Kl> = Entry {
    card: RuleCard {
        id: "kl",
        label: "KL of consecutive depths",
        meaning: "Stops where the readout diverges from that of the depth before by less than the threshold",
        source: "A common baseline; of KL(this depth || depth before)",
        signal: Some(Signal::KlPrev),
        needs: &[Signal::KlPrev],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |_| vec![THRESHOLD.card()],
    ladder: None,
    build: |knobs, _| Ok(Kl { threshold: knobs.real(&THRESHOLD) }),
};

/// KL < threshold.
#[derive(Debug)]
pub(super) struct Kl {
    threshold: f64,
}

impl ExitRule for Kl {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        -f64::from(token.kl_prev)
    }

    fn least(&self, _depth: Depth) -> f64 {
        above(-self.threshold)
    }
}
