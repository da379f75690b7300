//! The texts once through the model, every token given: what it would have said, and what ran.

use crate::job::Job;
use crate::model::{Cache, ModelError, NO_TOKEN};
use crate::recording::depth_of;
use crate::skips::texts::{Part, Texts};
use crate::skips::through::{How, Ran, through};

/// What a pass left; tokens of all texts, end to end.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Outcome {
    /// NLL of the true next token; NaN where there is none.
    pub(super) nll: Vec<f32>,
    /// First choice of the last readout; `NO_TOKEN` where it is no number.
    pub(super) top1: Vec<u32>,
    /// What ran, one entry per block.
    pub(super) ran: Vec<Ran>,
    /// Bytes of the keys and values that were kept.
    pub(super) kept_bytes: u64,
}

/// Runs all texts, of which the first `prompt` tokens each are the prompt.
pub(super) fn pass(
    how: How<'_>,
    texts: &Texts<'_>,
    prompt: u32,
    job: &Job,
) -> Result<Outcome, ModelError> {
    let layers = how.model.card().layers;
    let mut outcome = Outcome { ran: vec![Ran::default(); layers], ..Outcome::default() };
    for Part { batch, places } in texts.parts(prompt) {
        let mut caches = vec![how.model.cache()?; batch.starts.len() - 1];
        let mut stream = how.model.begin(&batch)?;
        let ran = through(how, (&batch.starts, &places), &mut caches, &mut stream, job)?;
        let mut next: Vec<u32> = batch.ids.iter().skip(1).copied().chain([NO_TOKEN]).collect();
        for end in batch.starts.iter().skip(1) {
            if let Some(last) = end.checked_sub(1).and_then(|last| next.get_mut(last)) {
                *last = NO_TOKEN;
            }
        }
        let read = how.model.readout(&[depth_of(layers)], &[&stream], &next, job)?;
        outcome.nll.extend(read.nll);
        outcome.top1.extend(read.top_ids.iter().map(|best| best[0]));
        outcome.kept_bytes += caches.iter().map(Cache::bytes).sum::<u64>();
        for (all, new) in outcome.ran.iter_mut().zip(ran) {
            all.attention.extend(new.attention);
            all.feed_forward.extend(new.feed_forward);
            all.similarities.extend(new.similarities);
        }
    }
    Ok(outcome)
}
