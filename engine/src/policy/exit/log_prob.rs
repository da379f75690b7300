//! Stops where the largest log-probability reaches the logarithm of the threshold (EE-LLM). Its ends are special: a
//! threshold of 0 always stops, one of 1 never. The exits that EE-LLM trains are chosen by "Exits at depths"; its
//! temperatures, one for each exit, are 1.

use super::probability;
use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use crate::knob::Real;
use crate::signal::{Depth, Signal};

const THRESHOLD: Real = probability(
    "A token stops where its largest log-probability reaches ln of this; 1 never stops",
);

/// Registry entry.
pub(super) static RULE: Entry<LogProb> = Entry {
    card: RuleCard {
        id: "log-prob",
        label: "Max log-probability",
        meaning: "Stops where the largest log-probability is at least ln of the threshold; 0 always stops, 1 never",
        source: "Chen et al. 2023 (EE-LLM), its code",
        signal: Some(Signal::MaxProb),
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |_| vec![THRESHOLD.card()],
    ladder: None,
    build: |knobs, _| Ok(LogProb { threshold: knobs.real(&THRESHOLD) }),
};

/// ln p1 >= ln threshold.
#[derive(Debug)]
pub(super) struct LogProb {
    threshold: f64,
}

impl ExitRule for LogProb {
    type State = ();

    fn stops(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> bool {
        let log = f64::from(token.max_prob).ln();
        if self.threshold <= 0.0 {
            return !log.is_nan();
        }
        self.threshold < 1.0 && log >= self.threshold.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    #[test]
    fn its_golden_logits_stop_at_their_threshold_and_its_ends_always_and_never() {
        // Softmax of [2, 1, 0, -1].
        let stops = |threshold, max_prob| {
            let token = TokenSignals { max_prob, ..token() };
            LogProb { threshold }.stops(&mut (), token, Place::default(), Depth(1))
        };
        assert!(stops(0.6, 0.643_914) && !stops(0.65, 0.643_914));
        assert!(stops(0.0, 0.01) && !stops(0.0, f32::NAN));
        assert!(!stops(1.0, 1.0));
    }
}
