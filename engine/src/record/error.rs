//! Why a run left no recording.

use crate::job::Cancelled;
use crate::model::ModelError;

/// Why a run left no recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// No token.
    #[error("there is no token to run")]
    NothingToRun,
    /// The model said no.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A person cancelled before anything was done.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl RecordError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        String::new()
    }
}
