//! Thresholds solved for a budget (MSDNet's budgeted classification).
//!
//! A share `q_l ~ p^l` of the calibration part (sum over all exits, the last included, is 1) is to leave at exit l = 1, 2, ...: p < 1 early, p > 1
//! late, exit by exit, the largest max probabilities first (`leaving`).

use super::at_depth::{Comparison, Score};
use super::leaving::Leaving;
use super::rule::RuleCard;
use crate::knob::Real;
use crate::signal::Signal;

/// No probability reaches it.
const CLOSED: f64 = 1e8;

const SKEW: Real = Real {
    id: "budget-p",
    label: "Budget p",
    help: "Shares that leave at the exits are as 1, p, p², …: below 1 most leave early, above 1 late",
    unit: "",
    default: 1.0,
    min: 0.05,
    max: 1.95,
    step: 0.05,
};

/// Registry entry.
pub(super) static RULE: Leaving = Leaving {
    card: RuleCard {
        id: "budget",
        label: "Budget (MSDNet quantiles)",
        meaning: "Stops where the largest probability reaches a threshold of its depth, found on the calibration part for a wanted share of exits",
        source: "Huang et al. 2018 (MSDNet), budgeted batch classification, its code",
        signal: Some(Signal::MaxProb),
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: true,
        main: "budget-p",
    },
    knobs: |_| vec![SKEW.card()],
    compared: |_| (Score::MaxProb, Comparison::AtLeast),
    shares: |knobs, fit| Ok(shares(knobs.real(&SKEW), fit.checks.iter().count() + 1)),
    closed: CLOSED,
};

/// Shares of `count` exits, p^1, p^2, ... made to add up to 1.
fn shares(p: f64, count: usize) -> Vec<f64> {
    let mut powers: Vec<f64> = (1..).take(count).map(|exit| p.powi(exit)).collect();
    let sum: f64 = powers.iter().sum();
    for power in &mut powers {
        *power /= sum;
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::about::{Checks, Fit};
    use crate::policy::exit::at_depth::AtDepth;
    use crate::policy::exit::leaving::thresholds;
    use crate::policy::exit::rule::BuiltRule as _;
    use crate::recording::synthetic;
    use crate::signal::Depth;

    #[test]
    fn shares_are_those_of_the_specification() {
        let close = |found: Vec<f64>, golden: [f64; 4]| {
            assert!(found.iter().zip(golden).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        };
        close(shares(0.5, 4), [0.533_333, 0.266_667, 0.133_333, 0.066_667]);
        close(shares(1.0, 4), [0.25; 4]);
        close(shares(2.0, 4), [0.066_667, 0.133_333, 0.266_667, 0.533_333]);
    }

    #[test]
    fn golden_confidences_have_their_thresholds_and_exits() {
        let mut recording = synthetic(8, 3, 1);
        let confidences = [
            [0.9, 0.2, 0.6, 0.7, 0.4, 0.5, 0.8, 0.3],
            [0.95, 0.5, 0.8, 0.9, 0.6, 0.55, 0.99, 0.4],
            [0.99, 0.7, 0.9, 0.9, 0.8, 0.6, 0.99, 0.5],
        ];
        // Exits of the specification are depths 1 and 2 and the last one.
        for (depth, row) in (1..).zip(confidences) {
            recording.signals.get_mut(&Signal::MaxProb).unwrap()[depth] = row.to_vec();
        }
        let checks = Checks::new(3, |depth| depth > Depth(0));
        let rows = vec![0..8; 1];
        let all: Vec<usize> = (0..8).collect();
        let fit = Fit::unnamed(&recording, &checks, &rows);
        for (p, golden, exits) in [
            (0.5, [0.6, 0.55], [0, 2, 0, 0, 1, 1, 0, 2]),
            (1.0, [0.8, 0.8], [0, 2, 1, 1, 2, 2, 0, 2]),
            (2.0, [0.9, 0.9], [0, 2, 2, 1, 2, 2, 1, 2]),
        ] {
            let knobs = &mut crate::knob::Knobs::default();
            knobs.set("budget-p", crate::knob::Value::Real(p));
            // 2 lies beyond the knob; the function does not mind.
            let shares = [shares(p, 3)];
            let compared = (Score::MaxProb, Comparison::AtLeast);
            let [found] = &thresholds(&fit, compared, &shares, CLOSED)[..] else { panic!() };
            assert_eq!(found[0], CLOSED);
            assert!(found[1..].iter().zip(golden).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
            let rule = AtDepth {
                score: Score::MaxProb,
                comparison: Comparison::AtLeast,
                thresholds: found.clone(),
            };
            let replayed = crate::policy::exit::alone::alone(rule).exits(&recording, &checks, &all);
            assert_eq!(replayed, exits.map(|exit| Depth(exit + 1)));
        }
    }
}
