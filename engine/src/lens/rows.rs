//! The token table: which tokens, in which order, and what their cells say.

use std::sync::Arc;

use crate::knob::Knobs;
use crate::recording::Recording;

/// What the token table shall show.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowsRequest {
    /// How the knobs stand: they decide where tokens exit and which slice is shown.
    pub knobs: Knobs,
    /// Only tokens whose text, or sample column as `column:value`, contains this; empty shows all.
    pub filter: String,
    /// Column that orders the rows; token order where `None`.
    pub sort: Option<RowColumn>,
    /// Largest first.
    pub descending: bool,
}

/// A column of the token table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowColumn {
    /// Index of the token in the recording.
    Token,
    /// Index of its sample.
    Sample,
    /// Position in its sequence.
    Position,
    /// Its text.
    Text,
    /// The true next token.
    Next,
    /// The full model's first choice.
    Full,
    /// First choice at the exit depth.
    Exit,
    /// Depth at which it exits.
    Depth,
    /// Whether both choices agree.
    Agrees,
    /// The rule's signal at the exit depth.
    Score,
    /// NLL of the next token at the exit depth.
    Nll,
}

/// The rows of the token table in order; cells are written on demand.
#[derive(Debug)]
pub struct TokenRows {
    pub(crate) recording: Arc<Recording>,
    /// Token indexes in the order of the rows.
    pub(crate) order: Vec<u32>,
    /// Exit depth of every token of the recording.
    pub(crate) exits: Vec<u16>,
    /// The rule's signal.
    pub(crate) signal: crate::signal::Signal,
}

impl PartialEq for TokenRows {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}
