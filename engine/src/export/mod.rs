//! Writes a view to a folder: every figure as SVG, PNG and CSV, the tables, readings.json.
//!
//! Must not know: how a view was made, windows.

mod error;

pub(crate) use error::ExportError;

use std::path::Path;

use crate::job::Job;
use crate::knob::{KnobCard, Knobs};
use crate::lens::{LensCard, View};
use crate::recording::Recording;

/// A view and everything that says where it came from.
pub(crate) struct Export<'a> {
    pub(crate) card: &'a LensCard,
    pub(crate) knob_cards: &'a [KnobCard],
    pub(crate) knobs: &'a Knobs,
    pub(crate) recording: &'a Recording,
    pub(crate) view: &'a View,
}

/// Writes everything to `folder`: `<figure id>.svg|png|csv`, `<table id>.csv`, `tokens.csv`, `readings.json`.
pub(crate) fn write_view(
    _export: &Export<'_>,
    folder: &Path,
    _job: &Job,
) -> Result<(), ExportError> {
    Err(ExportError::NotEmpty { path: folder.to_owned() })
}

/// Writes one figure; the ending of `file` (svg, png, csv) says how.
pub(crate) fn write_figure(
    _export: &Export<'_>,
    _figure_id: &str,
    file: &Path,
) -> Result<(), ExportError> {
    Err(ExportError::NotEmpty { path: file.to_owned() })
}
