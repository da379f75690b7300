//! A rule that is executed on the texts of the recording.

use std::sync::Arc;

use layerscope_engine::api::{
    self, Command, JobId, KnobCard, Knobs, SkipGenerate, SkipRequest, Treatment, Value,
    VerifyRequest, View, WriteRequest,
};
use serde::{Deserialize, Serialize};

use super::{Effect, State, Task};

/// Tokens of the recording that are run where nobody chose.
const USUAL_TOKENS: u64 = 2000;

/// What is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The exit rule of the lens.
    #[default]
    Exits,
    /// A skip rule.
    Skips,
}

/// How a rule is executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub(crate) struct LiveSetup {
    /// What is executed.
    pub(crate) kind: Kind,
    /// The skip rule and its knobs.
    pub(crate) skips: Knobs,
    /// Id of what later tokens read where a token has stopped.
    pub(crate) treatment: String,
    /// So many tokens of the recording are run; `None`: all.
    pub(crate) limit_tokens: Option<u64>,
    /// How often the runs are timed, by turns.
    pub(crate) repeats: usize,
    /// Whether the prompt is gone on with, too.
    pub(crate) writes: bool,
    /// Most new tokens then.
    pub(crate) most_tokens: u64,
    /// Blocks of a drafted token; `None`: half of them.
    pub(crate) draft_depth: Option<u16>,
    /// Most tokens that are drafted at a time.
    pub(crate) draft_length: usize,
}

impl Default for LiveSetup {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            skips: Knobs::default(),
            treatment: Treatment::Recompute.id().to_owned(),
            limit_tokens: Some(USUAL_TOKENS),
            repeats: 3,
            writes: false,
            most_tokens: 64,
            draft_depth: None,
            draft_length: 6,
        }
    }
}

impl LiveSetup {
    /// What later tokens read; the exact one where a session names one that is not known.
    pub(crate) fn treatment(&self) -> Treatment {
        Treatment::find(&self.treatment).unwrap_or(Treatment::Recompute)
    }
}

/// What was asked and what was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verified {
    /// With the knobs of the time.
    pub(crate) command: Command,
    /// Figures, readings, notes.
    pub(crate) view: Arc<View>,
}

