//! Rules that a person can move: with the pointer, with the arrow keys, or through a screen reader.

use std::sync::Arc;

use egui::accesskit::{Action, ActionData};
use egui::{
    Align2, CursorIcon, EventFilter, FontId, Id, Key, Rect, Response, Sense, Stroke, WidgetInfo,
    pos2, vec2,
};
use egui_plot::{PlotPoint, PlotTransform};
use layerscope_engine::api::{Direction, Figure, Ink, Mark, Scale, round_step};

use super::{Touch, axes};
use crate::theme;

/// Pixels across a rule that answer to the pointer.
const GRIP: f32 = 12.0;

/// One press of an arrow key moves a rule by at least this part of the visible axis.
const KEY_STEP: f64 = 1.0 / 200.0;

/// A rule under somebody's finger: it follows at once, the figure may come later.
pub(super) struct Held {
    knob: &'static str,
    value: f64,
    /// What the figure showed when the drag began; it shows the same until the finger lifts, else a rule that is
    /// dragged to the edge would push the edge away from itself.
    pub(super) spans: [(f64, f64); 2],
}

/// Pixels from a handle to the end of its short line.
const ARM: f32 = 7.0;

/// Where words in the colour of the ground stand, in points from those that are read.
const RIM: [(f32, f32); 8] = [
    (-1.5, 0.0),
    (1.5, 0.0),
    (0.0, -1.5),
    (0.0, 1.5),
    (-1.0, -1.0),
    (1.0, -1.0),
    (-1.0, 1.0),
    (1.0, 1.0),
];

/// A rule that is bound to a knob.
struct Rule {
    label: String,
    direction: Direction,
    at: f64,
    knob: &'static str,
    /// Where a handle stands, which goes up and down; `None`: a line across the whole figure.
    x: Option<f64>,
    /// Whether only whole numbers have a meaning on the axis that it moves along.
    is_whole: bool,
}

/// Draws the movable rules of `figure` over its plot and says which was moved.
pub(super) fn show_all(
    ui: &egui::Ui,
    figure: &Figure,
    plot: Id,
    transform: &PlotTransform,
    held: &mut Option<Held>,
) -> Option<Touch> {
    let mut touch = None;
    let mut is_any_held = false;
    for mut rule in figure.marks.iter().flat_map(|mark| movable(figure, mark)) {
        let knob = rule.knob;
        if let Some(held) = held.as_ref().filter(|held| held.knob == knob) {
            rule.at = held.value;
        }
        let Some(response) = rule.respond(ui, plot, transform) else {
            continue;
        };
        let moved = rule.moved(ui, &response, transform);
        if let Some(value) = moved {
            rule.at = value;
        }
        if response.dragged() {
            is_any_held = true;
            let spans = held.as_ref().map_or_else(|| visible(transform), |held| held.spans);
            *held = Some(Held { knob, value: rule.at, spans });
        }
        if moved.is_some() || response.drag_stopped() {
            touch = Some(Touch::Turn { knob, value: rule.at, is_held: response.dragged() });
        }
        rule.paint(ui, transform, &response);
    }
    if !is_any_held {
        *held = None;
    }
    touch
}

/// What of a mark can be moved.
fn movable(figure: &Figure, mark: &Mark) -> Vec<Rule> {
    match mark {
        Mark::Rule { label, direction, at, knob: Some(knob) } => {
            let axis = match direction {
                Direction::Vertical => &figure.x,
                Direction::Horizontal => &figure.y,
            };
            let is_whole = axis.scale == Scale::Integer;
            let (label, direction) = (label.clone(), *direction);
            vec![Rule { label, direction, at: *at, knob, x: None, is_whole }]
        }
        Mark::Handles { label, points, knobs, .. } => {
            let handle = |([x, y], knob): (&[f64; 2], &&'static str)| Rule {
                label: format!("{label}, {} {x}", figure.x.label.to_lowercase()),
                direction: Direction::Horizontal,
                at: *y,
                knob,
                x: Some(*x),
                is_whole: figure.y.scale == Scale::Integer,
            };
            points.iter().zip(knobs).map(handle).collect()
        }
        _ => Vec::new(),
    }
}

