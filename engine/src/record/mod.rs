//! Runs sequences through a model and fills a recording.
//!
//! Must not know: lenses, windows.

mod batch;
mod error;
mod growing;
mod parts;
#[cfg(test)]
mod tests;

pub(crate) use error::RecordError;
pub(crate) use growing::{Goal, Growing};

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::checkpoint::Tokenizer;
use crate::dataset::{Data, Sequence};
use crate::job::Job;
use crate::model::{LayeredModel, ModelCard, NO_TOKEN};
use crate::notes::Note;
use crate::record::batch::{Part, run_batch};
use crate::record::parts::{Pace, Parts, pace};
use crate::recording::{
    BlockCost, Manifest, Provenance, Recording, Sample, Tokens, Top5, VERSION, fingerprint,
    mean_keys,
};
use crate::signal::Signal;

/// Tokens that go through the model together; a longer sequence goes alone.
const BATCH_TOKENS: usize = 512;
/// The five best of more cells than this are not kept: 40 bytes each, 160 MB in all.
const MOST_TOP5_CELLS: u64 = 4_000_000;

/// What is run, within which limits, and where its parts go meanwhile.
pub(crate) struct Asked<'a> {
    pub(crate) data: &'a Data,
    /// Of `data`.
    pub(crate) sequences: &'a [Sequence],
    /// More bytes of columns than this are refused before the run.
    pub(crate) budget_bytes: u64,
    /// Of what was done before.
    pub(crate) notes: Vec<Note>,
    /// Where the recording will be saved: finished sequences go there while the run goes on, so that one that is
    /// killed leaves them.
    pub(crate) folder: Option<&'a Path>,
}

/// Runs sequences through `model`. When cancelled, what was done is kept and labelled partial; an error `Cancelled`
/// only where nothing was done.
pub(crate) fn record(
    model: &dyn LayeredModel,
    tokenizer: &Tokenizer,
    asked: Asked<'_>,
    job: &Job,
) -> Result<Recording, RecordError> {
    record_with(model, &|id| tokenizer.piece(id), asked, pace, job)
}

fn record_with(
    model: &dyn LayeredModel,
    piece: &dyn Fn(u32) -> String,
    asked: Asked<'_>,
    pace: Pace,
    job: &Job,
) -> Result<Recording, RecordError> {
    let Asked { data, sequences, budget_bytes, mut notes, folder } = asked;
    let run = Run { card: model.card(), data, piece };
    let total: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
    if total == 0 {
        return Err(RecordError::NothingToRun);
    }
    let layers = run.card.layers;
    let keeps_top5 = check_budget(run.card, sequences, budget_bytes, &mut notes)?;
    let mut columns = Columns::new(layers, keeps_top5);
    let mut block_secs = vec![0.0; layers];
    let mut begun = run.manifest(&columns, block_secs.clone(), notes.clone());
    begun.tokens = total as u64;
    // Nobody knows yet how much will have been run.
    begun.provenance.data_fingerprint = String::new();
    let mut parts = Parts::begin(folder, begun, pace)?;
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
        parts.offer(&run, &columns, &block_secs);
    }
    notes.extend(parts.finish(&run, &columns, &block_secs));
    let done = columns.tokens.ids.len();
    if is_partial {
        let what = format!("Cancelled: {done} of {total} tokens are here");
        notes.push(Note::new(what, "Run again to record the rest."));
    } else {
        // A cancel that comes after the last token changes nothing; the next step notices it.
        job.progress("Recording", "tokens", done as u64, total as u64).ok();
    }
    let manifest = run.manifest(&columns, block_secs, notes);
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
    let largest = batches(sequences).map(size_of).max().unwrap_or(0);
    check_size(card, (size_of(sequences), largest), budget_bytes, notes)
}

