//! Why a run left no recording.

use crate::count::counted;
use crate::dataset::DataError;
use crate::job::Cancelled;
use crate::model::ModelError;
use crate::recording::RecordingError;

/// Why a run left no recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// No token.
    #[error("there is no token to run")]
    NothingToRun,
    /// The columns would not fit.
    #[error(
        "{} at {} need {} of memory, {} are free for a recording",
        counted(tokens, "token"), counted(depths, "depth"), size(*needed), size(*allowed)
    )]
    TooLarge {
        /// Tokens of the whole run.
        tokens: u64,
        /// Depths L + 1.
        depths: u64,
        /// Bytes.
        needed: u64,
        /// Bytes.
        allowed: u64,
        /// So many tokens would fit.
        fits: u64,
    },
    /// The model gave more or fewer numbers than tokens and depths: a defect of ours.
    #[error("the model gave {found} values of {field}, {allowed} were expected")]
    Shape {
        /// What was counted.
        field: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        allowed: usize,
    },
    /// An image could not be read.
    #[error(transparent)]
    Image(#[from] DataError),
    /// The model said no.
    #[error(transparent)]
    Model(ModelError),
    /// The folder that the recording is for cannot take it.
    #[error(transparent)]
    Folder(RecordingError),
    /// A person cancelled before anything was done.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ModelError> for RecordError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Model(other),
        }
    }
}

impl From<RecordingError> for RecordError {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Folder(other),
        }
    }
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    if bytes < 1 << 20 {
        return format!("{:.1} KiB", bytes as f64 / 1024.0);
    }
    if bytes < 1 << 30 {
        return format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64);
    }
    format!("{:.1} GiB", bytes as f64 / (1 << 30) as f64)
}

impl RecordError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NothingToRun => {
                "Type or choose some text, and set a token limit above 0.".to_owned()
            }
            Self::TooLarge { fits: 0, .. } => {
                "Close other programs, or run shorter texts.".to_owned()
            }
            Self::TooLarge { fits, .. } => format!("Limit the run to {}.", counted(fits, "token")),
            Self::Shape { .. } => "This is a defect; please report it with the model.".to_owned(),
            Self::Image(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Folder(error) => error.hint(),
            Self::Cancelled(_) => String::new(),
        }
    }
    /// Whether what a person chose is at fault, not the disk or a defect of ours.
    pub(crate) fn is_input(&self) -> bool {
        match self {
            Self::NothingToRun | Self::TooLarge { .. } | Self::Image(_) | Self::Model(_) => true,
            Self::Folder(error) => error.is_input(),
            Self::Shape { .. } | Self::Cancelled(_) => false,
        }
    }
}
