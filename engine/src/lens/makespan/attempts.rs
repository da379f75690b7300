//! Attempts of a recording: what became of each, how long it took, when it would have been called and how it scored.
//!
//! An attempt is one sample. Its score is known before the call only: from its first tokens, or from the first blocks.

use std::ops::Range;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::case::{Case, Joint, Times};
use super::logistic::Logistic;
use crate::recording::{Recording, Sample, depth_of};
use crate::signal::{Depth, Signal, Subject};

/// What counts as a success.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The full model's answer is the label.
    Right,
    /// The last token whose truth is known is the full model's first choice.
    Last,
    /// At least this share of the tokens whose truth is known are.
    Share(f64),
    /// The mean NLL of the full model is no higher, in nats.
    Nll(f64),
    /// A column of the sample has this value.
    Column(String, String),
    /// Nothing is known.
    Unknown,
}

/// When the call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// After so many tokens, each through the whole model.
    Tokens(u32),
    /// At this depth, for all tokens.
    Depth(Depth),
}

/// What makes a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    /// The mean confidence over what was looked at.
    Score,
    /// A regression on the mean confidence at every depth that was looked at, fitted on one half of the attempts.
    Logistic { seed: u64 },
}

/// What times are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// One block for one token; where a row is a whole sample, one block for it.
    Blocks,
    /// The mean time of a row in each block of this recording.
    Milliseconds,
}

/// How attempts are read from a recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) outcome: Outcome,
    pub(super) look: Look,
    pub(super) signal: Signal,
    pub(super) predictor: Predictor,
    pub(super) unit: Unit,
}

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Attempt {
    /// Index of its sample.
    pub(super) sample: usize,
    pub(super) is_success: bool,
    /// If it is let run.
    pub(super) duration: f64,
    /// Until the call.
    pub(super) call: f64,
    /// 0 to 1; `None` where no call can be made: it is over before, or its readouts are no numbers.
    pub(super) score: Option<f64>,
}

/// The attempts that are shown.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    pub(super) shown: Vec<Attempt>,
    /// Attempts that the predictor was fitted on; none of them is shown.
    pub(super) num_fitted: usize,
    /// Samples of which nothing says whether they succeeded.
    pub(super) num_unknown: usize,
    /// Whether a predictor was asked for that could not be fitted.
    pub(super) is_unfitted: bool,
}

/// Whether a call ends the attempt; nobody calls without a threshold.
pub(super) fn is_cut(attempt: &Attempt, threshold: Option<f64>) -> bool {
    threshold.zip(attempt.score).is_some_and(|(least, score)| score < least)
}

/// Attempts of the recording; made once for each plan.
pub(super) fn read(recording: &Recording, plan: &Plan) -> Arc<Attempts> {
    recording.cubes.memo.get(&format!("early abort {plan:?}"), || gather(recording, plan))
}

fn gather(recording: &Recording, plan: &Plan) -> Attempts {
    let mut found = Attempts::default();
    let mut traces = Vec::new();
    let costs = Costs::new(recording, plan.unit);
    for (idx, sample) in recording.samples.iter().enumerate() {
        let start = sample.first_token.min(recording.num_tokens());
        let rows = start..start.saturating_add(sample.num_tokens).min(recording.num_tokens());
        if rows.is_empty() {
            continue;
        }
        let Some(is_success) = outcome(recording, sample, rows.clone(), &plan.outcome) else {
            found.num_unknown += 1;
            continue;
        };
        let num_tokens = num_tokens(recording, &rows);
        let (call, is_over) = match plan.look {
            Look::Tokens(num) => {
                (f64::from(num) * costs.to(recording.num_layers()), f64::from(num) >= num_tokens)
            }
            Look::Depth(depth) => (num_tokens * costs.to(depth.index()), false),
        };
        let duration = num_tokens * costs.to(recording.num_layers());
        let trace = if is_over { Vec::new() } else { trace(recording, &rows, plan) };
        let score = trace.last().copied().filter(|score| !score.is_nan());
        found.shown.push(Attempt { sample: idx, is_success, duration, call, score });
        traces.push(trace);
    }
    if let Predictor::Logistic { seed } = plan.predictor {
        predict(&mut found, &traces, seed);
    }
    found
}

