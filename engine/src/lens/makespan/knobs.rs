//! Knobs of the Early abort lens, and how they stand for a recording.

use super::attempts::{Look, Outcome, Plan, Predictor, Unit};
use super::case::{Case, Scatter, Times};
use crate::knob::{Choice, ChoiceOption, Integer, KnobCard, Knobs, Real};
use crate::recording::Recording;
use crate::signal::{Depth, NO_TOKEN, Signal, Subject};

const SOURCE: Choice = Choice {
    id: "source",
    label: "Numbers from",
    help: "Attempts of the recording, or rates and times typed by hand",
};
const OUTCOME: Choice = Choice {
    id: "outcome",
    label: "An attempt succeeds if",
    help: "What counts as a success of the full model; all but a label or a column is our reading",
};
const LEAST_SHARE: Real = Real {
    id: "least-share",
    label: "Least share right",
    help: "An attempt succeeds if at least this share of its next tokens is the first choice of the full model",
    unit: "fraction",
    default: 0.5,
    min: 0.0,
    max: 1.0,
    step: 0.01,
};
const MOST_NLL: Real = Real {
    id: "most-nll",
    label: "Most NLL",
    help: "An attempt succeeds if the mean NLL of its next tokens under the full model is no higher",
    unit: "nats",
    default: 1.0,
    min: 0.0,
    max: 20.0,
    step: 0.01,
};
const LOOK: Choice = Choice {
    id: "look",
    label: "Call after",
    help: "When it is decided whether an attempt goes on",
};
const LOOK_TOKENS: Integer = Integer {
    id: "look-tokens",
    label: "First tokens",
    help: "So many tokens have run through the whole model before the call; shorter attempts get none",
    default: 8,
    min: 1,
    max: 4096,
};
const LOOK_DEPTH: Integer = Integer {
    id: "look-depth",
    label: "Depth of the call",
    help: "So many blocks have run, for all tokens of the attempt, before the call",
    default: 2,
    min: 0,
    max: 1023,
};
const SIGNAL: Choice = Choice {
    id: "signal",
    label: "Confidence",
    help: "Score of a readout, 0 to 1; the score of an attempt is its mean over what was looked at",
};
const PREDICTOR: Choice = Choice {
    id: "predictor",
    label: "Predictor",
    help: "The mean confidence itself, or a logistic regression on it at every depth, fitted on one half of the attempts and shown on the other",
};
const THRESHOLD: Real = Real {
    id: "threshold",
    label: "Threshold",
    help: "An attempt that scores below it is called a failure and ended",
    unit: "",
    default: 0.5,
    min: 0.0,
    max: 1.0,
    step: 0.001,
};
const UNIT: Choice = Choice {
    id: "unit",
    label: "Time in",
    help: "Blocks run (modelled), or milliseconds: the mean time of a token in every block of this recording",
};
const RESTART: Real = Real {
    id: "restart",
    label: "Restart",
    help: "Time before every attempt, in the unit of the other times; no recording knows it",
    unit: "",
    default: 0.0,
    min: 0.0,
    max: 10_000.0,
    step: 0.1,
};
const TIMES: Choice = Choice {
    id: "times",
    label: "Simulated times",
    help: "Where the simulated attempts take their times from; the mean does not depend on it",
};
const RUNS: Integer = Integer {
    id: "runs",
    label: "Simulated runs",
    help: "So many times attempts are repeated until one succeeds",
    default: 2000,
    min: 100,
    max: 20_000,
};
const SEED: Integer = Integer {
    id: "seed",
    label: "Seed",
    help: "Of the simulation, of the halves and of the interval",
    default: 1,
    min: 0,
    max: 999_999,
};

/// Defaults of what is typed by hand are those of the published bearing insertions, without a restart.
const P: Real =
    rate("p", "p, success rate", "Share of attempts that succeed if they are let run", 0.4979);
const ALPHA: Real =
    rate("alpha", "α, successes ended", "Share of would-be successes that a call ends", 0.2697);
const TAU: Real =
    rate("tau", "τ, failures ended", "Share of would-be failures that a call ends", 0.8129);
