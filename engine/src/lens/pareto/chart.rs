//! The chart: what every rule keeps, against what it costs.

use super::{Point, Scene};
use crate::figure::{Axis, Figure, Ink, Mark, Pick};

/// Strokes of a line that is no rule: drawn, gap, drawn, ...
const STROKES: u32 = 24;

pub(super) fn figure(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    let place = |point: &Point| [point.cost, point.kept];
    for (idx, curve) in scene.curves.iter().enumerate() {
        let points: Vec<_> =
            scene.points.iter().filter(|point| point.curve == idx).map(place).collect();
        if points.is_empty() {
            continue;
        }
        let label = curve.chosen.rule.card().label.to_owned();
        if curve.is_bound {
            marks.push(Mark::Line { label, points: dashed(&points), ink: Ink::Muted });
            continue;
        }
        let ink = Ink::Series(idx);
        if points.len() > 1 {
            marks.push(Mark::Line { label, points: points.clone(), ink });
            marks.push(Mark::Points { label: String::new(), points, ink });
        } else {
            marks.push(Mark::Points { label, points, ink });
        }
    }
    let mut front: Vec<_> =
        scene.points.iter().filter(|point| point.is_on_front).map(place).collect();
    front.sort_by(|a, b| a[0].total_cmp(&b[0]));
    marks.push(Mark::Line { label: "Pareto front".to_owned(), points: front, ink: Ink::Muted });
    marks.push(Mark::Points {
        label: "Full model".to_owned(),
        points: scene.full.into_iter().collect(),
        ink: Ink::Muted,
    });
    marks.push(Mark::Points {
        label: "Present setting".to_owned(),
        points: scene.present.into_iter().collect(),
        ink: Ink::Accent,
    });
    let pick = |point: &Point| Pick {
        at: place(point),
        label: scene.name(point),
        sets: scene.sets(point),
    };
    let can_run = |point: &&Point| scene.curves.get(point.curve).is_some_and(|c| !c.is_bound);
    let (label, unit) = scene.asked.pricing.cost.words();
    let goal = scene.asked.goal.label();
    Figure {
        id: "pareto",
        title: format!("{goal} of every rule against what it costs"),
        x: Axis::linear(label, unit),
        y: Axis::linear(goal, "fraction"),
        marks,
        picks: scene.points.iter().filter(can_run).map(pick).collect(),
    }
}

/// The same line in strokes: a NaN interrupts it.
fn dashed(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut strokes = Vec::new();
    for pair in points.windows(2) {
        let [[x0, y0], [x1, y1]] = pair else { continue };
        let at = |part: u32| {
            let part = f64::from(part) / f64::from(STROKES);
            [x0 + part * (x1 - x0), y0 + part * (y1 - y0)]
        };
        for stroke in (0..STROKES).step_by(2) {
            strokes.extend([at(stroke), at(stroke + 1), [f64::NAN, f64::NAN]]);
        }
    }
    if strokes.is_empty() { points.to_vec() } else { strokes }
}
