//! Why a data file could not be used.

use std::path::PathBuf;

use crate::checkpoint::OpenError;
use crate::job::Cancelled;

/// Why a data file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// Nothing to run.
    #[error("there is no text to run: {}", path.display())]
    Empty {
        /// What was read.
        path: PathBuf,
    },
    /// The tokenizer could not take a text.
    #[error(transparent)]
    Tokenizer(#[from] OpenError),
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl DataError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        String::new()
    }
}
