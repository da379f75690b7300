//! Rules that are really executed: what stops leaves the forward pass, and what later tokens read in its place is said.
//!
//! A replay says what a rule would do on recorded signals. Here the same rule is asked in a pass over the same texts, so
//! that replay and run can be compared token by token, with the time that both take.
//!
//! Must not know: windows, files, how a view is shown.

mod error;
mod forced;
mod passes;
mod reader;
#[cfg(test)]
mod tests;
mod texts;
mod treatment;
mod view;
mod writing;
mod written;

pub(crate) use error::LiveError;
pub use treatment::Treatment;
pub(crate) use writing::{Draft, Prompt};

use crate::checkpoint::Tokenizer;
use crate::job::Job;
use crate::knob::{Choice, Knobs};
use crate::lens::{LensCard, View};
use crate::model::LayeredModel;
use crate::policy::choose;
use crate::recording::Recording;
use forced::{Forced, Timed};
use writing::Writer;

/// What a verification is, for whoever exports one.
pub(crate) static CARD: LensCard = LensCard {
    id: "verify",
    name: "Verify live",
    question: "Does a rule do what its replay says, and how long does that take, when tokens really stop?",
    source: "State copying: Schuster et al. 2022 (CALM); pending tokens: Chen et al. 2024 (EE-LLM); drafts: Elhoushi et al. 2024 (LayerSkip)",
    modelled: "Speedup (modelled): the FLOPs of the full model over those of blocks and readouts that were run; while writing, passes over their weights",
    unknown: "Times are those of this machine, on this text, while it did what else it did",
};

/// The knob that says how, among those of the rule.
pub(crate) const TREATMENT: Choice = Choice {
    id: "treatment",
    label: "Treatment",
    help: "What later tokens read in blocks that a token left out",
};

/// What is executed.
pub(crate) struct Asked<'a> {
    pub(crate) recording: &'a Recording,
    /// The rule and its knobs.
    pub(crate) knobs: &'a Knobs,
    pub(crate) treatment: Treatment,
    /// Only so many tokens of the recording are run, whole sequences from its start; `None`: all of them.
    pub(crate) limit_tokens: Option<u64>,
    /// How often the live and the full run are timed, by turns.
    pub(crate) repeats: usize,
    /// A text to go on with, too.
    pub(crate) prompt: Option<&'a Prompt>,
    /// Text of a token.
    pub(crate) piece: &'a dyn Fn(u32) -> String,
}

/// Runs the texts of a recording again, with and without the rule. Nothing is left of a run that is cancelled.
pub(crate) fn verify(
    model: &dyn LayeredModel,
    tokenizer: Option<&Tokenizer>,
    asked: &Asked<'_>,
    job: &Job,
) -> Result<View, LiveError> {
    let Asked { recording, knobs, treatment, limit_tokens, repeats, prompt, piece } = *asked;
    texts::check(recording, model.card())?;
    let chosen = choose(recording, knobs);
    if let Some(why) = chosen.refusal() {
        return Err(LiveError::NoRule { why: why.to_owned() });
    }
    if chosen.live(Vec::new()).is_none() {
        let rule = chosen.rule.card().label.to_lowercase();
        return Err(LiveError::NotLive { rule });
    }
    let texts = texts::texts(recording, model.card(), tokenizer, limit_tokens)?;
    let forced = Forced { model, recording, chosen: &chosen, texts: &texts, treatment };
    let done: Timed = forced.timed(repeats, job)?;
    let mut view = view::view(recording, &chosen, treatment, &done);
    if let Some(prompt) = prompt {
        let chosen = &chosen;
        let done = Writer { model, chosen, treatment, prompt, job }.compared(repeats)?;
        written::add(&mut view, (&done, treatment), model.card(), piece);
    }
    Ok(view)
}
