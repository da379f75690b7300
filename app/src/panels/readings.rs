//! Named numbers; each says how it came about.

use layerscope_engine::api::{Numerics, Reading, ReadingKind, ReadingRow, counted};

use crate::state::{Action, State};

/// Room for the longest word that says how a number came about.
const KIND_WIDTH: f32 = 52.0;

/// Room for a number with its unit, where two stand side by side.
const VALUE_WIDTH: f32 = 78.0;

/// Letters of a unit that stands behind its number; longer ones stand behind the name, which wraps.
const LONGEST_UNIT: usize = 8;

/// In a wider pane a number would stand too far from its name.
const WIDEST: f32 = 420.0;

pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let Some(view) = &state.view else {
        ui.weak("The readings appear with the first recording");
        return Vec::new();
    };
    ui.set_max_width(ui.available_width().min(WIDEST));
    let numerics = state.recording.as_ref().map(|recording| recording.manifest().numerics);
    if let Some(caveat) = numerics.and_then(Numerics::caveat) {
        ui.add(
            egui::Label::new(egui::RichText::new(caveat).color(ui.visuals().warn_fg_color)).wrap(),
        );
    }
    let rows = view.reading_rows();
    if view.versus.is_some() {
        compared(ui, &rows);
    } else {
        list(ui, &view.readings);
    }
    Vec::new()
}

/// One below the other.
pub(super) fn list(ui: &mut egui::Ui, readings: &[Reading]) {
    ui.scope(|ui| {
        ui.set_max_width(ui.available_width().min(WIDEST));
        for reading in readings {
            row(ui, reading);
        }
    });
}

/// A column for each setting; how a number came about stands behind its name.
fn compared(ui: &mut egui::Ui, rows: &[ReadingRow]) {
    let column = |ui: &mut egui::Ui, text: egui::RichText| {
        let size = egui::vec2(VALUE_WIDTH, ui.text_style_height(&egui::TextStyle::Body));
        let layout = egui::Layout::right_to_left(egui::Align::Min);
        ui.allocate_ui_with_layout(size, layout, |ui| {
            ui.set_min_width(VALUE_WIDTH);
            ui.add(egui::Label::new(text).extend());
        });
    };
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
        for side in ["B", "A"] {
            column(ui, egui::RichText::new(side).weak());
        }
    });
    for ReadingRow { reading, versus } in rows {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
            let other = Reading { value: versus.flatten(), ..reading.clone() };
            for reading in [&other, reading] {
                column(ui, egui::RichText::new(words(reading)).strong());
            }
            ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                let (kind, meaning) = kind(reading.kind);
                ui.add(egui::Label::new(named(ui, &label(reading), kind)).wrap())
                    .on_hover_text(meaning);
            });
        });
    }
}

/// From the right, so that numbers stand below each other; the label has what is left and wraps.
fn row(ui: &mut egui::Ui, reading: &Reading) {
    let (kind, meaning) = kind(reading.kind);
    // Aligned at the top: a row is as high as its label, not as high as the pane.
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
        let height = ui.text_style_height(&egui::TextStyle::Body);
        ui.allocate_ui_with_layout(
            egui::vec2(KIND_WIDTH, height),
            egui::Layout::left_to_right(egui::Align::Center),
            |ui| {
                ui.set_min_width(KIND_WIDTH);
                ui.label(egui::RichText::new(kind).small().weak()).on_hover_text(meaning);
            },
        );
        ui.add(egui::Label::new(egui::RichText::new(words(reading)).strong()).extend());
        ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
            ui.add(egui::Label::new(label(reading)).wrap());
        });
    });
}

/// A name, and how the number came about in small letters behind it.
fn named(ui: &egui::Ui, label: &str, kind: &str) -> egui::WidgetText {
    let mut job = egui::text::LayoutJob::default();
    let (style, align) = (ui.style(), egui::Align::BOTTOM);
    let words = [
        egui::RichText::new(format!("{label} ")),
        egui::RichText::new(kind).small().color(ui.visuals().weak_text_color()),
    ];
    for text in words {
        text.append_to(&mut job, style, egui::FontSelection::Default, align);
    }
    job.into()
}

fn kind(kind: ReadingKind) -> (&'static str, &'static str) {
    match kind {
        ReadingKind::Exact => ("exact", "Counted or computed from what was recorded"),
        ReadingKind::Estimate => ("estimate", "A statistic with an uncertainty"),
        ReadingKind::Modelled => ("modelled", "From a cost model, not from a clock"),
        ReadingKind::Measured => ("measured", "Wall time on this machine"),
    }
}

/// The name, with its unit where that is long.
fn label(reading: &Reading) -> String {
    let Reading { label, unit, .. } = reading;
    if unit.len() > LONGEST_UNIT { format!("{label} ({unit})") } else { label.clone() }
}

/// A number with its unit, where that is short; a dash where it cannot be known, never 0.
fn words(reading: &Reading) -> String {
    let Some(value) = reading.value.filter(|value| value.is_finite()) else {
        return "—".to_owned();
    };
    match reading.unit {
        "fraction" => format!("{:.2} %", value * 100.0),
        "tokens" | "samples" | "items" | "clusters" | "texts" | "attempts" => {
            counted(format!("{value:.0}").as_str(), reading.unit.trim_end_matches('s'))
        }
        "" => format!("{value:.4}"),
        "bytes" => format!("{value:.0} bytes"),
        "x" => format!("{value:.2}×"),
        unit if unit.len() > LONGEST_UNIT => rounded(value),
        unit => format!("{} {unit}", rounded(value)),
    }
}

/// As many digits as a person compares: three behind the point, fewer behind large numbers.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0..100.0 => format!("{value:.3}"),
        100.0..1000.0 => format!("{value:.2}"),
        1000.0..10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
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
        assert_eq!(words(&reading(Some(1.0), "tokens")), "1 token");
        assert_eq!(words(&reading(Some(1.0), "clusters")), "1 cluster");
        assert_eq!(words(&reading(Some(4000.0), "ms")), "4000.0 ms");
        assert_eq!(words(&reading(Some(123_456.789), "ms")), "123457 ms");
        let long = reading(Some(0.5), "of the full model");
        assert_eq!(
            (words(&long), label(&long)),
            ("0.500".to_owned(), "X (of the full model)".to_owned())
        );
    }
}
