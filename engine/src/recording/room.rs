//! How many bytes the texts of a recording may take.
//!
//! A dictionary-coded table of 200 KB can say one long text a million times, so the size of a file bounds nothing here:
//! every text is counted before it is copied.

use std::path::Path;

use crate::recording::RecordingError;

/// Most bytes of one text: as long as a line that a data set may have.
const MOST_TEXT: u64 = 16 << 20;
/// What texts may take in any case, where memory allows it.
const LEAST_TEXTS: u64 = 256 << 20;
/// What a text costs beside its bytes: its place in a list or map, twice a length and an allocation.
const PER_TEXT: u64 = 64;

/// Counts down while texts are read.
#[derive(Debug)]
pub(super) struct Room {
    used: u64,
    allowed: u64,
    /// Bytes of all other columns.
    columns: u64,
}

impl Room {
    /// Beside `columns` bytes of a budget. Texts get what is left, but not much more than the numbers take: a
    /// recording whose texts outweigh its signals many times is not one.
    pub(super) fn beside(columns: u64, budget: u64) -> Self {
        let most = columns.saturating_add(LEAST_TEXTS);
        Self { used: 0, allowed: budget.saturating_sub(columns).min(most), columns }
    }

    /// Counts a text of `column` before it is copied.
    pub(super) fn text(
        &mut self,
        bytes: usize,
        column: &str,
        path: &Path,
    ) -> Result<(), RecordingError> {
        let bytes = bytes as u64;
        if bytes > MOST_TEXT {
            let (found, allowed) =
                (format!("a text of {bytes} bytes"), format!("at most {MOST_TEXT}"));
            return Err(RecordingError::field(column, &found, allowed, path));
        }
        self.take(bytes.saturating_add(PER_TEXT), path)
    }

    /// Counts bytes before they are allocated.
    pub(super) fn take(&mut self, bytes: u64, path: &Path) -> Result<(), RecordingError> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= self.allowed {
            return Ok(());
        }
        Err(RecordingError::TooLarge {
            needed: self.columns.saturating_add(self.used),
            allowed: self.columns.saturating_add(self.allowed),
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_get_what_the_columns_leave_but_not_many_times_as_much() {
        let path = Path::new("samples.parquet");
        let mut room = Room::beside(900, 1000);
        assert!(room.take(100, path).is_ok());
        let error = room.take(1, path).unwrap_err().to_string();
        assert_eq!(error, "1001 bytes of memory needed, 1000 allowed: samples.parquet");
        let mut room = Room::beside(1000, u64::MAX);
        assert!(room.take(LEAST_TEXTS + 1000, path).is_ok());
        assert!(room.take(1, path).is_err());
        assert!(Room::beside(10, 5).take(1, path).is_err());
    }

    #[test]
    fn one_text_has_a_limit_of_its_own() {
        let path = Path::new("samples.parquet");
        let mut room = Room::beside(0, u64::MAX);
        assert!(room.text(16 << 20, "data.x", path).is_ok());
        let error = room.text((16 << 20) + 1, "data.x", path).unwrap_err().to_string();
        let said =
            "data.x: a text of 16777217 bytes found, at most 16777216 allowed: samples.parquet";
        assert_eq!(error, said);
    }
}
