//! Positions of the knob that trades answers for depth.

use crate::knob::{KnobCard, KnobKind, Value};
use crate::policy::exit::{About, RuleEntry, cards_of};
use crate::recording::Recording;

/// Positions of a knob whose rule no cube answers.
pub(crate) const POSITIONS: u32 = 33;

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
