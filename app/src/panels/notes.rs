//! What was done differently than asked, and where the numbers come from.

use layerscope_engine::api::Note;

use crate::state::{Action, State};

fn notes(state: &State) -> Vec<&Note> {
    let mut notes: Vec<&Note> = Vec::new();
    if let Some(recording) = &state.recording {
        notes.extend(&recording.manifest().notes);
    }
    for note in state.view.iter().flat_map(|view| &view.notes) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// How many notes there are.
pub(super) fn count(state: &State) -> usize {
    notes(state).len()
}

pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let notes = notes(state);
    if notes.is_empty() {
        ui.weak("Everything was done as asked");
    }
    for note in notes {
        ui.add(egui::Label::new(&note.what).wrap());
        if !note.hint.is_empty() {
            ui.add(egui::Label::new(egui::RichText::new(&note.hint).weak()).wrap());
        }
        ui.separator();
    }
    if let Some(card) = state.lens_card() {
        for (label, text) in [
            ("Source", card.source),
            ("What is modelled", card.modelled),
            ("What cannot be known here", card.unknown),
        ] {
            if !text.is_empty() {
                ui.strong(label);
                ui.add(egui::Label::new(text).wrap());
            }
        }
    }
    if let Some(recording) = &state.recording {
        let provenance = &recording.manifest().provenance;
        ui.strong("Where the recording comes from");
        for (label, text) in [
            ("Model", &provenance.model),
            ("Data", &provenance.data),
            ("Layerscope", &provenance.version),
        ] {
            ui.add(egui::Label::new(format!("{label} {text}")).truncate()).on_hover_text(text);
        }
    }
    Vec::new()
}
