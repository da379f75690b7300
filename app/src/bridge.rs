//! The only file of the window that holds an engine: effects become commands, events become state.
//!
//! Must not know: how anything is drawn.

use std::collections::VecDeque;
use std::fs::{self, File as LogFile};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use layerscope_engine::api::{self, Engine};

use crate::shell::recents::Recents;
use crate::state::{Action, Ask, Effect, File, Run, Session, State, is_session};

/// No session file is larger; what is larger is something else.
const LARGEST_SESSION: u64 = 4 << 20;

/// What only the window can do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wish {
    /// Show a dialog.
    Ask(Ask),
    /// Put the panes where the session says.
    Arrange,
    /// Put a text on the clipboard.
    Copy(String),
    /// Close.
    Quit,
}

/// The engine and the few files that the window writes by itself.
pub(crate) struct Bridge {
    engine: Engine,
    log: Option<LogFile>,
    /// What was opened lately.
    pub(crate) recents: Recents,
    /// Answers of threads that read a little in the background.
    answers: (SyncSender<Action>, Receiver<Action>),
    wake: egui::Context,
}

impl Bridge {
    /// Starts the engine with so many threads that compute; it wakes `context` whenever there is something new.
    pub(crate) fn start(
        context: &egui::Context,
        log: Option<&Path>,
        config: Option<PathBuf>,
        threads: usize,
    ) -> io::Result<Self> {
        let wake = context.clone();
        let engine = Engine::with_threads(threads, move || wake.request_repaint())?;
        Ok(Self {
            engine,
            log: log.map(LogFile::create).transpose()?,
            recents: Recents::read(config),
            answers: sync_channel(64),
            wake: context.clone(),
        })
    }

    /// Takes in everything that is new.
    pub(crate) fn drain(&mut self, state: &mut State) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for event in self.engine.drain() {
            let effects = state.hear(event);
            wishes.extend(self.perform(state, effects));
        }
        while let Ok(action) = self.answers.1.try_recv() {
            wishes.extend(self.apply(state, action));
        }
        wishes
    }

    /// Does what a person asked for.
    pub(crate) fn apply(&mut self, state: &mut State, action: Action) -> Vec<Wish> {
        let effects = state.apply(action);
        self.perform(state, effects)
    }

    /// Where a dialog thread puts its answer.
    pub(crate) fn answer_box(&self) -> SyncSender<Action> {
        self.answers.0.clone()
    }

    /// Writes one line to the log of events.
    pub(crate) fn tell(&mut self, line: &serde_json::Value) {
        if let Some(log) = &mut self.log {
            // A log that cannot be written any more must not end the work.
            if writeln!(log, "{line}").and_then(|()| log.flush()).is_err() {
                self.log = None;
            }
        }
    }

    fn perform(&mut self, state: &mut State, effects: Vec<Effect>) -> Vec<Wish> {
        let mut waiting = VecDeque::from(effects);
        let mut wishes = Vec::new();
        while let Some(effect) = waiting.pop_front() {
            match effect {
                Effect::Sniff(path) => waiting.extend(state.apply(sniff(&path))),
                Effect::Start(task, command) => {
                    let job = self.engine.send(command);
                    state.started(task, job);
                }
                Effect::Cancel(job) => self.engine.cancel(job),
                Effect::Look(look) => {
                    let knobs = look.knobs.clone();
                    let ticket = self.engine.look(look);
                    state.awaits(ticket, knobs);
                }
                Effect::Rows(recording, request) => {
                    let ticket = self.engine.rows(recording, request);
                    state.awaits_rows(ticket);
                }
                Effect::Columns(path) => self.read_columns(state, path),
                Effect::Write(path, text) => {
                    if let Err(error) = write_whole(&path, &text) {
                        let what = format!("{error}: {}", path.display());
                        let hint = "Choose another folder.".to_owned();
                        state.message.clear();
                        let action = Action::File(File::Unreadable { what, hint });
                        waiting.extend(state.apply(action));
                    } else {
                        self.recents.add(&path);
                    }
                }
                Effect::Remember(path) => self.recents.add(&path),
                Effect::Tell(line) => self.tell(&line),
                Effect::Copy(text) => wishes.push(Wish::Copy(text)),
                Effect::Ask(ask) => wishes.push(Wish::Ask(ask)),
                Effect::Arrange => wishes.push(Wish::Arrange),
                Effect::Quit => wishes.push(Wish::Quit),
            }
        }
        wishes
    }

    /// Reads the head of a data file on a thread of its own: a network drive must not hold the window.
    fn read_columns(&self, state: &mut State, path: PathBuf) {
        let (answers, wake) = (self.answer_box(), self.wake.clone());
        let read = std::thread::Builder::new().name("data-columns".to_owned()).spawn(move || {
            let columns = api::data_columns(&path).map_err(|problem| problem.what);
            // The window may be closed by now.
            drop(answers.send(Action::Run(Run::Columns(path, columns))));
            wake.request_repaint();
        });
        if let Err(error) = read {
            state.message = format!("The columns could not be read: {error}");
        }
    }
}

/// What lies at a path, by its name and its manifest; the engine looks closer.
fn sniff(path: &Path) -> Action {
    if is_only_images(path) {
        return Action::Run(Run::ImageFolder(path.to_owned()));
    }
    Action::File(sniff_file(path))
}

/// A folder that nothing says to be a checkpoint, and images say to be data.
fn is_only_images(path: &Path) -> bool {
    let has = |name: &str| path.join(name).exists();
    path.is_dir() && !has("manifest.json") && !has("config.json") && api::is_folder_of_images(path)
}

fn sniff_file(path: &Path) -> File {
    if path.is_dir() && path.join("manifest.json").is_file() {
        return File::OpenRecording(path.to_owned());
    }
    if path.file_name().is_some_and(|name| name == "manifest.json")
        && let Some(folder) = path.parent()
    {
        return File::OpenRecording(folder.to_owned());
    }
    if !is_session(path) {
        return File::OpenModel(path.to_owned());
    }
    match read_session(path) {
        Ok(session) => File::OpenSession(Box::new(session)),
        Err(what) => File::Unreadable {
            what: format!("{what}: {}", path.display()),
            hint: "Sessions are written by File > Save session.".to_owned(),
        },
    }
}

fn read_session(path: &Path) -> Result<Session, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST_SESSION {
        return Err(format!("A session file has at most {LARGEST_SESSION} bytes, this has {size}"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Session::from_json(&text)
}

/// Under a temporary name first, so that a full disk never leaves half a file.
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, text)?;
    fs::rename(&part, path).inspect_err(|_| drop(fs::remove_file(&part)))
}
