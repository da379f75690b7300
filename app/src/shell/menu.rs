//! The menu bar, the keyboard, and the two small windows of Help.

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers, gui_zoom};

use crate::state::{Action, Ask, File, Layout, Lens, Lights, Run, State};

const OPEN: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::O);
const EXPORT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::E);
const RUN: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Enter);
const QUIT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Q);
const UNDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Z);
const REDO: KeyboardShortcut =
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z);

/// Which small window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Help {
    /// The keys.
    Shortcuts,
    /// What this program is.
    About,
}

/// What a person did in the menus.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// For the state.
    pub(crate) actions: Vec<Action>,
    /// Ask for a path in a field of the window.
    pub(crate) wants_field: bool,
    /// Open a small window.
    pub(crate) help: Option<Help>,
}

impl Chosen {
    fn file(&mut self, action: File) {
        self.actions.push(Action::File(action));
    }

    fn ask(&mut self, ask: Ask) {
        self.file(File::Ask(ask));
    }
}

/// Draws the bar.
pub(crate) fn show(ui: &mut egui::Ui, state: &State, recents: &[PathBuf]) -> Chosen {
    let mut chosen = Chosen::default();
    egui::MenuBar::new().ui(ui, |ui| {
        ui.menu_button("File", |ui| file(ui, state, recents, &mut chosen));
        ui.menu_button("Edit", |ui| edit(ui, state, &mut chosen));
        ui.menu_button("View", |ui| view(ui, state, &mut chosen));
        ui.menu_button("Help", |ui| {
            if ui.button("Keyboard shortcuts").clicked() {
                chosen.help = Some(Help::Shortcuts);
            }
            if ui.button("About Layerscope").clicked() {
                chosen.help = Some(Help::About);
            }
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.button("Theme").on_hover_text("Dark or light").clicked() {
                chosen.actions.push(other_theme(state));
            }
        });
    });
    chosen
}

/// An entry with its keys; greyed out with the reason where it cannot be used.
fn entry(
    ui: &mut egui::Ui,
    text: &str,
    keys: Option<&KeyboardShortcut>,
    why_not: Option<&str>,
) -> bool {
    let mut button = egui::Button::new(text);
    if let Some(keys) = keys {
        button = button.shortcut_text(ui.ctx().format_shortcut(keys));
    }
    let response = ui.add_enabled(why_not.is_none(), button);
    if let Some(reason) = why_not {
        response.on_disabled_hover_text(reason);
        return false;
    }
    response.clicked()
}

fn file(ui: &mut egui::Ui, state: &State, recents: &[PathBuf], chosen: &mut Chosen) {
    if entry(ui, "Open file…", Some(&OPEN), None) {
        chosen.ask(Ask::OpenFile);
    }
    if entry(ui, "Open folder…", None, None) {
        chosen.ask(Ask::OpenFolder);
    }
    if entry(ui, "Open recording…", None, None) {
        chosen.ask(Ask::OpenRecording);
    }
    if entry(ui, "Add a recording…", None, state.why_no_adding()) {
        chosen.ask(Ask::AddRecording);
    }
    if entry(ui, "Open path…", None, None) {
        chosen.wants_field = true;
    }
    if entry(ui, "Open embedded checkpoint", None, None) {
        chosen.file(File::OpenEmbedded);
    }
    ui.menu_button("Recent", |ui| {
        if recents.is_empty() {
            ui.weak("Nothing was opened yet");
        }
        for path in recents {
            let full = path.display().to_string();
            if ui.button(elided(&full, 60)).on_hover_text(&full).clicked() {
                chosen.file(File::Open(path.clone()));
            }
        }
    });
    ui.separator();
    let no_recording = state.recording.is_none().then_some("There is no recording to save");
    if entry(ui, "Save recording…", None, no_recording) {
        chosen.ask(Ask::SaveRecording);
    }
    if entry(ui, "Save session…", None, None) {
        chosen.ask(Ask::SaveSession);
    }
    if entry(ui, "Export view…", Some(&EXPORT), state.why_no_export()) {
        chosen.ask(Ask::Export);
    }
    ui.separator();
    if entry(ui, "Quit", Some(&QUIT), None) {
        chosen.file(File::Quit);
    }
}

fn edit(ui: &mut egui::Ui, state: &State, chosen: &mut Chosen) {
    let (can_undo, can_redo) = state.undo_state();
    if entry(ui, "Undo", Some(&UNDO), (!can_undo).then_some("Nothing was changed yet")) {
        chosen.actions.push(Action::Lens(Lens::Undo));
    }
    if entry(ui, "Redo", Some(&REDO), (!can_redo).then_some("Nothing was undone")) {
        chosen.actions.push(Action::Lens(Lens::Redo));
    }
    ui.separator();
    let is_compared = state.session.versus.is_some();
    let no_recording = state.recording.is_none().then_some("There is no recording to look at");
    if entry(ui, "Compare with this", None, no_recording) {
        chosen.actions.push(Action::Lens(Lens::Compare));
    }
    let no_comparison = (!is_compared).then_some("Nothing is compared");
    if entry(ui, "Swap A and B", None, no_comparison) {
        chosen.actions.push(Action::Lens(Lens::Swap));
    }
    if entry(ui, "End comparison", None, no_comparison) {
        chosen.actions.push(Action::Lens(Lens::EndComparison));
    }
    ui.separator();
    if entry(ui, "Copy as command line", None, state.why_no_command_line()) {
        chosen.file(File::CopyCommandLine);
    }
    ui.separator();
    if entry(ui, "Record", Some(&RUN), state.why_no_run()) {
        chosen.actions.push(Action::Run(Run::Record));
    }
}

