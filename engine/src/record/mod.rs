//! Runs sequences through a model and fills a recording.
//!
//! Must not know: lenses, windows.

mod batch;
mod error;
mod growing;
mod parts;
#[cfg(test)]
mod tests;
mod truth;

pub(crate) use error::RecordError;
pub(crate) use growing::{Goal, Growing};

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::checkpoint::Tokenizer;
use crate::dataset::images::Preparation;
use crate::dataset::{Data, Sequence};
use crate::job::Job;
use crate::kernel::numerics::Numerics;
use crate::model::{LayeredModel, ModelCard, NO_TOKEN};
use crate::notes::Note;
use crate::record::batch::{Part, laid_end_to_end, run_batch};
use crate::record::parts::{Pace, Parts, pace};
use crate::record::truth::Truth;
use crate::recording::{
    BlockCost, Manifest, Provenance, Recording, Sample, Tokens, Top5, VERSION, fingerprint,
    mean_keys,
};
use crate::signal::{Signal, Subject};

/// Tokens that go through the model together; a longer sequence goes alone.
const BATCH_TOKENS: usize = 512;
/// The five best of more cells than this are not kept: 40 bytes each, 160 MB in all.
const MOST_TOP5_CELLS: u64 = 4_000_000;

/// What is run, within which limits, and where its parts go meanwhile.
pub(crate) struct Asked<'a> {
    pub(crate) data: &'a Data,
    /// Of its images; `None` where it has none.
    pub(crate) preparation: Option<&'a Preparation>,
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
    tokenizer: Option<&Tokenizer>,
    asked: Asked<'_>,
    job: &Job,
) -> Result<Recording, RecordError> {
    let class = |id: u32| model.card().classes.get(id as usize).cloned().unwrap_or_default();
    let piece = |id: u32| tokenizer.map_or_else(|| format!("<{id}>"), |t| t.piece(id));
    match model.card().subject {
        Subject::Token | Subject::OwnToken => record_with(model, &piece, asked, pace, job),
        Subject::Sample => record_with(model, &class, asked, pace, job),
    }
}

