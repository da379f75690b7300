//! Stops where the nearest class mean is near enough (nearest class mean).
//!
//! s = softmax(-d) over the classes, d the Euclidean distances of the state from the class means of its depth; stops where
//! max s > threshold. Nothing is trained. s is not calibrated: it depends on the scale of the stream, so the same
//! threshold means something else at another depth and in another checkpoint.

use super::about::Fit;
use super::probability;
use super::rule::{Entry, ExitRule, RuleCard, above};
use super::signals::{Place, TokenSignals};
use crate::knob::{Knobs, Real};
use crate::signal::{Depth, ReadBy, Signal};

const THRESHOLD: Real = Real {
    default: 0.6,
    ..probability(
        "A sample stops where the softmax of minus its distances to the class means is above this for the nearest",
    )
};

/// Registry entry.
pub(super) static RULE: Entry<Nearest> = Entry {
    card: RuleCard {
        id: "class-means",
        label: "Nearest class mean",
        meaning: "Stops where the softmax of minus the distances to the class means is above the threshold; it is no probability of being right, and its scale is that of the stream",
        source: "A baseline without training, of no paper that is known to us: nearest mean of pooled states, softmax of plain distances",
        signal: Some(Signal::MaxProb),
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |_| vec![THRESHOLD.card()],
    ladder: None,
    build,
};

fn build(knobs: &Knobs, fit: &Fit<'_>) -> Result<Nearest, String> {
    match fit.recording.manifest.readout {
        ReadBy::ClassMeans => Ok(Nearest { threshold: knobs.real(&THRESHOLD) }),
        ReadBy::Head => Err(
            "the recording was read out by a head of the checkpoint, not by class means; make them with `layerscope means` and record with them beside the checkpoint"
                .to_owned(),
        ),
    }
}

/// max s > threshold.
#[derive(Debug)]
pub(super) struct Nearest {
    threshold: f64,
}

impl ExitRule for Nearest {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        token.max_prob.into()
    }

    fn least(&self, _depth: Depth) -> f64 {
        above(self.threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::super::choose_rule;
    use super::*;
    use crate::knob::{Value, turned};
    use crate::recording::{Recording, synthetic_samples};

    fn exits(recording: &Recording, threshold: f64) -> Vec<Depth> {
        let knobs = turned(&[("threshold", Value::Real(threshold))]);
        choose_rule(recording, &RULE, &knobs).all_exits(recording)
    }

    #[test]
    fn a_sample_stops_above_the_threshold_and_not_at_it() {
        let mut recording = synthetic_samples(2, 3, 1);
        recording.manifest.readout = ReadBy::ClassMeans;
        let columns = recording.signals.get_mut(&Signal::MaxProb).unwrap();
        for (column, value) in columns.iter_mut().zip([0.5, 0.75, 0.8, 1.0]) {
            *column = vec![value, f32::NAN];
        }
        assert_eq!(exits(&recording, 0.5), [Depth(1), Depth(3)]);
        assert_eq!(exits(&recording, 0.75), [Depth(2), Depth(3)]);
        assert_eq!(exits(&recording, 0.0), [Depth(0), Depth(3)]);
    }

    #[test]
    fn where_a_head_read_out_nothing_stops_and_it_is_said_what_to_do() {
        let recording = synthetic_samples(5, 3, 1);
        assert!(exits(&recording, 0.0).iter().all(|exit| *exit == Depth(3)));
        let chosen = choose_rule(&recording, &RULE, &Knobs::default());
        let why = chosen.refusal().unwrap();
        assert!(why.contains("by a head") && why.contains("`layerscope means`"), "{why}");
    }
}
