//! What one run leaves: columns of signals and their provenance. Immutable; opens without the model.
//!
//! Must not know: models, rules, lenses.

mod agreement;
mod cube;
mod error;
mod files;
mod fingerprint;
mod generation;
mod join;
mod load;
mod manifest;
mod memo;
mod read_at;
mod room;
mod save;
mod schema;
mod slice;
#[cfg(any(test, feature = "bench"))]
mod synthetic;
mod table;
#[cfg(test)]
mod tests;
mod unfinished;

pub(crate) use agreement::Agreement;
#[cfg(test)]
pub(crate) use cube::rough;
pub(crate) use cube::{Cubes, Ladder, RUNGS, Sense, Tally, cube_tables, depth_of};
pub(crate) use error::RecordingError;
pub(crate) use fingerprint::{Printer, fingerprint};
pub(crate) use generation::forget_next;
pub use generation::{End, Generation, Sampling};
pub use manifest::{BlockCost, Manifest, Provenance};
pub use read_at::ReadAt;
pub(crate) use slice::{Column, Slice, mean_keys};
#[cfg(any(test, feature = "bench"))]
pub(crate) use synthetic::synthetic;
#[cfg(test)]
pub(crate) use synthetic::synthetic_samples;
pub(crate) use unfinished::Unfinished;

use std::collections::BTreeMap;
use std::path::Path;

use crate::job::Job;
use crate::signal::{Depth, NO_TOKEN, Signal, Subject};

/// Version of the folder layout; readers refuse what they do not know.
pub(crate) const VERSION: u32 = 1;

const MANIFEST: &str = "manifest.json";
/// Tables that every recording has.
const TABLES: [&str; 4] = [schema::TOKENS, schema::SAMPLES, schema::SIGNALS, schema::PIECES];
/// The table that only recordings with the five best tokens have.
const TOP5: &str = "top5.parquet";
/// The folder with the parts of a run that goes on.
const UNFINISHED: &str = "unfinished";

/// Columns of one run. `[depth][token]` everywhere; depth 0..=L. Where the subject is the sample, a sample stands in
/// the place of a token, and its label in the place of the next token.
#[derive(Debug)]
pub struct Recording {
    pub(crate) manifest: Manifest,
    pub(crate) tokens: Tokens,
    pub(crate) samples: Vec<Sample>,
    /// Present signals only; each holds L + 1 columns of one value per token.
    pub(crate) signals: BTreeMap<Signal, Vec<Vec<f32>>>,
    /// Most probable id, `[depth][token]`.
    pub(crate) top1: Vec<Vec<u32>>,
    /// Five best, `[depth][token]`; empty when it was not recorded.
    pub(crate) top5: Vec<Vec<Top5>>,
    /// Text of every id that occurs above, as a person reads it (a leading space is kept).
    pub(crate) pieces: BTreeMap<u32, String>,
    /// Exit cubes that were built so far: a memory, never part of what a recording is.
    pub(crate) cubes: Cubes,
}

/// One entry per token that was read out, or per sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// `NO_TOKEN` where it is a sample.
    pub(crate) ids: Vec<u32>,
    /// What is true: the next token, or the label; `NO_TOKEN` where there is none.
    pub(crate) next_ids: Vec<u32>,
    /// Index into `samples`; never decreases.
    pub(crate) sample: Vec<u32>,
    /// Position inside the sequence; those that were not read out are missing.
    pub(crate) position: Vec<u32>,
    /// Texts of samples; empty where it is a token.
    pub(crate) texts: Vec<String>,
}

/// One sequence and the columns that came with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Extra columns of the data set: "task" -> "hops".
    pub(crate) columns: BTreeMap<String, String>,
    /// First token of the sample; its last is the one before the next sample's first.
    pub(crate) first_token: usize,
    /// How many tokens have a row.
    pub(crate) num_tokens: usize,
}