const SUCCESS: Real =
    time("success-time", "S, time of a success", "Mean time of an attempt that succeeds", 31.87);
const FAILURE: Real = time(
    "failure-time",
    "F, time of a failure",
    "Mean time of an attempt that runs into its failure",
    69.72,
);
const CALL: Real = time(
    "call-time",
    "N, time to a call",
    "Mean time from the start of an attempt to a call that ends it",
    23.84,
);

const fn rate(id: &'static str, label: &'static str, help: &'static str, default: f64) -> Real {
    Real { id, label, help, unit: "", default, min: 0.0, max: 1.0, step: 0.0001 }
}

const fn time(id: &'static str, label: &'static str, help: &'static str, default: f64) -> Real {
    Real { id, label, help, unit: "", default, min: 0.0, max: 10_000.0, step: 0.01 }
}

const RECORDING: &str = "recording";
const HAND: &str = "hand";
const TOKENS: &str = "tokens";
const DEPTH: &str = "depth";
const RIGHT: &str = "right";
const LAST: &str = "last";
const SHARE: &str = "share";
const NLL: &str = "nll";
const UNKNOWN: &str = "unknown";
const LOGISTIC: &str = "logistic";
const MILLISECONDS: &str = "ms";
const RECORDED: &str = "recorded";
const EXPONENTIAL: &str = "exponential";
const FIXED: &str = "fixed";

/// How the knobs stand for a recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) numbers: Numbers,
    /// `None`: those of the recorded attempts.
    pub(super) scatter: Option<Scatter>,
    pub(super) restart: f64,
    pub(super) num_runs: usize,
    pub(super) seed: u64,
}

/// Where rates and times come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Numbers {
    /// Attempts of the recording, called by a predictor at a threshold.
    Recorded(Plan, f64),
    /// Typed by hand.
    Typed(Case),
}

/// The cards as they are for this recording and these values. Without a recording, all of them.
pub(super) fn cards(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let source = SOURCE
        .card(vec![ChoiceOption::new(RECORDING, "Recording"), ChoiceOption::new(HAND, "By hand")]);
    let is_typed = knobs.choice(&SOURCE) == Some(HAND);
    let mut cards = vec![source];
    if recording.is_none() || !is_typed {
        cards.extend(of_recording(recording, knobs));
    }
    if recording.is_none() || is_typed {
        cards.extend([P, ALPHA, TAU, SUCCESS, FAILURE, CALL].map(|knob| knob.card()));
    }
    cards.push(RESTART.card());
    let recorded = ChoiceOption::new(RECORDED, "Of the recorded attempts");
    let mut times = vec![
        ChoiceOption::new(EXPONENTIAL, "Exponential around the means"),
        ChoiceOption::new(FIXED, "Always the means"),
    ];
    if !is_typed {
        times.insert(0, recorded);
    }
    cards.extend([TIMES.card(times), RUNS.card(RUNS.max), SEED.card(SEED.max)]);
    cards
}

fn of_recording(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let outcomes = outcomes(recording);
    let chosen = knobs.choice(&OUTCOME).filter(|id| outcomes.iter().any(|(o, _)| o.id == *id));
    let outcome = chosen.or_else(|| outcomes.first().map(|(option, _)| option.id.as_str()));
    let is_any = |id: &str| recording.is_none() || outcome == Some(id);
    let mut cards = Vec::new();
    if is_any(SHARE) {
        cards.push(LEAST_SHARE.card());
    }
    if is_any(NLL) {
        cards.push(MOST_NLL.card());
    }
    let looks = looks(recording);
    let looks_at_depth = knobs.choice(&LOOK).or_else(|| looks.first().map(|l| l.id.as_str()));
    let looks_at_depth = looks_at_depth == Some(DEPTH) || looks.len() == 1;
    cards.insert(0, OUTCOME.card(outcomes.into_iter().map(|(option, _)| option).collect()));
    cards.push(LOOK.card(looks));
    if recording.is_none() || !looks_at_depth {
        cards.push(LOOK_TOKENS.card(most_tokens(recording)));
    }
    if recording.is_none() || looks_at_depth {
        cards.push(LOOK_DEPTH.card(last_depth(recording)));
    }
    let subject = recording.map(Recording::subject).unwrap_or_default();
    let signals = signals(recording).map(|s| ChoiceOption::new(s.id(), confidence(s, subject)));
    let units = [ChoiceOption::new("blocks", "Blocks run (modelled)")];
    let measured = ChoiceOption::new(MILLISECONDS, "Milliseconds (means measured)");
    let measured = recording.is_none_or(has_times).then_some(measured);
    cards.extend([
        SIGNAL.card(signals.collect()),
        PREDICTOR.card(vec![
            ChoiceOption::new("score", "Threshold on the mean confidence"),
            ChoiceOption::new(LOGISTIC, "Logistic regression (extension)"),
        ]),
        THRESHOLD.card(),
        UNIT.card(units.into_iter().chain(measured).collect()),
    ]);
    cards
}

