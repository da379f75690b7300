//! What is run, and running it.

use layerscope_engine::api::{Command, Start};

use super::{Effect, InputKind, Run, State, Task};

/// What is dragged in the Live pane beside the knobs of a skip rule, for the undo of a drag: one field at a time.
const LIVE: &str = "live";

impl State {
    pub(super) fn apply_run(&mut self, action: Run) -> Vec<Effect> {
        let input = &mut self.session.input;
        match action {
            Run::Kind(kind) => input.kind = kind,
            Run::Prompt(prompt) => {
                input.kind = InputKind::Prompt;
                input.prompt = prompt;
            }
            Run::DataFile(path) => {
                input.kind = InputKind::File;
                input.column = None;
                input.label = None;
                input.pair = None;
                input.file = Some(path.clone());
                self.columns.clear();
                return vec![Effect::Columns(path)];
            }
            Run::ImageFolder(folder) => self.take_images(folder),
            Run::Columns(path, columns) => self.take_columns(&path, columns),
            Run::Column(column) => input.column = column,
            Run::Label(label) => input.label = label,
            Run::Pair(pair) => input.pair = pair,
            Run::Cut(cut) => input.cut = cut,
            Run::Limit(limit) => input.limit_tokens = limit.filter(|limit| *limit > 0),
            Run::ReadAt(read_at) => input.read_at = read_at,
            Run::Numerics(numerics) => input.numerics = numerics,
            Run::Record => return self.record(),
            Run::Writing(writing) => input.writing = writing,
            Run::Generate => {
                let prompt = self.session.input.prompt.clone();
                let is_chat = self.session.input.writing.is_chat && self.why_no_chat().is_none();
                let start = if is_chat { Start::Chat(prompt) } else { Start::Text(prompt) };
                return self.generate(self.why_no_generation(), start);
            }
            Run::Continue => {
                let Some(recording) = self.recording.clone() else { return Vec::new() };
                return self.generate(self.why_no_more(), Start::More(recording));
            }
            Run::LiveSetup { setup, is_held } => self.set_live(setup, LIVE, is_held),
            Run::TurnSkip { knob, value, is_held } => self.turn_skip(&knob, value, is_held),
            Run::Verify => return self.verify(),
            Run::Cancel => return self.cancel(),
        }
        Vec::new()
    }

    /// A folder of images is kept until a model that reads them is open.
    fn take_images(&mut self, folder: std::path::PathBuf) {
        self.message = format!("Images of {} are what is run", folder.display());
        self.session.input.images = Some(folder);
        if !self.reads_images() {
            self.message.clear();
            self.complain(
                "This is a folder of images, and no checkpoint that reads images is open",
                "Open one (ViT); the folder is kept as its input.",
            );
        }
    }

    /// Columns of another file than the present one come too late and are dropped.
    fn take_columns(&mut self, path: &std::path::Path, columns: Result<Vec<String>, String>) {
        if self.session.input.file.as_deref() != Some(path) {
            return;
        }
        match columns {
            Ok(columns) => {
                let column = &mut self.session.input.column;
                let is_there = |name: &String| columns.contains(name);
                if !column.as_ref().is_some_and(is_there) {
                    // "text" is what the engine takes by itself; another name has to be said.
                    let has_text = columns.iter().any(|name| name == "text");
                    *column = if has_text { None } else { columns.first().cloned() };
                }
                self.columns = columns;
            }
            Err(what) => self.complain(what, "Choose a txt, jsonl, csv or tsv file."),
        }
    }

    /// Runs the input, or says in the status bar why not.
    pub(super) fn record(&mut self) -> Vec<Effect> {
        if let Some(reason) = self.why_no_run() {
            reason.clone_into(&mut self.message);
            return Vec::new();
        }
        match self.session.input.request() {
            Ok(request) => {
                let command = Command::Record(request);
                self.asked = Some((self.session.model.clone(), command.clone()));
                vec![Effect::Start(Task::Record, command)]
            }
            Err(reason) => {
                reason.clone_into(&mut self.message);
                Vec::new()
            }
        }
    }

    /// Goes on with a text, or says in the status bar why not.
    fn generate(&mut self, why_not: Option<&'static str>, start: Start) -> Vec<Effect> {
        if let Some(reason) = why_not {
            reason.clone_into(&mut self.message);
            return Vec::new();
        }
        if !matches!(start, Start::More(_)) {
            self.written.clear();
        }
        let request = self.session.input.writing.request(start, self.session.input.numerics);
        let command = Command::Generate(request);
        self.asked = Some((self.session.model.clone(), command.clone()));
        vec![Effect::Start(Task::Generate, command)]
    }

    fn cancel(&mut self) -> Vec<Effect> {
        let Some((job, running)) = self.jobs.iter_mut().next() else {
            return Vec::new();
        };
        running.is_cancelling = true;
        vec![Effect::Cancel(*job)]
    }
}
