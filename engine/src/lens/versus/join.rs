//! The marks of B on the axes of A.
//!
//! Lines, markers and areas of B are added in their own inks, bars of both stand side by side; on a heat map only lines
//! of B are drawn. What a hand can drag stays A's: a rule of B becomes a fixed one. A mark of B that equals one of A is
//! not drawn twice. Where the axes mean something else for B nothing of B is drawn on them, and a note says so.

use std::ops::RangeInclusive;

use super::PREFIX;
use crate::figure::{Axis, Direction, Figure, Ink, Mark, Scale};
use crate::notes::Note;

/// Hue of B's counterpart of what is accented for A.
const ACCENT: Ink = Ink::Other(3);
/// Hue of B's counterpart of what stays in the background for A.
const MUTED: Ink = Ink::Other(6);

/// Adds the marks of B's figure to A's, or says why they cannot stand on its axes.
pub(super) fn join(figure: &mut Figure, mut other: Figure) -> Option<Note> {
    let columns = figure.marks.iter().find_map(columns);
    if !is_comparable(figure, &other, columns.is_some()) {
        let axes = [&other.x, &other.y].map(Axis::caption).join(" and ");
        let what = format!("“{}” shows A only: the axes of B are {axes}", figure.title);
        figure.title.push_str(" (A only)");
        return Some(Note::new(what, ""));
    }
    take_names(&mut figure.x, &mut other);
    for (axis, other) in [(&mut figure.x, &other.x), (&mut figure.y, &other.y)] {
        axis.range = match (axis.range, other.range) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
    if let Some(columns) = columns {
        let lines = other.marks.into_iter().filter_map(|mark| line_within(mark, &columns));
        let lines = lines.filter(|line| !has(figure, line)).map(translated).collect::<Vec<_>>();
        figure.marks.extend(lines);
        return None;
    }
    let has_other_bars =
        bars(&other).count() != bars(figure).count() || bars(&other).any(|bars| !has(figure, bars));
    if has_other_bars {
        stand_side_by_side(figure, &mut other);
    }
    // Bars of B come right behind those of A: what A draws over its bars stays over all bars.
    let behind_bars = figure.marks.iter().rposition(is_bars).map_or(0, |last| last + 1);
    let mut new_bars = Vec::new();
    let mut others = Vec::new();
    let writes_on_bars = figure.marks.iter().any(is_bars);
    for mark in other.marks {
        match mark {
            Mark::Bars { .. } if has_other_bars => new_bars.push(translated(mark)),
            Mark::Heat(_) => {}
            // Numbers over bars say by their place whose they are.
            Mark::Text { .. } if writes_on_bars && !has(figure, &mark) => others.push(mark),
            mark if has(figure, &mark) => {}
            mark => others.push(translated(mark)),
        }
    }
    figure.marks.splice(behind_bars..behind_bars, new_bars);
    figure.marks.extend(others);
    None
}

fn is_bars(mark: &Mark) -> bool {
    matches!(mark, Mark::Bars { .. })
}

fn bars(figure: &Figure) -> impl Iterator<Item = &Mark> {
    figure.marks.iter().filter(|mark| is_bars(mark))
}

/// The x that the cells of a heat map cover.
fn columns(mark: &Mark) -> Option<RangeInclusive<f64>> {
    let Mark::Heat(heat) = mark else { return None };
    let from = heat.origin[0] - 0.5;
    Some(from..=from + heat.columns as f64)
}

/// Whether a place means the same on the axes of both.
fn is_comparable(a: &Figure, b: &Figure, is_heat: bool) -> bool {
    let is_same = |a: &Axis, b: &Axis| {
        let is_same_kind = std::mem::discriminant(&a.scale) == std::mem::discriminant(&b.scale);
        is_same_kind && (&a.label, a.unit) == (&b.label, b.unit)
    };
    // Names along y, and those of a heat map's columns, belong to marks that are not moved.
    let are_names_fixed = a.y.scale == b.y.scale && (!is_heat || a.x.scale == b.x.scale);
    is_same(&a.x, &b.x) && is_same(&a.y, &b.y) && are_names_fixed
}

/// Puts what B shows at a name to the place that the name has for A; names that only B has come behind.
fn take_names(axis: &mut Axis, other: &mut Figure) {
    let (Scale::Category(names), Scale::Category(others)) = (&mut axis.scale, &other.x.scale)
    else {
        return;
    };
    if names == others {
        return;
    }
    let mut place_of = |name: &String| {
        names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        })
    };
    let places: Vec<usize> = others.iter().map(&mut place_of).collect();
    let moved = |x: f64| {
        let whole = x.round();
        let place = places.iter().enumerate().find(|(at, _)| *at as f64 == whole);
        place.map_or(x, |(_, place)| *place as f64 + (x - whole))
    };
    for mark in &mut other.marks {
        move_along_x(mark, &moved);
    }
}

