//! Requests that no network can take: said once for all of them.

use crate::kernel::numerics::Numerics;
use crate::model::{Batch, ModelCard, ModelError, NO_TOKEN, Stream};
use crate::signal::{Depth, Layer};

/// What is asked of a readout.
pub(super) struct Asked<'a> {
    pub(super) depths: &'a [Depth],
    pub(super) streams: &'a [&'a Stream],
    /// What is true for each row, and what that is called.
    pub(super) truth: &'a [u32],
    pub(super) name_of_truth: &'static str,
}

/// Which readouts a head can round.
pub(super) enum Rounds {
    /// Those over a vocabulary.
    Always,
    /// Few answers, which cost nothing, or none.
    Never,
}

/// A rounding that a head or this machine does not do.
pub(super) fn numerics(wish: Numerics, card: &ModelCard, rounds: Rounds) -> Result<(), ModelError> {
    let why_not = match (wish, rounds) {
        (Numerics::F32, _) => None,
        (Numerics::Bf16, Rounds::Always) => wish.why_not().map(str::to_owned),
        (Numerics::Bf16, Rounds::Never) => {
            Some(format!("only readouts over a vocabulary round, and this has: {}", card.readout))
        }
    };
    match why_not {
        None => Ok(()),
        Some(why) => {
            request("the rounding of readouts", wish.id().to_owned(), format!("f32: {why}"))
        }
    }
}

fn request<T>(what: &'static str, found: String, allowed: String) -> Result<T, ModelError> {
    Err(ModelError::Request { what, found, allowed })
}

/// A block that is not there.
pub(super) fn block(layer: Layer, layers: usize) -> ModelError {
    let (found, allowed) = (layer.index().to_string(), format!("below {layers}"));
    ModelError::Request { what: "the block", found, allowed }
}

/// A batch that is not laid out as one, or a sequence longer than the model's context.
pub(super) fn batch(batch: &Batch, context: usize) -> Result<(), ModelError> {
    let (ids, starts) = (&batch.ids, &batch.starts);
    let rises = starts.is_sorted() && starts.first() == Some(&0);
    if !rises || starts.last() != Some(&ids.len()) {
        let allowed = format!("rising from 0 to {}", ids.len());
        return request("the list of sequence starts", format!("{starts:?}"), allowed);
    }
    let longest = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    let longest = longest.saturating_add(batch.past());
    if longest > context {
        let allowed = format!("at most the model's context, {context} tokens");
        return request("the longest sequence", format!("{longest} tokens"), allowed);
    }
    Ok(())
}

/// A stream of another shape than `rows` of `width`.
pub(super) fn stream(stream: &Stream, rows: usize, width: usize) -> Result<(), ModelError> {
    if stream.width == width && stream.hidden.len() == rows * width {
        return Ok(());
    }
    let found = format!("{} numbers of width {}", stream.hidden.len(), stream.width);
    request("the stream", found, format!("{rows} rows of width {width}"))
}

/// A readout of depths or of answers that do not exist: beyond `layers`, beyond `outputs`.
pub(super) fn readout(
    asked: &Asked<'_>,
    layers: usize,
    width: usize,
    outputs: usize,
) -> Result<(), ModelError> {
    let Asked { depths, streams, truth, name_of_truth } = *asked;
    if depths.len() != streams.len() || depths.iter().any(|depth| depth.index() > layers) {
        let allowed = format!("{} depths from 0 to {layers}", streams.len());
        return request("the list of depths", format!("{depths:?}"), allowed);
    }
    for one in streams {
        stream(one, truth.len(), width)?;
    }
    match truth.iter().find(|id| **id != NO_TOKEN && **id as usize >= outputs) {
        None => Ok(()),
        Some(id) => request(name_of_truth, id.to_string(), format!("below {outputs}")),
    }
}
