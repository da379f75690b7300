//! Why an export was not written.

use std::path::PathBuf;

use crate::job::Cancelled;

/// Why an export was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The folder holds something that is not an older export.
    #[error("the folder holds other files: {}", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ExportError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        String::new()
    }

    /// Whether what a person chose is at fault, not the disk.
    pub(crate) fn is_input(&self) -> bool {
        matches!(self, Self::NotEmpty { .. })
    }
}
