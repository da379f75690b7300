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
    build: |knobs, _| Ok(LogProb::new(knobs.real(&THRESHOLD))),
};

/// ln p1 >= ln threshold.
#[derive(Debug)]
pub(super) struct LogProb {
    /// The least probability that stops.
    least: f64,
}

impl LogProb {
    /// Finds the least f32 whose logarithm reaches that of the threshold, so that no token's logarithm is taken.
    fn new(threshold: f64) -> Self {
        if threshold <= 0.0 {
            return Self { least: 0.0 };
        }
        if threshold >= 1.0 {
            return Self { least: f64::NAN };
        }
        // ln is so flat that neighbours of an f64 can share a logarithm, those of an f32 cannot.
        let near = rounded(threshold);
        let reaches = |p: &f32| f64::from(*p).ln() >= threshold.ln();
        let least = [near.next_down(), near, near.next_up()].into_iter().find(reaches);
        Self { least: least.map_or(f64::NAN, f64::from) }
    }
}

/// One of the two f32 beside a number.
#[expect(clippy::cast_possible_truncation, reason = "it is rounded on purpose")]
fn rounded(number: f64) -> f32 {
    number as f32
}

impl ExitRule for LogProb {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        token.max_prob.into()
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.least
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::exit::signals::token;

    #[test]
    fn its_golden_logits_stop_at_their_threshold_and_its_ends_always_and_never() {
        // Softmax of [2, 1, 0, -1].
        let stops = |threshold, max_prob| {
            let token = TokenSignals { max_prob, ..token() };
            LogProb::new(threshold).stops(&mut (), token, Place::default(), Depth(1))
        };
        assert!(stops(0.6, 0.643_914) && !stops(0.65, 0.643_914));
        assert!(stops(0.0, 0.01) && !stops(0.0, f32::NAN));
        assert!(!stops(1.0, 1.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_stops_where_the_logarithm_reaches_that_of_the_threshold(
            (threshold, steps) in (0.0_f64..1.0, -2_i32..=2),
            beside in -3_i32..=3,
            far in 0.0_f32..=1.0,
            is_tiny in any::<bool>(),
        ) {
            // A probability itself, an f64 beside one, and very small ones.
            let threshold = if is_tiny { threshold.powi(90) } else { threshold };
            for threshold in [threshold, f64::from(rounded(threshold))] {
                let threshold = f64::from_bits(threshold.to_bits().saturating_add_signed(steps.into()));
                let near = f32::from_bits(rounded(threshold).to_bits().saturating_add_signed(beside));
                for max_prob in [near, far, 0.0, 1.0, f32::NAN] {
                    let token = TokenSignals { max_prob, ..token() };
                    let log = f64::from(max_prob).ln();
                    let stops = match threshold {
                        t if t <= 0.0 => !log.is_nan(),
                        t => t < 1.0 && log >= t.ln(),
                    };
                    let found = LogProb::new(threshold).stops(&mut (), token, Place::default(), Depth(1));
                    prop_assert_eq!(found, stops, "{} {}", threshold, max_prob);
                }
            }
        }
    }
}
