//! Which member's answer stands: windows of a score, one for every member but the last.
//!
//! A row stays with the first member whose score lies outside that member's window; both ends belong to the window, and a score
//! that is not a number lies in none, but never stays. Pure numbers: must not know recordings.

use super::answer::Answer;
use crate::policy::{RiskCurve, least_accepted, quantile, rank};

/// How a window is cut from an operating threshold tau and a half width delta. q is the percentile rank of tau. Where
/// `q -+ delta` leaves 0..=1 that end is open; the published code ends at the extremes of the calibration part, which is
/// the same there and loses rows of other data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// From the quantile q - delta to q + delta of the calibration part.
    Percentile,
    /// The same with q and quantiles of the measured rows themselves, without their labels: "adjusted".
    Adjusted,
    /// From tau - delta to tau + delta, delta as a share of the score's span; an extension.
    Score,
    /// Everything up to the quantile 2 delta of the calibration part: the single threshold that windows are held against.
    LeastSure,
}

/// What is asked of the operating threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Point {
    /// Accept this share of the calibration part.
    Coverage(f64),
    /// Accept as many as keep this risk on the calibration part.
    Risk(f64),
    /// This score.
    ByHand(f64),
}

/// Scores that go on, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Window {
    /// Whether a row stays; never where the score is not a number.
    fn keeps(self, score: f64) -> bool {
        score < self.low || score > self.high
    }
}

/// Answers after so many members, and the threshold that windows stand around.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    /// Of the rows that thresholds are found on.
    pub(super) calibration: Vec<Answer>,
    /// Of the rows that are measured.
    pub(super) test: Vec<Answer>,
    /// tau; NaN where there is nothing to find it on.
    pub(super) threshold: f64,
    /// Whether the calibration part keeps what is asked of it.
    pub(super) is_kept: bool,
    /// Scores of both in ascending order, without NaN.
    ascending: [Vec<f64>; 2],
}

impl Stage {
    /// Of the answers to both parts; `truth` is what those of the first are held against.
    pub(super) fn new(
        [calibration, test]: [Vec<Answer>; 2],
        truth: &[Option<u32>],
        point: Point,
    ) -> Self {
        let ascending = [&calibration, &test].map(|answers| {
            let scores = answers.iter().map(|answer| answer.score);
            let mut scores: Vec<f64> = scores.filter(|score| !score.is_nan()).collect();
            scores.sort_unstable_by(f64::total_cmp);
            scores
        });
        let (threshold, is_kept) = match point {
            Point::ByHand(score) => (score, true),
            Point::Coverage(share) => (accepting(&ascending[0], share), true),
            Point::Risk(risk) => {
                let both = calibration.iter().zip(truth);
                let judged = both.filter_map(|(a, truth)| Some((a.score, a.id == (*truth)?)));
                let curve = RiskCurve::new(judged.collect());
                let least = least_accepted(curve.num_rows());
                let kept = curve.at_risk(risk, least);
                let least = || curve.at_coverage(least as f64 / curve.num_rows() as f64);
                let accepted = kept.or_else(least).map_or(f64::NAN, |a| a.threshold);
                (accepted, kept.is_some())
            }
        };
        Self { calibration, test, threshold, is_kept, ascending }
    }

    /// Percentile rank of the threshold in the calibration part.
    pub(super) fn rank(&self) -> f64 {
        rank(&self.ascending[0], self.threshold)
    }

    /// The window of a half width; `span` is the length of the score's range.
    pub(super) fn window(&self, form: Form, half_width: f64, span: f64) -> Window {
        let [calibration, test] = &self.ascending;
        // An end that is cut is open: what lies beyond every score of the part ranks there, too.
        let edge = |scores: &[f64], share: f64| match half_width > 0.0 {
            true if share <= 0.0 => f64::NEG_INFINITY,
            true if share >= 1.0 => f64::INFINITY,
            _ => quantile(scores, share),
        };
        let around = |scores: &[f64]| {
            let at = rank(scores, self.threshold);
            Window { low: edge(scores, at - half_width), high: edge(scores, at + half_width) }
        };
        match form {
            Form::Percentile => around(calibration),
            Form::Adjusted => around(test),
            Form::Score => Window {
                low: self.threshold - half_width * span,
                high: self.threshold + half_width * span,
            },
            Form::LeastSure => {
                Window { low: f64::NEG_INFINITY, high: edge(calibration, 2.0 * half_width) }
            }
        }
    }
}

/// The threshold that accepts a share of ascending scores, to the nearest row, and one at least; NaN without scores.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length lies inside the length"
)]
fn accepting(ascending: &[f64], share: f64) -> f64 {
    let num = ascending.len();
    let accepted = (num as f64 * share).round().max(1.0) as usize;
    ascending.get(num.saturating_sub(accepted)).copied().unwrap_or(f64::NAN)
}

