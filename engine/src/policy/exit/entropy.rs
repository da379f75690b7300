//! Stops where the entropy of the readout is below the threshold, in nats (BranchyNet, DeeBERT).

use super::on_ladder;
use super::rule::{Entry, ExitRule, RuleCard, above};
use super::signals::{Place, TokenSignals};
use crate::knob::{Knobs, Real};
use crate::recording::{Ladder, Sense};
use crate::signal::{Depth, Signal};

/// Registry entry.
pub(super) static RULE: Entry<Entropy> = Entry {
    card: RuleCard {
        id: "entropy",
        label: "Entropy",
        meaning: "Stops where the entropy of the readout is below the threshold",
        source: "Xin et al. 2020 (DeeBERT), section 3; Teerapittayanon et al. 2016 (BranchyNet)",
        signal: Some(Signal::Entropy),
        needs: &[Signal::Entropy],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |about| vec![threshold(about.vocab).card()],
    ladder: Some(|about, knobs| ladder(about.vocab, knobs)),
    build: |knobs, fit| Ok(Entropy { threshold: ladder(fit.about.vocab, knobs).1 }),
};

fn ladder(vocab: usize, knobs: &Knobs) -> (Ladder, f64) {
    on_ladder(Signal::Entropy, Sense::Below, &threshold(vocab), knobs)
}

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

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        -f64::from(token.entropy)
    }

    fn least(&self, _depth: Depth) -> f64 {
        above(-self.threshold)
    }
}
