//! Why an export was not written.

use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::reason;
use crate::figure::PngError;
use crate::job::Cancelled;

/// Why an export was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The folder holds something that no export wrote.
    #[error("the folder holds `{found}`, which is no part of an export: {}", path.display())]
    Foreign {
        /// Name of the first such entry.
        found: String,
        /// The folder.
        path: PathBuf,
    },
    /// A file stands where the folder should be.
    #[error("this is a file, not a folder: {}", path.display())]
    NotFolder {
        /// The file.
        path: PathBuf,
    },
    /// Nothing can be put there: `/`, `..`.
    #[error("nothing can be written under this name: {}", path.display())]
    NoName {
        /// What was asked for.
        path: PathBuf,
    },
    /// A figure in a format that does not exist.
    #[error("`{found}` is no format of figures; there are {}: {}", allowed.join(", "), path.display())]
    Ending {
        /// The ending of the file.
        found: String,
        /// Every ending.
        allowed: &'static [&'static str],
        /// The file.
        path: PathBuf,
    },
    /// The view has no such figure.
    #[error("there is no figure `{found}`; there are {}", allowed.join(", "))]
    NoFigure {
        /// What was asked for.
        found: String,
        /// Ids of the view's figures.
        allowed: Vec<&'static str>,
    },
    /// A figure could not be drawn.
    #[error("figure `{figure}`: {source}")]
    Picture {
        /// Its id.
        figure: &'static str,
        /// Why.
        source: PngError,
    },
    /// The system refused.
    #[error("could not be written: {}: {}", reason(source), path.display())]
    Io {
        /// Why.
        source: io::Error,
        /// Where.
        path: PathBuf,
    },
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ExportError {
    /// For `map_err`: what the system said about `path`.
    pub(super) fn io<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        |error| Self::Io { source: error.into(), path }
    }

    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Foreign { .. } => {
                "Choose a new or an empty folder, or one that holds only an older export."
            }
            Self::NotFolder { .. } | Self::NoName { .. } => "Choose the name of a new folder.",
            Self::Ending { .. } => "Let the name of the file end in one of them.",
            Self::NoFigure { .. } => "Choose one of them.",
            Self::Picture { .. } => "Export this figure as SVG.",
            Self::Io { .. } => "Choose a folder that you may write to and that has room.",
            Self::Cancelled(_) => "",
        }
        .to_owned()
    }

    /// Whether what a person chose is at fault, not the disk.
    pub(crate) fn is_input(&self) -> bool {
        match self {
            Self::Foreign { .. }
            | Self::NotFolder { .. }
            | Self::NoName { .. }
            | Self::Ending { .. }
            | Self::NoFigure { .. } => true,
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound)
            }
            Self::Picture { .. } | Self::Cancelled(_) => false,
        }
    }
}