/// Puts predictions in the place of scores: fits on one half of the attempts, leaves the other.
fn predict(found: &mut Attempts, traces: &[Vec<f64>], seed: u64) {
    let mut order: Vec<usize> = (0..found.shown.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let (fitting, showing) = order.split_at(order.len() / 2);
    let is_whole = |trace: &Vec<f64>| !trace.is_empty() && trace.iter().all(|v| v.is_finite());
    let known = fitting.iter().filter_map(|idx| {
        let trace = traces.get(*idx).filter(|trace| is_whole(trace))?;
        Some((trace.clone(), found.shown.get(*idx)?.is_success))
    });
    let (features, outcomes): (Vec<Vec<f64>>, Vec<bool>) = known.unzip();
    let Some(fitted) = Logistic::fit(&features, &outcomes) else {
        found.is_unfitted = true;
        found.shown.clear();
        return;
    };
    let mut showing = showing.to_vec();
    showing.sort_unstable();
    let shown = showing.into_iter().filter_map(|idx| {
        let trace = traces.get(idx).filter(|trace| is_whole(trace));
        let score = trace.map(|trace| fitted.predict(trace));
        Some(Attempt { score, ..*found.shown.get(idx)? })
    });
    let shown = shown.collect();
    found.num_fitted = features.len();
    found.shown = shown;
}

/// Mean confidence over the looked-at rows at every looked-at depth; the last is the score. NaN where no readout is
/// a number.
fn trace(recording: &Recording, rows: &Range<usize>, plan: &Plan) -> Vec<f64> {
    let (depths, first_tokens) = match plan.look {
        Look::Tokens(num) => (recording.num_layers(), Some(num)),
        Look::Depth(depth) => (depth.index(), None),
    };
    let is_looked_at = |row: &usize| {
        first_tokens.is_none_or(|num| recording.tokens.position.get(*row).is_some_and(|p| *p < num))
    };
    let top = (recording.manifest.vocab as f64).ln();
    let mean = |depth: usize| {
        let column = recording.column(plan.signal, depth_of(depth)).unwrap_or_default();
        let values = rows.clone().filter(is_looked_at).filter_map(|row| column.get(row));
        let confidences = values.map(|value| match plan.signal {
            Signal::Entropy => 1.0 - f64::from(*value) / top,
            _ => f64::from(*value),
        });
        let (sum, num) = confidences
            .filter(|value| value.is_finite())
            .fold((0.0, 0_u64), |(sum, num), value| (sum + value, num + 1));
        if num == 0 { f64::NAN } else { sum / num as f64 }
    };
    // Depths before the last are for a regression only.
    let first = if plan.predictor == Predictor::Score { depths } else { 0 };
    (first..=depths).map(mean).collect()
}

fn outcome(
    recording: &Recording,
    sample: &Sample,
    rows: Range<usize>,
    outcome: &Outcome,
) -> Option<bool> {
    let full = recording.num_layers();
    let mut known = rows.clone().filter_map(|row| recording.is_right(full, row));
    match outcome {
        Outcome::Right => known.next(),
        Outcome::Last => known.last(),
        Outcome::Share(least) => {
            let (right, all) = known
                .fold((0.0, 0.0), |(right, all), is| (right + f64::from(u8::from(is)), all + 1.0));
            (all > 0.0).then(|| right / all >= *least)
        }
        Outcome::Nll(most) => {
            let column = recording.column(Signal::Nll, depth_of(full))?;
            let values = column.get(rows)?.iter().filter(|nll| !nll.is_nan());
            let (sum, num) =
                values.fold((0.0, 0.0), |(sum, num), nll| (sum + f64::from(*nll), num + 1.0));
            (num > 0.0).then(|| sum / num <= *most)
        }
        Outcome::Column(name, value) => sample.columns.get(name).map(|found| found == value),
        Outcome::Unknown => None,
    }
}

/// Tokens of a sample up to the last that was read out; 1 where a row is a whole sample.
fn num_tokens(recording: &Recording, rows: &Range<usize>) -> f64 {
    let last = recording.tokens.position.get(rows.end.saturating_sub(1));
    match recording.subject() {
        Subject::Sample => 1.0,
        Subject::Token | Subject::OwnToken => last.map_or(f64::NAN, |last| f64::from(*last) + 1.0),
    }
}

/// What the first blocks cost for one row.
struct Costs(Vec<f64>);

impl Costs {
    fn new(recording: &Recording, unit: Unit) -> Self {
        let num_rows = recording.num_tokens() as f64;
        let cost = |layer: usize| match unit {
            Unit::Blocks => 1.0,
            Unit::Milliseconds => {
                let secs = recording.manifest.block_secs.get(layer);
                secs.map_or(f64::NAN, |secs| secs * 1000.0 / num_rows)
            }
        };
        let sum = |spent: &mut f64, layer| {
            *spent += cost(layer);
            Some(*spent)
        };
        Self(std::iter::once(0.0).chain((0..recording.num_layers()).scan(0.0, sum)).collect())
    }

    fn to(&self, depth: usize) -> f64 {
        self.0.get(depth).copied().unwrap_or(f64::NAN)
    }
}

/// How often each of the six things happened, and the sums of the times.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// TP, FN, TN, FP, no call and success, no call and failure.
    pub(super) six: [f64; 6],
    successes: (f64, f64),
    failures: (f64, f64),
    cuts: (f64, f64),
    /// All that could have been called.
    callable: (f64, f64),
}

impl Counts {
    pub(super) fn of<'a>(
        attempts: impl Iterator<Item = &'a Attempt>,
        threshold: Option<f64>,
    ) -> Self {
        let mut counts = Self::default();
        let add = |(num, sum): &mut (f64, f64), time: f64| {
            *num += 1.0;
            *sum += time;
        };
        for attempt in attempts {
            let is_ended = is_cut(attempt, threshold);
            let place = match (attempt.score.is_some(), is_ended, attempt.is_success) {
                (true, false, true) => 0,
                (_, true, true) => 1,
                (_, true, false) => 2,
                (true, false, false) => 3,
                (false, false, true) => 4,
                (false, false, false) => 5,
            };
            if let Some(count) = counts.six.get_mut(place) {
                *count += 1.0;
            }
            let all = if attempt.is_success { &mut counts.successes } else { &mut counts.failures };
            add(all, attempt.duration);
            if attempt.score.is_some() {
                add(&mut counts.callable, attempt.call);
            }
            if is_ended {
                add(&mut counts.cuts, attempt.call);
            }
        }
        counts
    }

    /// Rates and times. S and F are means over all attempts, ended or not: the recording let all of them run.
    /// `None` without attempts.
    pub(super) fn case(&self, restart: f64) -> Option<Case> {
        let num: f64 = self.six.iter().sum();
        let joint = Joint::new(self.six.map(|count| count / num))?;
        let mean = |(num, sum): (f64, f64)| if num > 0.0 { sum / num } else { f64::NAN };
        // Where no call is made, the time that one would take is that of all that could be made.
        let call = if self.cuts.0 > 0.0 { self.cuts } else { self.callable };
        let times = Times {
            success: mean(self.successes),
            failure: mean(self.failures),
            call: mean(call),
            restart,
        };
        Some(joint.case(times))
    }
}
