//! Stops at one exit unless the score lies in a window around the decision boundary (window-based cascades).
//!
//! The task is to accept or to reject at an operating threshold tau of the score: only near tau does a second opinion change
//! that decision. tau comes from what is asked of the calibration part (a risk or a coverage); q is its percentile rank there (mean of
//! strict and weak), and the window reaches from the quantile `q - delta` to `q + delta`, both cut to 0 and 1, ends included. Inside it a token runs on to
//! the last layer. Here both stages are exits of one model, not members of an ensemble. The risk of accepting k is the
//! share of wrong answers among the k best; tau accepts as many as keep it, and no fewer than `max(20, N / 100)`.

use rayon::prelude::*;

use super::about::{About, Fit};
use super::at_depth::Comparison;
use super::rule::{Entry, ExitRule, RuleCard, above};
use super::signals::{Place, Reader, TokenSignals};
use super::truth::{self, Truth, nothing_to_fit};
use crate::knob::{Choice, ChoiceOption, Integer, Real};
use crate::policy::operating::{quantile, rank};
use crate::signal::{Depth, Signal};

const WIDTH: Real = Real {
    id: "window-width",
    label: "Half width δ",
    help: "So large a share of the calibration part lies in the window on either side of the threshold",
    unit: "fraction",
    default: 0.1,
    min: 0.0,
    max: 1.0,
    step: 0.005,
};
/// Half of the blocks where nobody chose.
fn first_stage(about: &About) -> Integer {
    Integer {
        id: "first-stage",
        label: "First stage (layers)",
        help: "The depth at which everything outside the window stops",
        default: about.most_layers() / 2,
        min: 0,
        max: about.most_layers(),
    }
}
const SCORE: Choice =
    Choice { id: "score", label: "Score", help: "What is accepted from a threshold on" };
const TASK: Choice = Choice {
    id: "task",
    label: "Operating threshold",
    help: "What is asked of the calibration part; the threshold follows from it",
};

/// Registry entry.
pub(super) static RULE: Entry<Window> = Entry {
    card: RuleCard {
        id: "window",
        label: "Window cascade",
        meaning: "Stops at the first stage unless the score lies in a window around the operating threshold",
        source: "Xia and Bouganis 2023, section 3 and its code; two exits in the place of an ensemble are an extension",
        signal: None,
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: true,
        main: "window-width",
    },
    knobs: |about| {
        let tasks = [
            ("risk-5", "Most coverage at 5 % risk"),
            ("risk-10", "Most coverage at 10 % risk"),
            ("coverage-50", "Coverage of 50 %"),
            ("coverage-80", "Coverage of 80 %"),
        ];
        let scores = [("max-prob", "Max probability"), ("entropy", "Entropy, negated")];
        let options =
            |of: &[(&str, &str)]| of.iter().map(|(id, l)| ChoiceOption::new(*id, *l)).collect();
        let most = about.most_layers() - 1;
        vec![
            WIDTH.card(),
            first_stage(about).card(most),
            SCORE.card(options(&scores)),
            TASK.card(options(&tasks)),
            truth::card(about),
        ]
    },
    ladder: None,
    build,
};

/// The score outside `low ..= high` at one depth.
#[derive(Debug)]
pub(super) struct Window {
    depth: Depth,
    is_entropy: bool,
    low: f64,
    high: f64,
}

/// Larger is surer.
fn sureness(is_entropy: bool, token: TokenSignals) -> f64 {
    f64::from(if is_entropy { -token.entropy } else { token.max_prob })
}

fn build(knobs: &crate::knob::Knobs, fit: &Fit<'_>) -> Result<Window, String> {
    let wanted = Depth(u16::try_from(knobs.integer(&first_stage(&fit.about))).unwrap_or(u16::MAX));
    let exits: Vec<Depth> = fit.checks.iter().collect();
    let depth = exits.iter().find(|exit| **exit >= wanted).or_else(|| exits.last());
    let Some(depth) = depth.copied() else { return Err("there is no exit".to_owned()) };
    let is_entropy = knobs.choice(&SCORE) == Some("entropy");
    let (task, truth) = (knobs.choice(&TASK), Truth::of(knobs));
    // The width, which is dragged, needs neither the scores nor their order anew; nor does a depth that is not the stage.
    let key = format!("{depth:?} {is_entropy} {task:?} {truth:?} {}", fit.key_of_rows);
    let make = || Judged::new(fit, depth, (is_entropy, task, truth));
    let judged = fit.recording.cubes.memo.newest("window", &key, make);
    if judged.ascending.is_empty() {
        return Err(nothing_to_fit(fit));
    }
    let (low, high) = edges(&judged.ascending, judged.tau, knobs.real(&WIDTH));
    Ok(Window { depth, is_entropy, low, high })
}

