//! Why nothing was run with skips.

use crate::checkpoint::OpenError;
use crate::count::counted;
use crate::job::Cancelled;
use crate::model::ModelError;
use crate::policy::skip::Unplanned;
use crate::recording::ReadAt;

/// Why nothing was run with skips.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SkipError {
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
    /// Tokens that read what follows them.
    #[error(
        "`{family}` is no decoder: its tokens read one another, and none can leave a block out alone"
    )]
    NoDecoder {
        /// What is open.
        family: String,
    },
    /// No token within the limit.
    #[error("the recording has no text with two tokens within the limit")]
    NothingToRun,
    /// The prompt takes all.
    #[error("no text has a token behind the first {prompt}, which count as its prompt")]
    NothingToCount {
        /// Tokens of the prompt.
        prompt: u32,
    },
    /// Streams, keys and values would not fit.
    #[error("a text of {} needs {needed} bytes, {allowed} are free", counted(tokens, "token"))]
    TooLarge {
        /// Of the longest text.
        tokens: usize,
        /// Bytes.
        needed: u64,
        /// Bytes.
        allowed: u64,
    },
    /// Prompt and continuation would not fit.
    #[error(
        "a prompt of {} and {tokens} more do not fit into the model's context of {context}",
        counted(prompt, "token")
    )]
    LongText {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens that are to follow.
        tokens: usize,
        /// Of the model.
        context: usize,
    },
    /// A rule that cannot decide here.
    #[error("the rule leaves nothing out here: {why}")]
    NoPlan {
        /// Why.
        why: String,
    },
    /// The prompt could not be tokenized.
    #[error(transparent)]
    Tokenizer(#[from] OpenError),
    /// The model said no.
    #[error(transparent)]
    Model(ModelError),
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ModelError> for SkipError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Model(other),
        }
    }
}

impl From<Unplanned> for SkipError {
    fn from(unplanned: Unplanned) -> Self {
        match unplanned {
            Unplanned::Refused(why) => Self::NoPlan { why },
            Unplanned::Stopped(error) => error.into(),
        }
    }
}

impl SkipError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::OtherModel { .. } => "Open the checkpoint that made the recording.".to_owned(),
            Self::Gaps { .. } => "Record again with a readout of every token.".to_owned(),
            Self::NoDecoder { .. } => "Open a decoder and a recording of it.".to_owned(),
            Self::NothingToRun => "Raise the limit, or record longer texts.".to_owned(),
            Self::NothingToCount { .. } => "Lower `prompt-tokens`.".to_owned(),
            Self::TooLarge { .. } => "Limit the run to fewer tokens.".to_owned(),
            Self::LongText { .. } => "Shorten the prompt or the continuation.".to_owned(),
            Self::NoPlan { .. } => "Choose another rule.".to_owned(),
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
