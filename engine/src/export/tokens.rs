//! tokens.csv: every token of a recording in order.
//!
//! Columns: token, sample, position, text, next (empty at the end of a sequence), full (first choice of the full
//! model), and one `sample_<name>` for every column of the data.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use crate::export::ExportError;
use crate::job::Job;
use crate::model::NO_TOKEN;
use crate::recording::Recording;

/// Tokens between two looks at whether somebody cancelled.
const STRIDE: usize = 4096;

pub(super) fn write(recording: &Recording, file: &Path, job: &Job) -> Result<(), ExportError> {
    let created = File::create_new(file).map_err(ExportError::io(file))?;
    let mut writer = csv::Writer::from_writer(BufWriter::new(created));
    let head = ["token", "sample", "position", "text", "next", "full"];
    let columns = &recording.manifest.columns;
    let names = columns.iter().map(|name| format!("sample_{name}"));
    let head = head.into_iter().map(str::to_owned).chain(names);
    writer.write_record(head).map_err(ExportError::io(file))?;
    let tokens = &recording.tokens;
    let piece = |id: Option<u32>| id.map(|id| recording.piece(id)).unwrap_or_default();
    for token in 0..recording.num_tokens() {
        if token % STRIDE == 0 {
            job.check()?;
        }
        let number = |column: &[u32]| column.get(token).map_or_else(String::new, u32::to_string);
        let full = recording.first_choice(recording.num_layers(), token);
        let mut row = vec![
            token.to_string(),
            number(&tokens.sample),
            number(&tokens.position),
            recording.text(token),
            piece(tokens.next_ids.get(token).copied().filter(|id| *id != NO_TOKEN)),
            piece(full),
        ];
        let place = tokens.sample.get(token).and_then(|place| usize::try_from(*place).ok());
        let sample = place.and_then(|place| recording.samples.get(place));
        row.extend(columns.iter().map(|name| {
            sample.and_then(|sample| sample.columns.get(name)).cloned().unwrap_or_default()
        }));
        writer.write_record(row).map_err(ExportError::io(file))?;
    }
    let buffered = writer.into_inner().map_err(|error| io::Error::other(error.to_string()));
    let written = buffered.and_then(|buffer| buffer.into_inner().map_err(io::Error::from));
    written.map(drop).map_err(ExportError::io(file))
}
