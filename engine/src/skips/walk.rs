//! A text gone on with, token by token, each the most probable one; timed.

use std::time::Instant;

use crate::generate::largest;
use crate::job::Job;
use crate::model::ModelError;
use crate::policy::Place;
use crate::skips::through::{How, through};

/// One continuation.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Walk {
    /// What was chosen behind the prompt; fewer than asked for where the logits are no numbers.
    pub(super) ids: Vec<u32>,
    /// Wall time of the prompt, its last logits included.
    pub(super) prefill_secs: f64,
    /// Wall time of all steps behind it.
    pub(super) decode_secs: f64,
    /// Bytes of keys and values at the end.
    pub(super) kept_bytes: u64,
}

/// Runs the prompt, then chooses and runs `steps` tokens.
pub(super) fn walk(
    how: How<'_>,
    prompt: &[u32],
    steps: usize,
    job: &Job,
) -> Result<Walk, ModelError> {
    let given = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
    let mut caches = [how.model.cache()?];
    let run = |caches: &mut [_], ids: &[u32], past: usize| -> Result<Option<u32>, ModelError> {
        let first = u32::try_from(past).unwrap_or(u32::MAX);
        let places: Vec<Place> =
            (first..).take(ids.len()).map(|at| Place::new(at, given)).collect();
        let mut stream = how.model.begin_at(ids, past)?;
        through(how, (&[0, ids.len()], &places), caches, &mut stream, job)?;
        Ok(largest(&how.model.logits(&stream)?))
    };
    let begun = Instant::now();
    let mut next = run(&mut caches, prompt, 0)?;
    let prefill_secs = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let mut ids = Vec::new();
    while let Some(id) = next.filter(|_| ids.len() < steps) {
        ids.push(id);
        next = run(&mut caches, &[id], prompt.len() + ids.len() - 1)?;
    }
    let decode_secs = begun.elapsed().as_secs_f64();
    Ok(Walk { ids, prefill_secs, decode_secs, kept_bytes: caches[0].bytes() })
}

/// The one in the middle; the mean of two where their number is even, `None` of none.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let upper = *numbers.get(middle)?;
    let lower = if numbers.len().is_multiple_of(2) { *numbers.get(middle - 1)? } else { upper };
    Some(f64::midpoint(lower, upper))
}
