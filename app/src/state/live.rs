//! A rule that is executed on the texts of the recording.

use std::sync::Arc;

use layerscope_engine::api::{Command, JobId, Treatment, VerifyRequest, View, WriteRequest};
use serde::{Deserialize, Serialize};

use super::{Effect, State, Task};

/// Tokens of the recording that are run where nobody chose.
const USUAL_TOKENS: u64 = 2000;

/// How a rule is executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub(crate) struct LiveSetup {
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
    pub(crate) request: VerifyRequest,
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
        let Some(recording) = self.recording.clone() else { return Vec::new() };
        let setup = &self.session.live;
        let write = setup.writes.then(|| WriteRequest {
            prompt: self.session.input.prompt.clone(),
            most_tokens: setup.most_tokens,
            draft_depth: setup.draft_depth,
            draft_length: setup.draft_length,
        });
        let request = VerifyRequest {
            recording,
            knobs: self.session.knobs.clone(),
            treatment: setup.treatment(),
            write,
            limit_tokens: setup.limit_tokens,
            repeats: setup.repeats,
        };
        let task = Task::Verify(Box::new(request.clone()));
        vec![Effect::Start(task, Command::Verify(request))]
    }

    /// Keeps what was found.
    pub(super) fn verified(&mut self, job: JobId, view: Arc<View>) -> Vec<Effect> {
        let Some(running) = self.jobs.remove(&job) else { return Vec::new() };
        if let Task::Verify(request) = running.task {
            self.message = "The rule was executed".to_owned();
            self.verified = Some(Verified { request: *request, view });
        }
        vec![Effect::Tell(serde_json::json!({"event": "verified"}))]
    }

    /// Whether what was found was found on what is looked at now, with the knobs as they stand.
    pub(crate) fn is_verified_now(&self) -> bool {
        self.verified.as_ref().is_some_and(|verified| {
            let request = &verified.request;
            Some(&request.recording) == self.recording.as_ref()
                && request.knobs == self.session.knobs
                && request.treatment == self.session.live.treatment()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_treatment_that_a_session_does_not_know_is_the_exact_one() {
        let setup: LiveSetup = serde_json::from_str(r#"{"treatment": "guess"}"#).unwrap();
        assert_eq!(setup.treatment(), Treatment::Recompute);
        assert_eq!(setup.repeats, 3);
    }

    #[test]
    fn without_a_checkpoint_nothing_is_executed_and_that_is_said() {
        let mut state = State::default();
        assert!(state.verify().is_empty());
        assert!(state.message.contains("open it first"), "{}", state.message);
    }
}
