//! Why a model was not timed.

use crate::checkpoint::OpenError;
use crate::count::counted;
use crate::job::Cancelled;
use crate::model::ModelError;
use crate::record::RecordError;

/// Why a model was not timed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    /// The tokenizer makes nothing of the text, or the list of ids is empty.
    #[error("there is no token to run")]
    NothingToRun,
    /// The text is too short.
    #[error("the input has {}, and {asked} are asked for", counted(found, "token"))]
    TooFew {
        /// Of the input.
        found: usize,
        /// For the bench.
        asked: usize,
    },
    /// The model is too short.
    #[error("{} are asked for, and the model's context is {context}", counted(asked, "token"))]
    TooMany {
        /// For the bench.
        asked: usize,
        /// Of the model.
        context: usize,
    },
    /// A model of images.
    #[error("the model reads images, and no text or ids")]
    ReadsImages,
    /// No whole image, or more than go through the model together.
    #[error(
        "{} are asked for, but must be {per_image}, which are one image, to {most}",
        counted(asked, "token")
    )]
    Images {
        /// For the bench.
        asked: usize,
        /// Of each image.
        per_image: usize,
        /// Of a batch.
        most: usize,
    },
    /// The tokenizer gave up.
    #[error(transparent)]
    Checkpoint(#[from] OpenError),
    /// The model said no.
    #[error(transparent)]
    Model(ModelError),
    /// The recording would not fit, or is wrong.
    #[error(transparent)]
    Record(RecordError),
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ModelError> for MeasureError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Model(other),
        }
    }
}

impl From<RecordError> for MeasureError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Record(other),
        }
    }
}

impl MeasureError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NothingToRun => "Give a text of which the tokenizer makes tokens.".to_owned(),
            Self::TooFew { .. } => "Give a longer input, or ask for fewer tokens.".to_owned(),
            Self::TooMany { .. } => "Ask for fewer tokens.".to_owned(),
            Self::ReadsImages => "Leave the input out: images are made.".to_owned(),
            Self::Images { .. } => "Ask for another number of tokens.".to_owned(),
            Self::Checkpoint(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Cancelled(_) => String::new(),
        }
    }

    /// Whether what a person chose is at fault, not a defect of ours.
    pub(crate) fn is_input(&self) -> bool {
        match self {
            Self::Record(error) => error.is_input(),
            Self::Cancelled(_) => false,
            Self::NothingToRun
            | Self::TooFew { .. }
            | Self::TooMany { .. }
            | Self::ReadsImages
            | Self::Images { .. }
            | Self::Checkpoint(_)
            | Self::Model(_) => true,
        }
    }
}
