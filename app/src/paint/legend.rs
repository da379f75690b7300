//! The names of a figure's marks, in a row above it: inside they would hide what they name.

use egui::{Rect, Role, Sense, Vec2, WidgetInfo, vec2};
use layerscope_engine::api::{Figure, Ink, Mark};

use crate::theme;

/// Less room than this belongs to the figure alone.
const LEAST_HEIGHT: f32 = 110.0;

/// Rows of names take at most this share of the room; what does not fit is left to the pointer, which names every mark.
const MOST_ROOM: f32 = 0.4;

/// Side of the square that has a mark's colour, and where its name begins, in points.
const SWATCH: f32 = 9.0;
const INDENT: f32 = 13.0;

/// Draws the row; nothing where a figure has one series, which its title names.
pub(super) fn show(ui: &mut egui::Ui, figure: &Figure) {
    let mut entries: Vec<_> = figure.marks.iter().filter_map(entry).collect();
    // A line and the points on it are one series.
    let mut told = Vec::new();
    entries.retain(|(label, ink, _)| {
        let is_new = !told.contains(&(*label, *ink));
        told.push((*label, *ink));
        is_new
    });
    // What B shows in the same hue under the same name is said once, for all of them.
    let names: Vec<&str> = entries.iter().map(|(label, ..)| *label).collect();
    let count = entries.len();
    entries
        .retain(|(label, ..)| label.strip_prefix("B: ").is_none_or(|name| !names.contains(&name)));
    if entries.len() < count {
        entries.push(("B: paler, dashed", Ink::Other(6), false));
    }
    if entries.len() < 2 || ui.available_height() < LEAST_HEIGHT {
        return;
    }
    let palette = theme::palette(ui);
    let text = ui.visuals().text_color();
    let (top, most) = (ui.cursor().top(), ui.available_height() * MOST_ROOM);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(10.0, 0.0);
        for (label, ink, is_faint) in entries {
            let color = theme::color(palette.fill(ink));
            let color = if is_faint { color.gamma_multiply(0.45) } else { color };
            let font = egui::TextStyle::Small.resolve(ui.style());
            let words = ui.painter().layout_no_wrap(label.to_owned(), font, text);
            if ui.cursor().bottom() - top > most {
                break;
            }
            // Colour and name in one piece: broken apart, a name would stand beside another's colour.
            let size = vec2(words.size().x + INDENT, words.size().y);
            let (place, response) = ui.allocate_exact_size(size, Sense::hover());
            let left = place.left_center() + vec2(SWATCH / 2.0, 0.0);
            ui.painter().rect_filled(Rect::from_center_size(left, Vec2::splat(SWATCH)), 1.0, color);
            let start = place.left_top() + vec2(INDENT, 0.0);
            ui.painter().galley(start, words, text);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, label));
        }
    });
}

fn entry(mark: &Mark) -> Option<(&str, Ink, bool)> {
    let (label, ink, is_faint) = match mark {
        Mark::Line { label, ink, .. }
        | Mark::Bars { label, ink, .. }
        | Mark::Points { label, ink, .. }
        | Mark::Handles { label, ink, .. } => (label, *ink, false),
        Mark::Band { label, ink, .. } => (label, *ink, true),
        Mark::Heat(_) | Mark::Rule { .. } | Mark::Text { .. } => return None,
    };
    (!label.is_empty()).then_some((label.as_str(), ink, is_faint))
}
