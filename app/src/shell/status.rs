//! The status bar: what is going on, how far it is, and how to end it.

use layerscope_engine::api::{Progress, counted};

use crate::state::{Action, Run, Running, State};

/// Draws the bar.
pub(crate) fn show(ui: &mut egui::Ui, state: &State) -> Option<Action> {
    let mut action = None;
    ui.horizontal(|ui| {
        if let Some((_, running)) = state.at_work() {
            action = job(ui, running);
            let waiting = state.jobs.len() - 1;
            if waiting > 0 {
                ui.weak(format!("{waiting} more waiting"));
            }
        } else {
            let text = if state.message.is_empty() { "Ready" } else { &state.message };
            ui.add(egui::Label::new(text).truncate());
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| facts(ui, state));
    });
    action
}

fn job(ui: &mut egui::Ui, running: &Running) -> Option<Action> {
    let mut action = None;
    if running.is_cancelling {
        ui.label("Cancelling…");
    } else if ui.button("Cancel").on_hover_text("End this work (Esc)").clicked() {
        action = Some(Action::Run(Run::Cancel));
    }
    let what =
        running.progress.as_ref().map_or_else(|| running.task.label(), |progress| progress.what);
    ui.label(what);
    if let Some(progress) = &running.progress {
        let bar = egui::ProgressBar::new(fraction(progress)).desired_width(160.0);
        ui.add(if progress.total > 0 { bar.show_percentage() } else { bar });
        ui.label(progress.words());
    }
    action
}

fn fraction(progress: &Progress) -> f32 {
    if progress.total == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
    let fraction = (progress.done as f64 / progress.total as f64).min(1.0) as f32;
    fraction
}

fn facts(ui: &mut egui::Ui, state: &State) {
    if let Some(recording) = &state.recording {
        let manifest = recording.manifest();
        if manifest.partial {
            ui.label("Partial")
                .on_hover_text("The run was cut short; what was done until then is shown");
        } else if !manifest.complete {
            ui.label("Incomplete")
                .on_hover_text("The recording was cut short while it was written");
        }
        if let Some(caveat) = manifest.numerics.caveat() {
            ui.label(manifest.numerics.id()).on_hover_text(caveat);
        }
        if let Some(caveat) = manifest.readout.caveat() {
            ui.label("Class means").on_hover_text(caveat);
        }
        ui.weak(counted(recording.num_tokens(), recording.subject().noun()));
        if manifest.read_at.has_gaps() {
            ui.label("With gaps").on_hover_text(format!("Read out: {}", manifest.read_at.words()));
        }
    }
    match &state.model {
        Some(card) => ui.add(egui::Label::new(egui::RichText::new(&card.name).weak()).truncate()),
        None => ui.weak("No checkpoint"),
    };
}
