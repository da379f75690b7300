//! The names of a figure's marks, in a row above it: inside they would hide what they name.

use egui::{Sense, vec2};
use layerscope_engine::api::{Figure, Ink, Mark};

use crate::theme;

/// Less room than this belongs to the figure alone.
const LEAST_HEIGHT: f32 = 110.0;

/// Draws the row; nothing where a figure has one series, which its title names.
pub(super) fn show(ui: &mut egui::Ui, figure: &Figure) {
    let entries: Vec<_> = figure.marks.iter().filter_map(entry).collect();
    if entries.len() < 2 || ui.available_height() < LEAST_HEIGHT {
        return;
    }
    let palette = theme::palette(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 0.0);
        for (label, ink, is_faint) in entries {
            let (place, _) = ui.allocate_exact_size(vec2(9.0, 9.0), Sense::hover());
            let color = theme::color(palette.ink(ink));
            let color = if is_faint { color.gamma_multiply(0.45) } else { color };
            ui.painter().rect_filled(place, 1.0, color);
            // A name broken over two lines would stand beside another's colour.
            ui.add(egui::Label::new(egui::RichText::new(label).small()).extend());
            ui.add_space(6.0);
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
