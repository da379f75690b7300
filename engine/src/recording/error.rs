//! Why a recording could not be read or written.

use std::path::PathBuf;

use crate::job::Cancelled;

/// Why a recording could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    /// No manifest.json.
    #[error("the folder is no recording: {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl RecordingError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        String::new()
    }
}
