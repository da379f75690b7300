//! Leaves finished rows in the folder of a run, part after part, so that a run that is killed loses little.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::notes::Note;
use crate::record::columns::Columns;
use crate::record::{RecordError, Run};
use crate::recording::{Manifest, RecordingError, Unfinished};

/// A run that is killed earlier leaves nothing.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// A part waits for one twentieth of the run so far: a day makes fewer than 250, and a kill loses no more than that.
const SHARE_OF_RUN: u32 = 20;
/// A part waits for 40 times what the last one took: at most 2.5 % of a run go into parts, however slow the disk.
const TIMES_COST: u32 = 40;
/// More cells than this (about 40 MB, copied while they are written) do not wait.
const MOST_CELLS: usize = 1 << 19;

/// How long to wait for the next part: from the time since the run began and what the last part took.
pub(super) type Pace = fn(Duration, Duration) -> Duration;

/// As the constants above say.
pub(super) fn pace(since_begin: Duration, last_cost: Duration) -> Duration {
    LEAST_WAIT.max(since_begin / SHARE_OF_RUN).max(last_cost * TIMES_COST)
}

/// What was written so far, and when.
pub(super) struct Parts {
    /// `None` where nothing is to be kept, and after a part that could not be written.
    folder: Option<Unfinished>,
    pace: Pace,
    begun: Instant,
    written: Instant,
    cost: Duration,
    /// Rows in the parts so far, and their time in each block.
    num_rows: usize,
    block_secs: Vec<f64>,
    failure: Option<RecordingError>,
}

impl Parts {
    /// Claims the folder, if there is one; `manifest` says what the run is to become.
    pub(super) fn begin(
        folder: Option<&Path>,
        manifest: Manifest,
        pace: Pace,
    ) -> Result<Self, RecordError> {
        let block_secs = vec![0.0; manifest.layers];
        let folder = folder.map(|folder| Unfinished::begin(folder, manifest)).transpose()?;
        let (begun, cost) = (Instant::now(), Duration::ZERO);
        Ok(Self {
            folder,
            pace,
            begun,
            written: begun,
            cost,
            num_rows: 0,
            block_secs,
            failure: None,
        })
    }

    /// Writes what came since the last part, if it is time.
    pub(super) fn offer(&mut self, run: &Run<'_>, columns: &Columns, block_secs: &[f64]) {
        let new = columns.num_rows().saturating_sub(self.num_rows);
        let cells = new * (run.card.layers + 1);
        let wait = (self.pace)(self.begun.elapsed(), self.cost);
        if cells >= MOST_CELLS || self.written.elapsed() >= wait {
            self.write(run, columns, block_secs);
        }
    }

    /// Writes the rest, if there are parts already: the whole recording is saved next, and a kill meanwhile is to lose
    /// nothing. A note where something could not be written.
    pub(super) fn finish(
        &mut self,
        run: &Run<'_>,
        columns: &Columns,
        block_secs: &[f64],
    ) -> Option<Note> {
        if self.num_rows > 0 {
            self.write(run, columns, block_secs);
        }
        self.failure.take().map(|error| {
            let what = format!("Had the run been killed, its tokens would have been lost: {error}");
            Note::new(what, error.hint())
        })
    }

    /// A part that cannot be written ends the parts and not the run.
    fn write(&mut self, run: &Run<'_>, columns: &Columns, block_secs: &[f64]) {
        let Some(folder) = &mut self.folder else { return };
        if columns.num_rows() == self.num_rows {
            return;
        }
        let begun = Instant::now();
        let since = columns.since(self.num_rows);
        let secs = block_secs.iter().zip(&self.block_secs).map(|(all, old)| all - old).collect();
        let mut manifest = run.manifest(&since, secs, Vec::new());
        if run.read_at.has_gaps() {
            // Tokens without a row are in no table: only now can it be said what ran, up to here.
            manifest.provenance.data_fingerprint = columns.fingerprint();
        }
        match folder.add(&since.into_recording(manifest, run.piece)) {
            Ok(()) => {
                self.num_rows = columns.num_rows();
                self.block_secs = block_secs.to_vec();
            }
            Err(error) => {
                self.failure = Some(error);
                self.folder = None;
            }
        }
        self.written = Instant::now();
        self.cost = begun.elapsed();
        tracing::debug!(rows = self.num_rows, cost = ?self.cost, "a part of the run");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_rarer_with_the_run_and_on_a_slow_disk() {
        let secs = Duration::from_secs;
        assert_eq!(pace(secs(3), Duration::ZERO), secs(1));
        assert_eq!(pace(secs(2000), Duration::from_millis(10)), secs(100));
        assert_eq!(pace(secs(3), secs(2)), secs(80));
        let (mut now, mut parts) = (Duration::ZERO, 0);
        while now < secs(24 * 3600) {
            now += pace(now, Duration::ZERO);
            parts += 1;
        }
        assert!(parts < 250, "{parts}");
    }
}