/// The five most probable tokens, best first; `NO_TOKEN` fills up small vocabularies.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Top5 {
    /// Ids.
    pub ids: [u32; 5],
    /// Probabilities.
    pub probs: [f32; 5],
}

impl Recording {
    /// Where it came from.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Number of tokens.
    pub fn num_tokens(&self) -> usize {
        self.tokens.ids.len()
    }

    /// Number of blocks L; there are L + 1 depths.
    pub fn num_layers(&self) -> usize {
        self.manifest.layers
    }

    /// One signal at one depth, a value per token; `None` if it was not recorded.
    pub(crate) fn column(&self, signal: Signal, depth: Depth) -> Option<&[f32]> {
        Some(self.signals.get(&signal)?.get(depth.index())?.as_slice())
    }

    /// Whether the first choice at `depth` is the full model's; `None` where the full model has none: two absent
    /// choices agree about nothing.
    pub(crate) fn agrees(&self, depth: usize, token: usize) -> Option<bool> {
        let full = self.first_choice(self.num_layers(), token)?;
        Some(self.first_choice(depth, token) == Some(full))
    }

    /// The readout's first choice; `None` where it is no number and chose nothing.
    pub(crate) fn first_choice(&self, depth: usize, token: usize) -> Option<u32> {
        self.top1.get(depth)?.get(token).copied().filter(|id| *id != NO_TOKEN)
    }

    /// What a row is: a token or a sample.
    pub fn subject(&self) -> Subject {
        self.manifest.subject
    }

    /// Whether the first choice at `depth` is what is true; `None` where nothing is known to be true.
    pub(crate) fn is_right(&self, depth: usize, token: usize) -> Option<bool> {
        let truth = self.truth(token)?;
        Some(self.first_choice(depth, token) == Some(truth))
    }

    /// What is true of a row: the next token, the label; `None` where it is not known.
    pub(crate) fn truth(&self, token: usize) -> Option<u32> {
        self.tokens.next_ids.get(token).copied().filter(|id| *id != NO_TOKEN)
    }

    /// Text of a row: that of its token, or that of its sample.
    pub(crate) fn text(&self, token: usize) -> String {
        if self.subject() == Subject::Sample {
            return self.tokens.texts.get(token).cloned().unwrap_or_default();
        }
        self.tokens.ids.get(token).map(|id| self.piece(*id)).unwrap_or_default()
    }

    /// Text of a token id; its number in angle brackets where the text is not known.
    pub fn piece(&self, id: u32) -> String {
        self.pieces.get(&id).cloned().unwrap_or_else(|| format!("<{id}>"))
    }
}

impl Recording {
    /// Writes the folder: every table under a temporary name first; manifest.json says `complete` only at the end.
    /// A folder that holds anything but an older recording is refused. Parts that a run left are removed at the end.
    pub(crate) fn save(&self, folder: &Path, job: &Job) -> Result<(), RecordingError> {
        save::save(self, folder, job)
    }

    /// Reads a folder back, if it needs no more than `budget_bytes` of memory; nothing in it is believed before
    /// it was checked. Of a run that was killed it reads what the run left, and labels it partial.
    pub(crate) fn load(
        folder: &Path,
        budget_bytes: u64,
        job: &Job,
    ) -> Result<Self, RecordingError> {
        load::load(folder, budget_bytes, job)
    }
}

/// What a folder holds, from manifests only; of a run that was killed, what it left.
pub(crate) fn header(folder: &Path) -> Result<Manifest, RecordingError> {
    let manifest = Manifest::read(folder)?;
    Ok(if manifest.complete { manifest } else { join::header(folder, &manifest) })
}

/// Whether a recording could be written to `folder`. Leaves everything as it was.
pub(crate) fn check_folder(folder: &Path) -> Result<(), RecordingError> {
    files::check(folder)
}

/// Whether a folder looks like a recording: it has a manifest.json.
pub(crate) fn is_recording(path: &Path) -> bool {
    path.join(MANIFEST).is_file()
}
