//! Recordings beside the one that is looked at, with a real engine that makes and reads them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use layerscope_engine::api::{Command, Engine, Event};

use super::{Action, Effect, File, Lens, Run, Session, State, Task};

/// A state whose effects an engine carries out.
struct Desk {
    state: State,
    engine: Engine,
}

impl Desk {
    fn new() -> Self {
        Self { state: State::default(), engine: Engine::with_threads(1, || {}).unwrap() }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Start(task, command) = effect else { continue };
            let job = self.engine.send(command);
            self.state.started(task, job);
            while self.state.at_work().is_some() {
                for event in self.engine.wait(Duration::from_millis(100)) {
                    let effects = self.state.hear(event);
                    self.perform(effects);
                }
            }
        }
    }

    fn file(&mut self, action: File) {
        let effects = self.state.apply(Action::File(action));
        self.perform(effects);
    }

    /// Runs a text through the open checkpoint and saves what came of it.
    fn record(&mut self, text: &str, folder: &Path) {
        self.state.apply(Action::Run(Run::Prompt(text.to_owned())));
        let effects = self.state.apply(Action::Run(Run::Record));
        self.perform(effects);
        self.file(File::SaveRecording(folder.to_owned()));
    }

    fn beside(&self) -> Vec<&Path> {
        self.state.beside().map(|beside| beside.folder).collect()
    }

    fn num_seen(&self) -> usize {
        self.state.look().map_or(0, |look| look.others.len())
    }
}

/// Two recordings of one text, and one of another; the first is looked at through the cascade.
fn three(home: &Path) -> (Desk, [PathBuf; 3]) {
    let mut desk = Desk::new();
    desk.perform(vec![Effect::Start(Task::OpenEmbedded, Command::OpenEmbedded)]);
    let folders = ["first", "it's second", "third"].map(|name| home.join(name));
    for (folder, text) in folders.iter().zip(["Once upon a time", "Once upon a time", "No more"]) {
        desk.record(text, folder);
    }
    desk.file(File::OpenRecording(folders[0].clone()));
    desk.state.apply(Action::Lens(Lens::Choose("cascade".to_owned())));
    (desk, folders)
}

#[test]
fn what_is_added_is_looked_at_and_undo_redo_and_the_session_know_it() {
    let home = tempfile::tempdir().unwrap();
    let (mut desk, [first, second, third]) = three(home.path());
    desk.file(File::AddRecording(second.clone()));
    assert_eq!((desk.beside(), desk.num_seen()), (vec![second.as_path()], 1));

    // Refused: other data, what is here already.
    desk.file(File::AddRecording(third.clone()));
    let problem = desk.state.problems.pop().unwrap();
    assert!(problem.what.contains("cannot stand beside each other"), "{}", problem.what);
    for here in [&first, &second] {
        desk.file(File::AddRecording(here.clone()));
        assert!(desk.state.message.contains("here already"), "{}", desk.state.message);
    }
    assert_eq!(desk.beside().len(), 1);

    // A lens that looks at one recording gets one.
    desk.state.apply(Action::Lens(Lens::Choose("exits".to_owned())));
    assert_eq!((desk.beside().len(), desk.num_seen()), (1, 0));
    assert!(!desk.state.command_line().unwrap().contains("--with"));
    desk.state.apply(Action::Lens(Lens::Undo));
    let line = desk.state.command_line().unwrap();
    assert!(line.contains(r"--lens cascade --with '"), "{line}");
    assert!(line.contains(r"it'\''s second'"), "{line}");

    desk.file(File::RemoveRecording(second.clone()));
    assert_eq!(desk.num_seen(), 0);
    desk.state.apply(Action::Lens(Lens::Undo));
    assert_eq!(desk.num_seen(), 1);
    desk.state.apply(Action::Lens(Lens::Redo));
    assert_eq!(desk.num_seen(), 0);
    desk.state.apply(Action::Lens(Lens::Undo));

    let effects = desk.state.apply(Action::File(File::SaveSession(home.path().join("s"))));
    let [Effect::Write(_, text)] = effects.as_slice() else { panic!("{effects:?}") };
    let mut session = Session::from_json(text).unwrap();
    assert_eq!(session.beside.iter().collect::<Vec<_>>(), [&second]);
    session.model = super::Source::None;
    let mut restored = Desk::new();
    restored.file(File::OpenSession(Box::new(session)));
    assert_eq!((restored.beside(), restored.num_seen()), (vec![second.as_path()], 1));

    // Another recording: what stood beside the old one goes, and no step back brings it again.
    restored.file(File::OpenRecording(third));
    assert_eq!((restored.beside().len(), restored.num_seen()), (0, 0));
    restored.state.apply(Action::Lens(Lens::Undo));
    assert_eq!(restored.num_seen(), 0);
}

#[test]
fn opening_a_model_clears_what_stood_beside() {
    let home = tempfile::tempdir().unwrap();
    let (mut desk, [_, second, _]) = three(home.path());
    desk.file(File::AddRecording(second));
    assert_eq!(desk.beside().len(), 1);
    desk.perform(vec![Effect::Start(Task::OpenEmbedded, Command::OpenEmbedded)]);
    assert_eq!(desk.beside().len(), 0);
    assert!(desk.state.session.beside.is_empty());
}

#[test]
fn nothing_is_added_where_nothing_is_looked_at() {
    let mut state = State::default();
    assert!(state.apply(Action::File(File::AddRecording("/r".into()))).is_empty());
    assert_eq!(state.message, "Record or open something first");
    // A recording that comes when the first is gone is dropped.
    let task = Task::AddRecording("/r".into());
    state.started(task, Some(super::JobId(1)));
    assert!(state.hear(Event::Cancelled(super::JobId(1))).len() == 1);
}
