//! What the checkpoint is; while one is being opened, what its header says.

use layerscope_engine::api::{ModelCard, counted};

use crate::state::{Action, State, Task};

pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let is_opening =
        state.is_busy_with(|task| matches!(task, Task::OpenEmbedded | Task::OpenModel(_)));
    match (&state.header, &state.model) {
        (Some(header), _) if is_opening => {
            ui.weak("Opening; its weights are being put in place");
            card(ui, header);
        }
        (_, Some(model)) => card(ui, model),
        (_, None) if is_opening => {
            ui.weak("Reading the header");
        }
        (_, None) => {
            ui.weak("No checkpoint is open");
        }
    }
    Vec::new()
}

fn card(ui: &mut egui::Ui, card: &ModelCard) {
    ui.add(egui::Label::new(egui::RichText::new(&card.name).strong()).truncate())
        .on_hover_text(&card.name);
    // Lines as high as their words: more of them are in sight.
    let grid = egui::Grid::new("model").num_columns(2).striped(true).spacing([8.0, 2.0]);
    grid.min_row_height(18.0).show(ui, |ui| {
        let heads = if card.heads == card.kv_heads {
            card.heads.to_string()
        } else {
            format!("{} ({} key/value)", card.heads, card.kv_heads)
        };
        let rows = [
            ("Format", card.format.clone()),
            ("Family", card.family.clone()),
            ("Layers", card.layers.to_string()),
            ("Width", card.width.to_string()),
            ("Heads", heads),
            ("Feed-forward width", card.ffn_width.to_string()),
            ("Vocabulary", card.vocab.to_string()),
            ("Reads out", card.readout.clone()),
            ("Context", counted(card.context, "token")),
            ("Parameters", count(card.parameters)),
            ("Types", card.types.clone()),
            ("Size", bytes(card.size_bytes)),
            ("Tokenizer", card.tokenizer.clone()),
            ("Chat template", if card.chat_template.is_some() { "yes" } else { "none" }.to_owned()),
            ("Fingerprint", card.fingerprint.chars().take(12).collect()),
        ];
        for (label, value) in rows {
            ui.weak(label);
            let value = if value.is_empty() { "—".to_owned() } else { value };
            ui.add(egui::Label::new(&value).truncate()).on_hover_text(value);
            ui.end_row();
        }
    });
}

fn count(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{:.1} thousand", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} million", number as f64 / 1e6),
        _ => format!("{:.2} billion", number as f64 / 1e9),
    }
}

fn bytes(number: u64) -> String {
    match number {
        0..1_000_000 => format!("{:.1} kB", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number as f64 / 1e6),
        _ => format!("{:.2} GB", number as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_told_in_words() {
        assert_eq!(count(1_234_567), "1.23 million");
        assert_eq!(count(9_999), "9999");
        assert_eq!(bytes(4_937_000_000), "4.94 GB");
    }
}