fn record_with(
    model: &dyn LayeredModel,
    piece: &dyn Fn(u32) -> String,
    asked: Asked<'_>,
    pace: Pace,
    job: &Job,
) -> Result<Recording, RecordError> {
    let Asked { data, preparation, sequences, budget_bytes, mut notes, folder } = asked;
    let card = model.card();
    let run = Run { card, numerics: model.numerics(), data, piece };
    let total: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
    if total == 0 {
        return Err(RecordError::NothingToRun);
    }
    let keeps_top5 = check_budget(card, sequences, budget_bytes, &mut notes)?;
    let truth = Truth::new(card, data, &mut notes);
    if card.readout == "none" {
        notes.push(Note::new(
            "The checkpoint has no head that could read out: only cosine, update and RMS are known",
            "Put exit_heads.safetensors beside its weights, or open one with a head.",
        ));
    }
    let all_rows = if card.subject == Subject::Sample { sequences.len() } else { total };
    let mut columns = Columns::new(card.subject, card.layers, keeps_top5);
    let mut block_secs = vec![0.0; card.layers];
    let mut begun = run.manifest(&columns, block_secs.clone(), notes.clone());
    begun.tokens = all_rows as u64;
    // Nobody knows yet how much will have been run.
    begun.provenance.data_fingerprint = String::new();
    let mut parts = Parts::begin(folder, begun, pace)?;
    let mut is_partial = false;
    job.progress("Recording", "tokens", 0, total as u64)?;
    for batch in batches(sequences) {
        let before = columns.tokens_run;
        let tick = || job.progress("Recording", "tokens", before, total as u64);
        let next_ids = truth.of(batch);
        let mut input = laid_end_to_end(batch);
        if let Some(preparation) = preparation {
            for path in batch.iter().filter_map(|sequence| data.images.get(sequence.sample)) {
                input.pixels.extend(preparation.pixels(path)?);
            }
        }
        let part = match run_batch(model, &input, next_ids, &mut block_secs, job, &tick) {
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
    if is_partial {
        let (rows, nouns) = (columns.tokens.ids.len(), card.subject.nouns());
        let what = format!("Cancelled: {rows} of {all_rows} {nouns} are here");
        notes.push(Note::new(what, "Run again to record the rest."));
    } else {
        // A cancel that comes after the last token changes nothing; the next step notices it.
        job.progress("Recording", "tokens", columns.tokens_run, total as u64).ok();
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
    let rows = match card.subject {
        Subject::Token | Subject::OwnToken => size_of(sequences),
        // One row for each.
        Subject::Sample => sequences.len() as u64,
    };
    check_size(card, (rows, largest), budget_bytes, notes)
}

/// The same for so many rows, and so many tokens in the largest batch.
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
        let what = format!("The five best answers of {cells} cells were not kept, only the first");
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
    subject: Subject,
    /// Tokens that went through the model.
    tokens_run: u64,
    /// Tokens of each sequence.
    lengths: Vec<u32>,
    tokens: Tokens,
    samples: Vec<Sample>,
    signals: BTreeMap<Signal, Vec<Vec<f32>>>,
    top1: Vec<Vec<u32>>,
    top5: Vec<Vec<Top5>>,
}

/// Longest text of a sample that is kept.
const MOST_TEXT: usize = 2000;

impl Columns {
    fn new(subject: Subject, layers: usize, keeps_top5: bool) -> Self {
        let depths = layers + 1;
        Self {
            subject,
            tokens_run: 0,
            lengths: Vec::new(),
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
            let length = sequence.ids.len();
            self.tokens_run += length as u64;
            self.lengths.push(u32::try_from(length).unwrap_or(u32::MAX));
            let source = data.samples.get(sequence.sample);
            let num_tokens = match self.subject {
                Subject::Token | Subject::OwnToken => {
                    self.tokens.ids.extend(&sequence.ids);
                    length
                }
                Subject::Sample => {
                    let first = source.map(|s| s.text.as_str()).unwrap_or_default();
                    let text = match data.pairs.get(sequence.sample) {
                        None => shortened(first),
                        Some(second) => shortened(&format!("{first} | {second}")),
                    };
                    self.tokens.texts.push(text);
                    self.tokens.ids.push(NO_TOKEN);
                    1
                }
            };
            let sample = u32::try_from(self.samples.len()).unwrap_or(NO_TOKEN);
            self.tokens.sample.extend(std::iter::repeat_n(sample, num_tokens));
            self.tokens.position.extend((0_u32..).take(num_tokens));
            let columns = source.map(|s| s.columns.clone()).unwrap_or_default();
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

    /// FLOPs of one block for a row, where every token attends to its whole sequence; a row is a token or a sample.
    fn flops_of_a_row(&self, cost: BlockCost) -> f64 {
        let of_sequence = |length: &u32| f64::from(*length) * cost.at(f64::from(*length));
        let sum: f64 = self.lengths.iter().map(of_sequence).sum();
        sum / self.tokens.ids.len().max(1) as f64
    }

    /// How many rows the sequences from number `first` on have.
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
            texts: tail(&self.tokens.texts, from),
        };
        let lengths = tail(&self.lengths, first);
        let tails = |depths: &[Vec<f32>]| depths.iter().map(|column| tail(column, from)).collect();
        Self {
            subject: self.subject,
            tokens_run: lengths.iter().map(|length| u64::from(*length)).sum(),
            lengths,
            tokens,
            samples,
            signals: self.signals.iter().map(|(signal, depths)| (*signal, tails(depths))).collect(),
            top1: self.top1.iter().map(|column| tail(column, from)).collect(),
            top5: self.top5.iter().map(|column| tail(column, from)).collect(),
        }
    }

    fn into_recording(self, manifest: Manifest, piece: &dyn Fn(u32) -> String) -> Recording {
        let Self { tokens, samples, signals, top1, top5, .. } = self;
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

/// The begin of a text that is too long for a table of samples.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// The end of a column, from `from` on.
fn tail<T: Clone>(column: &[T], from: usize) -> Vec<T> {
    column.get(from..).unwrap_or_default().to_vec()
}

/// What a run is about.
struct Run<'a> {
    card: &'a ModelCard,
    numerics: Numerics,
    data: &'a Data,
    piece: &'a dyn Fn(u32) -> String,
}

impl Run<'_> {
    fn manifest(&self, columns: &Columns, block_secs: Vec<f64>, notes: Vec<Note>) -> Manifest {
        let Self { card, data, .. } = self;
        let costs: Vec<_> = (0..card.layers)
            .map(|layer| BlockCost {
                fixed: card.flops_fixed(),
                per_key: card.flops_per_key(),
                window: card.window(layer),
            })
            .collect();
        let positions = || columns.tokens.position.iter();
        let flops = |cost: &BlockCost| match card.subject {
            Subject::Token => cost.at(mean_keys(positions(), cost.window)),
            Subject::OwnToken | Subject::Sample => columns.flops_of_a_row(*cost),
        };
        let names: BTreeSet<_> = columns.samples.iter().flat_map(|s| s.columns.keys()).collect();
        Manifest {
            version: VERSION,
            complete: true,
            partial: false,
            tokens: columns.tokens.ids.len() as u64,
            layers: card.layers,
            subject: card.subject,
            vocab: card.outputs.max(1),
            numerics: self.numerics,
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
            // A position says how many keys a token attends to only where it attends to those up to its own.
            block_costs: if card.subject == Subject::Token { costs } else { Vec::new() },
            flops_per_readout: card.flops_per_readout(),
            block_secs,
            generation: None,
            notes,
        }
    }
}
