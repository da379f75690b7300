//! What stands beside the recording: recordings of the same data by other models.

use layerscope_engine::api;

use crate::state::{Action, Ask, Beside, File, State};

/// The list, for a lens that looks at it.
pub(super) fn show(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let is_looked_at = api::looks_at_others(&state.session.lens);
    let Some(first) = state.recording.as_ref().filter(|_| is_looked_at) else { return };
    ui.group(|ui| {
        ui.set_width(ui.available_width());
        first_row(ui, &first.manifest().provenance.model, actions);
        let mut is_alone = true;
        for beside in state.beside() {
            is_alone = false;
            row(ui, beside, actions);
        }
        if is_alone {
            ui.add(
                egui::Label::new(
                    egui::RichText::new("Nothing to compare with: add a recording of the same data by another model").weak(),
                )
                .wrap(),
            );
        }
    });
    ui.add_space(4.0);
}

fn first_row(ui: &mut egui::Ui, name: &str, actions: &mut Vec<Action>) {
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
        let button = ui.small_button("Add a recording…");
        // The menu has an entry of that name.
        super::name(ui, &button, "Add a recording of another model");
        if button.clicked() {
            actions.push(Action::File(File::Ask(Ask::AddRecording)));
        }
        ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
            model(ui, name).on_hover_text(format!("{name}: the recording that is looked at"));
        });
    });
}

fn row(ui: &mut egui::Ui, beside: Beside<'_>, actions: &mut Vec<Action>) {
    let name = &beside.recording.manifest().provenance.model;
    // Aligned at the top: a row is as high as its label, not as high as the pane.
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
        let button = ui.small_button("Remove");
        super::name(ui, &button, &format!("Remove {name}"));
        if button.on_hover_text("It no longer stands beside the recording").clicked() {
            actions.push(Action::File(File::RemoveRecording(beside.folder.to_owned())));
        }
        ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
            model(ui, name).on_hover_text(beside.folder.display().to_string());
        });
    });
}

fn model(ui: &mut egui::Ui, name: &str) -> egui::Response {
    ui.add(egui::Label::new(name).truncate())
}
