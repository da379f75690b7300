//! Runs sequences through a model and fills a recording.
//!
//! Must not know: lenses, windows.

mod batch;
mod columns;
mod error;
mod growing;
#[cfg(test)]
mod growing_tests;
mod parts;
mod prefix;
#[cfg(test)]
mod prefix_tests;
#[cfg(test)]
mod read_at_tests;
#[cfg(test)]
mod tests;
mod truth;

pub(crate) use batch::batch_of;
pub(crate) use error::RecordError;
pub(crate) use growing::{Goal, Growing};

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use crate::checkpoint::Tokenizer;
use crate::dataset::images::Pixels;
use crate::dataset::{Data, Sequence, tokens_of};
use crate::job::Job;
use crate::kernel::numerics::Numerics;
use crate::model::{LayeredModel, ModelCard};
use crate::notes::Note;
use crate::record::batch::run_batch;
use crate::record::columns::Columns;
use crate::record::parts::{Pace, Parts, pace};
use crate::record::prefix::Prefix;
use crate::record::truth::Truth;
use crate::recording::{BlockCost, Manifest, Provenance, ReadAt, Recording, VERSION, mean_keys};
use crate::signal::{Signal, Subject};

/// Tokens that go through the model together; a longer sequence goes alone.
const BATCH_TOKENS: usize = 512;
/// The five best of more cells than this are not kept: 40 bytes each, 160 MB in all.
const MOST_TOP5_CELLS: u64 = 4_000_000;

/// What is run, within which limits, and where its parts go meanwhile.
pub(crate) struct Asked<'a> {
    pub(crate) data: &'a Data,
    /// Of its images; `None` where it has none.
    pub(crate) preparation: Option<&'a dyn Pixels>,
    /// Of `data`.
    pub(crate) sequences: &'a [Sequence],
    /// Which of their tokens are read out.
    pub(crate) read_at: ReadAt,
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
    let Asked { data, preparation, sequences, read_at, budget_bytes, mut notes, folder } = asked;
    let card = model.card();
    let read_at = possible(read_at, card.subject, &mut notes);
    let run = Run { card, numerics: model.numerics(), data, piece, read_at };
    if sequences.iter().all(|sequence| sequence.ids.is_empty()) {
        return Err(RecordError::NothingToRun);
    }
    let shared = prefix::shared_tokens(card.subject, sequences);
    let own = without(shared, sequences);
    let rows: u64 = sequences.iter().map(|sequence| run.rows_of(sequence.ids.len())).sum();
    let size = run.size(rows, shared, &own);
    let budget_bytes = budget_bytes.saturating_sub(prefix::bytes(card, shared));
    let keeps_top5 = check_size(card, size, budget_bytes, &mut notes)?;
    let truth = Truth::new(card, data, &mut notes);
    if card.readout == "none" {
        notes.push(Note::new(
            "The checkpoint has no head that could read out: only cosine, update and RMS are known",
            "Open its Hugging Face folder with exit_heads.safetensors in it, or a checkpoint with a head.",
        ));
    }
    notes.extend(card.read_by.caveat().map(|what| Note::new(what, "")));
    let mut columns = Columns::new(card, read_at, keeps_top5);
    let mut block_secs = vec![0.0; card.layers];
    // What goes through the model: less than the sequences hold where they begin alike.
    let total = shared as u64 + tokens_of(&own);
    // How many sequences will be here nobody knows yet.
    let told = (shared > 0).then(|| prefix::note(shared, None));
    let begun_notes = notes.iter().cloned().chain(told).collect();
    let mut begun = run.manifest(&columns, block_secs.clone(), begun_notes);
    begun.tokens = rows;
    // Nor how much will have been run.
    begun.provenance.data_fingerprint = String::new();
    let mut parts = Parts::begin(folder, begun, pace)?;
    job.progress("Recording", "tokens", 0, total)?;
    let prefix = match sequences.first().and_then(|first| first.ids.get(..shared)) {
        None | Some([]) => None,
        Some(ids) => Some(Prefix::run(model, ids, read_at, &mut block_secs, (job, total))?),
    };
    let (mut is_partial, mut done, mut rest) = (false, shared as u64, sequences);
    for batch in batches(&own) {
        let tick = || job.progress("Recording", "tokens", done, total);
        let mut input = batch::input(batch, truth.of(batch), read_at, prefix.as_ref());
        if let Some(preparation) = preparation {
            preparation.add_pixels((data, batch), &mut input.batch.pixels)?;
        }
        let part = match run_batch(model, input, &mut block_secs, job, &tick) {
            Err(RecordError::Cancelled(_)) if !columns.samples.is_empty() => {
                is_partial = true;
                break;
            }
            other => other?,
        };
        done += tokens_of(batch);
        let (whole, after) = rest.split_at_checked(batch.len()).unwrap_or((rest, &[]));
        rest = after;
        columns.take(whole, prefix.as_ref(), &part, data);
        parts.offer(&run, &columns, &block_secs);
    }
    notes.extend(prefix.map(|prefix| prefix::note(prefix.tokens, Some(columns.samples.len()))));
    notes.extend(parts.finish(&run, &columns, &block_secs));
    if is_partial {
        let (here, nouns) = (columns.tokens.ids.len(), card.subject.nouns());
        let what = format!("Cancelled: {here} of {rows} {nouns} are here");
        notes.push(Note::new(what, "Run again to record the rest."));
    } else {
        // A cancel that comes after the last token changes nothing; the next step notices it.
        job.progress("Recording", "tokens", done, total).ok();
    }
    let manifest = run.manifest(&columns, block_secs, notes);
    let manifest = Manifest { partial: is_partial, ..manifest };
    Ok(columns.into_recording(manifest, piece))
}