fn visible(transform: &PlotTransform) -> [(f64, f64); 2] {
    let (min, max) = (transform.bounds().min(), transform.bounds().max());
    [(min[0], max[0]), (min[1], max[1])]
}

impl Rule {
    /// Where it stands, told from places `step` away.
    fn number(&self, step: f64) -> String {
        axes::number(self.at, if self.is_whole { 1.0 } else { step })
    }

    fn ends(&self, transform: &PlotTransform) -> (f64, f64) {
        let [x, y] = visible(transform);
        match self.direction {
            Direction::Vertical => x,
            Direction::Horizontal => y,
        }
    }

    /// The two ends of the line on the screen.
    fn line(&self, transform: &PlotTransform) -> [egui::Pos2; 2] {
        let frame = transform.frame();
        if let Some(x) = self.x {
            let at = transform.position_from_point(&PlotPoint::new(x, self.at));
            return [at - vec2(ARM, 0.0), at + vec2(ARM, 0.0)];
        }
        match self.direction {
            Direction::Vertical => {
                let x = transform.position_from_point_x(self.at);
                [pos2(x, frame.bottom()), pos2(x, frame.top())]
            }
            Direction::Horizontal => {
                let y = transform.position_from_point_y(self.at);
                [pos2(frame.left(), y), pos2(frame.right(), y)]
            }
        }
    }

