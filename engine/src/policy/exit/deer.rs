//! Thresholds on the change between exits, solved for a budget (DeeR).
//!
//! DeeR compares the actions that consecutive exits would take; here an action is the readout's distribution, and the change
//! delta the Euclidean distance of those of this depth and of the one before (an extension). Budget: shares `q_i ~ q^i` of the
//! calibration part leave at exit i, with q such that the mean exit depth is the wanted one (bisection in ln q; mean depth rises with q). They leave exit by
//! exit, the smallest deltas first (`leaving`). The code compares with <=, the paper with <.

use super::about::Fit;
use super::at_depth::{Comparison, Score};
use super::leaving::Leaving;
use super::rule::RuleCard;
use crate::knob::{Choice, ChoiceOption, Real};
use crate::signal::Signal;

/// No change is so small.
const CLOSED: f64 = -1e8;

const COMPARISON: Choice = Choice {
    id: "comparison",
    label: "Comparison",
    help: "Whether a change as large as the threshold stops",
};

/// Registry entry.
pub(super) static RULE: Leaving = Leaving {
    card: RuleCard {
        id: "deer",
        label: "Change between exits (DeeR)",
        meaning: "Stops where the distribution changes from the depth before by no more than a threshold of its depth, solved for a wanted mean depth",
        source: "Yue et al. 2024 (DeeR-VLA), section 3.3 and its code; distributions in the place of actions are an extension",
        signal: Some(Signal::ProbStep),
        needs: &[Signal::ProbStep],
        reads_out: true,
        is_fitted: true,
        main: "mean-depth",
    },
    knobs: |about| {
        let comparisons = [("code", "≤ (code)"), ("paper", "< (paper)")];
        let comparisons = comparisons.map(|(id, label)| ChoiceOption::new(id, label)).to_vec();
        vec![budget(about.layers).card(), COMPARISON.card(comparisons)]
    },
    compared: |knobs| {
        let is_strict = knobs.choice(&COMPARISON) == Some("paper");
        (Score::ProbStep, if is_strict { Comparison::Below } else { Comparison::AtMost })
    },
    shares: |knobs, fit| shares(fit, knobs.real(&budget(fit.about.layers))),
    closed: CLOSED,
};

/// Any depth can be wanted; which can be had depends on the exits.
fn budget(layers: usize) -> Real {
    Real {
        id: "mean-depth",
        label: "Wanted mean depth",
        help: "The mean exit depth that thresholds are solved for on the calibration part",
        unit: "layers",
        default: layers as f64 / 2.0,
        min: 0.0,
        max: layers.max(1) as f64,
        step: 0.05,
    }
}

/// Shares of the exits, the last depth among them, whose mean depth is `wanted`.
fn shares(fit: &Fit<'_>, wanted: f64) -> Result<Vec<f64>, String> {
    let exits = fit.checks.iter().map(|depth| f64::from(depth.0));
    let costs: Vec<f64> = exits.chain([fit.about.layers as f64]).collect();
    let (first, last) = (costs[0], fit.about.layers as f64);
    if wanted < first {
        return Err(format!(
            "a mean depth of {wanted} cannot be had: the first exit is at {first}"
        ));
    }
    if wanted >= last {
        let mut all_last = vec![0.0; costs.len()];
        all_last[costs.len() - 1] = 1.0;
        return Ok(all_last);
    }
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        let mean: f64 = geometric(middle, costs.len()).iter().zip(&costs).map(|(q, c)| q * c).sum();
        if mean < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(geometric(f64::midpoint(low, high), costs.len()))
}

/// `q^i`, i = 1.., made to add up to 1; ln q is given, so that neither end overflows.
fn geometric(ln_q: f64, count: usize) -> Vec<f64> {
    // From the largest one on.
    let falls = (-ln_q.abs()).exp();
    let powers = std::iter::successors(Some(1.0), |power| Some(power * falls));
    let mut shares: Vec<f64> = powers.take(count).collect();
    if ln_q > 0.0 {
        shares.reverse();
    }
    let sum: f64 = shares.iter().sum();
    for share in &mut shares {
        *share /= sum;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::about::Checks;
    use crate::policy::exit::alone::alone;
    use crate::policy::exit::at_depth::AtDepth;
    use crate::policy::exit::leaving::thresholds;
    use crate::policy::exit::rule::BuiltRule as _;
    use crate::recording::synthetic;

    #[test]
    fn q_is_solved_as_in_the_specification() {
        // C = 1.3 x (2, 4, .., 12): in layers, exits 2, 4, .., 10 and the last at 12.
        let recording = synthetic(4, 12, 1);
        let checks = Checks::new(12, |depth| depth.0 > 0 && depth.0 % 2 == 0);
        let fit = Fit::unnamed(&recording, &checks, &[]);
        for (budget, golden) in [(9.1, 1.0), (8.6, 0.936), (10.0, 1.127), (4.0, 0.355)] {
            let shares = shares(&fit, budget / 1.3).unwrap();
            let q = shares[1] / shares[0];
            assert!((q - golden).abs() < 1e-3, "{budget}: {q}");
        }
        assert!(shares(&fit, 1.9).unwrap_err().contains("the first exit is at 2"));
        assert_eq!(shares(&fit, 12.0).unwrap().last(), Some(&1.0));
        let found = geometric(0.8_f64.ln(), 6);
        let golden = [0.271, 0.217, 0.173, 0.139, 0.111, 0.089];
        assert!(found.iter().zip(golden).all(|(a, b)| (a - b).abs() < 5e-4), "{found:?}");
    }

    #[test]
    fn as_many_leave_as_were_wanted() {
        let mut recording = synthetic(5000, 6, 1);
        // All changes differ.
        for (depth, column) in
            recording.signals.get_mut(&Signal::ProbStep).unwrap().iter_mut().enumerate()
        {
            for (token, value) in column.iter_mut().enumerate() {
                *value = ((token * 7919 + depth * 104_729) % 5003) as f32 / 5003.0;
            }
        }
        let checks = Checks::new(6, |depth| depth.0 > 0);
        let rows = vec![0..5000; 1];
        let fit = Fit::unnamed(&recording, &checks, &rows);
        let shares = geometric(0.8_f64.ln(), 6);
        let compared = (Score::ProbStep, Comparison::AtMost);
        let thresholds = thresholds(&fit, compared, std::slice::from_ref(&shares), CLOSED).concat();
        let rule = AtDepth { score: Score::ProbStep, comparison: Comparison::AtMost, thresholds };
        let exits = alone(rule).exits(&recording, &checks, &(0..5000).collect::<Vec<_>>());
        for (depth, share) in (1..).zip(&shares) {
            let here = exits.iter().filter(|exit| exit.0 == depth).count() as f64 / 5000.0;
            assert!((here - share).abs() <= 6.0 / 5000.0, "{depth}: {here} for {share}");
        }
    }
}
