//! What was done differently than asked, collected while the work goes on.
//!
//! An error ends the work; a note travels with its result, so that a window and an export say the same.

use std::sync::{Mutex, PoisonError};

/// One thing that was done differently than asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// One sentence: what happened.
    pub what: String,
    /// One sentence: what a person can do; empty where nothing is needed.
    pub hint: String,
}

impl Note {
    /// A note with a hint.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// Collector that is passed down; safe to share between threads.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Vec<Note>>);

impl Notes {
    /// Adds a note once.
    pub fn add(&self, note: Note) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Every note so far, in the order in which they came.
    pub fn into_vec(self) -> Vec<Note> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of every note so far.
    pub fn to_vec(&self) -> Vec<Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
