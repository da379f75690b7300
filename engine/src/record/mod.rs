//! Runs sequences through a model and fills a recording.
//!
//! Must not know: lenses, windows.

mod error;

pub(crate) use error::RecordError;

use crate::checkpoint::Tokenizer;
use crate::dataset::{Data, Sequence};
use crate::job::Job;
use crate::model::LayeredModel;
use crate::notes::Note;
use crate::recording::Recording;

/// Runs `sequences` of `data` through `model`. When cancelled, what was done is kept and labelled partial; an
/// error `Cancelled` only where nothing was done. More than `budget_bytes` of columns is refused before the run.
pub(crate) fn record(
    _model: &dyn LayeredModel,
    _tokenizer: &Tokenizer,
    _data: &Data,
    _sequences: &[Sequence],
    _budget_bytes: u64,
    _notes: Vec<Note>,
    job: &Job,
) -> Result<Recording, RecordError> {
    job.check()?;
    Err(RecordError::NothingToRun)
}
