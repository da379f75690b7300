//! Why a recording could not be read or written.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::job::Cancelled;

/// Why a recording could not be read or written. The path stands last, so that a narrow window cuts it and not
/// the reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    /// No manifest.json.
    #[error("the folder is no recording: {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A file stands where the folder should be.
    #[error("this is a file, not a folder: {}", path.display())]
    NotFolder {
        /// The file.
        path: PathBuf,
    },
    /// The system did not let us read.
    #[error("cannot be read: {}: {}", told(source), path.display())]
    Read {
        /// What the system said.
        source: io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// The system did not let us write.
    #[error("cannot be written: {}: {}", told(source), path.display())]
    Write {
        /// What the system said.
        source: io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// Something else lies where a recording should be written.
    #[error("the folder holds other files (`{found}`) and is left as it is: {}", path.display())]
    NotEmpty {
        /// One of them.
        found: String,
        /// The folder.
        path: PathBuf,
    },
    /// A run was killed, or is still going, and has left no tokens yet.
    #[error("the recording was never finished: {}", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
    },
    /// manifest.json is no manifest.
    #[error("not a manifest: {source}: {}", path.display())]
    Json {
        /// What the parser said.
        source: serde_json::Error,
        /// The file.
        path: PathBuf,
    },
    /// Made by a newer Layerscope.
    #[error("version {found} of the layout found, {allowed} allowed: {}", path.display())]
    Version {
        /// What the manifest says.
        found: u64,
        /// What this program reads.
        allowed: u32,
        /// The file.
        path: PathBuf,
    },
    /// A value that cannot be.
    #[error("{field}: {found} found, {allowed} allowed: {}", path.display())]
    Field {
        /// Which one.
        field: String,
        /// What is there.
        found: String,
        /// What may be there.
        allowed: String,
        /// The file.
        path: PathBuf,
    },
    /// It would not fit into memory.
    #[error("{needed} bytes of memory needed, {allowed} allowed: {}", path.display())]
    TooLarge {
        /// Bytes, at least.
        needed: u64,
        /// Bytes.
        allowed: u64,
        /// The folder or table.
        path: PathBuf,
    },
    /// A table is damaged.
    #[error("not a whole Parquet table: {source}: {}", path.display())]
    Table {
        /// What the reader said.
        source: parquet::errors::ParquetError,
        /// The file.
        path: PathBuf,
    },
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl RecordingError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => "Choose the folder that holds manifest.json.",
            Self::NotFolder { .. } => "Choose the name of a new folder.",
            Self::Read { .. } => "Check that the folder exists and that you may read it.",
            Self::Write { .. } => "Choose a folder that you may write to, on a disk that has room.",
            Self::NotEmpty { .. } => "Choose a new folder, or one that holds an older recording.",
            Self::Incomplete { .. } => "Record again into the same folder.",
            Self::Version { .. } => {
                "Open it with the version of Layerscope that made it, or record again."
            }
            Self::TooLarge { .. } => "Record fewer tokens, or open it where there is more memory.",
            Self::Json { .. } | Self::Field { .. } | Self::Table { .. } => {
                "The recording is damaged: copy it again, or record again."
            }
            Self::Cancelled(_) => "",
        }
        .to_owned()
    }

    /// Whether what a person chose is at fault, not the disk.
    pub(crate) fn is_input(&self) -> bool {
        match self {
            Self::Missing { .. }
            | Self::NotFolder { .. }
            | Self::Read { .. }
            | Self::NotEmpty { .. }
            | Self::Incomplete { .. }
            | Self::Json { .. }
            | Self::Version { .. }
            | Self::Field { .. }
            | Self::TooLarge { .. }
            | Self::Table { .. } => true,
            Self::Write { .. } | Self::Cancelled(_) => false,
        }
    }

    /// For `map_err` after reading `path`.
    pub(super) fn reading(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Read { source, path: path.to_owned() }
    }

    /// For `map_err` after writing `path`.
    pub(super) fn writing(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Write { source, path: path.to_owned() }
    }

    /// A value that cannot be.
    pub(super) fn field(
        field: impl Into<String>,
        found: &impl ToString,
        allowed: impl Into<String>,
        path: &Path,
    ) -> Self {
        let (field, found, allowed) = (field.into(), found.to_string(), allowed.into());
        Self::Field { field, found, allowed, path: path.to_owned() }
    }
}

/// What the system said, behind words for what it means.
fn told(source: &io::Error) -> String {
    let words = match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full",
        ErrorKind::PermissionDenied => "permission is missing",
        ErrorKind::ReadOnlyFilesystem => "the disk is read-only",
        ErrorKind::NotFound => "it is not there",
        _ => "the system refused",
    };
    format!("{words} ({source})")
}
