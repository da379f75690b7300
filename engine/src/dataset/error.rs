//! Why a data file could not be used.

use std::path::PathBuf;

use crate::checkpoint::{OpenError, reason};
use crate::count::counted;
use crate::job::Cancelled;

/// Why a data file could not be used. The path stands last, so that a narrow window cuts it and not the reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// The file system said no.
    #[error("cannot read: {}: {}", reason(source), path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("a data set is a file, and this is none: {}", path.display())]
    NoFile {
        /// What was given.
        path: PathBuf,
    },
    /// An ending that no format has.
    #[error("{} is no data set; allowed are {}: {}", ending(found), allowed.join(", "), path.display())]
    UnknownKind {
        /// The ending, without its dot.
        found: String,
        /// Endings of every format.
        allowed: Vec<&'static str>,
        /// The file.
        path: PathBuf,
    },
    /// More than a limit allows.
    #[error("{field}: {found} found, {allowed} allowed: {}", path.display())]
    TooLarge {
        /// What was counted.
        field: &'static str,
        /// How many there are, at least.
        found: u64,
        /// The limit.
        allowed: u64,
        /// The file.
        path: PathBuf,
    },
    /// Another encoding, or no text.
    #[error("line {line}, byte {byte}: not UTF-8: {}", path.display())]
    NotUtf8 {
        /// Counted from 1.
        line: u64,
        /// Counted from 1, inside the line.
        byte: usize,
        /// The file.
        path: PathBuf,
    },
    /// A line that is no JSON.
    #[error("line {line}, column {}: not JSON: {}: {}", source.column(), words(source), path.display())]
    Json {
        /// Counted from 1.
        line: u64,
        /// What the parser said; its own line number is that inside the line.
        source: serde_json::Error,
        /// The file.
        path: PathBuf,
    },
    /// A line that is JSON, but something else than an object.
    #[error("line {line}: {found} found, an object is allowed: {}", path.display())]
    NotObject {
        /// Counted from 1.
        line: u64,
        /// "a number", "a list".
        found: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A quoted field that does not end where a field may end.
    #[error("line {line}: a quoted field does not end: {}", path.display())]
    Quote {
        /// Where its row begins, counted from 1.
        line: u64,
        /// The file.
        path: PathBuf,
    },
    /// A row with more or fewer fields than the first.
    #[error("line {line}: {} found, {allowed} allowed: {}", counted(found, "field"), path.display())]
    Ragged {
        /// Counted from 1.
        line: u64,
        /// Fields of this row.
        found: usize,
        /// Fields of the first row.
        allowed: usize,
        /// The file.
        path: PathBuf,
    },
    /// Two columns of one name.
    #[error("two columns are called `{column}`: {}", path.display())]
    Twice {
        /// The name.
        column: String,
        /// The file.
        path: PathBuf,
    },
    /// The chosen column is not there.
    #[error("line {line}: no column `{column}`; there are {}: {}", listed(found), path.display())]
    NoColumn {
        /// What was asked for.
        column: String,
        /// Counted from 1.
        line: u64,
        /// What is there.
        found: Vec<String>,
        /// Whether columns may be named by their number, too.
        is_numbered: bool,
        /// The file.
        path: PathBuf,
    },
    /// The chosen column holds something else than text.
    #[error("line {line}: column `{column}` holds {found}, text is allowed: {}", path.display())]
    NotText {
        /// The chosen column.
        column: String,
        /// Counted from 1.
        line: u64,
        /// "a number", "a list".
        found: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file that is no image.
    #[error("this image cannot be read ({what}): {}", path.display())]
    Image {
        /// What its decoder said.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// A prompt of nothing, or of spaces only.
    #[error("the text is empty")]
    Blank,
    /// Nothing to run.
    #[error("there is nothing to run: {}", path.display())]
    Empty {
        /// What was read.
        path: PathBuf,
    },
    /// The tokenizer could not take a text.
    #[error(transparent)]
    Tokenizer(#[from] OpenError),
    /// A person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// How a sentence begins that is about the ending of a name.
fn ending(found: &str) -> String {
    if found.is_empty() {
        "a name without ending".to_owned()
    } else {
        format!("the ending `{found}`")
    }
}

/// Names as a sentence needs them; a wide table is cut.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(SHOWN);
    let end = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{end}", shown.join(", "))
}

/// What the parser said, without the place: its line is always the first.
fn words(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.split(" at line ").next().unwrap_or_default().to_owned()
}

impl DataError {
    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "Check that the file exists and that you may read it.",
            Self::NoFile { .. } => "Choose one of the files inside.",
            Self::UnknownKind { .. } => {
                "Save the text as one of these and give the file that ending."
            }
            Self::TooLarge { .. } => "Split the file and run its parts.",
            Self::NotUtf8 { .. } => "Save the file as UTF-8.",
            Self::Json { .. } | Self::NotObject { .. } => {
                "Each line has to be one JSON object, nested at most 127 deep: {\"text\": \"…\"}."
            }
            Self::Quote { .. } => "Close the quotes, and write a quote inside a field as two.",
            Self::Ragged { .. } => {
                "Give every row as many fields as the first; quote text with commas."
            }
            Self::Twice { .. } => "Rename one of them.",
            Self::NoColumn { found, .. } if found.is_empty() => "Leave the column out.",
            Self::NoColumn { is_numbered: true, .. } => {
                "Choose one of these as the column, or #1, #2 … if the file has no header."
            }
            Self::NoColumn { .. } => "Choose one of these as the column.",
            Self::NotText { .. } => "Choose a column that holds text.",
            Self::Image { .. } => "Save it anew as PNG or JPEG, or take it out of the folder.",
            Self::Blank => "Type some text.",
            Self::Empty { .. } => "Choose a file that holds text, or a folder with images.",
            Self::Tokenizer(error) => return error.hint(),
            Self::Cancelled(_) => "",
        }
        .to_owned()
    }
}
