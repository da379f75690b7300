//! Why a checkpoint could not be opened.

use std::path::PathBuf;

/// Why a checkpoint could not be opened. The path stands last, so that a narrow window cuts it and not the reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The file system said no.
    #[error("cannot read: {source}: {}", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl OpenError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "Check that the file exists and that you may read it.".to_owned(),
        }
    }
}
