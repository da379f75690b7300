//! What to do while there is nothing to see: one sentence and the buttons for it.

use crate::state::{Action, Ask, File, Run, State, Task};

pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.3).max(8.0));
        match doing(state) {
            Some(sentence) => {
                ui.heading(sentence);
                ui.label("Esc cancels; the status bar says how far it is");
            }
            None if state.model.is_some() => {
                let what = if state.reads_images() { "images" } else { "text" };
                ui.heading(format!("Run {what} through the checkpoint to see where it decides"));
                ui.add_space(8.0);
                let why_not = state.why_no_run();
                let button = egui::Button::new("Record now");
                if ui.add_enabled(why_not.is_none(), button).clicked() {
                    actions.push(Action::Run(Run::Record));
                }
                if let Some(reason) = why_not {
                    ui.weak(reason);
                }
            }
            None => nothing_open(ui, &mut actions),
        }
    });
    actions
}

fn doing(state: &State) -> Option<String> {
    let (_, running) = state.at_work()?;
    let name = |card: &layerscope_engine::api::ModelCard| card.name.clone();
    match &running.task {
        Task::OpenEmbedded | Task::OpenModel(_) => {
            let header = state.header.as_deref().map(name);
            Some(header.map_or_else(
                || "Reading the header of the checkpoint".to_owned(),
                |name| format!("Opening {name}"),
            ))
        }
        Task::OpenRecording(_) => Some("Opening the recording".to_owned()),
        Task::Record => {
            let model = state.model.as_deref().map(name).unwrap_or_default();
            let what = if state.reads_images() { "images" } else { "text" };
            Some(format!("Running {what} through {model}"))
        }
        Task::Generate => {
            let model = state.model.as_deref().map(name).unwrap_or_default();
            Some(format!("{model} is writing"))
        }
        Task::AddRecording(_)
        | Task::Live(_)
        | Task::SaveRecording(_)
        | Task::Export(_)
        | Task::ExportFigure(_) => None,
    }
    .or_else(|| state.is_awaiting().then(|| "Drawing".to_owned()))
}

fn nothing_open(ui: &mut egui::Ui, actions: &mut Vec<Action>) {
    ui.heading("Open a checkpoint to see where it decides");
    ui.label("A Hugging Face folder, a .safetensors or a .gguf file; drop it here or choose it");
    ui.add_space(8.0);
    for (label, action) in [
        ("Open a file", File::Ask(Ask::OpenFile)),
        ("Open a folder", File::Ask(Ask::OpenFolder)),
        ("Open the embedded checkpoint", File::OpenEmbedded),
    ] {
        if ui.button(label).clicked() {
            actions.push(Action::File(action));
        }
    }
}
