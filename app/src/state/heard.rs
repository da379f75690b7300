//! What the engine tells, and what follows from it.

use std::path::Path;
use std::sync::Arc;

use layerscope_engine::api::{
    self, Event, JobId, Knobs, Live, ModelCard, Recording, Selection, Shared, counted,
};
use serde_json::json;

use super::{AfterOpen, Effect, InputKind, Source, State, Task};

impl State {
    /// Takes in what the engine told, and says what has to happen outside.
    pub(crate) fn hear(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Progress(job, progress) => {
                if let Some(running) = self.jobs.get_mut(&job) {
                    running.progress = Some(progress);
                }
                Vec::new()
            }
            Event::Header(job, card) => {
                if self.jobs.contains_key(&job) {
                    self.header = Some(card);
                }
                Vec::new()
            }
            Event::Generated(job, live) => self.generated(job, live),
            Event::Opened(job, card) => self.opened(job, card),
            Event::Recorded(job, recording) => match self.was_to_be_added(job) {
                Some(folder) => {
                    self.jobs.remove(&job);
                    self.added(folder, recording)
                }
                None => self.recorded(job, recording),
            },
            Event::Wrote(job, path) => self.wrote(job, &path),
            Event::Viewed(ticket, view) => {
                let Some((_, knobs)) = self.awaited.take_if(|(awaited, _)| *awaited == ticket)
                else {
                    // An older view than the one that is waited for; during a drag it is still worth showing.
                    if self.awaited.as_ref().is_some_and(|(awaited, _)| ticket < *awaited) {
                        self.view = Some(view);
                    }
                    return Vec::new();
                };
                self.view = Some(view);
                vec![self.tell_view(&knobs)]
            }
            Event::Rows(ticket, rows) => {
                if self.table.awaited.take_if(|awaited| *awaited == ticket).is_some() {
                    self.table.rows = Some(rows);
                }
                Vec::new()
            }
            Event::Failed(job, problem) => {
                let running = self.jobs.remove(&job);
                self.forget_opening(running.as_ref());
                let told = Effect::Tell(json!({"event": "failed", "what": &problem.what}));
                self.problems.push(problem);
                vec![told]
            }
            Event::ViewFailed(ticket, problem) => {
                self.awaited.take_if(|(awaited, _)| *awaited == ticket);
                self.table.awaited.take_if(|awaited| *awaited == ticket);
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                Vec::new()
            }
            Event::Cancelled(job) => {
                let running = self.jobs.remove(&job);
                let what = running.as_ref().map_or("", |running| running.task.label());
                self.message = format!("{what}: cancelled, nothing was changed");
                self.forget_opening(running.as_ref());
                vec![Effect::Tell(json!({"event": "cancelled"}))]
            }
            Event::Verified(job, view) => self.verified(job, view),
            // Only the command line asks for it.
            Event::MadeMeans(job, _) | Event::Measured(job, _) => {
                self.jobs.remove(&job);
                Vec::new()
            }
            Event::Closed(job) => {
                self.jobs.remove(&job);
                self.model = None;
                Vec::new()
            }
        }
    }

    /// What was open stays open; only the half-open one is forgotten.
    fn forget_opening(&mut self, ended: Option<&super::Running>) {
        let task = ended.map(|running| &running.task);
        if matches!(task, Some(Task::OpenEmbedded | Task::OpenModel(_))) {
            self.header = None;
            self.after_open = AfterOpen::Nothing;
        }
    }

    fn opened(&mut self, job: JobId, card: Arc<ModelCard>) -> Vec<Effect> {
        let Some(running) = self.jobs.remove(&job) else { return Vec::new() };
        self.message = format!("{} is open", card.name);
        let mut effects = vec![Effect::Tell(json!({"event": "opened", "name": &card.name}))];
        self.header = None;
        self.session.recording = None;
        let kind = &mut self.session.input.kind;
        if card.image_side.is_some() {
            *kind = InputKind::Images;
        } else if *kind == InputKind::Images {
            *kind = InputKind::default();
        }
        // The old recording belongs to another model.
        self.recording = None;
        self.clear_beside();
        self.model = Some(card);
        self.view = None;
        self.table.rows = None;
        self.table.awaited = None;
        self.awaited = None;
        self.refresh_knobs();
        match running.task {
            Task::OpenModel(path) => {
                self.session.model = Source::Path(path.clone());
                effects.push(Effect::Remember(path));
            }
            Task::OpenEmbedded => self.session.model = Source::Embedded,
            Task::OpenRecording(_)
            | Task::AddRecording(_)
            | Task::Record
            | Task::Generate
            | Task::Live(_)
            | Task::SaveRecording(_)
            | Task::Export(_)
            | Task::ExportFigure(_) => {}
        }
        match std::mem::take(&mut self.after_open) {
            AfterOpen::Nothing => {}
            AfterOpen::Record => effects.extend(self.record()),
            AfterOpen::Load(path) => {
                let task = Task::OpenRecording(path.clone());
                effects.push(Effect::Start(task, api::Command::Load(path)));
            }
        }
        effects
    }

    /// The text follows every token, the figures whenever there is a newer recording.
    fn generated(&mut self, job: JobId, live: Live) -> Vec<Effect> {
        if !self.jobs.contains_key(&job) {
            return Vec::new();
        }
        self.written = live.text;
        let Some(newer) = live.recording.filter(|new| self.recording.as_ref() != Some(new)) else {
            return Vec::new();
        };
        if self.session.recording.take().is_some() || !self.is_partly_there() {
            self.session.selection = Selection::default();
        }
        self.clear_beside();
        self.recording = Some(newer);
        self.refresh()
    }

    /// Whether what is looked at is a text that is still being written.
    fn is_partly_there(&self) -> bool {
        let manifest = self.recording.as_ref().map(|recording| recording.manifest());
        manifest.is_some_and(|manifest| manifest.partial && manifest.generation.is_some())
    }

    fn recorded(&mut self, job: JobId, recording: Shared<Recording>) -> Vec<Effect> {
        let Some(running) = self.jobs.remove(&job) else { return Vec::new() };
        let tokens = recording.num_tokens();
        let noun = recording.subject().noun();
        let (is_partial, read_at) = (recording.manifest().partial, recording.manifest().read_at);
        let mut effects = vec![Effect::Tell(
            json!({"event": "recorded", "tokens": tokens, "partial": is_partial}),
        )];
        self.message = match (is_partial, &running.task) {
            (true, Task::OpenRecording(_)) => {
                format!("Partial: the first {} here", counted(tokens, noun))
            }
            (true, _) => format!("Cancelled: the first {} kept", counted(tokens, noun)),
            (false, Task::Generate) => {
                let made = recording.manifest().generation.as_ref();
                let why = made.map_or("", |made| made.ended.words());
                format!("{} recorded; the text ends here: {why}", counted(tokens, noun))
            }
            (false, _) if read_at.has_gaps() => {
                format!("{} recorded: {}", counted(tokens, noun), read_at.words())
            }
            (false, _) => format!("{} recorded", counted(tokens, noun)),
        };
        self.session.recording = None;
        self.made_by = match running.task {
            Task::Record | Task::Generate => self.asked.take(),
            _ => None,
        };
        if let Task::OpenRecording(path) = running.task {
            self.session.recording = Some(path.clone());
            effects.push(Effect::Remember(path));
        } else {
            // What was picked was picked in other text.
            self.session.selection = Selection::default();
        }
        if self.session.selection.token.is_some_and(|token| token >= tokens) {
            self.session.selection = Selection::default();
        }
        self.clear_beside();
        self.recording = Some(recording);
        self.table.rows = None;
        self.table.awaited = None;
        effects.extend(self.refresh());
        effects.extend(self.add_those_of_session());
        effects
    }

    fn wrote(&mut self, job: JobId, path: &Path) -> Vec<Effect> {
        let Some(running) = self.jobs.remove(&job) else { return Vec::new() };
        let shown = path.display();
        let tell = |event: &str| Effect::Tell(json!({"event": event, "path": path}));
        match running.task {
            Task::SaveRecording(folder) => {
                self.message = format!("Recording saved to {shown}");
                let effects = vec![tell("saved"), Effect::Remember(folder.clone())];
                self.session.recording = Some(folder);
                effects
            }
            Task::Export(_) | Task::ExportFigure(_) => {
                self.message = format!("Exported to {shown}");
                vec![tell("exported")]
            }
            Task::OpenEmbedded
            | Task::OpenModel(_)
            | Task::OpenRecording(_)
            | Task::AddRecording(_)
            | Task::Record
            | Task::Generate
            | Task::Live(_) => Vec::new(),
        }
    }

    fn tell_view(&self, knobs: &Knobs) -> Effect {
        let cards = api::knobs(&self.session.lens, self.recording.as_deref(), knobs);
        let resolved = knobs.resolved(&cards);
        let mut line = json!({"event": "viewed", "knobs": resolved});
        // The one knob that every rule has; scripts follow it.
        if let Some(threshold) = resolved.get("threshold") {
            line["threshold"] = json!(threshold);
        }
        if self.session.versus.is_some() {
            line["is_compared"] = json!(true);
        }
        Effect::Tell(line)
    }
}
