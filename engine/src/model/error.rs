//! Why a network could not be built or run.

use crate::checkpoint::OpenError;
use crate::job::Cancelled;

/// Why a network could not be built or run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// A family that this version does not run.
    #[error("the architecture `{found}` is not supported; supported are {}", allowed.join(", "))]
    UnknownFamily {
        /// What the checkpoint says.
        found: String,
        /// What runs.
        allowed: Vec<&'static str>,
    },
    /// The bytes of a tensor could not be had.
    #[error(transparent)]
    Checkpoint(#[from] OpenError),
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ModelError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        String::new()
    }
}
