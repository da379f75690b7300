//! E1 and E0 over thresholds, over all rates, and as distributions; what an attempt takes and how it scores.

use std::sync::Arc;

use super::Scene;
use super::attempts::Attempt;
use super::case::Case;
use super::knobs::Numbers;
use super::phases::Phases;
use super::sweep::Trial;
use crate::figure::{Axis, ColorMap, Direction, Figure, HUES, Heat, Ink, Mark};

/// Cells of the map: one for each per cent of alpha and tau, 0 to 100.
const PERCENTS: usize = 101;
/// Points of a distribution.
const SHARES: usize = 200;
/// Bars of the scores, each this wide.
const BINS: usize = 20;

/// E1 at every threshold against E0, which knows none.
pub(super) fn thresholds(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    if let Numbers::Recorded(_, threshold) = &scene.settings.numbers
        && let Some(sweep) = scene.sweep.as_ref().filter(|sweep| !sweep.0.is_empty())
    {
        let points = |value: &dyn Fn(&Trial) -> f64| {
            sweep.0.iter().map(|trial| [trial.threshold, finite(value(trial))]).collect()
        };
        marks.push(Mark::Line {
            label: "E1, with calls".to_owned(),
            points: points(&|trial| trial.expected),
            ink: Ink::Series(0),
        });
        marks.push(Mark::Line {
            label: "E0, without".to_owned(),
            points: points(&|trial| trial.case.without_calls().expected()),
            ink: Ink::Series(1),
        });
        let now = scene.case.map(|case| [*threshold, finite(case.expected())]);
        marks.push(Mark::Points {
            label: "Present threshold".to_owned(),
            points: now.into_iter().collect(),
            ink: Ink::Accent,
        });
        marks.push(Mark::Rule {
            label: "Threshold".to_owned(),
            direction: Direction::Vertical,
            at: *threshold,
            knob: Some("threshold"),
        });
    }
    Figure {
        id: "thresholds",
        title: "Expected time to the first success by threshold".to_owned(),
        x: Axis::linear("Threshold", "score").with_range(0.0, 1.0),
        y: Axis::linear("Expected time", scene.unit()),
        marks,
        picks: Vec::new(),
    }
}

/// E1 / E0 for every alpha and tau; blue where calling pays.
pub(super) fn map(scene: &Scene<'_>) -> Figure {
    let marks = scene.case.map_or_else(Vec::new, |case| {
        let part = |percent: usize| percent as f64 / 100.0;
        let ratio = |tau: usize, alpha: usize| {
            let there = Case { alpha: part(alpha), tau: part(tau), ..case };
            there.expected() / case.without_calls().expected()
        };
        let cells = (0..PERCENTS).flat_map(|tau| (0..PERCENTS).map(move |alpha| (tau, alpha)));
        #[expect(clippy::cast_possible_truncation, reason = "a ratio for a colour")]
        let values = cells.map(|(tau, alpha)| ratio(tau, alpha) as f32).collect::<Arc<[f32]>>();
        let line = (0..PERCENTS).map(|alpha| [alpha as f64, case.least_tau(part(alpha)) * 100.0]);
        let inside = line.filter(|[_, tau]| (0.0..=100.0).contains(tau));
        vec![
            Mark::Heat(Heat {
                label: "E1 / E0".to_owned(),
                columns: PERCENTS,
                rows: PERCENTS,
                origin: [0.0, 0.0],
                values,
                range: (0.0, 2.0),
                colors: ColorMap::Diverging,
                texts: Arc::from([]),
                hovers: Arc::from([]),
                selected_column: None,
            }),
            Mark::Line {
                label: "Break-even".to_owned(),
                points: inside.collect(),
                ink: Ink::Muted,
            },
            Mark::Points {
                label: "Present calls".to_owned(),
                points: vec![[case.alpha * 100.0, case.tau * 100.0]],
                ink: Ink::Accent,
            },
        ]
    });
    Figure {
        id: "rates",
        title: "E1 / E0 over the two rates of calls (below 1 calling pays)".to_owned(),
        x: Axis::linear("α, would-be successes ended", "%"),
        y: Axis::linear("τ, would-be failures ended", "%"),
        marks,
        picks: Vec::new(),
    }
}

