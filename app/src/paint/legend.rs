//! The names of a figure's marks, in a row above it: inside they would hide what they name.

use egui::{Sense, vec2};
use layerscope_engine::api::{Figure, Ink, Mark};

use crate::theme;

/// Less room than this belongs to the figure alone.
const LEAST_HEIGHT: f32 = 110.0;

/// Side of a square that shows a colour.
const SWATCH: f32 = 9.0;

/// Draws the row; nothing where a figure has one series, which its title names.
pub(super) fn show(ui: &mut egui::Ui, figure: &Figure) {
    let entries: Vec<_> = figure.marks.iter().filter_map(entry).collect();
    if entries.len() < 2 || ui.available_height() < LEAST_HEIGHT {
        return;
    }
    let palette = theme::palette(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(10.0, 0.0);
        let font = egui::TextStyle::Small.resolve(ui.style());
        for (label, ink, is_faint) in entries {
            let words = ui.visuals().text_color();
            let galley = ui.painter().layout_no_wrap(label.to_owned(), font.clone(), words);
            // One piece, so that a name never wraps away from its colour.
            let size = vec2(SWATCH + 4.0 + galley.size().x, galley.size().y);
            let (place, response) = ui.allocate_exact_size(size, Sense::hover());
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Label, ui.is_enabled(), label)
            });
            let color = theme::color(palette.ink(ink));
            let color = if is_faint { color.gamma_multiply(0.45) } else { color };
            let middle = place.left_center() + vec2(SWATCH / 2.0, 0.0);
            let swatch = egui::Rect::from_center_size(middle, egui::Vec2::splat(SWATCH));
            ui.painter().rect_filled(swatch, 1.0, color);
            ui.painter().galley(place.left_top() + vec2(SWATCH + 4.0, 0.0), galley, words);
        }
    });
}

fn entry(mark: &Mark) -> Option<(&str, Ink, bool)> {
    let (label, ink, is_faint) = match mark {
        Mark::Line { label, ink, .. }
        | Mark::Bars { label, ink, .. }
        | Mark::Points { label, ink, .. } => (label, *ink, false),
        Mark::Band { label, ink, .. } => (label, *ink, true),
        Mark::Heat(_) | Mark::Rule { .. } | Mark::Text { .. } => return None,
    };
    (!label.is_empty()).then_some((label.as_str(), ink, is_faint))
}
