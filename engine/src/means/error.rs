//! Why there are no class means.

use std::path::PathBuf;

use crate::checkpoint::OpenError;
use crate::dataset::DataError;
use crate::job::Cancelled;
use crate::model::ModelError;

/// Why there are no class means.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeansError {
    /// Nothing in the checkpoint reads a whole sample.
    #[error("class means are of whole samples, and the checkpoint reads out: {readout}")]
    NoPooling {
        /// What reads out, in words.
        readout: String,
    },
    /// The data do not say what is true.
    #[error("no sample has a label; the columns are {}: {data}", list(found))]
    NoLabels {
        /// Columns that are there.
        found: Vec<String>,
        /// Name of the data.
        data: String,
    },
    /// Nothing to be told apart.
    #[error(
        "every label in the column `{column}` is `{label}`, and a nearest mean needs two classes: {data}"
    )]
    OneClass {
        /// The one.
        label: String,
        /// Where it stands.
        column: String,
        /// Name of the data.
        data: String,
    },
    /// Labels that are no classes.
    #[error(
        "the column `{column}` has {found} different labels, at most {allowed} are taken for classes: {data}"
    )]
    TooManyClasses {
        /// How many there are.
        found: usize,
        /// How many there may be.
        allowed: usize,
        /// Where they stand.
        column: String,
        /// Name of the data.
        data: String,
    },
    /// A class whose samples were not run.
    #[error("no sample of the class `{label}` was run, so it has no mean")]
    EmptyClass {
        /// Its name.
        label: String,
    },
    /// A state that would make every mean of its class absent.
    #[error("the state of sample {sample}, counted from 1, is NaN or infinite at depth {depth}")]
    NotFinite {
        /// Which one, from 1.
        sample: usize,
        /// Where.
        depth: usize,
    },
    /// The sums would not fit.
    #[error(
        "the means of {classes} classes at {depths} depths need {needed} bytes, {allowed} are free"
    )]
    TooLarge {
        /// How many classes.
        classes: usize,
        /// Depths L + 1.
        depths: usize,
        /// Bytes.
        needed: u64,
        /// Bytes.
        allowed: u64,
    },
    /// No labelled sample with a token.
    #[error("there is no labelled sample to run")]
    NothingToRun,
    /// The open checkpoint is read out by means already, so new ones would not be known to be of it.
    #[error("the checkpoint is open with class means")]
    HasMeans,
    /// The file is not ours to replace.
    #[error("a file that holds no class means stands there: {}", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write: {source}: {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Names that are no JSON: a defect of ours.
    #[error("the header cannot be written ({source}): {}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        source: serde_json::Error,
    },
    /// An image could not be read.
    #[error(transparent)]
    Image(#[from] DataError),
    /// What stands at the place of the file could not be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The model said no.
    #[error(transparent)]
    Model(ModelError),
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ModelError> for MeansError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Model(other),
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl MeansError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoPooling { .. } => {
                "Open an encoder, and name the state of a sample with `--pooling mean` or `--pooling cls`."
            }
            Self::NoLabels { .. } => "Name the column of labels with `--label`.",
            Self::OneClass { .. } | Self::TooManyClasses { .. } => {
                "Name another column with `--label`, or take data of two or more classes."
            }
            Self::EmptyClass { .. } => "Raise the limit of tokens, or leave that class out of the data.",
            Self::NotFinite { .. } => {
                "Leave that sample out; where it is every sample, the weights are damaged."
            }
            Self::TooLarge { .. } => "Close other programs, or take data of fewer classes.",
            Self::NothingToRun => "Raise the limit of tokens, or take data with texts and labels.",
            Self::HasMeans => "Open it without them.",
            Self::Taken { .. } | Self::Io { .. } => "Choose another file.",
            Self::Json { .. } => "This is a defect; please report it with the data.",
            Self::Image(error) => return error.hint(),
            Self::Open(error) => return error.hint(),
            Self::Model(error) => return error.hint(),
            Self::Cancelled(_) => "",
        }
        .to_owned()
    }

    /// Whether what a person chose is at fault, not the disk or a defect of ours.
    pub(crate) fn is_input(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::Json { .. } | Self::Cancelled(_))
    }
}
