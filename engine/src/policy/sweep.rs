//! What every position of the knob that trades answers for depth does.

use crate::knob::{KnobCard, KnobKind, Knobs, Value};
use crate::policy::calibrate::Trial;
use crate::policy::exit::{About, Chosen, RuleEntry, cards_of};
use crate::policy::goal::Goal;
use crate::policy::outcomes::{Counted, Failures, Outcome};
use crate::recording::{RUNGS, Recording, Slice};

/// Positions of a knob whose rule no cube answers.
pub(crate) const POSITIONS: u32 = 33;

/// What every rung of the rule's ladder does or, without a ladder, evenly spaced positions of its main knob; in the order
/// of the knob. Empty without tokens.
pub(crate) fn trials(
    recording: &Recording,
    chosen: &Chosen,
    knobs: &Knobs,
    slice: &Slice,
) -> Vec<Trial> {
    if let Some((ladder, _)) = chosen.ladder() {
        let cube = recording.cube(ladder, chosen.least, slice);
        let trial = |rung| {
            let tally = cube.tally(rung);
            let (agreeing, tokens) = (tally.num_agreeing(), tally.answered);
            let (threshold, mean_depth) = (ladder.threshold(rung), tally.mean_depth()?);
            Some(Trial { threshold, mean_depth, agreeing, tokens })
        };
        return (0..RUNGS).filter_map(trial).collect();
    }
    let rows = slice.ranges(recording);
    let counted = Counted::new(recording, &rows, Goal::Agreement);
    let mut positions = counted.outcomes(chosen, knobs, POSITIONS).positions;
    positions.sort_by(|a, b| a.at.total_cmp(&b.at));
    positions.iter().filter_map(trial).collect()
}

/// What a position does to agreement; `None` without rows.
fn trial(outcome: &Outcome) -> Option<Trial> {
    let Failures { failing, num } = outcome.rows;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of rows, kept as a float"
    )]
    let agreeing = num - failing as u64;
    let mean_depth = outcome.mean_depth()?;
    Some(Trial { threshold: outcome.at, mean_depth, agreeing, tokens: num })
}

/// The knob of a rule that trades answers for depth.
pub(super) fn main_card(recording: &Recording, rule: &'static dyn RuleEntry) -> Option<KnobCard> {
    let cards = cards_of(rule, &About::of(Some(recording)));
    cards.into_iter().find(|card| card.id == rule.card().main)
}

/// "Threshold": what the main knob of a rule is called, without its unit.
pub(crate) fn main_label(recording: &Recording, rule: &'static dyn RuleEntry) -> &'static str {
    let label = main_card(recording, rule).map_or("Setting", |card| card.label);
    label.split(" (").next().unwrap_or(label)
}

/// A position of the main knob of a rule as its value.
pub(crate) fn main_value(recording: &Recording, rule: &'static dyn RuleEntry, at: f64) -> Value {
    match main_card(recording, rule).map(|card| card.kind) {
        #[expect(clippy::cast_possible_truncation, reason = "a position of a whole-number knob")]
        Some(KnobKind::Integer { .. }) => Value::Integer(at.round() as i64),
        _ => Value::Real(at),
    }
}

/// At most `most` evenly spaced values, both ends among them.
pub(crate) fn positions(card: &KnobCard, most: u32) -> Vec<Value> {
    let last = most.max(2) - 1;
    match card.kind {
        KnobKind::Real { min, max, .. } => {
            let part = |idx| min + (max - min) * f64::from(idx) / f64::from(last);
            (0..=last).map(|idx| Value::Real(part(idx))).collect()
        }
        KnobKind::Integer { min, max, .. } => {
            let width = max.saturating_sub(min);
            let last = i64::from(last).min(width);
            (0..=last).map(|idx| Value::Integer(min + width * idx / last.max(1))).collect()
        }
        KnobKind::Choice { .. } | KnobKind::Places { .. } => Vec::new(),
    }
}

pub(super) fn number(value: &Value) -> f64 {
    match value {
        Value::Real(value) => *value,
        Value::Integer(value) => *value as f64,
        Value::Choice(_) => f64::NAN,
    }
}