/// What can be read out of what was asked; a note where that is not the same.
fn possible(read_at: ReadAt, subject: Subject, notes: &mut Vec<Note>) -> ReadAt {
    if subject == Subject::Sample && read_at.has_gaps() {
        let what = "Every sample was read out: this model reads whole samples, not their tokens";
        notes.push(Note::new(what, "Run fewer samples to read out less."));
        return ReadAt::Every;
    }
    if subject == Subject::Token && read_at == ReadAt::Last {
        let what = "The last token of a sequence has no next one: there is no NLL and no rank";
        notes.push(Note::new(what, ""));
    }
    read_at
}

/// The sequences behind the first `shared` tokens of each.
fn without(shared: usize, sequences: &[Sequence]) -> Cow<'_, [Sequence]> {
    if shared == 0 {
        return Cow::Borrowed(sequences);
    }
    let own = |sequence: &Sequence| Sequence {
        ids: sequence.ids.get(shared..).unwrap_or_default().to_vec(),
        segments: sequence.segments.get(shared..).unwrap_or_default().to_vec(),
        sample: sequence.sample,
    };
    Cow::Owned(sequences.iter().map(own).collect())
}

/// Bytes of the keys and values of so many positions in all blocks; a vector that grows may hold twice what it needs.
fn kept_bytes(card: &ModelCard, positions: usize) -> u64 {
    let kept = [2, 2, 4, card.layers, card.kv_heads, card.head_dim, positions];
    kept.into_iter().fold(1_u64, |bytes, by| bytes.saturating_mul(by as u64))
}

/// How much a run holds.
#[derive(Debug, Clone, Copy)]
struct Size {
    rows: u64,
    /// Of the largest batch.
    batch_rows: u64,
    batch_tokens: u64,
}

/// Bytes of the columns and of the largest batch against the budget, before anything is allocated. Whether the five
/// best of every cell are kept.
fn check_size(
    card: &ModelCard,
    size: Size,
    budget_bytes: u64,
    notes: &mut Vec<Note>,
) -> Result<bool, RecordError> {
    let Size { rows: tokens, batch_rows, batch_tokens: largest } = size;
    let depths = card.layers as u64 + 1;
    let cells = tokens.saturating_mul(depths);
    let per_column_token =
        depths.saturating_mul(4 * Signal::ALL.len() as u64 + 4).saturating_add(16);
    // Streams of all depths and the one that runs, and their readouts: every signal, five ids, five numbers, the next id.
    let per_stream =
        (card.width as u64).saturating_mul(4).saturating_add(4 * Signal::ALL.len() as u64 + 44);
    let per_batch_token = per_stream.saturating_mul(depths.saturating_add(1));
    let streams = batch_rows.saturating_mul(depths).saturating_add(largest);
    let streams = streams.saturating_mul(per_stream);
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
pub(crate) fn batches(sequences: &[Sequence]) -> impl Iterator<Item = &[Sequence]> {
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

/// What a run is about.
struct Run<'a> {
    card: &'a ModelCard,
    numerics: Numerics,
    data: &'a Data,
    piece: &'a dyn Fn(u32) -> String,
    read_at: ReadAt,
}

impl Run<'_> {
    /// Rows of a sequence of so many tokens.
    fn rows_of(&self, tokens: usize) -> u64 {
        match self.card.subject {
            Subject::Token | Subject::OwnToken => self.read_at.positions(tokens).count() as u64,
            Subject::Sample => 1,
        }
    }

    /// Of a run with so many rows, whose sequences begin with `shared` tokens and go on with their own.
    fn size(&self, rows: u64, shared: usize, own: &[Sequence]) -> Size {
        let rows_of = |batch: &[Sequence]| {
            let of = |sequence: &Sequence| self.rows_of(sequence.ids.len());
            // And the last of the shared tokens for each.
            batch.iter().map(of).sum::<u64>() + if shared > 0 { batch.len() as u64 } else { 0 }
        };
        let together = shared.min(BATCH_TOKENS) as u64;
        let batch_tokens = batches(own).map(tokens_of).max().unwrap_or(0).max(together);
        let batch_rows = match self.card.subject {
            Subject::Token | Subject::OwnToken => {
                batches(own).map(rows_of).max().unwrap_or(0).max(together)
            }
            // Its states are made of streams of tokens.
            Subject::Sample => batch_tokens,
        };
        Size { rows, batch_rows, batch_tokens }
    }

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
            read_at: self.read_at,
            readout: card.read_by,
            vocab: card.outputs.max(1),
            numerics: self.numerics,
            signals: Signal::ALL.iter().map(|signal| signal.id().to_owned()).collect(),
            columns: names.into_iter().cloned().collect(),
            provenance: Provenance {
                model: card.name.clone(),
                model_fingerprint: card.fingerprint.clone(),
                tokenizer_fingerprint: card.tokenizer_fingerprint.clone(),
                data: data.name.clone(),
                data_fingerprint: columns.fingerprint(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            flops_per_block: costs.iter().map(flops).collect(),
            // A position says how many keys a token attends to only where it attends to those up to its own.
            block_costs: if card.subject == Subject::Token { costs } else { Vec::new() },
            flops_per_fill: (card.subject == Subject::Token).then(|| card.flops_per_fill()),
            flops_per_readout: card.flops_per_readout(),
            block_secs,
            generation: None,
            notes,
        }
    }
}