fn view(ui: &mut egui::Ui, state: &State, chosen: &mut Chosen) {
    let text = match state.session.theme {
        Lights::Dark => "Light theme",
        Lights::Light => "Dark theme",
    };
    if ui.button(text).clicked() {
        chosen.actions.push(other_theme(state));
    }
    ui.separator();
    let percent = (f64::from(ui.ctx().zoom_factor()) * 100.0).round();
    ui.weak(format!("Zoom {percent:.0} %"));
    if entry(ui, "Larger", Some(&gui_zoom::kb_shortcuts::ZOOM_IN), None) {
        gui_zoom::zoom_in(ui.ctx());
    }
    if entry(ui, "Smaller", Some(&gui_zoom::kb_shortcuts::ZOOM_OUT), None) {
        gui_zoom::zoom_out(ui.ctx());
    }
    if entry(ui, "As the screen has it", Some(&gui_zoom::kb_shortcuts::ZOOM_RESET), None) {
        ui.ctx().set_zoom_factor(1.0);
    }
    ui.separator();
    if ui.button("Reset layout").clicked() {
        chosen.actions.push(Action::Layout(Layout::Reset));
    }
}

fn other_theme(state: &State) -> Action {
    Action::Layout(Layout::Theme(match state.session.theme {
        Lights::Dark => Lights::Light,
        Lights::Light => Lights::Dark,
    }))
}

/// The end of a path says more than its beginning.
fn elided(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let tail: String = text.chars().skip(count - most + 1).collect();
    format!("…{tail}")
}

/// What the keys ask for. Taken before any widget sees them.
pub(crate) fn keys(context: &egui::Context, state: &State) -> Vec<Action> {
    let is_typing = context.egui_wants_keyboard_input();
    let mut actions = Vec::new();
    context.input_mut(|input| {
        let mut on = |keys: &KeyboardShortcut, action: Action| {
            if input.consume_shortcut(keys) {
                actions.push(action);
            }
        };
        on(&OPEN, Action::File(File::Ask(Ask::OpenFile)));
        on(&RUN, Action::Run(Run::Record));
        on(&EXPORT, Action::File(File::Ask(Ask::Export)));
        on(&QUIT, Action::File(File::Quit));
        // A text field has its own way back.
        if !is_typing {
            on(&REDO, Action::Lens(Lens::Redo));
            on(&UNDO, Action::Lens(Lens::Undo));
        }
        if state.at_work().is_some() {
            on(&KeyboardShortcut::new(Modifiers::NONE, Key::Escape), Action::Run(Run::Cancel));
        }
    });
    actions
}

/// Draws the small window that is open.
pub(crate) fn show_help(context: &egui::Context, help: &mut Option<Help>) {
    let Some(which) = *help else { return };
    let modal = egui::Modal::new(egui::Id::unique("help")).show(context, |ui| {
        ui.set_max_width(460.0);
        match which {
            Help::Shortcuts => shortcuts(ui),
            Help::About => about(ui),
        }
        ui.add_space(8.0);
        ui.button("Close").clicked()
    });
    if modal.inner || modal.should_close() {
        *help = None;
    }
}

fn shortcuts(ui: &mut egui::Ui) {
    ui.heading("Keyboard shortcuts");
    egui::Grid::new("shortcuts").num_columns(2).striped(true).show(ui, |ui| {
        let rows = [
            (OPEN, "Open a checkpoint, a recording or a session"),
            (RUN, "Record: run the text through the checkpoint"),
            (KeyboardShortcut::new(Modifiers::NONE, Key::Escape), "Cancel what is running"),
            (EXPORT, "Export all figures and readings"),
            (UNDO, "Undo a turn of a knob"),
            (REDO, "Redo it"),
            (gui_zoom::kb_shortcuts::ZOOM_IN, "Show everything larger"),
            (gui_zoom::kb_shortcuts::ZOOM_OUT, "Show everything smaller"),
            (gui_zoom::kb_shortcuts::ZOOM_RESET, "Show everything as large as the screen has it"),
            (QUIT, "Quit"),
        ];
        for (keys, what) in rows {
            ui.monospace(ui.ctx().format_shortcut(&keys));
            ui.label(what);
            ui.end_row();
        }
    });
}

fn about(ui: &mut egui::Ui) {
    ui.heading("Layerscope");
    ui.label(concat!("Version ", env!("CARGO_PKG_VERSION")));
    ui.label("Shows where a neural network decides, layer by layer, and what it would cost to stop earlier.");
    ui.label("Every number says whether it was counted, estimated, modelled or measured.");
    ui.weak("MIT or Apache-2.0");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_keeps_its_end() {
        assert_eq!(elided("abcdef", 4), "…def");
        assert_eq!(elided("abcd", 4), "abcd");
    }
}
