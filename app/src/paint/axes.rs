//! Axes of a figure on screen: captions, round numbers, names.

use std::cell::Cell;
use std::rc::Rc;

use egui::{FontId, Rangef, Vec2};
use egui_plot::{AxisHints, GridInput, GridMark, Plot};
use layerscope_engine::api::{Axis, Figure, Scale, round_step};

use crate::theme;

/// Grid lines that are closer than this are not drawn.
const CLOSEST: f32 = 8.0;

/// Pixels between two numbers: across, numbers are wide; upwards, they are low.
const APART: [f64; 2] = [64.0, 34.0];

/// Pixels of one letter of a name, at most.
const LETTER: f64 = 7.0;

/// Pixels of one letter of a caption, on average.
const CAPTION_LETTER: f64 = 5.6;

/// Fewer letters of a caption say nothing.
const LEAST_LETTERS: usize = 4;

/// Pixels of a plot's side that its axis does not have: legend or the other axis.
const UNUSED: f64 = 24.0;

/// Pixels from the left end of an axis in which the number below it would touch the lowest one beside it.
const CORNER: f64 = 6.0;

/// Pixels of a bar's place in which a shortened name still says something; narrower, only some places are named.
const LEAST_NAME: f64 = 34.0;

/// Longest name that is written in full on an axis.
const LONGEST: usize = 18;

/// Gives `plot` the axes of `figure`, which show `spans` until somebody zooms.
pub(super) fn dress<'a>(
    plot: Plot<'a>,
    ui: &egui::Ui,
    figure: &'a Figure,
    spans: [(f64, f64); 2],
    size: Vec2,
) -> Plot<'a> {
    let colors = theme::palette(ui);
    let hints = |hints: AxisHints<'a>,
                 axis: &'a Axis,
                 length: f32,
                 room: Rc<Cell<f64>>,
                 is_across: bool| {
        let caption = egui::RichText::new(caption(axis, length))
            .size(theme::FIGURE_TEXT)
            .color(theme::color(colors.muted));
        hints
            .label(caption)
            .formatter(move |mark, seen| {
                let text = label(axis, mark, room.get());
                let span = seen.end() - seen.start();
                let pixels = (mark.value - seen.start()) / span * f64::from(length);
                if is_across && pixels < CORNER { beside_corner(&text) } else { text }
            })
            .label_spacing(Rangef::new(CLOSEST, CLOSEST + 1.0))
            .tick_label_font(FontId::proportional(theme::FIGURE_TEXT))
            .tick_label_color(theme::color(colors.muted))
    };
    // Pixels that a label may take: known when the grid is laid out, needed when it is written.
    let [across, upwards] = [(); 2].map(|()| Rc::new(Cell::new(APART[0])));
    let [x, y] = [&figure.x, &figure.y];
    let [(left, right), (bottom, top)] = spans;
    plot.custom_x_axes(vec![hints(AxisHints::new_x(), x, size.x, Rc::clone(&across), true)])
        .custom_y_axes(vec![hints(AxisHints::new_y(), y, size.y, Rc::clone(&upwards), false)])
        .x_grid_spacer(move |input| {
            let (marks, room) = grid(x, &input, apart(x, 0, size.x));
            across.set(room);
            marks
        })
        .y_grid_spacer(move |input| {
            upwards.set(f64::from(size.x) / 4.0);
            grid(y, &input, apart(y, 1, size.y)).0
        })
        .grid_spacing(Rangef::new(CLOSEST, 60.0))
        .grid_color(theme::color(colors.grid))
        .grid_fade(0.0)
        .include_x(left)
        .include_x(right)
        .include_y(bottom)
        .include_y(top)
}

