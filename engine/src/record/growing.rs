//! A recording of one sequence that grows token by token, each with the readout of all depths.
//!
//! Must not know: who chooses the next token.

use std::path::Path;
use std::time::Instant;

use crate::dataset::Data;
use crate::job::Job;
use crate::model::{Cache, LayeredModel, NO_TOKEN, NoProbe, Stream};
use crate::notes::Note;
use crate::record::batch::read_out;
use crate::record::columns::Columns;
use crate::record::parts::{Pace, Parts, pace};
use crate::record::{RecordError, Run, Size, check_size, kept_bytes};
use crate::recording::{End, Generation, Manifest, ReadAt, Recording, Sample, forget_next};
use crate::signal::Layer;

/// Tokens of a prompt that go through the model together, so that a long one can be cancelled and its streams stay small.
const TOGETHER: usize = 512;

/// What is to become of it.
pub(crate) struct Goal<'a> {
    pub(crate) data: &'a Data,
    pub(crate) piece: &'a dyn Fn(u32) -> String,
    /// Tokens that are given, and tokens in the end.
    pub(crate) given: usize,
    pub(crate) most: usize,
    /// More bytes of columns and of kept keys and values than this are refused before the run.
    pub(crate) budget_bytes: u64,
    /// Of what was done before.
    pub(crate) notes: Vec<Note>,
    /// How tokens are chosen; why they end is said later.
    pub(crate) generation: Generation,
    /// Where the recording will be saved: what is there so far goes there meanwhile, so that a kill leaves it.
    pub(crate) folder: Option<&'a Path>,
}

/// A sequence that grows.
pub(crate) struct Growing<'a> {
    model: &'a dyn LayeredModel,
    run: Run<'a>,
    cache: Cache,
    columns: Columns,
    block_secs: Vec<f64>,
    notes: Vec<Note>,
    generation: Generation,
    parts: Parts,
    waiting: Option<Waiting>,
}

/// Tokens that went through the model; what they are read out against, the token that follows, is not known yet.
struct Waiting {
    ids: Vec<u32>,
    /// One per depth.
    streams: Vec<Stream>,
    /// One per block.
    secs: Vec<f64>,
}

impl<'a> Growing<'a> {
    /// Nothing yet.
    pub(crate) fn begin(model: &'a dyn LayeredModel, goal: Goal<'a>) -> Result<Self, RecordError> {
        Self::begin_with(model, goal, pace)
    }

    pub(super) fn begin_with(
        model: &'a dyn LayeredModel,
        goal: Goal<'a>,
        pace: Pace,
    ) -> Result<Self, RecordError> {
        let Goal { data, piece, given, most, budget_bytes, mut notes, generation, folder } = goal;
        let card = model.card();
        let cache = model.cache()?;
        let together = given.clamp(1, TOGETHER) as u64;
        let size = Size { rows: most as u64, batch_rows: together, batch_tokens: together };
        let budget_bytes = budget_bytes.saturating_sub(kept_bytes(card, most));
        let keeps_top5 = check_size(card, size, budget_bytes, &mut notes)?;
        let mut columns = Columns::new(card, ReadAt::Every, keeps_top5);
        columns.samples.push(Sample::default());
        columns.lengths.push(0);
        let block_secs = vec![0.0; card.layers];
        let run = Run { card, numerics: model.numerics(), data, piece, read_at: ReadAt::Every };
        let mut begun = run.manifest(&columns, block_secs.clone(), notes.clone());
        begun.tokens = most as u64;
        begun.generation = Some(generation.clone());
        // Nobody knows yet what will have been chosen.
        begun.provenance.data_fingerprint = String::new();
        let parts = Parts::begin(folder, begun, pace)?;
        Ok(Self { model, run, cache, columns, block_secs, notes, generation, parts, waiting: None })
    }

    /// Ids of a text in the pieces in which `run` takes them.
    pub(crate) fn pieces(ids: &[u32]) -> impl Iterator<Item = &[u32]> {
        ids.chunks(TOGETHER)
    }

