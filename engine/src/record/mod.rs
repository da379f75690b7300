//! Runs sequences through a model and fills a recording.
//!
//! Must not know: lenses, windows.

mod batch;
mod error;
#[cfg(test)]
mod tests;

pub(crate) use error::RecordError;

use std::collections::{BTreeMap, BTreeSet};

use crate::checkpoint::Tokenizer;
use crate::dataset::{Data, Sequence};
use crate::job::Job;
use crate::model::{LayeredModel, ModelCard, NO_TOKEN};
use crate::notes::Note;
use crate::record::batch::{Part, run_batch};
use crate::recording::{
    BlockCost, Manifest, Provenance, Recording, Sample, Tokens, Top5, VERSION, fingerprint,
    mean_keys,
};
use crate::signal::Signal;

/// Tokens that go through the model together; a longer sequence goes alone.
const BATCH_TOKENS: usize = 512;
/// The five best of more cells than this are not kept: 40 bytes each, 160 MB in all.
const MOST_TOP5_CELLS: u64 = 4_000_000;

/// Runs `sequences` of `data` through `model`. When cancelled, what was done is kept and labelled partial; an
/// error `Cancelled` only where nothing was done. More than `budget_bytes` of columns is refused before the run.
#[expect(clippy::too_many_arguments, reason = "what a run needs; the one caller has them apart")]
pub(crate) fn record(
    model: &dyn LayeredModel,
    tokenizer: &Tokenizer,
    data: &Data,
    sequences: &[Sequence],
    budget_bytes: u64,
    notes: Vec<Note>,
    job: &Job,
) -> Result<Recording, RecordError> {
    let run = Asked { data, sequences, budget_bytes, notes };
    record_with(model, &|id| tokenizer.piece(id), run, job)
}

/// What is run, and within which limits.
struct Asked<'a> {
    data: &'a Data,
    sequences: &'a [Sequence],
    budget_bytes: u64,
    notes: Vec<Note>,
}

fn record_with(
    model: &dyn LayeredModel,
    piece: &dyn Fn(u32) -> String,
    asked: Asked<'_>,
    job: &Job,
) -> Result<Recording, RecordError> {
    let card = model.card();
    let Asked { data, sequences, budget_bytes, mut notes } = asked;
    let total: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
    if total == 0 {
        return Err(RecordError::NothingToRun);
    }
    let keeps_top5 = check_budget(card, sequences, budget_bytes, &mut notes)?;
    let mut columns = Columns::new(card.layers, keeps_top5);
    let mut block_secs = vec![0.0; card.layers];
    let mut is_partial = false;
    job.progress("Recording", "tokens", 0, total as u64)?;
    for batch in batches(sequences) {
        let before = columns.tokens.ids.len() as u64;
        let tick = || job.progress("Recording", "tokens", before, total as u64);
        let part = match run_batch(model, batch, &mut block_secs, job, &tick) {
            Err(RecordError::Cancelled(_)) if before > 0 => {
                is_partial = true;
                break;
            }
            other => other?,
        };
        columns.take(batch, &part, data);
    }
    let done = columns.tokens.ids.len();
    if is_partial {
        let what = format!("Cancelled: {done} of {total} tokens are here");
        notes.push(Note::new(what, "Run again to record the rest."));
    } else {
        // A cancel that comes after the last token changes nothing; the next step notices it.
        job.progress("Recording", "tokens", done as u64, total as u64).ok();
    }
    let manifest = manifest(card, data, &columns, block_secs, notes);
    let manifest = Manifest { partial: is_partial, ..manifest };
    Ok(columns.into_recording(manifest, piece))
}

/// Bytes of the columns and of the largest batch against the budget, before anything is allocated. Whether
/// the five best of every cell are kept.
fn check_budget(
    card: &ModelCard,
    sequences: &[Sequence],
    budget_bytes: u64,
    notes: &mut Vec<Note>,
) -> Result<bool, RecordError> {
    let size_of = |batch: &[Sequence]| batch.iter().map(|s| s.ids.len() as u64).sum::<u64>();
    let depths = card.layers as u64 + 1;
    let tokens = size_of(sequences);
    let cells = tokens.saturating_mul(depths);
    let per_column_token =
        depths.saturating_mul(4 * Signal::ALL.len() as u64 + 4).saturating_add(16);
    // Streams of all depths and the one that runs, and their readouts: nine signals, five ids, five numbers.
    let per_batch_token = (card.width as u64)
        .saturating_mul(4)
        .saturating_add(80)
        .saturating_mul(depths.saturating_add(1));
    let largest = batches(sequences).map(size_of).max().unwrap_or(0);
    let streams = largest.saturating_mul(per_batch_token);
    let needed = tokens.saturating_mul(per_column_token).saturating_add(streams);
    let allowed = budget_bytes;
    if needed > allowed {
        // Fewer tokens than the largest batch make that batch smaller, too.
        let fits = (allowed.saturating_sub(streams) / per_column_token)
            .max(largest.min(allowed / per_column_token.saturating_add(per_batch_token)));
        return Err(RecordError::TooLarge { tokens, depths, needed, allowed, fits });
    }
    let with_top5 = needed.saturating_add(cells.saturating_mul(40));
    let keeps_top5 = cells <= MOST_TOP5_CELLS && with_top5 <= budget_bytes;
    if !keeps_top5 {
        let what = format!("The five best tokens of {cells} cells were not kept, only the first");
        notes.push(Note::new(what, "Limit the run to fewer tokens to keep them."));
    }
    Ok(keeps_top5)
}

