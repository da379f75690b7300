//! The names of a figure's marks, in a row above it: inside they would hide what they name.

use egui::{Rect, Role, Sense, Shape, Stroke, Vec2, WidgetInfo, pos2, vec2};
use egui_plot::{LineStyle, MarkerShape};
use layerscope_engine::api::{Figure, Ink, Mark, OTHERS};

use super::marks;
use crate::theme;

/// Less room than this belongs to the figure alone.
const LEAST_HEIGHT: f32 = 110.0;

/// Rows of names take at most this share of the room; what does not fit is left to the pointer, which names every mark.
const MOST_ROOM: f32 = 0.4;

/// Side of the square that has the colour of an area, length of the line that has that of a line, radius of a marker on
/// it, and what stands between them and the name, in points.
const SQUARE: f32 = 9.0;
const LINE: f32 = 18.0;
const MARKER: f32 = 3.0;
const GAP: f32 = 4.0;

/// What stands beside a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Swatch {
    Area { is_faint: bool },
    Line,
    Marker,
    MarkedLine,
}

/// One name.
struct Entry<'a> {
    label: &'a str,
    ink: Ink,
    swatch: Swatch,
}

/// Draws the row; nothing where a figure has one series, which its title names.
pub(super) fn show(ui: &mut egui::Ui, figure: &Figure) {
    let entries = entries(figure);
    if entries.len() < 2 || ui.available_height() < LEAST_HEIGHT {
        return;
    }
    let text = ui.visuals().text_color();
    let (top, most) = (ui.cursor().top(), ui.available_height() * MOST_ROOM);
    // Rows as high as their words.
    ui.spacing_mut().interact_size.y = 0.0;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(10.0, 2.0);
        for entry in entries {
            let font = egui::TextStyle::Small.resolve(ui.style());
            let words = ui.painter().layout_no_wrap(entry.label.to_owned(), font, text);
            if ui.cursor().bottom() - top > most {
                break;
            }
            // Swatch and name in one piece: broken apart, a name would stand beside another's.
            let indent = entry.swatch.width() + GAP;
            let size = vec2(words.size().x + indent, words.size().y);
            let (place, response) = ui.allocate_exact_size(size, Sense::hover());
            let left = place.left_center();
            entry.paint(ui, Rect::from_min_max(left, left + vec2(entry.swatch.width(), 0.0)));
            let start = place.left_top() + vec2(indent, 0.0);
            ui.painter().galley(start, words, text);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, entry.label));
        }
    });
}

fn entries(figure: &Figure) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for entry in figure.marks.iter().filter_map(entry) {
        // A line and the points on it are one series.
        let known = entries.iter_mut().find(|e| (e.label, e.ink) == (entry.label, entry.ink));
        match known {
            Some(known) if (known.swatch, entry.swatch) == (Swatch::Line, Swatch::Marker) => {
                known.swatch = Swatch::MarkedLine;
            }
            Some(_) => {}
            None => entries.push(entry),
        }
    }
    // What B shows in the same hue under the same name is said once, for all of them.
    let names: Vec<&str> = entries.iter().map(|entry| entry.label).collect();
    let count = entries.len();
    entries
        .retain(|entry| entry.label.strip_prefix("B: ").is_none_or(|name| !names.contains(&name)));
    // What is only there to be compared with comes last.
    entries.sort_by_key(|entry| entry.ink == Ink::Faint);
    if entries.len() < count {
        let swatch = Swatch::Area { is_faint: false };
        entries.push(Entry { label: "B: paler, dashed", ink: Ink::Other(6), swatch });
    }
    entries
}

fn entry(mark: &Mark) -> Option<Entry<'_>> {
    let (label, ink, swatch) = match mark {
        Mark::Line { ink: Ink::Faint, .. } => (OTHERS, Ink::Faint, Swatch::Line),
        Mark::Points { ink: Ink::Faint, .. } => (OTHERS, Ink::Faint, Swatch::Marker),
        Mark::Line { label, ink, .. } => (label.as_str(), *ink, Swatch::Line),
        Mark::Handles { label, ink, .. } => (label.as_str(), *ink, Swatch::MarkedLine),
        Mark::Points { label, ink, .. } => (label.as_str(), *ink, Swatch::Marker),
        Mark::Bars { label, ink, .. } => (label.as_str(), *ink, Swatch::Area { is_faint: false }),
        Mark::Band { label, ink, .. } => (label.as_str(), *ink, Swatch::Area { is_faint: true }),
        Mark::Heat(_) | Mark::Rule { .. } | Mark::Text { .. } => return None,
    };
    (!label.is_empty()).then_some(Entry { label, ink, swatch })
}

