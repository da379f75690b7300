//! Times what a model does on this machine. Works take turns over the repeats, so that whatever else the machine does
//! meets all of them alike; every number is measured, none is modelled.
//!
//! Must not know: lenses, windows.

mod error;
mod images;
mod input;
mod process;
mod report;
mod runs;
mod works;

pub use input::Source;
pub use report::{Absent, Machine, Model, Report, Row};
pub use works::Work;

pub(crate) use error::MeasureError;

use crate::checkpoint::Tokenizer;
use crate::job::Job;
use crate::kernel::numerics::Numerics;
use crate::model::{Batch, LayeredModel, ModelCard};
use crate::signal::Subject;
use runs::{Bench, Span};

/// What is timed, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) source: &'a Source,
    /// `None` takes what is usual, or what the context has room for.
    pub(crate) tokens: Option<usize>,
    /// Tokens that are generated behind them.
    pub(crate) steps: usize,
    /// How often each work is timed; one more run before warms up.
    pub(crate) repeats: usize,
    pub(crate) works: &'a [Work],
    /// More bytes than this are refused before a recording.
    pub(crate) budget_bytes: u64,
}

/// Times the works of `asked` with `model`, which is left with exact readouts. Without a tokenizer it reads images.
pub(crate) fn measure(
    model: &mut dyn LayeredModel,
    tokenizer: Option<&Tokenizer>,
    asked: Asked<'_>,
    job: &Job,
) -> Result<Report, MeasureError> {
    model.set_numerics(Numerics::F32)?;
    let card = &model.card().clone();
    let batch = match (card.image_side, tokenizer) {
        (Some(side), _) => images::batch(asked, card, side)?,
        (None, Some(tokenizer)) => {
            let ids = input::ids(asked, card, tokenizer)?;
            Batch { starts: vec![0, ids.len()], ids, ..Batch::default() }
        }
        (None, None) => return Err(MeasureError::NothingToRun),
    };
    let tokens = batch.ids.len();
    let mut absent = Vec::new();
    let mut rows = Vec::new();
    for work in Work::ALL.iter().copied().filter(|work| asked.works.contains(work)) {
        match why_absent(work, card, tokens, asked.steps) {
            Some(reason) => absent.push(Absent { id: work.id(), reason }),
            None => rows.push((work, Vec::new())),
        }
    }
    let quiet = job.quiet();
    let mut bench = Bench {
        model,
        tokenizer,
        batch,
        steps: asked.steps,
        budget_bytes: asked.budget_bytes,
        job: &quiet,
        filled: None,
    };
    let rounds = asked.repeats + 1;
    let total = (rounds * rows.len()) as u64;
    let mut done = 0;
    for _ in 0..rounds {
        for (work, spans) in &mut rows {
            job.progress("Measuring", "runs", done, total)?;
            spans.push(bench.run(*work)?);
            done += 1;
        }
    }
    for (_, spans) in &mut rows {
        // The one that warmed up.
        spans.remove(0);
    }
    let forward = rows.iter().find(|(work, _)| *work == Work::Forward).map(|(_, spans)| spans);
    let per_run = |work: Work| if work.is_stepwise() { asked.steps } else { tokens };
    let row = |(work, spans): &(Work, Vec<Span>)| {
        report::row(*work, work.what(card), per_run(*work), spans, forward)
    };
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        model: Model::of(card),
        machine: Machine::here(),
        source: if card.image_side.is_some() { "made images" } else { asked.source.words() },
        tokens,
        steps: asked.steps,
        repeats: asked.repeats,
        rows: rows.iter().map(row).collect(),
        absent,
        peak_resident_bytes: process::peak_resident_bytes(),
    })
}

/// Why a work cannot be timed here; `None` where it can.
fn why_absent(work: Work, card: &ModelCard, tokens: usize, steps: usize) -> Option<String> {
    let is_decoder = card.subject == Subject::Token;
    let has_head = card.readout != "none";
    let (all, context) = (tokens.saturating_add(steps), card.context);
    match work {
        Work::Record | Work::RecordBf16 if !has_head => {
            Some("the checkpoint has no head that could read out".to_owned())
        }
        Work::RecordBf16 if !is_decoder => Some("readouts of an encoder are always f32".to_owned()),
        Work::ForwardAll if !is_decoder => {
            Some("forward has every readout of this model already".to_owned())
        }
        Work::Prefill | Work::Decode | Work::DecodeReadout if !is_decoder => {
            Some("the model does not read from left to right".to_owned())
        }
        Work::Decode | Work::DecodeReadout if all > context => Some(format!(
            "{tokens} tokens and {steps} steps are more than the context of the model, {context}"
        )),
        Work::RecordBf16 => Numerics::Bf16.why_not().map(str::to_owned),
        Work::Record
        | Work::Forward
        | Work::ForwardAll
        | Work::Probes
        | Work::Prefill
        | Work::Decode
        | Work::DecodeReadout => None,
    }
}