/// The name of an axis, with its unit where that fits beside an axis of `length` pixels, and shortened where it does not
/// fit itself.
fn caption(axis: &Axis, length: f32) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of letters on a screen"
    )]
    let room = ((f64::from(length) - UNUSED) / CAPTION_LETTER) as usize;
    let whole = axis.caption();
    if whole.chars().count() <= room {
        return whole;
    }
    if axis.label.chars().count() <= room {
        return axis.label.clone();
    }
    let letters = axis.label.chars().take(room.saturating_sub(1).max(LEAST_LETTERS));
    letters.chain(['…']).collect()
}

/// Pixels between two labels of an axis which is `length` pixels long.
fn apart(axis: &Axis, direction: usize, length: f32) -> f64 {
    let least = APART.get(direction).copied().unwrap_or(APART[0]);
    let wanted = match (&axis.scale, direction) {
        (Scale::Category(names), 0) => {
            let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
            let wanted = longest.clamp(3, LONGEST) as f64 * LETTER * 0.7;
            // Few bars are all named, if shortened: one without a name says nothing.
            let place = (f64::from(length) - 2.0 * UNUSED) / names.len().max(1) as f64;
            if place >= LEAST_NAME { wanted.min(place) } else { wanted }
        }
        (Scale::Category(_), _) => 15.0,
        (Scale::Integer, _) => least * 0.5,
        (Scale::Linear, _) => least,
    };
    wanted.min(f64::from(length) / 2.0).max(f64::from(CLOSEST) + 1.0)
}

/// Places of the grid lines and the pixels between two of them.
fn grid(axis: &Axis, input: &GridInput, apart: f64) -> (Vec<GridMark>, f64) {
    let per_pixel = input.base_step_size / f64::from(CLOSEST);
    let mut step = round_step(per_pixel * apart);
    if axis.scale != Scale::Linear {
        step = step.max(1.0);
    }
    let (from, to) = match &axis.scale {
        Scale::Category(names) => {
            (input.bounds.0.max(0.0), input.bounds.1.min(names.len() as f64 - 1.0))
        }
        // What is counted, such as a depth, begins at 0; the margin beside it does not.
        Scale::Integer => (input.bounds.0.max(0.0), input.bounds.1),
        Scale::Linear => input.bounds,
    };
    let (first, last) = ((from / step).ceil(), (to / step).floor());
    let mut marks = Vec::new();
    let mut place = first;
    // Bounds that are no numbers give no marks; so do steps too small to be told apart.
    while place <= last && marks.len() < 1000 {
        // Adding a zero turns -0 into 0.
        marks.push(GridMark { value: place * step + 0.0, step_size: step });
        place += 1.0;
    }
    (marks, step / per_pixel)
}

fn label(axis: &Axis, mark: GridMark, room: f64) -> String {
    match &axis.scale {
        Scale::Category(names) => {
            let name = whole(mark.value).and_then(|place| names.get(place));
            name.map(|name| shortened(name, room)).unwrap_or_default()
        }
        Scale::Integer => minus(&format!("{:.0}", mark.value)),
        Scale::Linear => number(mark.value, mark.step_size),
    }
}

/// A number that begins at its tick instead of standing in the middle below it.
fn beside_corner(text: &str) -> String {
    // A space is about half as wide as a digit.
    let indent = " ".repeat(2 * text.chars().count());
    format!("{indent}{text}")
}

/// As much of a name as `room` pixels hold.
fn shortened(name: &str, room: f64) -> String {
    let most = (room / LETTER).max(2.0);
    if name.chars().count() as f64 <= most {
        return name.to_owned();
    }
    let kept = name.chars().scan(1.0, |used, letter| {
        *used += 1.0;
        (*used <= most).then_some(letter)
    });
    kept.chain(['…']).collect()
}

