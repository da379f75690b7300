//! The system's file dialogs, each on a thread of its own so that the window goes on living.
//! Where there is none (no portal, no zenity) the window asks for the path in a field of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::Builder;

use crate::state::{Action, Ask, ENDING, File, Run};

/// The one dialog that can be open.
#[derive(Debug, Default)]
pub(crate) struct Dialogs {
    is_open: Arc<AtomicBool>,
    /// The field that stands in for a dialog: what is asked and what was typed so far.
    field: Option<(Ask, String)>,
    /// The system's dialogs are left alone.
    is_field_only: bool,
}

impl Dialogs {
    /// No dialog is open; with `is_field_only` the system's never will be.
    pub(crate) fn new(is_field_only: bool) -> Self {
        Self { is_field_only, ..Self::default() }
    }

    /// Asks for a path with the system's dialog, or with the field where there is no dialog.
    pub(crate) fn ask(&mut self, ask: Ask, context: &egui::Context, answers: SyncSender<Action>) {
        if self.is_field_only || !has_system_dialog() {
            self.ask_in_field(ask);
            return;
        }
        if self.is_open.swap(true, Ordering::AcqRel) {
            return;
        }
        let (is_open, wake) = (Arc::clone(&self.is_open), context.clone());
        let (asked, answer) = (ask.clone(), answers);
        let shown = Builder::new().name("file-dialog".to_owned()).spawn(move || {
            if let Some(path) = show(&asked) {
                // The window may be closed by now.
                drop(answer.send(answered(&asked, path)));
            }
            is_open.store(false, Ordering::Release);
            wake.request_repaint();
        });
        if shown.is_err() {
            self.is_open.store(false, Ordering::Release);
            self.ask_in_field(ask);
        }
    }

    /// Asks for a path in a field of the window.
    pub(crate) fn ask_in_field(&mut self, ask: Ask) {
        self.field = Some((ask, String::new()));
    }

    /// Draws the field, if it is open.
    pub(crate) fn show_field(&mut self, context: &egui::Context) -> Option<Action> {
        let (ask, typed) = self.field.as_mut()?;
        let mut done = None;
        let mut is_closing = false;
        let modal = egui::Modal::new(egui::Id::unique("path-field")).show(context, |ui| {
            ui.set_width(520.0_f32.min(ui.ctx().content_rect().width() - 40.0));
            ui.heading(question(ask));
            let field = egui::TextEdit::singleline(typed)
                .hint_text("Path of a file or a folder")
                .desired_width(f32::INFINITY);
            let response = ui.add(field);
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_label("Path"));
            if !response.has_focus() && !response.lost_focus() {
                response.request_focus();
            }
            let is_confirmed =
                response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            ui.horizontal(|ui| {
                let is_usable = !typed.trim().is_empty();
                let is_clicked = ui.add_enabled(is_usable, egui::Button::new("OK")).clicked();
                if is_usable && (is_clicked || is_confirmed) {
                    done = Some(answered(ask, PathBuf::from(typed.trim())));
                }
                is_closing = ui.button("Cancel").clicked();
            });
        });
        if done.is_some() || is_closing || modal.should_close() {
            self.field = None;
        }
        done
    }
}

/// Whether rfd will find something that can show a dialog; without one it answers as if a person had cancelled.
fn has_system_dialog() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let has_bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|bus| !bus.is_empty())
        || std::env::var_os("XDG_RUNTIME_DIR")
            .is_some_and(|folder| PathBuf::from(folder).join("bus").exists());
    let path = std::env::var_os("PATH").unwrap_or_default();
    has_bus || std::env::split_paths(&path).any(|folder| folder.join("zenity").is_file())
}

/// Titles reach a portal only; zenity shows its own.
fn show(ask: &Ask) -> Option<PathBuf> {
    let dialog = rfd::FileDialog::new().set_title(question(ask));
    match ask {
        // No filter: zenity would hide every name without a dot.
        Ask::OpenFile | Ask::DataFile => dialog.pick_file(),
        Ask::OpenFolder | Ask::OpenRecording | Ask::AddRecording | Ask::ImageFolder => {
            dialog.pick_folder()
        }
        Ask::SaveRecording | Ask::SaveSession | Ask::Export | Ask::ExportFigure { .. } => {
            dialog.set_file_name(suggested_name(ask)).save_file()
        }
    }
}

fn suggested_name(ask: &Ask) -> String {
    match ask {
        Ask::SaveRecording => "recording".to_owned(),
        Ask::SaveSession => format!("session{ENDING}"),
        Ask::Export => "view".to_owned(),
        Ask::ExportFigure { figure, ending } => format!("{figure}.{ending}"),
        Ask::OpenFile
        | Ask::OpenFolder
        | Ask::OpenRecording
        | Ask::AddRecording
        | Ask::DataFile
        | Ask::ImageFolder => String::new(),
    }
}

fn question(ask: &Ask) -> &'static str {
    match ask {
        Ask::OpenFile => "Open a checkpoint, a recording or a session",
        Ask::OpenFolder => "Open a checkpoint folder",
        Ask::OpenRecording => "Open a recording folder",
        Ask::AddRecording => "Add a recording of the same data by another model",
        Ask::DataFile => "Choose a data file",
        Ask::ImageFolder => "Choose a folder of images",
        Ask::SaveRecording => "Save the recording as a new folder",
        Ask::SaveSession => "Save the session",
        Ask::Export => "Export the view as a new folder",
        Ask::ExportFigure { .. } => "Save the figure",
    }
}

/// What a chosen path means.
fn answered(ask: &Ask, path: PathBuf) -> Action {
    match ask {
        Ask::OpenFile | Ask::OpenFolder => Action::File(File::Open(path)),
        Ask::OpenRecording => Action::File(File::OpenRecording(path)),
        Ask::AddRecording => Action::File(File::AddRecording(path)),
        Ask::DataFile => Action::Run(Run::DataFile(path)),
        Ask::ImageFolder => Action::Run(Run::ImageFolder(path)),
        Ask::SaveRecording => Action::File(File::SaveRecording(path)),
        Ask::SaveSession => Action::File(File::SaveSession(with_ending(path, ENDING))),
        Ask::Export => Action::File(File::Export(path)),
        Ask::ExportFigure { figure, ending } => {
            let file = with_ending(path, &format!(".{ending}"));
            Action::File(File::ExportFigure { figure: figure.clone(), file })
        }
    }
}

/// The ending says how a file is written and read, so it is added where a person left it out.
fn with_ending(path: PathBuf, ending: &str) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.to_lowercase().ends_with(ending) {
        path
    } else {
        path.with_file_name(format!("{name}{ending}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_is_added_where_it_was_left_out() {
        let check = |path: &str| with_ending(PathBuf::from(path), ".svg");
        assert_eq!(check("/a/grid"), PathBuf::from("/a/grid.svg"));
        assert_eq!(check("/a/grid.SVG"), PathBuf::from("/a/grid.SVG"));
        assert_eq!(check("/a/v1.2"), PathBuf::from("/a/v1.2.svg"));
    }
}
