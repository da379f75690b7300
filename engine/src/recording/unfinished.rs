//! What a run leaves while it goes: its finished sequences, or the next tokens of the text that is generated, as parts,
//! each a small recording of its own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::job::Job;
use crate::recording::files::{self, Before};
use crate::recording::table::Packing;
use crate::recording::{MANIFEST, Manifest, Recording, RecordingError, UNFINISHED, save};

/// The folder of a run that goes on. Where no part was written it is left as it was found.
#[derive(Debug)]
pub(crate) struct Unfinished {
    folder: PathBuf,
    before: Before,
    /// Of the run: says how many tokens it is to have.
    manifest: Manifest,
    has_begun: bool,
    num_parts: usize,
}

impl Unfinished {
    /// Claims the folder of a run and marks it as incomplete, unless a whole recording lies there: that one stays
    /// what it is until the new one is saved.
    pub(crate) fn begin(folder: &Path, manifest: Manifest) -> Result<Self, RecordingError> {
        let before = files::claim(folder)?;
        let manifest = Manifest { complete: false, partial: true, ..manifest };
        let folder = folder.to_owned();
        let begun = Self { folder, before, manifest, has_begun: false, num_parts: 0 };
        if matches!(before, Before::Nothing | Before::Empty) {
            begun.manifest.write(&begun.folder)?;
        }
        Ok(begun)
    }

    /// Writes the sequences that follow the last part: under a temporary name, so that a kill loses this part only.
    ///
    /// It does not wait for the disk, which took longer than all the rest: a kill does not need it, and after a power
    /// failure a table without its end, where Parquet keeps what it holds, is known to be damaged.
    pub(crate) fn add(&mut self, part: &Recording) -> Result<(), RecordingError> {
        if !self.has_begun {
            self.begin_parts()?;
        }
        let place = files::part(&self.folder, self.num_parts);
        let hidden = files::temporary(&place);
        fs::create_dir(&hidden).map_err(RecordingError::writing(&hidden))?;
        // Half a second of work at most, so nobody needs to watch or end it.
        for table in save::tables(part, &hidden, Packing::Quick, &Job::unattended())? {
            files::reveal(&table)?;
        }
        let manifest = hidden.join(MANIFEST);
        let bytes = part.manifest.to_bytes(&manifest)?;
        fs::write(&manifest, bytes).map_err(RecordingError::writing(&manifest))?;
        files::reveal(&place)?;
        self.num_parts += 1;
        Ok(())
    }

    /// Only now what an older killed run left has to go: until here the new run had nothing better.
    fn begin_parts(&mut self) -> Result<(), RecordingError> {
        self.has_begun = true;
        files::remove_parts(&self.folder)?;
        if self.before == Before::Unfinished {
            self.manifest.write(&self.folder)?;
        }
        let parts = self.folder.join(UNFINISHED);
        fs::create_dir(&parts).map_err(RecordingError::writing(&parts))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.num_parts > 0 {
            return;
        }
        // What cannot be removed says of itself that it is incomplete.
        if self.has_begun {
            drop(files::remove_parts(&self.folder));
        }
        if matches!(self.before, Before::Nothing | Before::Empty) {
            drop(files::remove(&self.folder.join(MANIFEST)));
        }
        if self.before == Before::Nothing {
            drop(fs::remove_dir(&self.folder));
        }
    }
}
