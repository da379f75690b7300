//! Named numbers; each says how it came about.

use layerscope_engine::api::{Reading, ReadingKind};

use crate::state::{Action, State};

pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let Some(view) = &state.view else {
        ui.weak("The readings appear with the first recording");
        return Vec::new();
    };
    for reading in &view.readings {
        row(ui, reading);
    }
    Vec::new()
}

fn row(ui: &mut egui::Ui, reading: &Reading) {
    ui.horizontal(|ui| {
        let label_width = ui.available_width() * 0.46;
        let height = ui.spacing().interact_size.y;
        ui.allocate_ui_with_layout(
            egui::vec2(label_width, height),
            egui::Layout::left_to_right(egui::Align::Center),
            |ui| {
                ui.set_min_width(label_width);
                ui.add(egui::Label::new(&reading.label).truncate()).on_hover_text(&reading.label);
            },
        );
        let (kind, meaning) = kind(reading.kind);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(egui::RichText::new(kind).small().weak()).on_hover_text(meaning);
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.add(egui::Label::new(egui::RichText::new(words(reading)).strong()).truncate());
            });
        });
    });
}

fn kind(kind: ReadingKind) -> (&'static str, &'static str) {
    match kind {
        ReadingKind::Exact => ("exact", "Counted or computed from what was recorded"),
        ReadingKind::Estimate => ("estimate", "A statistic with an uncertainty"),
        ReadingKind::Modelled => ("modelled", "From a cost model, not from a clock"),
        ReadingKind::Measured => ("measured", "Wall time on this machine"),
    }
}

/// A number with its unit; a dash where it cannot be known, never 0.
fn words(reading: &Reading) -> String {
    let Some(value) = reading.value.filter(|value| value.is_finite()) else {
        return "—".to_owned();
    };
    match reading.unit {
        "fraction" => format!("{:.2} %", value * 100.0),
        "tokens" => format!("{value:.0} tokens"),
        "" => format!("{value:.4}"),
        unit => format!("{value:.3} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(value: Option<f64>, unit: &'static str) -> Reading {
        let (id, label) = ("x", "X".to_owned());
        Reading { id, label, value, unit, kind: ReadingKind::Exact }
    }

    #[test]
    fn an_absent_number_is_a_dash_and_never_zero() {
        for value in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(words(&reading(value, "nats")), "—");
        }
    }

    #[test]
    fn numbers_carry_their_unit() {
        assert_eq!(words(&reading(Some(0.98765), "fraction")), "98.77 %");
        assert_eq!(words(&reading(Some(5.25), "layers")), "5.250 layers");
        assert_eq!(words(&reading(Some(600.0), "tokens")), "600 tokens");
    }
}
