//! The walk over the thresholds as pictures.

use super::Scene;
use super::knobs::{DELTA, ERROR};
use crate::figure::{Axis, Direction, Figure, Ink, Mark};
use crate::lens::exits::capital;
use crate::policy::{Outcomes, main_label};

/// What fails at every threshold, on both parts.
pub(super) fn risk(scene: &Scene<'_>) -> Figure {
    let line = |label: &str, outcomes: &Outcomes, series| Mark::Line {
        label: label.to_owned(),
        points: over(outcomes, |outcome| scene.claim.failures(outcome).risk().unwrap_or(f64::NAN)),
        ink: Ink::Series(series),
    };
    let mut marks = vec![
        line("Calibration part", &scene.whole.calibration, 0),
        line("Test part", &scene.whole.test, 1),
        Mark::Rule {
            label: "Allowed risk".to_owned(),
            direction: Direction::Horizontal,
            at: scene.claim.risk,
            knob: Some(DELTA.id),
        },
    ];
    marks.extend(accepted(scene));
    Figure {
        id: "risk",
        title: format!("{}: what fails at every setting", scene.goal.label()),
        x: x_axis(scene),
        y: Axis::linear("Share that fails", "fraction"),
        marks,
        picks: Vec::new(),
    }
}

/// How likely what was seen is if the claim is wrong, at every threshold.
pub(super) fn p_values(scene: &Scene<'_>) -> Figure {
    let points = over(&scene.whole.calibration, |outcome| {
        scene.claim.p_value(scene.claim.failures(outcome))
    });
    let mut marks = vec![
        Mark::Line { label: "p-value".to_owned(), points, ink: Ink::Series(0) },
        Mark::Rule {
            label: "Allowed error".to_owned(),
            direction: Direction::Horizontal,
            at: scene.claim.error,
            knob: Some(ERROR.id),
        },
    ];
    marks.extend(accepted(scene));
    Figure {
        id: "p-values",
        title: "p-value of “it fails more often than allowed”".to_owned(),
        x: x_axis(scene),
        y: Axis::linear("p-value on the calibration part", "").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}

/// Where the rows of the test part exit at the accepted threshold.
pub(super) fn exits(scene: &Scene<'_>) -> Figure {
    let judged = scene.whole.judged(scene.whole.accepted_at());
    let num: u64 = judged.exits.iter().sum();
    let rows = capital(scene.recording.subject().nouns());
    let bars = judged.exits.iter().enumerate();
    let bars = bars.map(|(depth, exits)| [depth as f64, *exits as f64 / num.max(1) as f64]);
    let label = format!("{rows} of the test part (n = {num})");
    let bars = Mark::Bars { label, bars: bars.collect(), width: 0.84, ink: Ink::Series(1) };
    Figure {
        id: "exits-test",
        title: "Exits on the test part at the accepted setting".to_owned(),
        x: Axis::integer("Exit depth").with_range(-0.5, scene.recording.num_layers() as f64 + 0.5),
        y: Axis::linear(rows, "fraction"),
        marks: vec![bars],
        picks: Vec::new(),
    }
}

/// A number over the positions, from left to right.
fn over(outcomes: &Outcomes, value: impl Fn(&crate::policy::Outcome) -> f64) -> Vec<[f64; 2]> {
    let points = outcomes.positions.iter().map(|outcome| [outcome.at, value(outcome)]);
    let mut points: Vec<_> = points.collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    points
}

fn accepted(scene: &Scene<'_>) -> Option<Mark> {
    scene.whole.accepted_at().map(|at| Mark::Rule {
        label: "Accepted".to_owned(),
        direction: Direction::Vertical,
        at,
        knob: None,
    })
}

fn x_axis(scene: &Scene<'_>) -> Axis {
    let at = |outcome: Option<&crate::policy::Outcome>| outcome.map_or(0.0, |outcome| outcome.at);
    let positions = &scene.whole.calibration.positions;
    let (first, last) = (at(positions.first()), at(positions.last()));
    let axis = Axis::linear(main_label(scene.recording, scene.settings.rule.rule), "");
    if first == last { axis } else { axis.with_range(first.min(last), first.max(last)) }
}
