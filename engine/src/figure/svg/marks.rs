//! Draws the marks themselves.

use std::collections::BTreeSet;

use crate::figure::svg::layout::Frame;
use crate::figure::svg::pen::{Anchor, Pen, Words, coordinate};
use crate::figure::svg::words::{shorten, width};
use crate::figure::{Direction, Figure, Heat, Ink, Mark, Rgb, Round, thin_line, wants_dark_text};

const LABEL_SIZE: f64 = 12.0;
/// Words in cells are between these sizes, or absent.
const CELL_SIZES: (f64, f64) = (7.0, 12.0);
/// More markers than this are drawn smaller.
const MANY_POINTS: usize = 500;
/// Cells reach this far under the ones beside and below them, so that no viewer's rounding opens a seam.
pub(super) const OVERLAP: f64 = 0.5;
const DARK_TEXT: Rgb = [20, 20, 20];
const BRIGHT_TEXT: Rgb = [255, 255, 255];

/// Draws one mark inside the frame, without the words that stand above all marks.
pub(super) fn draw(pen: &mut Pen, mark: &Mark, frame: &Frame) {
    match mark {
        Mark::Line { label, points, ink } => line(pen, label, points, *ink, frame),
        Mark::Bars { bars, width, ink, .. } => draw_bars(pen, bars, *width, *ink, frame),
        Mark::Points { points, ink, .. } => draw_points(pen, points, *ink, frame),
        Mark::Heat(heat) => draw_heat(pen, heat, frame),
        Mark::Band { points, ink, .. } => band(pen, points, *ink, frame),
        Mark::Rule { direction, at, knob, .. } if at.is_finite() => {
            let ends = match direction {
                Direction::Vertical => [frame.x(*at), frame.top, frame.x(*at), frame.bottom],
                Direction::Horizontal => [frame.left, frame.y(*at), frame.right, frame.y(*at)],
            };
            let ink = rule_ink(*knob);
            let dashes = if knob.is_some() { "" } else { "5 4" };
            pen.line(ends, pen.palette.ink(ink), 1.6, dashes);
        }
        Mark::Handles { points, ink, .. } => {
            line(pen, "", points, *ink, frame);
            draw_points(pen, points, *ink, frame);
        }
        Mark::Rule { .. } | Mark::Text { .. } => {}
    }
}

/// How the lines of an ink are broken.
pub(super) fn dashes(ink: Ink) -> &'static str {
    match ink {
        Ink::Other(_) => "7 5",
        Ink::Series(_) | Ink::Accent | Ink::Muted | Ink::Faint => match ink.round() {
            Round::First => "",
            // The round ends of strokes make dots of them, and lengthen the others.
            Round::Second => "0.1 4.5",
            Round::Third => "3 5",
        },
    }
}

/// One marker; all forms cover about the same area.
pub(super) fn marker(pen: &mut Pen, at: [f64; 2], radius: f64, ink: Ink) {
    let color = pen.palette.fill(ink);
    let [x, y] = at;
    match ink.round() {
        Round::First => pen.dot(at, radius, color),
        Round::Second => {
            let half = radius * 0.89;
            pen.rect([x - half, y - half, 2.0 * half, 2.0 * half], color);
        }
        Round::Third => {
            let reach = radius * 1.25;
            let corners = [[x, y - reach], [x + reach, y], [x, y + reach], [x - reach, y]];
            pen.area(&format!("{}Z", path(corners.into_iter())), color);
        }
    }
}

fn rule_ink(knob: Option<&str>) -> Ink {
    if knob.is_some() { Ink::Accent } else { Ink::Muted }
}

fn line(pen: &mut Pen, label: &str, points: &[[f64; 2]], ink: Ink, frame: &Frame) {
    let color = pen.palette.ink(ink);
    let thick = match ink {
        Ink::Muted => 1.3,
        Ink::Faint => 1.0,
        Ink::Series(_) | Ink::Other(_) | Ink::Accent => 2.0,
    };
    let (from, to) = frame.spans[0];
    // Two slices for each unit, since a PNG has two pixels for each.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "width of a picture"
    )]
    let slices = ((frame.right - frame.left) * 2.0) as usize;
    let thinned = thin_line(points, from, to, slices);
    for run in thinned.split(|point| !point.iter().all(|value| value.is_finite())) {
        match run {
            [] => {}
            [lonely] => pen.dot([frame.x(lonely[0]), frame.y(lonely[1])], thick, color),
            run => {
                let path = path(run.iter().map(|[x, y]| [frame.x(*x), frame.y(*y)]));
                // What no legend names a viewer names under the pointer.
                let told = if ink == Ink::Faint { label } else { "" };
                pen.curve(&path, (color, thick, dashes(ink)), told);
            }
        }
    }
}

