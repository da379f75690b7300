//! Text files become samples with columns; samples become token sequences.
//!
//! Must not know: models.

mod error;
mod pack;

pub(crate) use error::DataError;
pub(crate) use pack::{Packed, Sequence, pack};

use std::collections::BTreeMap;
use std::path::Path;

/// How a txt file becomes samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Each line that is not empty.
    #[default]
    Line,
    /// Runs of lines between empty ones.
    Paragraph,
}

/// One text and the other columns of its row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TextSample {
    pub(crate) text: String,
    /// Extra columns: "task" -> "hops".
    pub(crate) columns: BTreeMap<String, String>,
}

/// A data set, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Data {
    /// File name, "prompt" or "embedded".
    pub(crate) name: String,
    /// SHA-256 (hex) of the text that is run and its columns.
    pub(crate) fingerprint: String,
    pub(crate) samples: Vec<TextSample>,
}

/// Reads a data file; `column` names the one that holds the text (`None`: "text").
pub(crate) fn read(path: &Path, _column: Option<&str>, _cut: Cut) -> Result<Data, DataError> {
    Err(DataError::Empty { path: path.to_owned() })
}

/// One sample: what a person typed.
pub(crate) fn from_prompt(_text: &str) -> Result<Data, DataError> {
    Err(DataError::Empty { path: "prompt".into() })
}

/// JSON lines that lie in memory.
pub(crate) fn from_embedded(_lines: &[u8]) -> Result<Data, DataError> {
    Err(DataError::Empty { path: "embedded".into() })
}

/// Columns of a data file that can hold the text, from its first rows only; empty for txt.
pub(crate) fn columns(_path: &Path) -> Result<Vec<String>, DataError> {
    Ok(Vec::new())
}
