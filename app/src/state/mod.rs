//! The state of the window and everything that changes it: a pure reducer.
//!
//! May use the engine's names. Must not know: threads, drawing, dialogs.

mod action;
mod beside;
#[cfg(test)]
mod beside_tests;
mod command_line;
mod file;
mod heard;
mod layout;
mod lens;
mod live;
mod run;
mod session;
#[cfg(test)]
mod tests;
mod undo;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use layerscope_engine::api::{
    self, JobId, KnobCard, Knobs, LensCard, Look, ModelCard, Numerics, Problem, Progress,
    Recording, RowColumn, RowsRequest, Shared, TokenRows, Value, View,
};

pub(crate) use action::{Action, Ask, Effect, File, Layout, Lens, Run, Task};
pub(crate) use beside::Beside;
pub(crate) use live::{Kind as LiveKind, LiveSetup, Verified};
pub(crate) use session::{ENDING, InputKind, Lights, Session, Side, Source, Writing, is_session};
use undo::Undo;

/// A job that was handed to the engine and has not ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    /// What it is for.
    pub(crate) task: Task,
    /// How far it is.
    pub(crate) progress: Option<Progress>,
    /// Whether it was asked to end.
    pub(crate) is_cancelling: bool,
}

/// The token table: what was asked for and what came.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Only tokens that contain this.
    pub(crate) filter: String,
    /// The column that orders it.
    pub(crate) sort: Option<RowColumn>,
    /// Largest first.
    pub(crate) is_descending: bool,
    /// The rows.
    pub(crate) rows: Option<Arc<TokenRows>>,
    /// The ticket of newer rows that are being ordered.
    awaited: Option<u64>,
}

/// Everything that the window shows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What a person has set up.
    pub(crate) session: Session,
    /// The open model.
    pub(crate) model: Option<Arc<ModelCard>>,
    /// The model that is being opened, from its header.
    pub(crate) header: Option<Arc<ModelCard>>,
    /// What is looked at.
    pub(crate) recording: Option<Shared<Recording>>,
    /// Recordings that stand or stood beside it, by their folders: a step back needs them again.
    nearby: BTreeMap<PathBuf, Shared<Recording>>,
    /// Folders of a session that go beside the next recording.
    to_add: Vec<PathBuf>,
    /// The newest view.
    pub(crate) view: Option<Arc<View>>,
    /// Knobs of the lens as they are for this recording.
    pub(crate) knob_cards: Vec<KnobCard>,
    /// The token table.
    pub(crate) table: Table,
    /// Jobs that have not ended, oldest first; the first one is at work.
    pub(crate) jobs: BTreeMap<JobId, Running>,
    /// What went wrong and was not dismissed, oldest first.
    pub(crate) problems: Vec<Problem>,
    /// What was done last, for the status bar.
    pub(crate) message: String,
    /// What was generated last, as far as it is known.
    pub(crate) written: String,
    /// What came of the last rule that was executed.
    pub(crate) verified: Option<Verified>,
    /// Columns of the chosen data file.
    pub(crate) columns: Vec<String>,
    /// Ticket and knobs of the view that is being computed.
    awaited: Option<(u64, Knobs)>,
    /// The checkpoint and the command of the run that was begun last.
    asked: Option<(Source, api::Command)>,
    /// The same of the run that made the recording.
    made_by: Option<(Source, api::Command)>,
    /// What is opened after the model: the rest of a session.
    after_open: AfterOpen,
    undo: Undo,
}

/// What is done once the model is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum AfterOpen {
    #[default]
    Nothing,
    Record,
    Load(PathBuf),
}

