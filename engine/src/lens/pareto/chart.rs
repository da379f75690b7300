//! The chart: what every rule keeps, against what it costs.

use super::{Point, Scene};
use crate::figure::{Axis, Figure, HUES, Ink, Mark, Pick};

/// The line that no rule reaches: grey and, as the third round of hues, dashed.
const BOUND: Ink = Ink::Series(3 * HUES - 1);
/// Most curves in colour, beside that of the present rule: as many as a legend tells apart at a glance.
const MOST_COLORED: usize = 6;

pub(super) fn figure(scene: &Scene<'_>) -> Figure {
    let shown = in_color(scene);
    let (mut marks, mut colored) = (Vec::new(), Vec::new());
    for (idx, curve) in scene.curves.iter().enumerate() {
        let points: Vec<_> =
            scene.points.iter().filter(|point| point.curve == idx).map(place).collect();
        if points.is_empty() {
            continue;
        }
        let label = curve.chosen.rule.card().label.to_owned();
        if curve.is_bound {
            marks.push(Mark::Line { label, points, ink: BOUND });
            continue;
        }
        let is_shown = shown.contains(&idx);
        // A rule looks alike whatever else is drawn.
        let ink = if is_shown { Ink::Series(idx) } else { Ink::Faint };
        let behind_others = if is_shown { &mut colored } else { &mut marks };
        if points.len() > 1 {
            behind_others.push(Mark::Line { label: label.clone(), points: points.clone(), ink });
        }
        behind_others.push(Mark::Points { label, points, ink });
    }
    marks.extend(colored);
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

fn place(point: &Point) -> [f64; 2] {
    [point.cost, point.kept]
}

/// The curves in colour: the present rule, and those that make up most of the front. So many lines that each could be
/// told from all others would tell nothing.
fn in_color(scene: &Scene<'_>) -> Vec<usize> {
    let on_front = |curve: usize| {
        scene.points.iter().filter(|point| point.curve == curve && point.is_on_front).count()
    };
    let counts = (0..scene.curves.len()).map(|curve| (curve, on_front(curve)));
    let mut counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
    // The sort is stable: of equals the first of the menu.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let best = counts.into_iter().take(MOST_COLORED).map(|(curve, _)| curve);
    best.chain(scene.present_curve).collect()
}
