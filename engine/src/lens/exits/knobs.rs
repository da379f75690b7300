//! Knobs of the Exits lens, and how they stand for a recording.

use super::Settings;
use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs, Real};
use crate::policy::cards as rule_cards;
use crate::policy::{About, Cost, Pricing, RULE, choose, rule_or_default};
use crate::recording::{Column, Recording, Slice};
use crate::signal::Signal;

/// Among fewer samples every column has a value for each, whatever it means.
const LEAST_NAMES: usize = 4;

const SLICE: Choice =
    Choice { id: "slice", label: "Slice", help: "The part of the recording that is counted" };
const SIGNAL: Choice = Choice {
    id: "signal",
    label: "Signal",
    help: "What the grid's colour and the distribution show",
};
const BY: Choice =
    Choice { id: "by", label: "Compare by", help: "Sample column whose values stand side by side" };
const TARGET: Real = Real {
    id: "target",
    label: "Wanted agreement",
    help: "Share of tokens whose first choice must stay the full model's",
    unit: "fraction",
    default: 0.99,
    min: 0.5,
    max: 1.0,
    step: 0.001,
};
/// What can be saved.
const COSTS: &[Cost] = &[Cost::Flops, Cost::Time];
/// Option of `by` for no comparison.
const NONE: &str = "none";
/// Option of `slice` for the whole recording.
const ALL: &str = "all";

/// The cards as they are for this recording and this rule.
pub(super) fn cards(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let own = rule_or_default(knobs.choice(&RULE)).card().signal;
    let subject = recording.map(Recording::subject).unwrap_or_default();
    let label = |signal: Signal| ChoiceOption::new(signal.id(), signal.label_of(subject));
    let signals = signals(recording, own).map(label);
    let mut cards = rule_cards(&About::of(recording), knobs);
    cards.extend([
        slice_card(recording),
        SIGNAL.card(signals.collect()),
        by_card(recording),
        TARGET.card(),
    ]);
    cards.extend(Pricing::cards(recording, knobs, COSTS));
    cards
}

/// The part of the recording that is counted.
pub(in crate::lens) fn slice_card(recording: Option<&Recording>) -> KnobCard {
    let columns = recording.map(Recording::slice_columns);
    let columns = columns.as_deref().map(|c| c.0.as_slice()).unwrap_or_default();
    SLICE.card(slices(columns).into_iter().map(|(option, _)| option).collect())
}

/// The column whose values stand side by side.
pub(in crate::lens) fn by_card(recording: Option<&Recording>) -> KnobCard {
    let columns = recording.map(Recording::slice_columns);
    let columns = columns.as_deref().map(|c| c.0.as_slice()).unwrap_or_default();
    BY.card(comparisons(recording, columns))
}

/// How the knobs stand; a value that this recording does not allow counts as not chosen.
pub(in crate::lens) fn settings(recording: &Recording, knobs: &Knobs) -> Settings {
    let cards = cards(Some(recording), knobs);
    let mut allowed = knobs.clone();
    allowed.keep_allowed(&cards);
    let rule = choose(recording, &allowed);
    let own = rule.rule.card().signal;
    let columns = recording.slice_columns();
    let columns = &columns.0;
    let slice = allowed.choice(&SLICE).and_then(|id| {
        slices(columns).into_iter().find(|(option, _)| option.id == id).map(|(_, slice)| slice)
    });
    let signal = allowed
        .choice(&SIGNAL)
        .and_then(|id| signals(Some(recording), own).find(|signal| signal.id() == id));
    let by = allowed
        .choice(&BY)
        .map(str::to_owned)
        .or_else(|| comparisons(Some(recording), columns).first().map(|option| option.id.clone()));
    Settings {
        rule,
        slice: slice.unwrap_or_default(),
        signal: signal.or(own).unwrap_or(Signal::MaxProb),
        by: columns.iter().find(|column| Some(&column.name) == by.as_ref()).cloned(),
        target: allowed.real(&TARGET),
        pricing: Pricing::of(recording, &allowed, COSTS),
        knobs: allowed,
    }
}

fn slices(columns: &[Column]) -> Vec<(ChoiceOption, Slice)> {
    let parts = columns.iter().flat_map(|Column { name, values }| {
        values.iter().map(move |value| {
            let option = ChoiceOption::new(format!("{name}:{value}"), format!("{name}: {value}"));
            (option, Slice::all().with(name, value))
        })
    });
    std::iter::once((ChoiceOption::new(ALL, "All"), Slice::all())).chain(parts).collect()
}

/// The rule's own signal first, then every other that is there.
fn signals(recording: Option<&Recording>, own: Option<Signal>) -> impl Iterator<Item = Signal> {
    let others = Signal::ALL.into_iter().filter(move |signal| Some(*signal) != own);
    let others: Vec<Signal> =
        others.filter(|signal| recording.is_none_or(|r| r.signals.contains_key(signal))).collect();
    own.into_iter().chain(others)
}

/// Columns with something to compare. First, and so the default, is the last column of numbers
/// (a difficulty), else the last column of words; words of which every sample has its own (a fingerprint) come last.
fn comparisons(recording: Option<&Recording>, columns: &[Column]) -> Vec<ChoiceOption> {
    let mut columns: Vec<&Column> = columns.iter().filter(|c| c.values.len() >= 2).collect();
    let place = |column: &Column| {
        recording.and_then(|r| r.manifest.columns.iter().position(|name| *name == column.name))
    };
    let is_words = |column: &Column| column.values.iter().any(|v| v.trim().parse::<f64>().is_err());
    let samples = recording.map_or(usize::MAX, |r| r.samples.len());
    let is_name =
        |column: &&Column| column.values.len() >= samples.max(LEAST_NAMES) && is_words(column);
    columns.sort_by_key(|column| (is_words(column), std::cmp::Reverse(place(column))));
    let (names, groups): (Vec<_>, Vec<_>) = columns.into_iter().partition(is_name);
    let option = |column: &Column| ChoiceOption::new(column.name.as_str(), column.name.as_str());
    let groups = groups.into_iter().map(option);
    let none = ChoiceOption::new(NONE, "None");
    groups.chain([none]).chain(names.into_iter().map(option)).collect()
}