fn path(points: impl Iterator<Item = [f64; 2]>) -> String {
    let mut path = String::new();
    for [x, y] in points {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        path.push_str(&coordinate(x));
        path.push(' ');
        path.push_str(&coordinate(y));
    }
    path
}

fn draw_bars(pen: &mut Pen, bars: &[[f64; 2]], width: f64, ink: Ink, frame: &Frame) {
    let color = pen.palette.fill(ink);
    for [x, height] in bars.iter().filter(|bar| bar.iter().all(|value| value.is_finite())) {
        let (left, right) = (frame.x(x - width / 2.0), frame.x(x + width / 2.0));
        let (foot, head) = (frame.y(0.0), frame.y(*height));
        pen.rect([left, foot.min(head), right - left, (foot - head).abs()], color);
    }
}

fn draw_points(pen: &mut Pen, points: &[[f64; 2]], ink: Ink, frame: &Frame) {
    let radius = match ink {
        Ink::Accent => 5.0,
        Ink::Faint => 1.8,
        _ if points.len() > MANY_POINTS => 1.5,
        _ => 3.0,
    };
    // A marker on another one of the same colour is not seen.
    let mut drawn = BTreeSet::new();
    for [x, y] in points.iter().filter(|point| point.iter().all(|value| value.is_finite())) {
        let at = [frame.x(*x), frame.y(*y)];
        #[expect(clippy::cast_possible_truncation, reason = "the frame clamps places")]
        let pixel = at.map(|place| (place * 2.0).round() as i64);
        if drawn.insert(pixel) {
            marker(pen, at, radius, ink);
        }
    }
}

fn band(pen: &mut Pen, points: &[[f64; 3]], ink: Ink, frame: &Frame) {
    let color = pen.palette.ink(ink);
    for run in points.split(|point| !point.iter().all(|value| value.is_finite())) {
        if run.is_empty() {
            continue;
        }
        let lower = run.iter().map(|[x, low, _]| [frame.x(*x), frame.y(*low)]);
        let upper = run.iter().rev().map(|[x, _, high]| [frame.x(*x), frame.y(*high)]);
        let outline = format!("{}Z", path(lower.chain(upper)));
        pen.band(&outline, color);
    }
}

fn draw_heat(pen: &mut Pen, heat: &Heat, frame: &Frame) {
    if heat.columns == 0 || heat.rows == 0 {
        return;
    }
    let color = |value: f32| heat.color(value).unwrap_or(pen.palette.missing);
    let mut rects = Vec::new();
    let rows: Vec<_> = heat.values.chunks(heat.columns).take(heat.rows).enumerate().collect();
    for (row, values) in rows.into_iter().rev() {
        let below = if row == 0 { 0.0 } else { OVERLAP };
        let mut column = 0;
        for run in values.chunk_by(|a, b| color(*a) == color(*b)) {
            if let Some(first) = run.first() {
                let [left, top, width, height] = cells(heat, column, row, run.len(), frame);
                let is_last = column + run.len() == values.len();
                let beside = if is_last { 0.0 } else { OVERLAP };
                rects.push(([left, top, width + beside, height + below], color(*first)));
            }
            column += run.len();
        }
    }
    pen.open_crisp();
    for (rect, color) in rects {
        pen.rect(rect, color);
    }
    pen.close();
    if let Some(column) = heat.selected_column.filter(|column| *column < heat.columns) {
        let [left, _, wide, _] = cells(heat, column, 0, 1, frame);
        let top = cells(heat, column, heat.rows - 1, 1, frame)[1];
        let bottom = frame.y(heat.origin[1] - 0.5);
        let color = pen.palette.accent;
        pen.frame([left + 1.0, top + 1.0, (wide - 2.0).max(1.0), bottom - top - 2.0], color);
    }
}

