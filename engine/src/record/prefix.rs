//! A start that all sequences of a run share, such as a system prompt or the same examples: it runs once.
//!
//! Later tokens look at its keys and values where they are kept, and its rows are copied into every sequence. Only its
//! last token is read out for each, against the token that follows there.

use std::sync::Arc;
use std::time::Instant;

use crate::count::counted;
use crate::dataset::Sequence;
use crate::job::Job;
use crate::model::{Cache, LayeredModel, ModelCard, NoProbe, Stream};
use crate::notes::Note;
use crate::record::batch::{Part, gather, read_out};
use crate::record::{BATCH_TOKENS, RecordError, kept_bytes};
use crate::recording::ReadAt;
use crate::signal::{Layer, Signal, Subject};

/// A shorter start saves less than it costs to look twice.
const LEAST: usize = 8;

/// What is left of the start after it ran.
pub(super) struct Prefix {
    /// Its length.
    pub(super) tokens: usize,
    /// Its keys and values.
    pub(super) cache: Arc<Cache>,
    /// Its rows without that of the last token, in pieces.
    pub(super) parts: Vec<Part>,
    /// The last token at every depth.
    pub(super) last: Vec<Stream>,
}

/// How many tokens all sequences begin with, where each goes on with at least one of its own; 0 where too few are shared, and
/// where a token sees those behind it, too.
pub(super) fn shared_tokens(subject: Subject, sequences: &[Sequence]) -> usize {
    let Some((first, others)) = sequences.split_first() else { return 0 };
    if subject != Subject::Token || others.is_empty() {
        return 0;
    }
    let shared = others.iter().fold(first.ids.len(), |shared, other| {
        let same = first.ids.iter().zip(&other.ids).take(shared).take_while(|(a, b)| a == b);
        // A sequence that ends here keeps one token for itself.
        same.count().min(other.ids.len().saturating_sub(1))
    });
    let shared = shared.min(first.ids.len().saturating_sub(1));
    if shared < LEAST { 0 } else { shared }
}

/// Most bytes that it takes: keys, values, and rows with the five best.
pub(super) fn bytes(card: &ModelCard, tokens: usize) -> u64 {
    let depths = card.layers as u64 + 1;
    let per_row = depths.saturating_mul(4 * Signal::ALL.len() as u64 + 44);
    kept_bytes(card, tokens).saturating_add(per_row.saturating_mul(tokens as u64))
}

/// What a person is told; `sequences`: how many are here, if that is known.
pub(super) fn note(tokens: usize, sequences: Option<usize>) -> Note {
    let again = sequences.map(|sequences| tokens.saturating_mul(sequences.saturating_sub(1)));
    let again = again.map(|again| {
        let were = if again == 1 { "was" } else { "were" };
        format!(": {} {were} not run again", counted(again, "token"))
    });
    let (start, again) = (counted(tokens, "token"), again.unwrap_or_default());
    Note::new(format!("All sequences begin with the same {start}, which ran once{again}"), "")
}

impl Prefix {
    /// Runs `ids`, the first tokens of a run of `total`; adds the wall time of each block to `block_secs`.
    pub(super) fn run(
        model: &dyn LayeredModel,
        ids: &[u32],
        read_at: ReadAt,
        block_secs: &mut [f64],
        (job, total): (&Job, u64),
    ) -> Result<Self, RecordError> {
        let mut cache = model.cache()?;
        let (mut parts, mut last) = (Vec::new(), Vec::new());
        let before_last = ids.len().saturating_sub(1);
        for piece in ids.chunks(BATCH_TOKENS) {
            let begun = cache.positions();
            // No sequence ends in its start.
            let reads = |position: &usize| read_at.reads(*position, usize::MAX);
            let rows = (begun..before_last.min(begun + piece.len())).filter(reads);
            let rows: Vec<_> = rows.map(|position| Some(position - begun)).collect();
            let keep = |stream: &Stream| gather(stream, None, &rows);
            let mut stream = model.begin_step(piece, &cache)?;
            let mut streams = vec![keep(&stream)];
            last = vec![last_row(&stream)];
            for (layer, secs) in (0_u16..).zip(block_secs.iter_mut()) {
                job.progress("Recording", "tokens", begun as u64, total)?;
                let begun = Instant::now();
                model.step(Layer(layer), &mut cache, &mut stream, &mut NoProbe)?;
                *secs += begun.elapsed().as_secs_f64();
                streams.push(keep(&stream));
                last.push(last_row(&stream));
            }
            let next = rows.iter().flatten().filter_map(|row| ids.get(begun + row + 1)).copied();
            parts.push(read_out(model, &streams, next.collect(), job)?);
        }
        Ok(Self { tokens: ids.len(), cache: Arc::new(cache), parts, last })
    }
}

/// The last token of a stream, which has one.
fn last_row(stream: &Stream) -> Stream {
    let tokens = stream.hidden.len() / stream.width.max(1);
    gather(stream, None, &[tokens.checked_sub(1)])
}
