//! The texts of a recording, to be run again.

use std::ops::Range;

use crate::checkpoint::Tokenizer;
use crate::live::LiveError;
use crate::model::ModelCard;
use crate::recording::Recording;
use crate::signal::Subject;

/// One sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) ids: Vec<u32>,
    /// Its rows in the recording: its tokens, or the one of the whole sample.
    pub(super) rows: Range<usize>,
}

/// Refuses a recording that this model did not make, or whose input cannot be run again.
pub(super) fn check(recording: &Recording, card: &ModelCard) -> Result<(), LiveError> {
    let from = &recording.manifest.provenance;
    if from.model_fingerprint != card.fingerprint || recording.num_layers() != card.layers {
        let (found, allowed) = (from.model.clone(), card.name.clone());
        return Err(LiveError::OtherModel { found, allowed });
    }
    let read_at = recording.manifest.read_at;
    if read_at.has_gaps() {
        return Err(LiveError::Gaps { read_at });
    }
    if card.image_side.is_some() {
        return Err(LiveError::NotText { what: "images" });
    }
    match recording.subject() {
        Subject::Token | Subject::Sample => Ok(()),
        Subject::OwnToken => {
            let what = "a model that reads every token together with all others";
            Err(LiveError::NotText { what })
        }
    }
}

/// Whole sequences from the start of the recording, as long as all of them together have at most `limit_tokens`.
pub(super) fn texts(
    recording: &Recording,
    card: &ModelCard,
    tokenizer: Option<&Tokenizer>,
    limit_tokens: Option<u64>,
) -> Result<Vec<Text>, LiveError> {
    let mut left = limit_tokens.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut texts = Vec::new();
    for (number, sample) in recording.samples.iter().enumerate() {
        let rows = recording.rows(sample);
        let ids = match recording.subject() {
            Subject::Sample => encoded(recording, number, card, tokenizer)?,
            Subject::Token | Subject::OwnToken => {
                recording.tokens.ids.get(rows.clone()).unwrap_or_default().to_vec()
            }
        };
        if ids.is_empty() {
            continue;
        }
        let Some(rest) = left.checked_sub(ids.len()) else { break };
        left = rest;
        texts.push(Text { ids, rows });
    }
    if texts.is_empty() { Err(LiveError::NothingToRun) } else { Ok(texts) }
}

/// A sample that was kept as a text.
fn encoded(
    recording: &Recording,
    sample: usize,
    card: &ModelCard,
    tokenizer: Option<&Tokenizer>,
) -> Result<Vec<u32>, LiveError> {
    let Some(tokenizer) = tokenizer else { return Err(LiveError::NotText { what: "images" }) };
    let text = recording.text(sample);
    if text.ends_with('…') {
        return Err(LiveError::CutText { sample });
    }
    Ok(tokenizer.encode_within(&text, card.context)?.0)
}
