//! What an app may name. No tensor type, no file handle, no model is reachable from here.

pub use crate::dataset::Cut;
pub use crate::figure::{
    Axis, ColorMap, Direction, Figure, Heat, Ink, Mark, Palette, PngError, Rgb, Scale, Size, Theme,
    thin_line, to_csv, to_png, to_svg, wants_dark_text,
};
pub use crate::job::{JobId, Progress};
pub use crate::knob::{ChoiceOption, KnobCard, KnobError, KnobKind, Knobs, Value};
pub use crate::lens::{
    DataTable, LensCard, Reading, ReadingKind, RowColumn, RowsRequest, Selection, TokenRows, View,
};
pub use crate::model::{ModelCard, Point};
pub use crate::notes::Note;
pub use crate::recording::{Manifest, Provenance, Recording, Top5};
pub use crate::worker::{
    Blame, Command, Engine, Event, Input, Inspected, Look, Problem, RecordRequest, Shared,
};

/// The card of every lens, in the order of menus.
pub fn lenses() -> Vec<&'static LensCard> {
    crate::lens::LENSES.iter().map(|lens| lens.card()).collect()
}

/// The knobs of a lens as they are for this recording and these values; empty for an unknown lens.
pub fn knobs(lens: &str, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    crate::lens::find(lens).map(|lens| lens.knobs(recording, knobs)).unwrap_or_default()
}

/// What `path` holds, read from its header only: no weight and no table is touched.
pub fn inspect(path: &std::path::Path) -> Result<Inspected, Problem> {
    crate::worker::inspect(path)
}

/// Columns of a data file that can hold the text.
pub fn data_columns(path: &std::path::Path) -> Result<Vec<String>, Problem> {
    crate::worker::data_columns(path)
}
