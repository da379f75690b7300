//! What was measured, for people and programs: field names stay as they are.

use std::thread;

use serde::Serialize;

use crate::kernel::machine::instructions;
use crate::measure::process;
use crate::measure::runs::Span;
use crate::measure::works::Work;
use crate::model::ModelCard;

/// Cores used are told where the clock's ticks leave them this far off at most.
const MOST_CORES_OFF: f64 = 0.05;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Of Layerscope.
    pub version: &'static str,
    /// What was run.
    pub model: Model,
    /// Where it was run.
    pub machine: Machine,
    /// Where the tokens are from.
    pub source: &'static str,
    /// How many tokens went in.
    pub tokens: usize,
    /// How many were generated behind them, where any were.
    pub steps: usize,
    /// How often each work was timed, after a run that warmed up.
    pub repeats: usize,
    /// One for each work.
    pub rows: Vec<Row>,
    /// Works that could not be timed.
    pub absent: Vec<Absent>,
    /// Most memory that was ever resident, of the whole process: the files that it maps, and every work that ran.
    pub peak_resident_bytes: Option<u64>,
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// As on its card.
    pub name: String,
    /// "GGUF", "Hugging Face folder", "safetensors".
    pub format: String,
    /// "Llama".
    pub family: String,
    /// Blocks.
    pub layers: usize,
    /// Width of the stream.
    pub width: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Weights, tied ones counted once.
    pub parameters: u64,
    /// "F32 x 48, Q8_0 x 32".
    pub types: String,
    /// Of the weight files.
    pub file_bytes: u64,
    /// Fingerprint of header and weights (hex).
    pub fingerprint: String,
}

/// Where it was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// Name of the processor.
    pub processor: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Threads that compute.
    pub threads: usize,
    /// Vector instructions that are used.
    pub instructions: &'static str,
    /// Threads of all processes that wanted to run in the last minute, at the end.
    pub load: Option<f64>,
}

/// One work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which work.
    pub id: &'static str,
    /// What is done, in one line.
    pub what: &'static str,
    /// How products round: "f32" or "bf16".
    pub numerics: &'static str,
    /// Tokens of one run.
    pub tokens: usize,
    /// Of wall time.
    pub median_secs: f64,
    /// Of wall time.
    pub min_secs: f64,
    /// Of wall time.
    pub max_secs: f64,
    /// Of the median.
    pub tokens_per_sec: f64,
    /// Processor time of all threads over wall time; `None` where the system does not tell, or not exactly enough.
    pub cores_used: Option<f64>,
    /// How much more wall time than `forward` in the same round, in percent; median. `None` where that was not run.
    pub percent_over_forward: Option<f64>,
    /// Wall time of every run, in the order in which they ran.
    pub secs: Vec<f64>,
    /// First most probable tokens behind the input, to show that two programs compute the same; empty where the work
    /// makes none.
    pub first_ids: Vec<u32>,
}

/// A work that could not be timed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// Which work.
    pub id: &'static str,
    /// Why.
    pub reason: String,
}

impl Model {
    pub(super) fn of(card: &ModelCard) -> Self {
        Self {
            name: card.name.clone(),
            format: card.format.clone(),
            family: card.family.clone(),
            layers: card.layers,
            width: card.width,
            vocab: card.vocab,
            parameters: card.parameters,
            types: card.types.clone(),
            file_bytes: card.size_bytes,
            fingerprint: card.fingerprint.clone(),
        }
    }
}

impl Machine {
    /// Must be called inside the pool that computes.
    pub(super) fn here() -> Self {
        Self {
            processor: process::processor(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            threads: rayon::current_num_threads(),
            instructions: instructions(),
            load: process::load(),
        }
    }
}

/// The row of a work that does `what` and processes `tokens` in each of its runs, of which there is at least one.
pub(super) fn row(
    work: Work,
    what: &'static str,
    tokens: usize,
    spans: &[Span],
    forward: Option<&Vec<Span>>,
) -> Row {
    let secs: Vec<f64> = spans.iter().map(|span| span.wall_secs).collect();
    let [min_secs, median_secs, max_secs] = spread(secs.clone());
    let forward = forward.filter(|_| work == Work::Probes);
    let percent_over_forward = forward.map(|forward| {
        let more = |(own, forward): (&Span, &Span)| own.wall_secs / forward.wall_secs - 1.0;
        let [_, median, _] = spread(spans.iter().zip(forward).map(more).collect());
        100.0 * median
    });
    Row {
        id: work.id(),
        what,
        numerics: work.numerics().id(),
        tokens,
        median_secs,
        min_secs,
        max_secs,
        tokens_per_sec: tokens as f64 / median_secs,
        cores_used: cores_used(spans),
        percent_over_forward,
        secs,
        first_ids: spans.last().map(|span| span.ids.clone()).unwrap_or_default(),
    }
}

/// Processor time over wall time. Each run's processor time is cut to ticks at both ends, by chance in either
/// direction, so that the sum is off by about a tick times the root of their number.
fn cores_used(spans: &[Span]) -> Option<f64> {
    let wall: f64 = spans.iter().map(|span| span.wall_secs).sum();
    let off = process::TICK_SECS * (spans.len() as f64).sqrt();
    let cpu = spans.iter().map(|span| span.cpu_secs).sum::<Option<f64>>()?;
    (off <= MOST_CORES_OFF * wall).then(|| cpu / wall)
}

/// Smallest, median and largest; the median of an even number is the mean of the two in the middle.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    [at(0), f64::midpoint(at(last / 2), at(values.len() / 2)), at(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(secs: &[f64]) -> Vec<Span> {
        let span = |&wall_secs| Span { wall_secs, cpu_secs: Some(2.0 * wall_secs), ids: vec![7] };
        secs.iter().map(span).collect()
    }

    #[test]
    fn a_row_is_the_spread_of_its_runs() {
        let odd = row(Work::Decode, "", 8, &spans(&[4.0, 1.0, 2.0]), None);
        assert_eq!((odd.min_secs, odd.median_secs, odd.max_secs), (1.0, 2.0, 4.0));
        assert_eq!((odd.tokens_per_sec, odd.cores_used), (4.0, Some(2.0)));
        assert_eq!((odd.secs, odd.first_ids), (vec![4.0, 1.0, 2.0], vec![7]));
        let even = row(Work::Decode, "", 8, &spans(&[4.0, 1.0, 3.0, 2.0]), None);
        assert_eq!(even.median_secs, 2.5);
    }

    #[test]
    fn what_probes_cost_is_compared_round_by_round() {
        let (forward, own) = (spans(&[1.0, 2.0, 4.0]), spans(&[1.5, 2.5, 4.5]));
        let probes = row(Work::Probes, "", 8, &own, Some(&forward));
        assert_eq!(probes.percent_over_forward, Some(25.0));
        let decode = row(Work::Decode, "", 8, &own, Some(&forward));
        assert_eq!(decode.percent_over_forward, None);
    }

    #[test]
    fn cores_are_absent_where_ticks_are_too_coarse_or_unknown() {
        let short = row(Work::Forward, "", 8, &spans(&[0.1, 0.1]), None);
        assert_eq!(short.cores_used, None);
        let mut unknown = spans(&[10.0, 10.0]);
        unknown[1].cpu_secs = None;
        assert_eq!(row(Work::Forward, "", 8, &unknown, None).cores_used, None);
    }
}
