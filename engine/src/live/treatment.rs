//! What becomes of the keys and values that a token which stopped did not compute.

use crate::model::MissingKv;
use crate::signal::Subject;

/// What later tokens read where a token has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The true entries: a token that stopped goes on with the next one that goes deeper (EE-LLM). Exact.
    Recompute,
    /// Entries made from the state at the exit (CALM): norm and projections of every block that was left out.
    Propagate,
    /// The entry of the last block that the token ran.
    CopyBelow,
    /// Nothing.
    Absent,
    /// The true entries, from a pass that checks several drafted tokens at once (`LayerSkip`). Exact.
    Speculate,
}

impl Treatment {
    /// Every treatment, in the order of menus.
    pub const ALL: [Self; 5] =
        [Self::Recompute, Self::Propagate, Self::CopyBelow, Self::Absent, Self::Speculate];

    /// Stable, kebab-case.
    pub fn id(self) -> &'static str {
        match self {
            Self::Recompute => "recompute",
            Self::Propagate => "propagate",
            Self::CopyBelow => "copy-below",
            Self::Absent => "absent",
            Self::Speculate => "speculate",
        }
    }

    /// Sentence case, for menus.
    pub fn label(self) -> &'static str {
        match self {
            Self::Recompute => "Recompute on demand",
            Self::Propagate => "Copy the exit state upwards",
            Self::CopyBelow => "Copy the entry below",
            Self::Absent => "Leave out",
            Self::Speculate => "Verify by batches",
        }
    }

    /// Whether what later tokens read is what the full model has there.
    pub fn is_exact(self) -> bool {
        match self {
            Self::Recompute | Self::Speculate => true,
            Self::Propagate | Self::CopyBelow | Self::Absent => false,
        }
    }

    /// A treatment by its id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|treatment| treatment.id() == id)
    }

    /// Where the whole text is given, what drafts leave to a verifying pass is recomputed by the same rows.
    pub(super) fn missing(self) -> MissingKv {
        match self {
            Self::Recompute | Self::Speculate => MissingKv::Recompute,
            Self::Propagate => MissingKv::Propagate,
            Self::CopyBelow => MissingKv::CopyBelow,
            Self::Absent => MissingKv::Absent,
        }
    }

    /// Whether the replay says what a run does, and why.
    pub(super) fn why(self, subject: Subject) -> &'static str {
        match (subject, self) {
            (Subject::Sample, _) => {
                "The run is exact: whole samples stop, and nothing of a sample is read by another one"
            }
            (_, Self::Recompute) => {
                "The run is exact: where a later token goes deeper, those that stopped before it are run on, so it reads what the full model has"
            }
            (_, Self::Speculate) => {
                "The run is exact: the remaining blocks fill in every entry that a later token reads"
            }
            (_, Self::Propagate) => {
                "The run is not the replay: in blocks that a token left out, later ones read what its state at the exit gives there"
            }
            (_, Self::CopyBelow) => {
                "The run is not the replay: in blocks that a token left out, later ones read the entry of the last block that it ran"
            }
            (_, Self::Absent) => {
                "The run is not the replay: in blocks that a token left out, later ones do not see it"
            }
        }
    }
}