/// How the knobs stand; a value that this recording does not allow counts as not chosen.
pub(super) fn settings(recording: &Recording, knobs: &Knobs) -> Settings {
    let mut allowed = knobs.clone();
    allowed.keep_allowed(&cards(Some(recording), knobs));
    let restart = allowed.real(&RESTART);
    let scatter = match allowed.choice(&TIMES) {
        Some(EXPONENTIAL) => Some(Scatter::Exponential),
        Some(FIXED) => Some(Scatter::Fixed),
        _ => None,
    };
    let whole = |knob: &Integer| allowed.integer(knob).unsigned_abs();
    let is_typed = allowed.choice(&SOURCE) == Some(HAND);
    let numbers = if is_typed {
        let times = Times {
            success: allowed.real(&SUCCESS),
            failure: allowed.real(&FAILURE),
            call: allowed.real(&CALL),
            restart,
        };
        let [p, alpha, tau] = [P, ALPHA, TAU].map(|knob| allowed.real(&knob));
        Numbers::Typed(Case { p, alpha, tau, times })
    } else {
        Numbers::Recorded(plan(recording, &allowed), allowed.real(&THRESHOLD))
    };
    Settings {
        numbers,
        scatter: scatter.or_else(|| is_typed.then_some(Scatter::Exponential)),
        restart,
        num_runs: usize::try_from(whole(&RUNS)).unwrap_or(0),
        seed: whole(&SEED),
    }
}

fn plan(recording: &Recording, allowed: &Knobs) -> Plan {
    let outcomes = outcomes(Some(recording));
    let chosen = allowed.choice(&OUTCOME);
    let chosen = chosen.and_then(|id| outcomes.iter().find(|(option, _)| option.id == id));
    let outcome = match chosen.or_else(|| outcomes.first()).map(|(_, outcome)| outcome.clone()) {
        Some(Outcome::Share(_)) => Outcome::Share(allowed.real(&LEAST_SHARE)),
        Some(Outcome::Nll(_)) => Outcome::Nll(allowed.real(&MOST_NLL)),
        Some(outcome) => outcome,
        None => Outcome::Unknown,
    };
    let looks = looks(Some(recording));
    let look = allowed.choice(&LOOK).or_else(|| looks.first().map(|l| l.id.as_str()));
    let look = if look == Some(DEPTH) {
        let depth = allowed.integer(&LOOK_DEPTH).min(last_depth(Some(recording)));
        Look::Depth(Depth(u16::try_from(depth).unwrap_or(0)))
    } else {
        let num = allowed.integer(&LOOK_TOKENS).min(most_tokens(Some(recording)));
        Look::Tokens(u32::try_from(num).unwrap_or(1))
    };
    let signal = allowed.choice(&SIGNAL);
    let signal = signals(Some(recording)).find(|s| signal.is_none_or(|id| s.id() == id));
    let predictor = match allowed.choice(&PREDICTOR) {
        Some(LOGISTIC) => Predictor::Logistic { seed: allowed.integer(&SEED).unsigned_abs() },
        _ => Predictor::Score,
    };
    let unit = match allowed.choice(&UNIT) {
        Some(MILLISECONDS) => Unit::Milliseconds,
        _ => Unit::Blocks,
    };
    Plan { outcome, look, signal: signal.unwrap_or(Signal::MaxProb), predictor, unit }
}