impl State {
    /// Does what a person asked for, and says what has to happen outside.
    pub(crate) fn apply(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::File(action) => self.apply_file(action),
            Action::Run(action) => self.apply_run(action),
            Action::Lens(action) => self.apply_lens(action),
            Action::Layout(action) => self.apply_layout(action),
        }
    }

    /// The engine has taken the command of a task; `None` when too many wait already.
    pub(crate) fn started(&mut self, task: Task, job: Option<JobId>) {
        if let Some(job) = job {
            self.message.clear();
            self.jobs.insert(job, Running { task, progress: None, is_cancelling: false });
        } else {
            self.problems.push(Problem {
                what: "The engine is busy and too much waits already".to_owned(),
                hint: "Wait for what is running, or cancel it.".to_owned(),
                blame: api::Blame::Engine,
            });
        }
    }

    /// The ticket of the view that the last `Effect::Look` asked for.
    pub(crate) fn awaits(&mut self, ticket: u64, knobs: Knobs) {
        self.awaited = Some((ticket, knobs));
    }

    /// The ticket of the table that the last `Effect::Rows` asked for.
    pub(crate) fn awaits_rows(&mut self, ticket: u64) {
        self.table.awaited = Some(ticket);
    }

    /// Whether a newer view is being computed.
    pub(crate) fn is_awaiting(&self) -> bool {
        self.awaited.is_some()
    }

    /// Whether newer rows of the token table are being ordered.
    pub(crate) fn is_awaiting_rows(&self) -> bool {
        self.table.awaited.is_some()
    }

    /// The job that is at work.
    pub(crate) fn at_work(&self) -> Option<(JobId, &Running)> {
        self.jobs.iter().next().map(|(job, running)| (*job, running))
    }

    /// Whether a job like this has not ended.
    pub(crate) fn is_busy_with(&self, matches: impl Fn(&Task) -> bool) -> bool {
        self.jobs.values().any(|running| matches(&running.task))
    }

    /// Whether the open model reads images in the place of text.
    pub(crate) fn reads_images(&self) -> bool {
        self.model.as_ref().is_some_and(|card| card.image_side.is_some())
    }

    /// Why nothing can be run now, or nothing.
    pub(crate) fn why_no_run(&self) -> Option<&'static str> {
        if self.is_busy_with(|task| matches!(task, Task::OpenEmbedded | Task::OpenModel(_))) {
            return Some("The checkpoint is still being opened");
        }
        if self.is_busy_with(|task| matches!(task, Task::Record | Task::Generate)) {
            return Some("A recording is being made");
        }
        if self.model.is_none() {
            return Some("A recording needs a checkpoint: open one first");
        }
        if self.session.input.numerics == Numerics::Bf16 && self.why_no_bf16().is_some() {
            return self.why_no_bf16();
        }
        self.session.input.request().err()
    }

    /// Why readouts cannot be rounded to bf16 on this machine and by this checkpoint, or nothing.
    pub(crate) fn why_no_bf16(&self) -> Option<&'static str> {
        let is_over_words = |card: &ModelCard| card.classes.is_empty();
        if !self.model.as_deref().is_none_or(is_over_words) {
            return Some(
                "Only readouts over a vocabulary round; this checkpoint chooses among classes",
            );
        }
        Numerics::Bf16.why_not()
    }

    /// Why a prompt cannot be gone on with now, or nothing.
    pub(crate) fn why_no_generation(&self) -> Option<&'static str> {
        if self.session.input.kind != InputKind::Prompt {
            return Some("Only a text can be gone on with");
        }
        self.why_no_run()
    }

    /// Why no prompt can stand inside a chat template, or nothing.
    pub(crate) fn why_no_chat(&self) -> Option<&'static str> {
        let has_template = self.model.as_ref().is_some_and(|card| card.chat_template.is_some());
        (!has_template).then_some("The open checkpoint has no chat template")
    }

    /// Why what was generated cannot be gone on with now, or nothing.
    pub(crate) fn why_no_more(&self) -> Option<&'static str> {
        let made = self.recording.as_ref().and_then(|r| r.manifest().generation.as_ref());
        if made.is_none() {
            return Some("Generate a text first");
        }
        self.why_no_generation()
    }

    /// Why nothing can be exported now, or nothing.
    pub(crate) fn why_no_export(&self) -> Option<&'static str> {
        (self.recording.is_none() || self.view.is_none())
            .then_some("There is nothing to export: record or open something first")
    }

    /// The lens of the session; `None` where this program has no such lens.
    pub(crate) fn lens_card(&self) -> Option<&'static LensCard> {
        api::lenses().into_iter().find(|card| card.id == self.session.lens)
    }

    /// What a knob stands at in the setting that the pane turns.
    pub(crate) fn knob_value(&self, card: &KnobCard) -> Value {
        match self.session.edited().get(card.id) {
            Some(value) if card.kind.allows(value) => value.clone(),
            _ => card.kind.default_value(),
        }
    }

    /// What the title of the window says.
    pub(crate) fn title(&self) -> String {
        let name = match (&self.model, &self.recording) {
            (Some(card), _) => card.name.clone(),
            (None, Some(recording)) => recording.manifest().provenance.model.clone(),
            (None, None) => return "Layerscope".to_owned(),
        };
        format!("{name} - Layerscope")
    }

    /// Whether there is something to undo and something to do again.
    pub(crate) fn undo_state(&self) -> (bool, bool) {
        (self.undo.can_go_back(), self.undo.can_go_forth())
    }

    /// What an export writes.
    pub(crate) fn look(&self) -> Option<Look> {
        Some(Look {
            lens: self.session.lens.clone(),
            recording: self.recording.clone()?,
            others: self.others(),
            knobs: self.session.knobs.clone(),
            versus: self.session.versus.clone(),
            selection: self.session.selection,
        })
    }

    /// Knobs follow the recording and each other; then everything is looked at anew.
    fn refresh(&mut self) -> Vec<Effect> {
        self.refresh_knobs();
        let mut effects: Vec<_> = self.look().map(Effect::Look).into_iter().collect();
        effects.extend(self.ask_rows());
        effects
    }

    fn refresh_knobs(&mut self) {
        let recording = self.recording.as_deref();
        let Session { lens, knobs, versus, .. } = &mut self.session;
        // Without a recording the ranges are not known yet, so nothing is dropped.
        if recording.is_some() {
            for knobs in std::iter::once(knobs).chain(versus) {
                knobs.drop_refused(&api::knobs(lens, recording, knobs));
            }
        }
        self.knob_cards = api::knobs(&self.session.lens, recording, self.session.edited());
    }

    fn ask_rows(&self) -> Option<Effect> {
        let request = RowsRequest {
            knobs: self.session.knobs.clone(),
            filter: self.table.filter.clone(),
            sort: self.table.sort,
            descending: self.table.is_descending,
        };
        Some(Effect::Rows(self.recording.clone()?, request))
    }

    fn complain(&mut self, what: impl Into<String>, hint: impl Into<String>) {
        let (what, hint) = (what.into(), hint.into());
        self.problems.push(Problem { what, hint, blame: api::Blame::Input });
    }
}
