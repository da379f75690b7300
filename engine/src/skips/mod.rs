//! Skip rules that are executed: the open model runs the texts of a recording again, with and without what a rule leaves
//! out, so that what it costs and what it saves stand side by side.
//!
//! Nothing here is replayed: after the first sublayer that is left out every later signal is another one.
//! Must not know: windows, files, how a view is shown.

mod cost;
mod error;
mod figures;
mod knobs;
mod measure;
mod pass;
mod random;
#[cfg(test)]
#[cfg(feature = "shared-checks")]
mod shared_tests;
mod study;
mod tables;
#[cfg(test)]
mod tests;
mod texts;
mod through;
mod view;
mod walk;

pub(crate) use error::SkipError;
pub(crate) use knobs::cards;
pub(crate) use study::run;

use std::collections::BTreeSet;

use crate::checkpoint::Tokenizer;
use crate::knob::Knobs;
use crate::lens::LensCard;
use crate::recording::Recording;

/// What is run.
pub(crate) struct Asked<'a> {
    pub(crate) recording: &'a Recording,
    /// The rule, its knobs, and what is measured besides.
    pub(crate) knobs: &'a Knobs,
    /// Only so many tokens of the recording, from its start; `None`: all of them.
    pub(crate) limit_tokens: Option<u64>,
    /// A continuation, and time.
    pub(crate) generate: Option<Generate<'a>>,
    /// More bytes of streams, keys and values than this are refused before the run.
    pub(crate) budget_bytes: u64,
}

/// A text that is gone on with, with and without skips.
#[derive(Clone, Copy)]
pub(crate) struct Generate<'a> {
    /// `None`: the beginning of the recording's first text.
    pub(crate) prompt: Option<&'a str>,
    /// How many tokens follow.
    pub(crate) tokens: usize,
    pub(crate) tokenizer: &'a Tokenizer,
    /// A text is over behind each of these.
    pub(crate) ends: &'a BTreeSet<u32>,
}

/// What an export says about it.
pub(crate) static CARD: LensCard = LensCard {
    id: "skips",
    name: "Skips",
    question: "What does the model lose, and what does it save, when blocks or sublayers are really left out?",
    source: "The rule that is chosen; `layerscope rules` names its paper",
    modelled: "FLOPs saved: products of the sublayers that did not run, and one readout per token; what a rule itself costs is left out",
    unknown: "How the model would do after training with the same sets; whether a continuation that differs is worse",
};