/// The member whose answer stands: the first that keeps the row, else the last.
pub(super) fn stops(answers: &[Answer], windows: &[Window]) -> usize {
    let kept = answers.iter().zip(windows).position(|(answer, window)| window.keeps(answer.score));
    kept.unwrap_or_else(|| answers.len().saturating_sub(1))
}

/// The same for every measured row.
pub(super) fn stood(stages: &[Stage], windows: &[Window]) -> Vec<usize> {
    let num_rows = stages.first().map_or(0, |stage| stage.test.len());
    let last = stages.len().saturating_sub(1);
    let stops = |row: usize| {
        let keeps = |(stage, window): (&Stage, &Window)| {
            stage.test.get(row).is_some_and(|answer| window.keeps(answer.score))
        };
        stages.iter().zip(windows).position(keeps).unwrap_or(last)
    };
    (0..num_rows).map(stops).collect()
}

/// How many rows ran each member.
pub(super) fn reached(stood: &[usize], num_members: usize) -> Vec<usize> {
    (0..num_members).map(|member| stood.iter().filter(|last| **last >= member).count()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Spec 7.
    const SCORES: [f64; 10] = [0.95, 0.30, 0.62, 0.55, 0.80, 0.41, 0.99, 0.70, 0.58, 0.20];
    const RIGHT: [bool; 10] = [true, false, true, false, true, false, true, true, true, false];

    fn answers(scores: &[f64]) -> Vec<Answer> {
        scores.iter().zip(0..).map(|(score, id)| Answer { score: *score, id }).collect()
    }

    fn stage(scores: &[f64], point: Point) -> Stage {
        let truth: Vec<_> =
            (0..).zip(RIGHT).map(|(id, is)| Some(if is { id } else { 999 })).collect();
        Stage::new([answers(scores), answers(scores)], &truth, point)
    }

    #[test]
    fn the_golden_window_passes_two_of_ten_at_one_and_a_fifth_of_the_cost() {
        let first = stage(&SCORES, Point::Risk(0.05));
        // Fewer than 20 rows: all of them are the least that says something about a risk.
        assert!(!first.is_kept);
        let first = stage(&SCORES, Point::ByHand(0.58));
        assert_eq!(first.rank(), 0.5);
        let window = first.window(Form::Percentile, 0.1, 1.0);
        assert!((window.low - 0.568).abs() < 1e-12 && (window.high - 0.652).abs() < 1e-12);
        let stood = stood(&[first.clone(), first], &[window]);
        let passed: Vec<usize> = (0..10).filter(|row| stood[*row] == 1).collect();
        assert_eq!(passed, [2, 8]);
        let reached = reached(&stood, 2);
        assert_eq!(reached, [10, 2]);
        // Two members of equal cost.
        assert_eq!(reached.iter().sum::<usize>() as f64 / 10.0, 1.2);
    }

    #[test]
    fn an_operating_point_is_a_coverage_a_risk_or_a_score() {
        assert_eq!(stage(&SCORES, Point::Coverage(0.6)).threshold, 0.58);
        assert_eq!(stage(&SCORES, Point::Coverage(0.0)).threshold, 0.99);
        assert_eq!(stage(&SCORES, Point::Coverage(1.0)).threshold, 0.2);
        let many: Vec<f64> = (0..100).map(|at| 1.0 - f64::from(at) / 100.0).collect();
        // The first 40 are right, the others wrong: 44 keep a risk of a tenth.
        let truth: Vec<_> = (0..100).map(|id| Some(if id < 40 { id } else { 999 })).collect();
        let at = Stage::new([answers(&many), Vec::new()], &truth, Point::Risk(0.1));
        assert_eq!((at.threshold, at.is_kept), (many[43], true));
        let none = Stage::new([Vec::new(), answers(&many)], &[], Point::Risk(0.1));
        assert!(none.threshold.is_nan());
        // Nothing to find a threshold on: everything goes on.
        let window = none.window(Form::Percentile, 0.1, 1.0);
        assert!(stood(&[none.clone(), none], &[window]).iter().all(|last| *last == 1));
    }

    #[test]
    fn every_form_cuts_its_own_window() {
        let shifted: Vec<f64> = SCORES.iter().map(|score| score / 2.0).collect();
        let first = Stage::new([answers(&SCORES), answers(&shifted)], &[], Point::ByHand(0.58));
        let cut = |form| first.window(form, 0.1, 2.0);
        // All shifted scores lie below tau, so q is 1; the quantile 0.9 lies between .475 and .495.
        let adjusted = cut(Form::Adjusted);
        assert!((adjusted.low - 0.477).abs() < 1e-12, "{adjusted:?}");
        assert_eq!(adjusted.high, f64::INFINITY);
        assert_eq!(cut(Form::Score), Window { low: 0.58 - 0.2, high: 0.58 + 0.2 });
        let least = cut(Form::LeastSure);
        assert_eq!(least.low, f64::NEG_INFINITY);
        assert!((least.high - 0.388).abs() < 1e-12, "{}", least.high);
    }

    /// Written anew, row by row, without anything from above.
    fn plainly(scores: &[Vec<f64>], windows: &[(f64, f64)]) -> Vec<usize> {
        let mut stood = Vec::new();
        for (row, _) in scores[0].iter().enumerate() {
            let mut member = 0;
            while member < windows.len() {
                let (low, high) = windows[member];
                let score = scores[member][row];
                if !score.is_nan() && !(low..=high).contains(&score) {
                    break;
                }
                member += 1;
            }
            stood.push(member);
        }
        stood
    }

    fn score() -> impl Strategy<Value = f64> {
        prop_oneof![9 => (0_u8..=20).prop_map(|s| f64::from(s) / 20.0), 1 => Just(f64::NAN)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_cascade_is_what_a_plain_loop_makes_of_it(
            rows in proptest::collection::vec([score(), score(), score()], 1..60),
            coverage in 0.0_f64..=1.0,
            half_width in 0.0_f64..=1.0,
        ) {
            let scores: Vec<Vec<f64>> = (0..3).map(|m| rows.iter().map(|row| row[m]).collect()).collect();
            let stages: Vec<_> = scores.iter().map(|s| stage(s, Point::Coverage(coverage))).collect();
            for form in [Form::Percentile, Form::Adjusted, Form::Score, Form::LeastSure] {
                let windows: Vec<_> = stages[..2].iter().map(|s| s.window(form, half_width, 1.0)).collect();
                let found = stood(&stages, &windows);
                let plain: Vec<_> = windows.iter().map(|w| (w.low, w.high)).collect();
                prop_assert_eq!(&found, &plainly(&scores, &plain));
                for (row, last) in found.iter().enumerate() {
                    let answers: Vec<_> = stages.iter().map(|stage| stage.test[row]).collect();
                    prop_assert_eq!(stops(&answers, &windows), *last);
                    // What lies outside the first window keeps the first member's answer and score.
                    let (score, window) = (scores[0][row], windows[0]);
                    if score < window.low || score > window.high {
                        prop_assert_eq!(*last, 0);
                        prop_assert_eq!(stages[*last].test[row].score, score);
                        prop_assert_eq!(stages[*last].test[row].id as usize, row);
                    }
                }
            }
        }

        #[test]
        fn no_width_is_the_first_member_up_to_ties_and_a_full_one_runs_all(
            scores in proptest::collection::vec(0_u16..2000, 1..60),
            coverage in 0.0_f64..=1.0,
        ) {
            let scores: Vec<f64> = scores.into_iter().map(|s| f64::from(s) / 2000.0).collect();
            let first = stage(&scores, Point::Coverage(coverage));
            let passed = |form, half_width| {
                let window = first.window(form, half_width, 1.0);
                let stood = stood(&[first.clone(), first.clone()], &[window]);
                stood.into_iter().zip(&scores).filter(|(last, _)| *last == 1).map(|(_, s)| *s).collect::<Vec<_>>()
            };
            for form in [Form::Percentile, Form::Adjusted, Form::Score] {
                let at_none = passed(form, 0.0);
                prop_assert!(at_none.windows(2).all(|pair| pair[0] == pair[1]));
                prop_assert_eq!(passed(form, 1.0).len(), scores.len());
            }
            prop_assert_eq!(passed(Form::LeastSure, 1.0).len(), scores.len());
        }

        #[test]
        fn a_window_passes_on_its_share_of_the_calibration_part(
            seed in 0_u32..1000,
            coverage in 0.0_f64..=1.0,
            half_width in 0.0_f64..=0.5,
        ) {
            // 200 different scores in some order. A rank counts in N-ths, a quantile in (N - 1)-ths.
            let scores: Vec<f64> =
                (0..200).map(|at| f64::from((at * 7919 + seed * 31) % 200_u32) / 200.0).collect();
            let first = stage(&scores, Point::Coverage(coverage));
            let window = first.window(Form::Percentile, half_width, 1.0);
            let stood = stood(&[first.clone(), first.clone()], &[window]);
            let passed = stood.iter().filter(|last| **last == 1).count() as f64 / 200.0;
            let q = first.rank();
            let expected = (q + half_width).min(1.0) - (q - half_width).max(0.0);
            prop_assert!((passed - expected).abs() <= 2.0 / 200.0, "{passed} {expected}");
        }
    }
}