/// What can be known of an attempt's success. Of a text the mean NLL comes first: it says something of any text, the last
/// token only where texts end in an answer.
fn outcomes(recording: Option<&Recording>) -> Vec<(ChoiceOption, Outcome)> {
    let mut found = Vec::new();
    let mut offer = |id: &str, label: &str, outcome| {
        found.push((ChoiceOption::new(id, label), outcome));
    };
    let subject = recording.map(Recording::subject).unwrap_or_default();
    let has_truth = recording.is_none_or(|r| r.tokens.next_ids.iter().any(|id| *id != NO_TOKEN));
    if subject == Subject::Sample && has_truth {
        offer(RIGHT, "Its label is the full model's answer", Outcome::Right);
    }
    if subject == Subject::Token && has_truth {
        offer(NLL, "Its mean NLL is low enough (extension)", Outcome::Nll(0.0));
        offer(
            SHARE,
            "Enough of its tokens are the full model's first choice (extension)",
            Outcome::Share(0.0),
        );
        offer(LAST, "Its last token is the full model's first choice (extension)", Outcome::Last);
    }
    let columns = recording.map(Recording::slice_columns);
    for column in columns.iter().flat_map(|c| &c.0).filter(|column| column.values.len() == 2) {
        for value in &column.values {
            let name = &column.name;
            let outcome = Outcome::Column(name.clone(), value.clone());
            offer(&format!("{name}:{value}"), &format!("{name} is {value}"), outcome);
        }
    }
    if found.is_empty() {
        found.push((ChoiceOption::new(UNKNOWN, "Nothing is known"), Outcome::Unknown));
    }
    found
}

/// Only a text that is read token by token has first tokens that know nothing of the rest.
fn looks(recording: Option<&Recording>) -> Vec<ChoiceOption> {
    let tokens = ChoiceOption::new(TOKENS, "The first tokens, at full depth");
    let depth = ChoiceOption::new(DEPTH, "Some blocks, for all tokens");
    match recording.map(Recording::subject).unwrap_or_default() {
        Subject::Token => vec![tokens, depth],
        Subject::OwnToken | Subject::Sample => vec![depth],
    }
}

fn most_tokens(recording: Option<&Recording>) -> i64 {
    let longest = recording
        .map(|r| *r.cubes.memo.get("longest position", || r.tokens.position.iter().max().copied()));
    longest.map_or(LOOK_TOKENS.max, |longest| i64::from(longest.unwrap_or(0)).max(1))
}

fn last_depth(recording: Option<&Recording>) -> i64 {
    recording.map_or(LOOK_DEPTH.max, |r| {
        i64::try_from(r.num_layers()).unwrap_or(i64::MAX).saturating_sub(1).max(0)
    })
}

/// Signals that a live run would have when it calls: none that needs the truth, the last readout or a later block. A
/// recording without any of them has them all to choose from: then nothing is called.
fn signals(recording: Option<&Recording>) -> impl Iterator<Item = Signal> {
    let known = [Signal::MaxProb, Signal::Margin, Signal::Entropy];
    let is_there = |s: &Signal| recording.is_none_or(|r| r.signals.contains_key(s));
    let has_none = !known.iter().any(is_there);
    let there = known.map(|s| (has_none || is_there(&s)).then_some(s));
    there.into_iter().flatten()
}

fn confidence(signal: Signal, subject: Subject) -> String {
    match signal {
        Signal::Entropy => "1 − entropy / ln V".to_owned(),
        other => other.label_of(subject).to_owned(),
    }
}

/// Whether the mean time of a token is known: every token that ran is a row, and the blocks were timed.
fn has_times(recording: &Recording) -> bool {
    let manifest = recording.manifest();
    let secs: f64 = manifest.block_secs.iter().sum();
    let has_every_block = manifest.block_secs.len() == manifest.layers;
    !manifest.read_at.has_gaps() && has_every_block && secs > 0.0 && secs.is_finite()
}
