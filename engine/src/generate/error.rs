//! Why a text was not gone on with.

use std::path::PathBuf;

use crate::checkpoint::OpenError;
use crate::count::counted;
use crate::record::RecordError;
use crate::recording::ReadAt;

/// Why a text was not gone on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenerateError {
    /// Not even a first token.
    #[error("the prompt is empty, and this tokenizer begins a text with no token of its own")]
    EmptyPrompt,
    /// No position is left for the prompt.
    #[error(
        "context is full: the prompt has {}, the model's context {context}",
        counted(tokens, "token")
    )]
    LongPrompt {
        /// Of the prompt.
        tokens: usize,
        /// Of the model.
        context: usize,
    },
    /// A setting that means nothing.
    #[error("{name} is {found}, but must be {allowed}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What was given.
        found: String,
        /// What is possible.
        allowed: &'static str,
    },
    /// A chat without a template.
    #[error("the checkpoint has no chat template: {}", path.display())]
    NoTemplate {
        /// What is open.
        path: PathBuf,
    },
    /// A template that says no, or that is wrong.
    #[error("the chat template cannot be used: {what}: {}", path.display())]
    Template {
        /// What the reader of templates says.
        what: String,
        /// The checkpoint that it belongs to.
        path: PathBuf,
    },
    /// A recording that cannot be gone on with.
    #[error("the recording is of {found}, and {allowed} is open")]
    OtherModel {
        /// Whose it is.
        found: String,
        /// What is open.
        allowed: String,
    },
    /// A recording that cannot be gone on with.
    #[error("the recording has {}, and only one can be continued", counted(texts, "text"))]
    SeveralTexts {
        /// How many.
        texts: usize,
    },
    /// A recording that cannot be gone on with.
    #[error("the recording holds only {}: the text between is not there to go on with", read_at.words())]
    Gaps {
        /// What it holds.
        read_at: ReadAt,
    },
    /// The sampler gave up: a defect of ours, since logits and settings were checked.
    #[error("no token could be chosen: {what}")]
    Sampler {
        /// What it says.
        what: String,
    },
    /// The tokenizer gave up.
    #[error(transparent)]
    Checkpoint(#[from] OpenError),
    /// The model gave up, the numbers would not fit, or a person cancelled before anything was done.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl GenerateError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::EmptyPrompt => "Type some text.".to_owned(),
            Self::LongPrompt { .. } => "Shorten the prompt.".to_owned(),
            Self::Setting { .. } => "Change the setting.".to_owned(),
            Self::NoTemplate { .. } | Self::Template { .. } => {
                "Generate without the chat template.".to_owned()
            }
            Self::OtherModel { .. } => "Open the model of the recording.".to_owned(),
            Self::SeveralTexts { .. } | Self::Gaps { .. } => "Generate from a prompt.".to_owned(),
            Self::Sampler { .. } => "This is a defect; please report it with the model.".to_owned(),
            Self::Checkpoint(error) => error.hint(),
            Self::Record(error) => error.hint(),
        }
    }

    /// Whether what a person chose is at fault, not the disk or a defect of ours.
    pub(crate) fn is_input(&self) -> bool {
        match self {
            Self::Sampler { .. } => false,
            Self::Record(error) => error.is_input(),
            Self::EmptyPrompt
            | Self::LongPrompt { .. }
            | Self::Setting { .. }
            | Self::NoTemplate { .. }
            | Self::Template { .. }
            | Self::OtherModel { .. }
            | Self::SeveralTexts { .. }
            | Self::Gaps { .. }
            | Self::Checkpoint(_) => true,
        }
    }
}
