//! Recordings of the same data by other models, beside the one that is looked at.

use std::path::{Path, PathBuf};

use layerscope_engine::api::{self, Command, JobId, Recording, Shared};
use serde_json::json;

use super::{Effect, State, Task};

/// A recording that stands beside the one that is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// Where it lies.
    pub(crate) folder: &'a Path,
    /// The recording.
    pub(crate) recording: &'a Shared<Recording>,
}

impl State {
    /// Why no recording can be added now, or nothing.
    pub(crate) fn why_no_adding(&self) -> Option<&'static str> {
        self.recording.is_none().then_some("Record or open something first")
    }

    /// What stands beside the recording, in the order in which it was added.
    pub(crate) fn beside(&self) -> impl Iterator<Item = Beside<'_>> {
        let known = |folder: &'_ PathBuf| self.nearby.get_key_value(folder);
        let all = self.session.beside.iter().filter_map(known);
        all.map(|(folder, recording)| Beside { folder, recording })
    }

    /// What the lens looks at beside the recording; nothing where it looks at one alone.
    pub(super) fn others(&self) -> Vec<Shared<Recording>> {
        if !api::looks_at_others(&self.session.lens) {
            return Vec::new();
        }
        self.beside().map(|beside| beside.recording.clone()).collect()
    }

    pub(super) fn add_recording(&mut self, folder: PathBuf) -> Vec<Effect> {
        if let Some(reason) = self.why_no_adding() {
            reason.clone_into(&mut self.message);
            return Vec::new();
        }
        let session = &self.session;
        if session.beside.contains(&folder) || session.recording.as_ref() == Some(&folder) {
            self.message = format!("This recording is here already: {}", folder.display());
            return Vec::new();
        }
        vec![Effect::Start(Task::AddRecording(folder.clone()), Command::Load(folder))]
    }

    /// A recording was read that was to be added.
    pub(super) fn added(&mut self, folder: PathBuf, other: Shared<Recording>) -> Vec<Effect> {
        let Some(first) = &self.recording else { return Vec::new() };
        if let Err(problem) = api::check_beside(first, &other) {
            let told = Effect::Tell(json!({"event": "failed", "what": &problem.what}));
            self.problems.push(problem);
            return vec![told];
        }
        let model = &other.manifest().provenance.model;
        self.message = format!("{model} stands beside {}", first.manifest().provenance.model);
        let told = Effect::Tell(json!({"event": "added", "path": &folder}));
        let mut effects = vec![told, Effect::Remember(folder.clone())];
        self.undo.push(&self.session);
        self.nearby.insert(folder.clone(), other);
        self.session.beside.push(folder);
        effects.extend(self.refresh());
        effects
    }

    pub(super) fn remove_recording(&mut self, folder: &Path) -> Vec<Effect> {
        if !self.session.beside.iter().any(|other| other == folder) {
            return Vec::new();
        }
        self.undo.push(&self.session);
        self.session.beside.retain(|other| other != folder);
        self.refresh()
    }

    /// Another recording is looked at: what stood beside the old one may be of other data.
    pub(super) fn clear_beside(&mut self) {
        self.session.beside.clear();
        self.nearby.clear();
    }

    /// Reads what a session had beside its recording.
    pub(super) fn add_those_of_session(&mut self) -> Vec<Effect> {
        let folders = std::mem::take(&mut self.to_add);
        let add = |folder: PathBuf| {
            Effect::Start(Task::AddRecording(folder.clone()), Command::Load(folder))
        };
        folders.into_iter().map(add).collect()
    }

    /// Whether a job that ended was reading a recording to add, and which.
    pub(super) fn was_to_be_added(&self, job: JobId) -> Option<PathBuf> {
        match &self.jobs.get(&job)?.task {
            Task::AddRecording(folder) => Some(folder.clone()),
            _ => None,
        }
    }
}