impl Swatch {
    fn width(self) -> f32 {
        match self {
            Self::Area { .. } | Self::Marker => SQUARE,
            Self::Line | Self::MarkedLine => LINE,
        }
    }
}

impl Entry<'_> {
    /// Draws the swatch along the line from the left to the right of `place`.
    fn paint(&self, ui: &egui::Ui, place: Rect) {
        let palette = theme::palette(ui);
        let (full, fill) = (palette.ink(self.ink), palette.fill(self.ink));
        let (full, fill) = (theme::color(full), theme::color(fill));
        let painter = ui.painter();
        if let Swatch::Area { is_faint } = self.swatch {
            let color = if is_faint { fill.gamma_multiply(0.45) } else { fill };
            let square = Rect::from_center_size(place.center(), Vec2::splat(SQUARE));
            painter.rect_filled(square, 1.0, color);
            return;
        }
        if self.swatch != Swatch::Marker {
            let ends = [place.left_center(), place.right_center()];
            let width = marks::width(self.ink);
            match marks::style(self.ink) {
                LineStyle::Solid => {
                    painter.line_segment(ends, Stroke::new(width.max(1.5), full));
                }
                LineStyle::Dotted { spacing } => {
                    painter.extend(Shape::dotted_line(&ends, full, spacing, width));
                }
                LineStyle::Dashed { length } => {
                    let stroke = Stroke::new(width, full);
                    painter.extend(Shape::dashed_line(&ends, stroke, length, length * 0.62));
                }
            }
        }
        if self.swatch != Swatch::Line {
            let at = place.center();
            let (shape, larger) = marks::marker(self.ink);
            let reach = MARKER * larger;
            let half = reach * std::f32::consts::FRAC_1_SQRT_2;
            match shape {
                MarkerShape::Square => {
                    let square = Rect::from_center_size(at, Vec2::splat(2.0 * half));
                    painter.rect_filled(square, 0.0, fill);
                }
                MarkerShape::Diamond => {
                    let corners = [(0.0, -reach), (reach, 0.0), (0.0, reach), (-reach, 0.0)];
                    let corners = corners.map(|(x, y)| pos2(at.x + x, at.y + y));
                    painter.add(Shape::convex_polygon(corners.to_vec(), fill, Stroke::NONE));
                }
                _ => {
                    painter.circle_filled(at, reach, fill);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use layerscope_engine::api::Axis;

    use super::*;

    fn names(marks: Vec<Mark>) -> Vec<(String, Swatch)> {
        let (x, y) = (Axis::linear("x", ""), Axis::linear("y", ""));
        let figure = Figure { id: "figure", title: String::new(), x, y, marks, picks: Vec::new() };
        entries(&figure).into_iter().map(|entry| (entry.label.to_owned(), entry.swatch)).collect()
    }

    fn line(label: &str, ink: Ink) -> Mark {
        Mark::Line { label: label.to_owned(), points: vec![[0.0, 1.0]], ink }
    }

    #[test]
    fn many_series_that_are_only_compared_with_are_one_name_at_the_end() {
        let dots = Mark::Points { label: "A".to_owned(), points: vec![], ink: Ink::Series(8) };
        let marks = vec![
            line("Faint", Ink::Faint),
            line("Faint, too", Ink::Faint),
            line("A", Ink::Series(8)),
            dots,
        ];
        let expected = [("A", Swatch::MarkedLine), (OTHERS, Swatch::Line)];
        assert_eq!(names(marks), expected.map(|(name, swatch)| (name.to_owned(), swatch)));
    }

    #[test]
    fn three_rounds_of_hues_have_three_looks_on_the_screen() {
        let looks = [0, 7, 14].map(|series| {
            let ink = Ink::Series(series);
            (marks::style(ink), marks::marker(ink).0)
        });
        let is_told_apart =
            |a: usize, b: usize| looks[a].0 != looks[b].0 && looks[a].1 != looks[b].1;
        assert!(is_told_apart(0, 1) && is_told_apart(1, 2) && is_told_apart(0, 2), "{looks:?}");
    }
}