/// The same for so many tokens, and so many of them in the largest batch.
fn check_size(
    card: &ModelCard,
    (tokens, largest): (u64, u64),
    budget_bytes: u64,
    notes: &mut Vec<Note>,
) -> Result<bool, RecordError> {
    let depths = card.layers as u64 + 1;
    let cells = tokens.saturating_mul(depths);
    let per_column_token =
        depths.saturating_mul(4 * Signal::ALL.len() as u64 + 4).saturating_add(16);
    // Streams of all depths and the one that runs, and their readouts: nine signals, five ids, five numbers.
    let per_batch_token = (card.width as u64)
        .saturating_mul(4)
        .saturating_add(80)
        .saturating_mul(depths.saturating_add(1));
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
        self.take_part(part);
    }

    /// What a part says about tokens that have their place already.
    fn take_part(&mut self, part: &Part) {
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

    /// How many tokens the sequences from number `first` on have.
    fn tokens_from(&self, first: usize) -> usize {
        let first = self.samples.get(first).map_or(self.tokens.ids.len(), |s| s.first_token);
        self.tokens.ids.len() - first
    }

    /// A copy of the sequences from number `first` on; the first of them becomes number 0.
    fn since(&self, first: usize) -> Self {
        let mut samples = self.samples.get(first..).unwrap_or_default().to_vec();
        let from = samples.first().map_or(self.tokens.ids.len(), |sample| sample.first_token);
        for sample in &mut samples {
            sample.first_token -= from;
        }
        let number = u32::try_from(first).unwrap_or(NO_TOKEN);
        let sample = tail(&self.tokens.sample, from).into_iter().map(|s| s.saturating_sub(number));
        let tokens = Tokens {
            ids: tail(&self.tokens.ids, from),
            next_ids: tail(&self.tokens.next_ids, from),
            sample: sample.collect(),
            position: tail(&self.tokens.position, from),
        };
        let tails = |depths: &[Vec<f32>]| depths.iter().map(|column| tail(column, from)).collect();
        Self {
            tokens,
            samples,
            signals: self.signals.iter().map(|(signal, depths)| (*signal, tails(depths))).collect(),
            top1: self.top1.iter().map(|column| tail(column, from)).collect(),
            top5: self.top5.iter().map(|column| tail(column, from)).collect(),
        }
    }

    fn into_recording(self, manifest: Manifest, piece: &dyn Fn(u32) -> String) -> Recording {
        let Self { tokens, samples, signals, top1, top5 } = self;
        let five = top5.iter().flatten().flat_map(|five| &five.ids);
        let mut seen = vec![false; manifest.vocab];
        for id in tokens.ids.iter().chain(top1.iter().flatten()).chain(five) {
            // `NO_TOKEN` lies outside every vocabulary.
            if let Some(seen) = seen.get_mut(*id as usize) {
                *seen = true;
            }
        }
        let ids = (0_u32..).zip(seen).filter_map(|(id, is_seen)| is_seen.then_some(id));
        let pieces = ids.map(|id| (id, piece(id))).collect();
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

/// The end of a column, from `from` on.
fn tail<T: Clone>(column: &[T], from: usize) -> Vec<T> {
    column.get(from..).unwrap_or_default().to_vec()
}

/// What a run is about.
struct Run<'a> {
    card: &'a ModelCard,
    data: &'a Data,
    piece: &'a dyn Fn(u32) -> String,
}

impl Run<'_> {
    fn manifest(&self, columns: &Columns, block_secs: Vec<f64>, notes: Vec<Note>) -> Manifest {
        let Self { card, data, .. } = self;
        let num_tokens = columns.tokens.ids.len();
        let costs: Vec<_> = (0..card.layers)
            .map(|layer| BlockCost {
                fixed: card.flops_fixed(),
                per_key: card.flops_per_key(),
                window: card.window(layer),
            })
            .collect();
        let positions = || columns.tokens.position.iter();
        let flops = |cost: &BlockCost| cost.at(mean_keys(positions(), cost.window));
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
            flops_per_block: costs.iter().map(flops).collect(),
            block_costs: costs,
            flops_per_readout: card.flops_per_readout(),
            block_secs,
            generation: None,
            notes,
        }
    }
}
