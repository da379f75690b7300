//! Opening, saving, leaving.

use layerscope_engine::api::{Command, Knobs, Value};

use super::{AfterOpen, Ask, Effect, File, InputKind, Session, Source, State, Task};

impl State {
    pub(super) fn apply_file(&mut self, action: File) -> Vec<Effect> {
        match action {
            File::Ask(ask) => self.ask(ask),
            File::Open(path) => vec![Effect::Sniff(path)],
            File::OpenFirst { path, count } => {
                if count > 1 {
                    self.message = format!("{count} things were dropped; only the first is opened");
                }
                vec![Effect::Sniff(path)]
            }
            File::OpenModel(path) => {
                self.after_open = AfterOpen::Nothing;
                self.to_add.clear();
                vec![Effect::Start(Task::OpenModel(path.clone()), Command::Open(path))]
            }
            File::OpenRecording(path) => {
                self.to_add.clear();
                vec![Effect::Start(Task::OpenRecording(path.clone()), Command::Load(path))]
            }
            File::AddRecording(folder) => self.add_recording(folder),
            File::RemoveRecording(folder) => self.remove_recording(&folder),
            File::OpenSession(session) => self.take_up(*session),
            File::OpenEmbedded => {
                self.session.input.kind = InputKind::Embedded;
                if self.session.knobs == Knobs::default() {
                    // What the embedded checkpoint was made to show: more hops, more depth.
                    self.session.knobs.set("slice", Value::Choice("task:hops".to_owned()));
                }
                self.after_open = AfterOpen::Record;
                self.to_add.clear();
                vec![Effect::Start(Task::OpenEmbedded, Command::OpenEmbedded)]
            }
            File::Unreadable { what, hint } => {
                self.complain(what, hint);
                Vec::new()
            }
            File::SaveRecording(folder) => {
                self.recording.clone().map_or_else(Vec::new, |recording| {
                    let task = Task::SaveRecording(folder.clone());
                    vec![Effect::Start(task, Command::Save { recording, folder })]
                })
            }
            File::SaveSession(path) => self.save_session(path),
            File::Export(folder) => self.look().map_or_else(Vec::new, |look| {
                vec![Effect::Start(Task::Export(folder.clone()), Command::Export { look, folder })]
            }),
            File::ExportFigure { figure, file } => self.look().map_or_else(Vec::new, |look| {
                let task = Task::ExportFigure(file.clone());
                vec![Effect::Start(task, Command::ExportFigure { look, figure, file })]
            }),
            File::CopyCommandLine => self.copy_command_line(),
            File::Quit => vec![Effect::Quit],
        }
    }

    fn ask(&mut self, ask: Ask) -> Vec<Effect> {
        let reason = match ask {
            Ask::Export | Ask::ExportFigure { .. } => self.why_no_export(),
            Ask::AddRecording => self.why_no_adding(),
            Ask::SaveRecording if self.recording.is_none() => Some("There is no recording to save"),
            Ask::OpenFile
            | Ask::OpenFolder
            | Ask::OpenRecording
            | Ask::DataFile
            | Ask::ImageFolder
            | Ask::SaveSession
            | Ask::SaveRecording => None,
        };
        if let Some(reason) = reason {
            reason.clone_into(&mut self.message);
            return Vec::new();
        }
        vec![Effect::Ask(ask)]
    }

    /// The session counts at once; its model and recording come when the engine has them.
    fn take_up(&mut self, session: Session) -> Vec<Effect> {
        self.undo.push(&self.session);
        let (model, recording) = (session.model.clone(), session.recording.clone());
        self.session = session;
        // They come when there is a recording that they can stand beside.
        self.to_add = std::mem::take(&mut self.session.beside);
        self.nearby.clear();
        let mut effects = vec![Effect::Arrange];
        if self.lens_card().is_none() {
            let lens = std::mem::take(&mut self.session.lens);
            Session::default().lens.clone_into(&mut self.session.lens);
            self.complain(
                format!("The session asks for the lens `{lens}`, which this program does not have"),
                format!("The lens `{}` is shown instead.", self.session.lens),
            );
        }
        self.after_open = recording.clone().map_or(AfterOpen::Record, AfterOpen::Load);
        match model {
            Source::Embedded => {
                effects.push(Effect::Start(Task::OpenEmbedded, Command::OpenEmbedded));
            }
            Source::Path(path) => {
                effects.push(Effect::Start(Task::OpenModel(path.clone()), Command::Open(path)));
            }
            Source::None => {
                self.after_open = AfterOpen::Nothing;
                if let Some(path) = recording {
                    let task = Task::OpenRecording(path.clone());
                    effects.push(Effect::Start(task, Command::Load(path)));
                }
            }
        }
        effects
    }

    fn save_session(&mut self, path: std::path::PathBuf) -> Vec<Effect> {
        match serde_json::to_string_pretty(&self.session) {
            Ok(text) => {
                self.message = format!("Session saved to {}", path.display());
                vec![Effect::Write(path, text)]
            }
            Err(error) => {
                self.complain(format!("The session could not be written: {error}"), "");
                Vec::new()
            }
        }
    }
}