    /// Tokens that still fit into the context of the model.
    pub(crate) fn room(&self) -> usize {
        self.cache.room()
    }

    /// Tokens with all their numbers.
    pub(crate) fn num_tokens(&self) -> usize {
        self.columns.tokens.ids.len()
    }

    /// Whether one token, and no more, waits for the one that follows.
    pub(crate) fn is_one_waiting(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.ids.len() == 1)
    }

    /// Runs new tokens behind those that were run before. They wait for `settle`.
    pub(crate) fn run(&mut self, ids: &[u32], job: &Job) -> Result<(), RecordError> {
        let mut stream = self.model.begin_step(ids, &self.cache)?;
        let mut streams = vec![stream.clone()];
        let mut secs = Vec::new();
        for layer in (0_u16..).take(self.block_secs.len()) {
            job.check()?;
            let begun = Instant::now();
            self.model.step(Layer(layer), &mut self.cache, &mut stream, &mut NoProbe)?;
            secs.push(begun.elapsed().as_secs_f64());
            streams.push(stream.clone());
        }
        self.waiting = Some(Waiting { ids: ids.to_vec(), streams, secs });
        Ok(())
    }

    /// Logits behind the last token that waits; empty where none does.
    pub(crate) fn logits(&self) -> Result<Vec<f32>, RecordError> {
        let last = self.waiting.as_ref().and_then(|waiting| waiting.streams.last());
        Ok(last.map(|stream| self.model.logits(stream)).transpose()?.unwrap_or_default())
    }

    /// Reads out what waits; `next` follows it, `NO_TOKEN` where nothing does.
    pub(crate) fn settle(&mut self, next: u32, job: &Job) -> Result<(), RecordError> {
        let Some(Waiting { ids, streams, secs }) = self.waiting.take() else { return Ok(()) };
        let next_ids = ids.iter().skip(1).copied().chain([next]).collect();
        let part = read_out(self.model, &streams, next_ids, job)?;
        self.columns.grow(&ids);
        self.columns.take_part(&part, 0..ids.len());
        for (sum, new) in self.block_secs.iter_mut().zip(secs) {
            *sum += new;
        }
        self.parts.offer(&self.run, &self.columns, &self.block_secs);
        Ok(())
    }

    /// Nothing follows: what is not in a part yet goes into one, if there are parts, until the whole is saved.
    pub(crate) fn finish(&mut self) {
        let failed = self.parts.finish(&self.run, &self.columns, &self.block_secs);
        self.notes.extend(failed);
    }

    /// What is here so far, as a recording like any other; partial where it was cancelled or goes on.
    pub(crate) fn recording(&self, ended: End, notes: Vec<Note>) -> Recording {
        let mut columns = self.columns.since(0);
        columns.end();
        let notes = self.notes.iter().cloned().chain(notes).collect();
        let manifest = self.run.manifest(&columns, self.block_secs.clone(), notes);
        let generation = Generation { ended, ..self.generation.clone() }.within(manifest.tokens);
        let partial = ended == End::Cancelled;
        let manifest = Manifest { partial, generation: Some(generation), ..manifest };
        columns.into_recording(manifest, self.run.piece)
    }
}

impl Columns {
    /// Places for new tokens of the last sequence.
    fn grow(&mut self, ids: &[u32]) {
        let number = u32::try_from(self.samples.len().saturating_sub(1)).unwrap_or(NO_TOKEN);
        let Some(sample) = self.samples.last_mut() else { return };
        let first = u32::try_from(sample.num_tokens).unwrap_or(NO_TOKEN);
        sample.num_tokens += ids.len();
        if let Some(length) = self.lengths.last_mut() {
            *length = u32::try_from(sample.num_tokens).unwrap_or(u32::MAX);
        }
        self.tokens.ids.extend(ids);
        self.tokens.sample.extend(ids.iter().map(|_| number));
        self.tokens.position.extend((first..).take(ids.len()));
    }

    /// The last token is the last: what followed it, if anything did, is not here.
    fn end(&mut self) {
        forget_next(&mut self.tokens, &mut self.signals);
    }
}