/// Share of runs that are done by a time.
pub(super) fn distribution(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    let kinds = [("With calls", &scene.with_calls), ("Without", &scene.without_calls)];
    for (series, (name, runs)) in kinds.into_iter().enumerate() {
        let Some(runs) = runs else {
            continue;
        };
        let ink = Ink::Series(series);
        let label = format!("{name} (simulated)");
        marks.push(Mark::Line { label, points: runs.distribution(SHARES), ink });
    }
    for (series, (name, case)) in [
        ("With calls, exponential times", scene.case),
        ("Without, exponential times", scene.case.map(Case::without_calls)),
    ]
    .into_iter()
    .enumerate()
    {
        if let Some(points) = case.and_then(Phases::new).and_then(|p| curve(scene, &p)) {
            // The hue of what was simulated, broken.
            let ink = Ink::Series(series + HUES);
            marks.push(Mark::Line { label: name.to_owned(), points, ink });
        }
    }
    Figure {
        id: "distribution",
        title: "Share of runs that have succeeded by a time".to_owned(),
        x: Axis::linear("Time", scene.unit()),
        y: Axis::linear("Runs done", "fraction").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}

/// The jump process over the times of the simulation.
fn curve(scene: &Scene<'_>, phases: &Phases) -> Option<Vec<[f64; 2]>> {
    let longest = [&scene.with_calls, &scene.without_calls]
        .into_iter()
        .filter_map(|runs| runs.as_ref()?.0.last().copied())
        .max_by(f64::total_cmp)
        .filter(|longest| *longest > 0.0)?;
    Some(phases.distribution(longest, SHARES))
}

/// MTS, MTF and MTN.
pub(super) fn times(scene: &Scene<'_>) -> Figure {
    let times = scene.case.map(|case| [case.times.success, case.times.failure, case.times.call]);
    let times = times.unwrap_or([f64::NAN; 3]);
    let bars: Vec<[f64; 2]> =
        times.into_iter().enumerate().map(|(idx, time)| [idx as f64, time]).collect();
    let known = bars.iter().filter(|[_, time]| time.is_finite());
    let texts: Vec<Mark> = known.map(|at| Mark::Text { at: *at, text: told(at[1]) }).collect();
    let label = "Mean time".to_owned();
    let bars = Mark::Bars { label, bars, width: 0.7, ink: Ink::Series(0) };
    let names = ["S, success", "F, failure", "N, call"].map(str::to_owned).to_vec();
    Figure {
        id: "times",
        title: "Mean time to a success, a failure and a call".to_owned(),
        x: Axis::category("Attempt ends in", names),
        y: Axis::linear("Mean time", scene.unit()),
        marks: std::iter::once(bars).chain(texts).collect(),
        picks: Vec::new(),
    }
}

/// How attempts score that succeed and that fail, on both sides of the threshold.
pub(super) fn scores(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    if let (Numbers::Recorded(_, threshold), Some(attempts)) =
        (&scene.settings.numbers, &scene.attempts)
    {
        let (wins, losses): (Vec<&Attempt>, Vec<&Attempt>) =
            attempts.shown.iter().partition(|attempt| attempt.is_success);
        // Both are named, even one that has none: else its colour would be taken for the other's.
        for (series, (name, attempts)) in
            [("Successes", wins), ("Failures", losses)].into_iter().enumerate()
        {
            let width = 0.5 / BINS as f64;
            let offset = (series as f64 - 0.5) * width;
            marks.push(Mark::Bars {
                label: format!("{name} (n = {})", attempts.len()),
                bars: histogram(&attempts, offset),
                width,
                ink: Ink::Series(2 * series),
            });
        }
        marks.push(Mark::Rule {
            label: "Threshold".to_owned(),
            direction: Direction::Vertical,
            at: *threshold,
            knob: Some("threshold"),
        });
    }
    Figure {
        id: "scores",
        title: "Scores of attempts that succeed and that fail".to_owned(),
        x: Axis::linear("Score", "").with_range(0.0, 1.0),
        y: Axis::linear("Attempts of the kind", "fraction"),
        marks,
        picks: Vec::new(),
    }
}

/// A time over its bar: steps that a bar shows.
fn told(time: f64) -> String {
    if time.abs() < 100.0 { format!("{time:.2}") } else { format!("{time:.0}") }
}

fn histogram(attempts: &[&Attempt], offset: f64) -> Vec<[f64; 2]> {
    if attempts.is_empty() {
        return Vec::new();
    }
    let mut counts = [0_u32; BINS];
    for score in attempts.iter().filter_map(|attempt| attempt.score) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=1")]
        let bin = (score.clamp(0.0, 1.0) * BINS as f64) as usize;
        if let Some(count) = counts.get_mut(bin.min(BINS - 1)) {
            *count += 1;
        }
    }
    let bar = |(bin, count): (usize, &u32)| {
        [(bin as f64 + 0.5) / BINS as f64 + offset, f64::from(*count) / attempts.len() as f64]
    };
    counts.iter().enumerate().map(bar).collect()
}

/// A point that lies nowhere is left out.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}