impl State {
    /// Why no rule can be executed now, or nothing.
    pub(crate) fn why_no_verify(&self) -> Option<&'static str> {
        if self.model.is_none() {
            return Some("To execute a rule needs the checkpoint: open it first");
        }
        if self.recording.is_none() {
            return Some("There is no recording whose texts could be run: record first");
        }
        if self.session.live.writes && self.session.input.prompt.trim().is_empty() {
            return Some("Type the prompt that is to be gone on with first");
        }
        self.is_busy_with(|task| !matches!(task, Task::SaveRecording(_) | Task::Export(_)))
            .then_some("Something is running already")
    }

    /// Executes the rule, or says in the status bar why not.
    pub(super) fn verify(&mut self) -> Vec<Effect> {
        if let Some(reason) = self.why_no_verify() {
            reason.clone_into(&mut self.message);
            return Vec::new();
        }
        let Some(command) = self.live_command() else { return Vec::new() };
        vec![Effect::Start(Task::Live(Box::new(command.clone())), command)]
    }

    /// What would be executed now.
    fn live_command(&self) -> Option<Command> {
        let recording = self.recording.clone()?;
        let setup = &self.session.live;
        if setup.kind == Kind::Skips {
            let generate = setup.writes.then(|| SkipGenerate {
                prompt: Some(self.session.input.prompt.clone()),
                tokens: usize::try_from(setup.most_tokens).unwrap_or(usize::MAX),
            });
            let (knobs, limit_tokens) = (setup.skips.clone(), setup.limit_tokens);
            return Some(Command::Skip(SkipRequest { recording, knobs, limit_tokens, generate }));
        }
        let write = setup.writes.then(|| WriteRequest {
            prompt: self.session.input.prompt.clone(),
            most_tokens: setup.most_tokens,
            draft_depth: setup.draft_depth,
            draft_length: setup.draft_length,
        });
        Some(Command::Verify(VerifyRequest {
            recording,
            knobs: self.session.knobs.clone(),
            treatment: setup.treatment(),
            write,
            limit_tokens: setup.limit_tokens,
            repeats: setup.repeats,
        }))
    }

    /// Knobs of skips as they are for this recording.
    pub(crate) fn skip_cards(&self) -> Vec<KnobCard> {
        api::skip_knobs(self.recording.as_deref(), &self.session.live.skips)
    }

    /// Turns one of them; what the others then no longer allow goes back to its default.
    pub(super) fn turn_skip(&mut self, knob: &str, value: Value, is_held: bool) {
        let is_known =
            self.skip_cards().iter().any(|card| card.id == knob && card.kind.allows(&value));
        if !is_known {
            return;
        }
        let mut setup = self.session.live.clone();
        if setup.skips.get(knob) != Some(&value) {
            setup.skips.set(knob, value);
            let cards = api::skip_knobs(self.recording.as_deref(), &setup.skips);
            setup.skips.keep_allowed(&cards);
        }
        self.set_live(setup, knob, is_held);
    }

    /// Executes rules like this from now on; a step to go back from, where it is another way. While `what` is held it is
    /// one step.
    pub(super) fn set_live(&mut self, setup: LiveSetup, what: &str, is_held: bool) {
        if setup != self.session.live {
            self.undo.turn(&self.session, what, is_held);
            self.session.live = setup;
        }
        if !is_held {
            self.undo.let_go();
        }
    }

    /// Keeps what was found.
    pub(super) fn verified(&mut self, job: JobId, view: Arc<View>) -> Vec<Effect> {
        let Some(running) = self.jobs.remove(&job) else { return Vec::new() };
        if let Task::Live(command) = running.task {
            "The rule was executed".clone_into(&mut self.message);
            self.verified = Some(Verified { command: *command, view });
        }
        vec![Effect::Tell(serde_json::json!({"event": "verified"}))]
    }

    /// Whether what was found was found on what is looked at now, with the knobs as they stand.
    pub(crate) fn is_verified_now(&self) -> bool {
        self.verified.as_ref().is_some_and(|verified| {
            self.live_command().is_some_and(|command| command == verified.command)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Action, Lens, Run, Session};

    #[test]
    fn a_treatment_that_a_session_does_not_know_is_the_exact_one() {
        let setup: LiveSetup = serde_json::from_str(r#"{"treatment": "guess"}"#).unwrap();
        assert_eq!(setup.treatment(), Treatment::Recompute);
        assert_eq!(setup.repeats, 3);
    }

    #[test]
    fn only_what_a_skip_rule_allows_is_turned() {
        let mut state = State::default();
        state.turn_skip("skip-rule", Value::Choice("guess".to_owned()), false);
        assert_eq!(state.session.live.skips, Knobs::default());
        assert_eq!(state.undo_state(), (false, false));
        state.turn_skip("skip-rule", Value::Choice("unified".to_owned()), false);
        assert!(state.skip_cards().iter().any(|card| card.id == "target-speedup"));
    }

    #[test]
    fn what_is_executed_goes_back_and_forth_like_the_knobs_of_a_lens() {
        let mut state = State::default();
        let skips = |knob: &str, value, is_held| {
            Action::Run(Run::TurnSkip { knob: knob.to_owned(), value, is_held })
        };
        state.apply(skips("skip-rule", Value::Choice("random".to_owned()), false));
        // A drag, and a press that moves nothing: one step and none.
        for (at, is_held) in [(2, true), (3, true), (4, true), (4, false), (4, true), (4, false)] {
            state.apply(skips("skipped-blocks", Value::Integer(at), is_held));
        }
        let blocks = |state: &State| state.session.live.skips.get("skipped-blocks").cloned();
        let mut setup = LiveSetup { kind: Kind::Skips, ..state.session.live.clone() };
        state.apply(Action::Run(Run::LiveSetup { setup: setup.clone(), is_held: false }));
        for (repeats, is_held) in [(4, true), (9, true), (9, false)] {
            setup.repeats = repeats;
            state.apply(Action::Run(Run::LiveSetup { setup: setup.clone(), is_held }));
        }
        setup.treatment = Treatment::Speculate.id().to_owned();
        state.apply(Action::Run(Run::LiveSetup { setup, is_held: false }));
        let now = state.session.clone();
        let text = serde_json::to_string(&now).unwrap();
        assert_eq!(Session::from_json(&text).unwrap(), now, "all of it is in the session");

        state.apply(Action::Lens(Lens::Undo));
        assert_eq!(state.session.live.treatment(), Treatment::Recompute);
        assert_eq!(state.session.live.repeats, 9);
        state.apply(Action::Lens(Lens::Undo));
        assert_eq!((state.session.live.repeats, state.session.live.kind), (3, Kind::Skips));
        state.apply(Action::Lens(Lens::Undo));
        assert_eq!(state.session.live.kind, Kind::Exits);
        assert_eq!(blocks(&state), Some(Value::Integer(4)));
        state.apply(Action::Lens(Lens::Undo));
        assert_eq!(blocks(&state), None);
        state.apply(Action::Lens(Lens::Undo));
        assert_eq!(state.session.live, LiveSetup::default());
        assert_eq!(state.undo_state(), (false, true));
        while state.undo_state().1 {
            state.apply(Action::Lens(Lens::Redo));
        }
        assert_eq!(state.session.live, now.live);
    }

    #[test]
    fn without_a_checkpoint_nothing_is_executed_and_that_is_said() {
        let mut state = State::default();
        assert!(state.verify().is_empty());
        assert!(state.message.contains("open it first"), "{}", state.message);
    }
}