/// The rectangle of `count` cells of a row, beginning at `column`.
fn cells(heat: &Heat, column: usize, row: usize, count: usize, frame: &Frame) -> [f64; 4] {
    let from = heat.origin[0] + column as f64 - 0.5;
    let foot = heat.origin[1] + row as f64 - 0.5;
    let (left, right) = (frame.x(from), frame.x(from + count as f64));
    let (bottom, top) = (frame.y(foot), frame.y(foot + 1.0));
    [left, top, right - left, bottom - top]
}

/// The words in the cells of a heat map, above lines that cross it.
pub(super) fn cell_words(pen: &mut Pen, mark: &Mark, frame: &Frame) {
    let Mark::Heat(heat) = mark else {
        return;
    };
    let [_, _, wide, high] = cells(heat, 0, 0, 1, frame);
    if heat.columns == 0 {
        return;
    }
    // Two letters and an ellipsis are the least that says anything.
    let size = (high * 0.6).min(wide / 2.4).min(CELL_SIZES.1);
    if size < CELL_SIZES.0 {
        return;
    }
    for (place, (text, value)) in heat.texts.iter().zip(heat.values.iter()).enumerate() {
        let (row, column) = (place / heat.columns, place % heat.columns);
        if row >= heat.rows {
            return;
        }
        let [left, top, ..] = cells(heat, column, row, 1, frame);
        let text = shorten(text, wide - 3.0, size);
        let at = [left + wide / 2.0, top + high / 2.0 + size * 0.35];
        let ground = heat.color(*value).unwrap_or(pen.palette.missing);
        let color = if wants_dark_text(ground) { DARK_TEXT } else { BRIGHT_TEXT };
        pen.words(&Words::new(&text, at, size, color).anchored(Anchor::Middle));
    }
}

/// The words of rules and texts, above all marks.
pub(super) fn labels(pen: &mut Pen, figure: &Figure, frame: &Frame) {
    let mut num_vertical = 0;
    for mark in &figure.marks {
        match mark {
            Mark::Rule { label, direction, at, knob } if at.is_finite() => {
                let color = pen.palette.ink(rule_ink(*knob));
                let label = shorten(label, (frame.right - frame.left) / 2.0, LABEL_SIZE);
                let (place, anchor) = match direction {
                    Direction::Vertical => {
                        num_vertical += 1;
                        let y = frame.top - 2.0 + 16.0 * f64::from(num_vertical);
                        beside([frame.x(*at), y], &label, frame)
                    }
                    Direction::Horizontal => {
                        let y = frame.y(*at);
                        let y = if y - 18.0 < frame.top { y + 15.0 } else { y - 6.0 };
                        ([frame.right - 6.0, y], Anchor::End)
                    }
                };
                let words = Words::new(&label, place, LABEL_SIZE, color);
                pen.words(&words.anchored(anchor).with_halo());
            }
            Mark::Text { at, text } if at.iter().all(|value| value.is_finite()) => {
                let text = shorten(text, (frame.right - frame.left) / 2.0, LABEL_SIZE);
                let (x, y) = (frame.x(at[0]), frame.y(at[1]));
                let y = if y - 20.0 < frame.top { y + 17.0 } else { y - 8.0 };
                let half = width(&text, LABEL_SIZE) / 2.0;
                let place = [x.min(frame.right - half).max(frame.left + half), y];
                let color = pen.palette.text;
                let words = Words::new(&text, place, LABEL_SIZE, color);
                pen.words(&words.anchored(Anchor::Middle).with_halo());
            }
            Mark::Rule { .. }
            | Mark::Text { .. }
            | Mark::Line { .. }
            | Mark::Bars { .. }
            | Mark::Points { .. }
            | Mark::Heat(_)
            | Mark::Handles { .. }
            | Mark::Band { .. } => {}
        }
    }
}

/// To the right of a point where there is room, else to its left.
fn beside([x, y]: [f64; 2], text: &str, frame: &Frame) -> ([f64; 2], Anchor) {
    if x + 7.0 + width(text, LABEL_SIZE) <= frame.right {
        ([x + 7.0, y], Anchor::Start)
    } else {
        ([x - 7.0, y], Anchor::End)
    }
}