/// Bars of A in the left halves of their places, bars of B in the right ones; what is written over them goes with them.
fn stand_side_by_side(figure: &mut Figure, other: &mut Figure) {
    let is_whole = matches!(figure.x.scale, Scale::Integer | Scale::Category(_));
    let edge = |mark: &Mark| match mark {
        Mark::Bars { bars, width, .. } if is_whole => {
            bars.iter().map(|[x, _]| (x - x.round()).abs() + width / 2.0).fold(0.0, f64::max)
        }
        Mark::Bars { width, .. } => width / 2.0,
        _ => 0.0,
    };
    let reach = figure.marks.iter().chain(&other.marks).map(edge).fold(0.0, f64::max);
    for (marks, side) in [(&mut figure.marks, -0.5), (&mut other.marks, 0.5)] {
        let moved = |x: f64| {
            if is_whole {
                x.round() + (x - x.round()) / 2.0 + side * reach
            } else {
                x + side * reach
            }
        };
        for mark in marks {
            if let Mark::Bars { width, .. } = mark {
                *width /= 2.0;
            }
            if matches!(mark, Mark::Bars { .. } | Mark::Text { .. }) {
                move_along_x(mark, &moved);
            }
        }
    }
}

fn move_along_x(mark: &mut Mark, moved: &impl Fn(f64) -> f64) {
    match mark {
        Mark::Line { points, .. }
        | Mark::Points { points, .. }
        | Mark::Bars { bars: points, .. }
        | Mark::Handles { points, .. } => points.iter_mut().for_each(|at| at[0] = moved(at[0])),
        Mark::Band { points, .. } => points.iter_mut().for_each(|at| at[0] = moved(at[0])),
        Mark::Rule { direction: Direction::Vertical, at, .. } => *at = moved(*at),
        Mark::Text { at, .. } => at[0] = moved(at[0]),
        Mark::Rule { direction: Direction::Horizontal, .. } | Mark::Heat(_) => {}
    }
}

/// Of B's marks on a heat map only lines, as far as they cross its cells.
fn line_within(mark: Mark, columns: &RangeInclusive<f64>) -> Option<Mark> {
    let Mark::Line { label, mut points, ink } = mark else { return None };
    points.retain(|[x, _]| columns.contains(x));
    (!points.is_empty()).then_some(Mark::Line { label, points, ink })
}

/// A mark of B as it is drawn beside those of A.
fn translated(mark: Mark) -> Mark {
    let name = |label: String| {
        if label.is_empty() { "B".to_owned() } else { format!("{PREFIX}{label}") }
    };
    match mark {
        Mark::Line { label, points, ink } | Mark::Handles { label, points, ink, .. } => {
            Mark::Line { label: name(label), points, ink: other(ink) }
        }
        Mark::Bars { label, bars, width, ink } => {
            Mark::Bars { label: name(label), bars, width, ink: other(ink) }
        }
        Mark::Points { label, points, ink } => {
            Mark::Points { label: name(label), points, ink: other(ink) }
        }
        Mark::Band { label, points, ink } => {
            Mark::Band { label: name(label), points, ink: other(ink) }
        }
        Mark::Rule { label, direction, at, .. } => {
            Mark::Rule { label: name(label), direction, at, knob: None }
        }
        Mark::Text { at, text } => Mark::Text { at, text: name(text) },
        Mark::Heat(heat) => Mark::Heat(heat),
    }
}

fn other(ink: Ink) -> Ink {
    match ink {
        Ink::Series(series) | Ink::Other(series) => Ink::Other(series),
        Ink::Accent => ACCENT,
        Ink::Muted => MUTED,
        Ink::Faint => Ink::Faint,
    }
}

/// Whether A draws the same already: a rule at the same place, or the same numbers under the same name.
fn has(figure: &Figure, mark: &Mark) -> bool {
    figure.marks.iter().any(|known| is_same(known, mark))
}

/// NaN equals NaN here.
fn is_same(a: &Mark, b: &Mark) -> bool {
    match (a, b) {
        (Mark::Line { label, points, .. }, Mark::Line { label: of, points: others, .. })
        | (Mark::Points { label, points, .. }, Mark::Points { label: of, points: others, .. })
        | (Mark::Bars { label, bars: points, .. }, Mark::Bars { label: of, bars: others, .. })
        | (Mark::Handles { label, points, .. }, Mark::Handles { label: of, points: others, .. }) => {
            label == of && are_same(points, others)
        }
        (Mark::Band { label, points, .. }, Mark::Band { label: of, points: others, .. }) => {
            label == of && are_same(points, others)
        }
        (Mark::Rule { direction, at, .. }, Mark::Rule { direction: way, at: place, .. }) => {
            direction == way && at.to_bits() == place.to_bits()
        }
        (Mark::Text { at, text }, Mark::Text { at: place, text: words }) => {
            text == words && are_same(&[*at], &[*place])
        }
        _ => false,
    }
}

fn are_same<const N: usize>(a: &[[f64; N]], b: &[[f64; N]]) -> bool {
    let is_same = |(a, b): (&[f64; N], &[f64; N])| a.map(f64::to_bits) == b.map(f64::to_bits);
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}
