//! Why a rule could not be executed.

use crate::checkpoint::OpenError;
use crate::job::Cancelled;
use crate::model::ModelError;
use crate::recording::ReadAt;

/// Why a rule could not be executed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// The recording is of another checkpoint.
    #[error("the recording is of `{found}`, and open is `{allowed}` or another version of it")]
    OtherModel {
        /// What the recording says.
        found: String,
        /// What is open.
        allowed: String,
    },
    /// Not every token is in the recording.
    #[error("the recording holds {}, and every token has to be run again", read_at.words())]
    Gaps {
        /// Which tokens it holds.
        read_at: ReadAt,
    },
    /// What was run cannot be made again.
    #[error("the recording is of {what}, of which nothing can stop alone or be run again")]
    NotText {
        /// "images", "a model that reads every token together with all others".
        what: &'static str,
    },
    /// A text of the recording was cut.
    #[error("the text of sample {sample} is cut in the recording and cannot be run again")]
    CutText {
        /// Which one, from 0.
        sample: usize,
    },
    /// A rule that knows the answer.
    #[error("the rule `{rule}` looks at what only a finished run knows, so nothing can run it")]
    NotLive {
        /// Its name.
        rule: String,
    },
    /// The rule does not stand.
    #[error("the rule decides nothing here: {why}")]
    NoRule {
        /// Why.
        why: String,
    },
    /// No token within the limit.
    #[error("the recording has no sequence within the limit of tokens")]
    NothingToRun,
    /// The model does not say what the recording holds.
    #[error(
        "the model gives other numbers than the recording holds for {found} of {all} rows at its last depth"
    )]
    OtherNumbers {
        /// Rows that differ.
        found: usize,
        /// Rows that were compared.
        all: usize,
    },
    /// A text could not be tokenized.
    #[error(transparent)]
    Tokenizer(#[from] OpenError),
    /// The model said no.
    #[error(transparent)]
    Model(ModelError),
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ModelError> for LiveError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Model(other),
        }
    }
}

impl LiveError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::OtherModel { .. } => "Open the checkpoint that made the recording.".to_owned(),
            Self::Gaps { .. } => "Record again with a readout of every token.".to_owned(),
            Self::NotText { .. } => {
                "Verify a recording of a decoder or of a classifier of texts.".to_owned()
            }
            Self::CutText { .. } => "Record shorter texts.".to_owned(),
            Self::NotLive { .. } | Self::NoRule { .. } => "Choose another rule.".to_owned(),
            Self::NothingToRun => "Raise the limit.".to_owned(),
            Self::OtherNumbers { .. } => {
                "Its texts may be pairs, or another version recorded it: record again.".to_owned()
            }
            Self::Tokenizer(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Cancelled(_) => String::new(),
        }
    }

    /// Whether what a person chose is at fault.
    pub(crate) fn is_input(&self) -> bool {
        !matches!(self, Self::Cancelled(_))
    }
}
