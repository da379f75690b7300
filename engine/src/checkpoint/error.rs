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
    /// The file ends before what its header promises.
    #[error("truncated: needs {needed} bytes, has {found}: {}", path.display())]
    Truncated {
        /// What was read.
        path: PathBuf,
        /// Bytes that the header asks for.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A value of the header that cannot be.
    #[error("{field} is {found}; allowed: {allowed}: {}", path.display())]
    Field {
        /// What was read.
        path: PathBuf,
        /// Which value.
        field: String,
        /// What it says.
        found: String,
        /// What it may say.
        allowed: String,
    },
    /// A tensor is stored in a way that is not supported.
    #[error("tensor {tensor} is stored as {found}; supported: {allowed}: {}", path.display())]
    UnsupportedType {
        /// What was read.
        path: PathBuf,
        /// Which tensor.
        tensor: String,
        /// How it is stored.
        found: String,
        /// What is supported.
        allowed: &'static str,
    },
    /// The tokenizer cannot be built or used.
    #[error("tokenizer: {what}: {}", path.display())]
    Tokenizer {
        /// What was read.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl OpenError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "Check that the file exists and that you may read it.".to_owned(),
            _ => "Get the file again or convert it.".to_owned(),
        }
    }
}