/// Neighbours up to `BATCH_TOKENS`; a longer sequence alone.
fn batches(sequences: &[Sequence]) -> impl Iterator<Item = &[Sequence]> {
    let mut rest = sequences;
    std::iter::from_fn(move || {
        let mut tokens = 0_usize;
        let fits = |sequence: &&Sequence| {
            tokens = tokens.saturating_add(sequence.ids.len());
            tokens <= BATCH_TOKENS
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (batch, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(batch)
    })
}

/// A recording that grows batch by batch.
struct Columns {
    tokens: Tokens,
    samples: Vec<Sample>,
    signals: BTreeMap<Signal, Vec<Vec<f32>>>,
    top1: Vec<Vec<u32>>,
    top5: Vec<Vec<Top5>>,
}

impl Columns {
    fn new(layers: usize, keeps_top5: bool) -> Self {
        let depths = layers + 1;
        Self {
            tokens: Tokens::default(),
            samples: Vec::new(),
            signals: Signal::ALL.iter().map(|s| (*s, vec![Vec::new(); depths])).collect(),
            top1: vec![Vec::new(); depths],
            top5: if keeps_top5 { vec![Vec::new(); depths] } else { Vec::new() },
        }
    }

    fn take(&mut self, batch: &[Sequence], part: &Part, data: &Data) {
        for sequence in batch {
            let first_token = self.tokens.ids.len();
            let num_tokens = sequence.ids.len();
            let sample = u32::try_from(self.samples.len()).unwrap_or(NO_TOKEN);
            self.tokens.sample.extend(std::iter::repeat_n(sample, num_tokens));
            self.tokens.position.extend((0_u32..).take(num_tokens));
            self.tokens.ids.extend(&sequence.ids);
            let columns = data.samples.get(sequence.sample).map(|s| s.columns.clone());
            let columns = columns.unwrap_or_default();
            self.samples.push(Sample { columns, first_token, num_tokens });
        }
        self.tokens.next_ids.extend(&part.next_ids);
        for (signal, depths) in &mut self.signals {
            for (column, new) in depths.iter_mut().zip(part.signal(*signal)) {
                column.extend(new);
            }
        }
        for (column, new) in self.top1.iter_mut().zip(part.top_ids()) {
            column.extend(new.iter().map(|[first, ..]| *first));
        }
        for (column, (ids, probs)) in self.top5.iter_mut().zip(part.top_ids().zip(part.top_probs()))
        {
            column.extend(
                ids.iter().zip(probs).map(|(ids, probs)| Top5 { ids: *ids, probs: *probs }),
            );
        }
    }

    fn into_recording(self, manifest: Manifest, piece: &dyn Fn(u32) -> String) -> Recording {
        let Self { tokens, samples, signals, top1, top5 } = self;
        let mut seen: BTreeSet<u32> = tokens.ids.iter().copied().collect();
        seen.extend(top1.iter().flatten());
        seen.extend(top5.iter().flatten().flat_map(|five| five.ids));
        seen.remove(&NO_TOKEN);
        let pieces = seen.into_iter().map(|id| (id, piece(id))).collect();
        Recording {
            manifest,
            tokens,
            samples,
            signals,
            top1,
            top5,
            pieces,
            cubes: Default::default(),
        }
    }
}

fn manifest(
    card: &ModelCard,
    data: &Data,
    columns: &Columns,
    block_secs: Vec<f64>,
    notes: Vec<Note>,
) -> Manifest {
    let num_tokens = columns.tokens.ids.len();
    let cost = BlockCost { fixed: card.flops_fixed(), per_key: card.flops_per_key() };
    let flops = cost.at(mean_keys(columns.tokens.position.iter()));
    let names: BTreeSet<_> = columns.samples.iter().flat_map(|s| s.columns.keys()).collect();
    Manifest {
        version: VERSION,
        complete: true,
        partial: false,
        tokens: num_tokens as u64,
        layers: card.layers,
        vocab: card.vocab,
        signals: Signal::ALL.iter().map(|signal| signal.id().to_owned()).collect(),
        columns: names.into_iter().cloned().collect(),
        provenance: Provenance {
            model: card.name.clone(),
            model_fingerprint: card.fingerprint.clone(),
            tokenizer_fingerprint: card.tokenizer_fingerprint.clone(),
            data: data.name.clone(),
            data_fingerprint: fingerprint(&columns.tokens, &columns.samples),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        flops_per_block: vec![flops; card.layers],
        block_costs: vec![cost; card.layers],
        flops_per_readout: card.flops_per_readout(),
        block_secs,
        notes,
    }
}
