//! tokens.csv: every token of a recording in order: those that were read out.
//!
//! | column | meaning |
//! |---|---|
//! | token, sample, position | indexes of the token and its sample in the recording; position in its sequence |
//! | text, next | its text and that of the true next token; empty at the end of a sequence. Where the subject is a whole sample: the sample's text and its label |
//! | full_id, full | first choice of the full model: id and text; empty where its readout is no number |
//! | ... | what the lens says about it, in the lens's own columns |
//! | `sample_<name>` | one for every column of the data |
//!
//! Every token is there, whatever slice the readings are of: a slice is the rows with its value in `sample_<name>`.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use crate::export::{Export, ExportError};
use crate::job::Job;
use crate::model::NO_TOKEN;

/// Tokens between two looks at whether somebody cancelled.
const STRIDE: usize = 4096;
/// The columns of every lens.
const HEAD: [&str; 7] = ["token", "sample", "position", "text", "next", "full_id", "full"];

pub(super) fn write(export: &Export<'_>, file: &Path, job: &Job) -> Result<(), ExportError> {
    let Export { recording, token_columns, .. } = export;
    let created = File::create_new(file).map_err(ExportError::io(file))?;
    let mut writer = csv::Writer::from_writer(BufWriter::new(created));
    let columns = &recording.manifest.columns;
    let names = columns.iter().map(|name| format!("sample_{name}"));
    let head = HEAD.into_iter().map(str::to_owned);
    let head = head.chain(token_columns.names.iter().cloned()).chain(names);
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
            full.map(|id| id.to_string()).unwrap_or_default(),
            piece(full),
        ];
        row.extend((token_columns.cells)(token));
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