    /// `None` where the rule is out of sight.
    fn respond(&self, ui: &egui::Ui, plot: Id, transform: &PlotTransform) -> Option<Response> {
        let (low, high) = self.ends(transform);
        let [across, _] = visible(transform);
        let is_beside = self.x.is_some_and(|x| !(across.0..=across.1).contains(&x));
        if is_beside || !(low..=high).contains(&self.at) {
            return None;
        }
        let (across, cursor) = match self.direction {
            Direction::Vertical => (vec2(GRIP / 2.0, 0.0), CursorIcon::ResizeHorizontal),
            Direction::Horizontal => (vec2(0.0, GRIP / 2.0), CursorIcon::ResizeVertical),
        };
        let [from, to] = self.line(transform);
        let grip = Rect::from_two_pos(from, to).expand2(across);
        let id = plot.with(("rule", self.knob));
        let response = ui.interact(grip, id, Sense::drag()).on_hover_and_drag_cursor(cursor);
        response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), self.at, &self.label));
        ui.ctx().accesskit_node_builder(id, |node| {
            node.set_min_numeric_value(low);
            node.set_max_numeric_value(high);
            node.set_numeric_value_step(round_step((high - low) * KEY_STEP));
            node.add_action(Action::SetValue);
            node.add_action(Action::Increment);
            node.add_action(Action::Decrement);
        });
        Some(response)
    }

    /// Where the rule has been moved to in this frame, if it has.
    fn moved(&self, ui: &egui::Ui, response: &Response, transform: &PlotTransform) -> Option<f64> {
        let (low, high) = self.ends(transform);
        let step = round_step((high - low) * KEY_STEP);
        if response.has_focus() {
            let arrows = EventFilter {
                horizontal_arrows: true,
                vertical_arrows: true,
                ..Default::default()
            };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        }
        let presses = |keys: [Key; 2]| {
            let count = ui.input(|input| keys.map(|key| input.num_presses(key)).iter().sum());
            if response.has_focus() { count } else { 0_usize }
        };
        let asked = |action| ui.input(|i| i.num_accesskit_action_requests(response.id, action));
        let up = presses([Key::ArrowUp, Key::ArrowRight]) + asked(Action::Increment);
        let down = presses([Key::ArrowDown, Key::ArrowLeft]) + asked(Action::Decrement);
        let told = ui.input(|input| {
            let requests = input.accesskit_action_requests(response.id, Action::SetValue);
            let values = requests.filter_map(|request| match request.data {
                Some(ActionData::NumericValue(value)) => Some(value),
                _ => None,
            });
            values.last()
        });
        if told.is_some() {
            // A screen reader may name any number; the knob knows what it allows.
            return told.filter(|value| value.is_finite());
        }
        let value = if up == down {
            let pointer = response.interact_pointer_pos().filter(|_| response.dragged())?;
            let PlotPoint { x, y } = transform.value_from_position(pointer);
            match self.direction {
                Direction::Vertical => x,
                Direction::Horizontal => y,
            }
        } else {
            self.at + step * (up as f64 - down as f64)
        };
        let per_pixel = match self.direction {
            Direction::Vertical => transform.dvalue_dpos()[0],
            Direction::Horizontal => transform.dvalue_dpos()[1],
        };
        Some(rounded(value.clamp(low, high), per_pixel.abs()).clamp(low, high))
    }

    fn paint(&self, ui: &egui::Ui, transform: &PlotTransform, response: &Response) {
        let frame = *transform.frame();
        let painter = ui.painter().with_clip_rect(frame.expand(6.0));
        let accent = theme::ink(ui, Ink::Accent);
        let is_touched = response.hovered() || response.dragged() || response.has_focus();
        let width = if is_touched { 3.0 } else { 2.0 };
        let line = self.line(transform);
        painter.line_segment(line, Stroke::new(width, accent));
        let knob = match self.direction {
            _ if self.x.is_some() => line[0] + vec2(ARM, 0.0),
            Direction::Horizontal => line[1] - vec2(8.0, 0.0),
            Direction::Vertical => line[1] + vec2(0.0, 8.0),
        };
        painter.circle_filled(knob, if is_touched { 6.0 } else { 4.5 }, accent);

        // Of many handles only the touched one says where it is.
        if self.x.is_some() && !is_touched {
            return;
        }
        let (low, high) = self.ends(transform);
        let text = format!("{} {}", self.label, self.number((high - low) / 100.0));
        let font = FontId::proportional(theme::FIGURE_TEXT);
        let galley = painter.layout_no_wrap(text, font, accent);
        let (align, corner) = match self.direction {
            // Of one handle beside it, of a whole line at its end: most curves change where they begin.
            Direction::Horizontal if self.x.is_some() => {
                (Align2::LEFT_BOTTOM, line[0] + vec2(8.0, -3.0))
            }
            Direction::Horizontal if line[1].y - frame.top() > 24.0 => {
                (Align2::RIGHT_BOTTOM, line[1] + vec2(-18.0, -3.0))
            }
            Direction::Horizontal => (Align2::RIGHT_TOP, line[1] + vec2(-18.0, 3.0)),
            Direction::Vertical if line[1].x < frame.center().x => {
                (Align2::LEFT_TOP, line[1] + vec2(10.0, 2.0))
            }
            Direction::Vertical => (Align2::RIGHT_TOP, line[1] + vec2(-10.0, 2.0)),
        };
        let place = align.anchor_size(corner, galley.size());
        // A rim as in files: a box would hide the marks around it.
        let ground = theme::color(theme::palette(ui).ground);
        for rim in RIM {
            let at = place.min + vec2(rim.0, rim.1);
            painter.galley_with_override_text_color(at, Arc::clone(&galley), ground);
        }
        painter.galley(place.min, galley, accent);
    }
}

/// `value` with no more digits than pixels can tell apart.
fn rounded(value: f64, per_pixel: f64) -> f64 {
    let digits = -per_pixel.log10().floor();
    if !(0.0..=15.0).contains(&digits) {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=15")]
    let digits = digits as usize;
    // Through text: multiplying and dividing would give 0.8300000000000001.
    format!("{value:.digits$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drag_gives_short_numbers() {
        assert_eq!(rounded(0.837_261_3, 0.003), 0.837);
        assert_eq!(rounded(0.83, 0.003), 0.83);
        assert_eq!(rounded(12_345.6, 120.0), 12_345.6);
        assert_eq!(rounded(0.5, f64::NAN), 0.5);
    }

    #[test]
    fn a_rule_on_an_axis_of_whole_numbers_has_no_digits_behind_the_point() {
        let rule = |is_whole| Rule {
            label: String::new(),
            direction: Direction::Vertical,
            at: 4.0,
            knob: "known-depth",
            x: None,
            is_whole,
        };
        assert_eq!([true, false].map(|is_whole| rule(is_whole).number(0.07)), ["4", "4.00"]);
    }
}
