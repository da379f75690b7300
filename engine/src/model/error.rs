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
    /// A tensor that the network needs is not there.
    #[error("the checkpoint has no tensor `{name}`")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor that the network would leave out.
    #[error(
        "the checkpoint has a tensor `{name}` ({found}) that a network of family {family} does not use"
    )]
    ExtraTensor {
        /// Its name.
        name: String,
        /// Its shape and type.
        found: String,
        /// Which family was asked.
        family: &'static str,
    },
    /// A tensor whose shape contradicts the configuration.
    #[error("tensor `{name}` has shape {found:?}, but the configuration asks for {allowed:?}")]
    WrongShape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the configuration gives.
        allowed: Vec<usize>,
    },
    /// A tensor whose bytes cannot be rows of its type.
    #[error("tensor `{name}` ({found}) cannot be read as {allowed}")]
    WrongLayout {
        /// Its name.
        name: String,
        /// Its shape and type.
        found: String,
        /// What was needed.
        allowed: String,
    },
    /// A key that the configuration must have.
    #[error("the configuration has no `{key}`")]
    MissingKey {
        /// Its name.
        key: String,
    },
    /// A value that this version does not run.
    #[error("`{key}` is {found}, but only {allowed} is supported")]
    UnsupportedValue {
        /// Name of the key, and in words what it switches on.
        key: String,
        /// What the configuration says.
        found: String,
        /// What runs.
        allowed: String,
    },
    /// A key of which it is not known whether it changes a number.
    #[error("the configuration has a key `{key}` = {found} that this version does not know")]
    UnknownKey {
        /// Its name.
        key: String,
        /// Its value.
        found: String,
    },
    /// Nobody says how images become numbers.
    #[error("the checkpoint has no preprocessor_config.json, which says how images become numbers")]
    NoPreparation,
    /// A request that the network cannot answer.
    #[error("{what} is {found}, but must be {allowed}")]
    Request {
        /// What was asked for.
        what: &'static str,
        /// What was given.
        found: String,
        /// What is possible.
        allowed: String,
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
        match self {
            Self::UnknownFamily { .. } => "Open a checkpoint of a supported family.".to_owned(),
            Self::MissingTensor { .. } | Self::WrongShape { .. } | Self::WrongLayout { .. } => {
                "Check that configuration and weights belong together and that the file is complete."
                    .to_owned()
            }
            Self::ExtraTensor { .. } => {
                "Leaving it out would change the numbers; the checkpoint may be of another family."
                    .to_owned()
            }
            Self::NoPreparation => {
                "Copy preprocessor_config.json from where the checkpoint was published.".to_owned()
            }
            Self::MissingKey { .. } => {
                "Copy the complete configuration from where the checkpoint was published.".to_owned()
            }
            Self::UnsupportedValue { .. } => {
                "Running it as if it were supported would give wrong numbers; open another checkpoint."
                    .to_owned()
            }
            Self::UnknownKey { .. } => {
                "If it changes no number, remove it from a copy of the configuration.".to_owned()
            }
            Self::Request { .. } => "Change the request.".to_owned(),
            Self::Checkpoint(error) => error.hint(),
            Self::Cancelled(_) => String::new(),
        }
    }
}
