//! What was done differently than asked.
//!
//! An error ends the work; a note travels with its result, so that a window and an export say the same.

/// One thing that was done differently than asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// One sentence: what happened.
    pub what: String,
    /// One sentence: what a person can do; empty where nothing is needed.
    pub hint: String,
}

impl Note {
    /// A note with a hint; both are read one after the other, so the first gets a full stop.
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        let mut what = what.into();
        if !what.ends_with('.') {
            what.push('.');
        }
        Self { what, hint: hint.into() }
    }

    /// Both sentences on one line.
    pub fn line(&self) -> String {
        format!("{} {}", self.what, self.hint).trim_end().to_owned()
    }
}
