//! The texts of a recording, to be run again.

use crate::model::{Batch, ModelCard};
use crate::policy::Place;
use crate::recording::Recording;
use crate::signal::Subject;
use crate::skips::SkipError;

/// Tokens that go through the model together; a longer text goes alone.
pub(super) const BATCH_TOKENS: usize = 512;

/// Texts in the order of the recording.
#[derive(Debug, Clone)]
pub(super) struct Texts<'a> {
    pub(super) texts: Vec<&'a [u32]>,
    /// First row of each in the recording.
    pub(super) rows: Vec<usize>,
}

/// Neighbours that go through the model together.
pub(super) struct Part {
    pub(super) batch: Batch,
    /// Of each of its tokens.
    pub(super) places: Vec<Place>,
}

/// As many tokens as `limit_tokens` from the start of a recording that this model made; the last text may be cut.
pub(super) fn texts<'a>(
    recording: &'a Recording,
    card: &ModelCard,
    limit_tokens: Option<u64>,
) -> Result<Texts<'a>, SkipError> {
    let manifest = &recording.manifest;
    let from = &manifest.provenance;
    if from.model_fingerprint != card.fingerprint || recording.num_layers() != card.layers {
        let (found, allowed) = (from.model.clone(), card.name.clone());
        return Err(SkipError::OtherModel { found, allowed });
    }
    if recording.subject() != Subject::Token {
        return Err(SkipError::NoDecoder { family: card.family.clone() });
    }
    if manifest.read_at.has_gaps() {
        return Err(SkipError::Gaps { read_at: manifest.read_at });
    }
    let limit = limit_tokens.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let all = recording.samples.iter().map(|sample| {
        let rows = recording.rows(sample);
        (rows.start, recording.tokens.ids.get(rows).unwrap_or_default())
    });
    Ok(Texts { rows: Vec::new(), texts: Vec::new() }.take(all, limit))
}

impl<'a> Texts<'a> {
    fn take(mut self, all: impl Iterator<Item = (usize, &'a [u32])>, limit: usize) -> Self {
        let mut left = limit;
        for (row, ids) in all {
            let ids = ids.get(..left).unwrap_or(ids);
            // A single token has nothing that follows it.
            if ids.len() >= 2 {
                left -= ids.len();
                self.texts.push(ids);
                self.rows.push(row);
            }
        }
        self
    }

    /// The first `limit` tokens.
    pub(super) fn first(&self, limit: usize) -> Self {
        let all = self.rows.iter().copied().zip(self.texts.iter().copied());
        Texts { rows: Vec::new(), texts: Vec::new() }.take(all, limit)
    }

    pub(super) fn num_tokens(&self) -> usize {
        self.texts.iter().map(|ids| ids.len()).sum()
    }

    pub(super) fn longest(&self) -> usize {
        self.texts.iter().map(|ids| ids.len()).max().unwrap_or(0)
    }

    /// Where every token stands, of which the first `prompt` of each text are its prompt.
    pub(super) fn places(&self, prompt: u32) -> impl Iterator<Item = Place> + '_ {
        self.texts
            .iter()
            .flat_map(move |ids| (0..).take(ids.len()).map(move |at| Place::new(at, prompt)))
    }

    /// All of them in parts of at most `BATCH_TOKENS` tokens.
    pub(super) fn parts(&self, prompt: u32) -> impl Iterator<Item = Part> + '_ {
        let mut rest = self.texts.as_slice();
        std::iter::from_fn(move || {
            let mut tokens = 0_usize;
            let fits = |ids: &&&[u32]| {
                tokens += ids.len();
                tokens <= BATCH_TOKENS
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (here, after) = rest.split_at_checked(count)?;
            rest = after;
            let mut batch = Batch { starts: vec![0], ..Batch::default() };
            let mut places = Vec::new();
            for ids in here {
                batch.ids.extend(*ids);
                batch.starts.push(batch.ids.len());
                places.extend((0..).take(ids.len()).map(|at| Place::new(at, prompt)));
            }
            Some(Part { batch, places })
        })
    }
}