/// A number with the digits that tell it from its neighbour `step` away.
pub(super) fn number(value: f64, step: f64) -> String {
    let digits = -step.abs().log10().floor();
    if !digits.is_finite() || digits > 6.0 || value.abs() >= 1e7 {
        return minus(&format!("{value:.2e}"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=6")]
    let digits = digits.max(0.0) as usize;
    minus(&format!("{value:.digits$}"))
}

/// A true minus sign, as wide as a plus.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// A position of a category or whole-number axis; `None` left of 0.
pub(super) fn whole(value: f64) -> Option<usize> {
    let value = value.round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    (0.0..9e15).contains(&value).then_some(value as usize)
}

/// How a value on `axis` reads in full.
pub(super) fn value(axis: &Axis, value: f64) -> String {
    if let Scale::Category(names) = &axis.scale
        && let Some(name) = whole(value).and_then(|place| names.get(place))
    {
        return name.clone();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return minus(&format!("{value}"));
    }
    if value.abs() < 1e-4 || value.abs() >= 1e7 {
        return minus(&format!("{value:.3e}"));
    }
    minus(&format!("{value:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, bounds: (f64, f64), pixels: f64, apart: f64) -> Vec<String> {
        let base_step_size = (bounds.1 - bounds.0) / pixels * f64::from(CLOSEST);
        let (marks, room) = grid(axis, &GridInput { bounds, base_step_size }, apart);
        marks.into_iter().map(|mark| label(axis, mark, room)).collect()
    }

    #[test]
    fn whole_number_axes_have_no_ticks_between_numbers() {
        assert_eq!(labels(&Axis::integer("Depth"), (-0.5, 2.5), 800.0, 40.0), ["0", "1", "2"]);
        assert_eq!(labels(&Axis::integer("Depth"), (-1.2, 1.5), 800.0, 40.0), ["0", "1"]);
    }

    #[test]
    fn ticks_are_round_numbers() {
        let axis = Axis::linear("Entropy", "nats");
        assert_eq!(labels(&axis, (-0.3, 1.07), 200.0, 60.0), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(&axis, (-20.0, 21.0), 200.0, 40.0), ["−20", "−10", "0", "10", "20"]);
    }

    #[test]
    fn a_unit_that_does_not_fit_beside_a_short_axis_is_left_out() {
        let axis = Axis::linear("Agreement", "fraction");
        assert_eq!(caption(&axis, 300.0), "Agreement (fraction)");
        assert_eq!(caption(&axis, 110.0), "Agreement");
        assert_eq!(caption(&axis, 70.0), "Agreeme…");
    }

    #[test]
    fn names_are_shortened_rather_than_left_out() {
        let names = ["k = 1", "bracket closing with depth", "story"].map(str::to_owned).to_vec();
        let axis = Axis::category("Task", names);
        let shown = labels(&axis, (-0.5, 2.5), 270.0, apart(&axis, 0, 270.0));
        assert_eq!(shown, ["k = 1", "bracket clo…", "story"]);
    }

    #[test]
    fn bounds_that_are_no_numbers_give_no_ticks() {
        let axis = Axis::linear("Entropy", "nats");
        assert!(labels(&axis, (f64::NAN, f64::NAN), 200.0, 60.0).is_empty());
        assert!(labels(&axis, (0.0, f64::INFINITY), 200.0, 60.0).len() <= 1000);
    }

    #[test]
    fn few_bars_are_all_named_if_shortened_and_of_many_only_some() {
        let names = |count: usize| (0..count).map(|n| format!("Prediction {n}")).collect();
        let bounds = |count: usize| (-0.5, count as f64 - 0.5);
        let named = |count: usize| {
            let axis = Axis::category("Prediction", names(count));
            let apart = apart(&axis, 0, 250.0);
            labels(&axis, bounds(count), 226.0, apart).len()
        };
        assert_eq!(named(4), 4);
        assert!(named(40) < 10);
    }

    #[test]
    fn a_number_at_the_corner_begins_at_its_tick_and_keeps_its_digits() {
        assert_eq!(beside_corner("0.0").trim_start(), "0.0");
        assert!(beside_corner("0.0").len() > "0.0".len());
    }
}
