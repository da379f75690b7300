//! Why a training run did not end in a checkpoint.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::checkpoint::reason;
use crate::job::Cancelled;

/// Why a run did not end in a checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainError {
    /// Nobody wants it any more; what was learnt up to the last line of the log is kept.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// No run has this name.
    #[error("there is no training run `{found}`; known: {}", allowed.join(", "))]
    Unknown {
        /// What was asked for.
        found: String,
        /// What there is.
        allowed: Vec<&'static str>,
    },
    /// The recipe has no samples in a step.
    #[error("the recipe draws no samples")]
    Empty,
    /// The loss is no number any more.
    #[error("the loss at step {step} is not a number")]
    Diverged {
        /// The step.
        step: usize,
    },
    /// The folder holds an unfinished run with another seed or recipe.
    #[error("an unfinished run with another seed or recipe is in the way: {}", path.display())]
    OtherRun {
        /// The file of the other run.
        path: PathBuf,
    },
    /// Something else than a training run lies in the folder.
    #[error("the folder holds `{found}`, which no training run left there alone: {}", path.display())]
    Foreign {
        /// Name of such an entry.
        found: String,
        /// The folder.
        path: PathBuf,
    },
    /// A tensor file cannot be written or read.
    #[error("tensors: {source}: {}", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: safetensors::SafeTensorError,
    },
    /// The file system said no.
    #[error("cannot read or write: {}: {}", reason(source), path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The tensor library said no.
    #[error("tensor library: {0}")]
    Candle(#[from] candle_core::Error),
}

impl TrainError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Cancelled(_) => "",
            Self::Unknown { .. } => "Choose one of them.",
            Self::Foreign { .. } => {
                "Choose a new or an empty folder, or one that holds only an older training run."
            }
            Self::Empty => "This is a defect; please report it with the command.",
            Self::Diverged { .. } => "Train with another seed into a new folder.",
            Self::OtherRun { .. } => {
                "Choose a new folder, give the seed of that run, or delete the file to give that run up."
            }
            Self::Tensors { .. } => "Delete the file if it is damaged, then run the same command again.",
            Self::Io { .. } => {
                "Choose a folder that you may write to and that has room; the same command goes on where \
                 a run stopped."
            }
            Self::Candle(_) => {
                "Run the same command again: training goes on where it stopped; report it if that does not help."
            }
        }
        .to_owned()
    }

    /// Whether what a person chose is at fault, not the disk or a defect.
    pub(crate) fn is_input(&self) -> bool {
        match self {
            Self::Unknown { .. }
            | Self::Foreign { .. }
            | Self::OtherRun { .. }
            | Self::Tensors { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                ErrorKind::PermissionDenied
                    | ErrorKind::NotFound
                    | ErrorKind::NotADirectory
                    | ErrorKind::AlreadyExists
            ),
            Self::Cancelled(_) | Self::Empty | Self::Diverged { .. } | Self::Candle(_) => false,
        }
    }
}