/// Scores of the calibration part and the operating threshold among them.
struct Judged {
    ascending: Vec<f64>,
    tau: f64,
}

impl Judged {
    fn new(
        fit: &Fit<'_>,
        depth: Depth,
        (is_entropy, task, truth): (bool, Option<&str>, Truth),
    ) -> Self {
        let columns = Reader::new(fit.recording).at(depth);
        let right = truth.right(fit.recording);
        let is_right = right.at(depth.index());
        let mut judged: Vec<(f64, bool)> = fit
            .tokens()
            .filter_map(|token| {
                let sure = sureness(is_entropy, columns.signals(token));
                let counts = truth.is_known(fit.recording, token) && !sure.is_nan();
                counts.then(|| (sure, is_right(token)))
            })
            .collect();
        judged.par_sort_by(|a, b| b.0.total_cmp(&a.0));
        let accepted = match task {
            Some("coverage-50") => covering(judged.len(), 0.5),
            Some("coverage-80") => covering(judged.len(), 0.8),
            Some("risk-10") => keeping(&judged, 0.1),
            _ => keeping(&judged, 0.05),
        };
        let tau = judged.get(accepted.saturating_sub(1)).map_or(f64::NAN, |(sure, _)| *sure);
        Self { ascending: judged.iter().rev().map(|(sure, _)| *sure).collect(), tau }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length lies inside the length"
)]
fn covering(count: usize, share: f64) -> usize {
    ((count as f64 * share).round() as usize).clamp(1, count.max(1))
}

/// How many of the surest can be accepted so that no more than `risk` of them are wrong.
fn keeping(judged: &[(f64, bool)], risk: f64) -> usize {
    let least = (judged.len() / 100).max(20).min(judged.len());
    let mut wrong = 0_usize;
    let mut best = least;
    for (count, (_, right)) in (1..).zip(judged) {
        wrong += usize::from(!right);
        if count >= least && wrong as f64 <= risk * count as f64 {
            best = count;
        }
    }
    best
}

/// The window of `delta` around the percentile rank of `tau` among ascending scores.
fn edges(ascending: &[f64], tau: f64, delta: f64) -> (f64, f64) {
    let rank = rank(ascending, tau);
    let [low, high] = [rank - delta, rank + delta].map(|share| quantile(ascending, share));
    // Both ends belong to the window.
    (Comparison::AtLeast.beside(low), Comparison::AtMost.beside(high))
}

impl ExitRule for Window {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        sureness(self.is_entropy, token)
    }

    fn least(&self, depth: Depth) -> f64 {
        if depth == self.depth { above(self.high) } else { f64::NAN }
    }

    fn most(&self, depth: Depth) -> f64 {
        // What is below the window is no more than the number before it.
        if depth == self.depth { self.low.next_down() } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f64; 10] = [0.95, 0.30, 0.62, 0.55, 0.80, 0.41, 0.99, 0.70, 0.58, 0.20];

    #[test]
    fn the_golden_window_passes_two_of_ten() {
        let mut ascending = SCORES.to_vec();
        ascending.sort_by(f64::total_cmp);
        let (low, high) = edges(&ascending, 0.58, 0.1);
        assert!((low - 0.568).abs() < 1e-6 && (high - 0.652).abs() < 1e-6, "{low} {high}");
        let passed: Vec<usize> = (0..10).filter(|at| (low..=high).contains(&SCORES[*at])).collect();
        assert_eq!(passed, [2, 8]);
        // Nothing but ties passes at no width, everything at a full one.
        let (low, high) = edges(&ascending, 0.58, 1.0);
        assert!(SCORES.iter().all(|score| (low..=high).contains(score)));
    }

    #[test]
    fn as_many_are_accepted_as_keep_the_risk() {
        // The first 24 are right, then every second is wrong.
        let judged: Vec<_> =
            (0..60).map(|at| (1.0 - f64::from(at) / 100.0, at < 24 || at % 2 == 0)).collect();
        // 1 wrong of 26 (token 25), 2 of 28, 3 of 30: a tenth.
        assert_eq!(keeping(&judged, 0.1), 31);
        assert_eq!(keeping(&judged, 0.0), 25);
        // Fewer than 20 are never accepted, whatever the risk.
        let wrong: Vec<_> = judged.iter().map(|(score, _)| (*score, false)).collect();
        assert_eq!(keeping(&wrong, 0.1), 20);
    }
}
