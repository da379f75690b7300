//! Stops where the entropy of the readout is below the threshold, in nats (BranchyNet, DeeBERT).

use super::{Entry, ExitRule, TokenSignals};
use crate::knob::Real;
use crate::recording::Sense;
use crate::signal::{Depth, Signal};

/// Registry entry.
pub(super) static RULE: Entry<Entropy> = Entry {
    id: "entropy",
    label: "Entropy",
    signal: Signal::Entropy,
    sense: Sense::Below,
    threshold,
    build: |threshold| Entropy { threshold },
};

/// 0 ..= ln V; a vocabulary of one token still gets a range. The default is a tenth of the range.
fn threshold(vocab: usize) -> Real {
    let max = (vocab.max(2) as f64).ln();
    Real {
        id: "threshold",
        label: "Threshold",
        help: "A token stops where its entropy is below this",
        unit: "nats",
        default: max * 100.0 / 1000.0,
        min: 0.0,
        max,
        step: max / 1000.0,
    }
}

/// H < threshold.
#[derive(Debug)]
pub(super) struct Entropy {
    threshold: f64,
}

impl ExitRule for Entropy {
    type State = ();

    fn stops(&self, _state: &mut (), token: TokenSignals, _depth: Depth) -> bool {
        f64::from(token.entropy) < self.threshold
    }
}
