//! Typed parameters of lenses and rules. A misspelt knob cannot be written: code asks by constant, and
//! a value that came from a person is inside its range before anybody sees it.
//!
//! Knows nothing of who declares a knob or of what turns it.

mod places;

pub use places::{Part, Places, PlacesKnob};

use std::collections::BTreeMap;

/// A real-valued knob, declared as a constant beside its user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Real {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// Sentence case, no colon.
    pub label: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// "nats"; empty for none.
    pub unit: &'static str,
    /// Value before anybody turned it.
    pub default: f64,
    /// Smallest allowed value.
    pub min: f64,
    /// Largest allowed value.
    pub max: f64,
    /// Distance of two neighbouring positions of a slider; typed values may lie between.
    pub step: f64,
}

/// A whole-number knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// Sentence case, no colon.
    pub label: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// Value before anybody turned it.
    pub default: i64,
    /// Smallest allowed value.
    pub min: i64,
    /// Largest allowed value; narrowed to the recording at hand by the card.
    pub max: i64,
}

/// A knob with named positions. The positions may depend on the recording, so they live in the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// Sentence case, no colon.
    pub label: &'static str,
    /// One line: what it does.
    pub help: &'static str,
}

/// One named position of a `Choice`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChoiceOption {
    /// What `--set` and sessions say.
    pub id: String,
    /// What the window shows.
    pub label: String,
    /// One line: what it means; empty where the label says it all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub help: &'static str,
    /// Paper, section, or code that it comes from; empty for none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub source: &'static str,
}

/// What a window or a command line needs to offer a knob.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct KnobCard {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// Sentence case, no colon.
    pub label: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// "nats"; empty for none.
    pub unit: &'static str,
    /// Type, range and default.
    pub kind: KnobKind,
}

/// Type, range and default of a knob.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum KnobKind {
    /// A real number in `min..=max`.
    Real {
        /// Value before anybody turned it.
        default: f64,
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
        /// Distance of two slider positions.
        step: f64,
    },
    /// A whole number in `min..=max`.
    Integer {
        /// Value before anybody turned it.
        default: i64,
        /// Smallest allowed value.
        min: i64,
        /// Largest allowed value.
        max: i64,
    },
    /// One of `options`.
    Choice {
        /// Id of the option before anybody turned it.
        default: String,
        /// In the order in which they are offered.
        options: Vec<ChoiceOption>,
    },
    /// A set of places in `first..=last`, written as `Places` reads it.
    Places {
        /// Text before anybody turned it.
        default: String,
        /// The first place.
        first: u16,
        /// The last place; below `first` where there is none.
        last: u16,
        /// Whether a place can be half in.
        has_parts: bool,
    },
}

/// The value of one knob.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Of an `Integer` knob.
    Integer(i64),
    /// Of a `Real` knob.
    Real(f64),
    /// Of a `Choice` or `Places` knob.
    Choice(String),
}

impl std::fmt::Display for Value {
    /// As `Knobs::parse` reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => value.fmt(f),
            Self::Choice(value) => value.fmt(f),
        }
    }
}

/// Why a value was not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KnobError {
    /// No such knob.
    #[error("there is no knob `{found}`; there are {}", allowed.join(", "))]
    Unknown {
        /// What was asked for.
        found: String,
        /// What exists.
        allowed: Vec<&'static str>,
    },
    /// Outside the range or not one of the options.
    #[error("knob `{id}`: `{found}` is not allowed; allowed is {allowed}")]
    NotAllowed {
        /// The knob.
        id: &'static str,
        /// What was asked for.
        found: String,
        /// The range or the options.
        allowed: String,
    },
}

impl Real {
    /// The card of this knob.
    pub fn card(&self) -> KnobCard {
        let kind =
            KnobKind::Real { default: self.default, min: self.min, max: self.max, step: self.step };
        KnobCard { id: self.id, label: self.label, help: self.help, unit: self.unit, kind }
    }
}

impl Integer {
    /// The card of this knob with its upper end narrowed to `max`.
    pub fn card(&self, max: i64) -> KnobCard {
        let max = max.clamp(self.min, self.max);
        let kind = KnobKind::Integer { default: self.default.min(max), min: self.min, max };
        KnobCard { id: self.id, label: self.label, help: self.help, unit: "", kind }
    }
}

impl Choice {
    /// The card of this knob with the positions it has now; the first is the default.
    pub fn card(&self, options: Vec<ChoiceOption>) -> KnobCard {
        let default = options.first().map(|o| o.id.clone()).unwrap_or_default();
        let kind = KnobKind::Choice { default, options };
        KnobCard { id: self.id, label: self.label, help: self.help, unit: "", kind }
    }
}

impl ChoiceOption {
    /// An option.
    pub fn new(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self { id: id.into(), label: label.into(), help: "", source: "" }
    }

    /// The same option with what it means and where it comes from.
    pub fn explained(mut self, help: &'static str, source: &'static str) -> Self {
        (self.help, self.source) = (help, source);
        self
    }
}

impl KnobKind {
    /// The value before anybody turned the knob.
    pub fn default_value(&self) -> Value {
        match self {
            Self::Real { default, .. } => Value::Real(*default),
            Self::Integer { default, .. } => Value::Integer(*default),
            Self::Choice { default, .. } | Self::Places { default, .. } => {
                Value::Choice(default.clone())
            }
        }
    }

    /// Whether `value` has the right type and lies in the range.
    pub fn allows(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Real { min, max, .. }, Value::Real(v)) => *v >= *min && *v <= *max,
            (Self::Integer { min, max, .. }, Value::Integer(v)) => v >= min && v <= max,
            (Self::Choice { options, .. }, Value::Choice(v)) => options.iter().any(|o| o.id == *v),
            (Self::Places { first, last, has_parts, .. }, Value::Choice(v)) => {
                Places::parse(v, *first..=*last, *has_parts).is_some()
            }
            _ => false,
        }
    }

    fn allowed(&self) -> String {
        match self {
            Self::Real { min, max, .. } => format!("a number from {min} to {max}"),
            Self::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Choice { options, .. } => {
                options.iter().map(|o| o.id.as_str()).collect::<Vec<_>>().join(", ")
            }
            Self::Places { first, last, has_parts, .. } => {
                let parts = if *has_parts { ", each with `a` or `f` for one sublayer" } else { "" };
                format!("all, none, or numbers and ranges from {first} to {last}{parts}")
            }
        }
    }
}

/// The values that somebody chose; every other knob stands at its default.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Knobs(BTreeMap<String, Value>);

impl Knobs {
    /// The value of a real knob: what was chosen, else its default.
    pub fn real(&self, knob: &Real) -> f64 {
        match self.0.get(knob.id) {
            Some(Value::Real(v)) if v.is_finite() => v.clamp(knob.min, knob.max),
            _ => knob.default,
        }
    }

    /// The value of a whole-number knob.
    pub fn integer(&self, knob: &Integer) -> i64 {
        match self.0.get(knob.id) {
            Some(Value::Integer(v)) => (*v).clamp(knob.min, knob.max),
            _ => knob.default,
        }
    }

    /// The chosen option of a choice, or `None` while it stands at its default.
    pub fn choice(&self, knob: &Choice) -> Option<&str> {
        match self.0.get(knob.id) {
            Some(Value::Choice(v)) => Some(v),
            _ => None,
        }
    }

    /// The raw value of a knob, if somebody chose one.
    pub fn get(&self, id: &str) -> Option<&Value> {
        self.0.get(id)
    }

    /// Sets a value without looking at a card; for values that a card has allowed already.
    pub fn set(&mut self, id: &str, value: Value) {
        self.0.insert(id.to_owned(), value);
    }

    /// Puts a knob back to its default.
    pub fn unset(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Reads `text` as a value of the card's type, checks it against the card's range, and sets it.
    pub fn parse(&mut self, cards: &[KnobCard], id: &str, text: &str) -> Result<(), KnobError> {
        let Some(card) = cards.iter().find(|c| c.id == id) else {
            let allowed = cards.iter().map(|c| c.id).collect();
            return Err(KnobError::Unknown { found: id.to_owned(), allowed });
        };
        let value = match card.kind {
            KnobKind::Real { .. } => text.trim().parse().ok().map(Value::Real),
            KnobKind::Integer { .. } => text.trim().parse().ok().map(Value::Integer),
            KnobKind::Choice { .. } | KnobKind::Places { .. } => {
                Some(Value::Choice(text.to_owned()))
            }
        };
        match value.filter(|v| card.kind.allows(v)) {
            Some(value) => {
                self.set(card.id, value);
                Ok(())
            }
            None => Err(KnobError::NotAllowed {
                id: card.id,
                found: text.to_owned(),
                allowed: card.kind.allowed(),
            }),
        }
    }

    /// The chosen values, in the order of the knobs' names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(id, value)| (id.as_str(), value))
    }

    /// Drops every value that the cards do not allow (another recording, another rule).
    pub fn keep_allowed(&mut self, cards: &[KnobCard]) {
        self.0.retain(|id, value| cards.iter().any(|c| c.id == id && c.kind.allows(value)));
    }

    /// Drops every value that its card does not allow; values of knobs that have no card here (another lens) stay.
    pub fn drop_refused(&mut self, cards: &[KnobCard]) {
        let card = |id: &str| cards.iter().find(|card| card.id == id);
        self.0.retain(|id, value| card(id).is_none_or(|card| card.kind.allows(value)));
    }

    /// Every knob of `cards` with the value it has now.
    pub fn resolved(&self, cards: &[KnobCard]) -> BTreeMap<&'static str, Value> {
        let value = |card: &KnobCard| match self.0.get(card.id) {
            Some(value) if card.kind.allows(value) => value.clone(),
            _ => card.kind.default_value(),
        };
        cards.iter().map(|card| (card.id, value(card))).collect()
    }
}

/// Knobs that were turned, for tests.
#[cfg(test)]
pub(crate) fn turned(turns: &[(&str, Value)]) -> Knobs {
    Knobs(turns.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAT: Real = Real {
        id: "heat",
        label: "Heat",
        help: "How hot",
        unit: "",
        default: 0.5,
        min: 0.0,
        max: 1.0,
        step: 0.001,
    };
    const COUNT: Integer =
        Integer { id: "count", label: "Count", help: "How many", default: 5, min: 0, max: 9 };
    const KIND: Choice = Choice { id: "kind", label: "Kind", help: "Which" };

    fn cards() -> Vec<KnobCard> {
        let options = vec![ChoiceOption::new("plain", "Plain"), ChoiceOption::new("a:b", "A b")];
        vec![HEAT.card(), COUNT.card(3), KIND.card(options)]
    }

    fn parse(id: &str, text: &str) -> Result<Knobs, String> {
        let mut knobs = Knobs::default();
        knobs.parse(&cards(), id, text).map(|()| knobs).map_err(|error| error.to_string())
    }

    #[test]
    fn untouched_knobs_stand_at_their_defaults() {
        let knobs = Knobs::default();
        assert_eq!(knobs.real(&HEAT), 0.5);
        assert_eq!(knobs.integer(&COUNT), 5);
        assert_eq!(knobs.choice(&KIND), None);
        let resolved = knobs.resolved(&cards());
        assert_eq!(resolved["heat"], Value::Real(0.5));
        assert_eq!(resolved["kind"], Value::Choice("plain".to_owned()));
        // Narrowed by the card: the default gives way.
        assert_eq!(resolved["count"], Value::Integer(3));
    }

    #[test]
    fn both_ends_are_taken_and_what_lies_beyond_is_not() {
        for text in ["0", "1", " 0.25 ", "1e-3"] {
            assert!(parse("heat", text).is_ok(), "{text}");
        }
        for text in ["-0.001", "1.001", "NaN", "inf", "", "hot"] {
            assert!(parse("heat", text).is_err(), "{text}");
        }
        assert!(parse("count", "3").is_ok());
        for text in ["4", "-1", "1.0", "99999999999999999999"] {
            assert!(parse("count", text).is_err(), "{text}");
        }
        assert_eq!(parse("kind", "a:b").unwrap().choice(&KIND), Some("a:b"));
    }

    #[test]
    fn errors_say_what_is_allowed() {
        let errors = [("hat", "1"), ("heat", "2"), ("count", "x"), ("kind", "PLAIN")];
        let errors = errors.map(|(id, text)| parse(id, text).unwrap_err()).join("\n");
        insta::assert_snapshot!(errors, @r"
        there is no knob `hat`; there are heat, count, kind
        knob `heat`: `2` is not allowed; allowed is a number from 0 to 1
        knob `count`: `x` is not allowed; allowed is a whole number from 0 to 3
        knob `kind`: `PLAIN` is not allowed; allowed is plain, a:b
        ");
    }

    #[test]
    fn a_refused_value_changes_nothing() {
        let mut knobs = parse("heat", "0.25").unwrap();
        assert!(knobs.parse(&cards(), "heat", "7").is_err());
        assert_eq!(knobs.real(&HEAT), 0.25);
    }

    #[test]
    fn values_that_another_recording_does_not_allow_are_dropped() {
        let mut knobs = Knobs::default();
        knobs.set("heat", Value::Real(0.25));
        knobs.set("count", Value::Integer(4));
        knobs.set("kind", Value::Choice("gone".to_owned()));
        knobs.set("unknown", Value::Real(1.0));
        assert_eq!(knobs.resolved(&cards())["count"], Value::Integer(3));
        let mut kept = knobs.clone();
        kept.drop_refused(&cards());
        assert!(["heat", "unknown"].iter().all(|id| kept.get(id).is_some()));
        assert!(["count", "kind"].iter().all(|id| kept.get(id).is_none()));
        knobs.keep_allowed(&cards());
        assert_eq!(knobs.get("heat"), Some(&Value::Real(0.25)));
        assert!(["count", "kind", "unknown"].iter().all(|id| knobs.get(id).is_none()));
        knobs.unset("heat");
        assert_eq!(knobs, Knobs::default());
    }

    #[test]
    fn a_value_outside_its_range_or_type_never_reaches_the_reader() {
        let mut knobs = Knobs::default();
        for (value, expected) in [(7.0, 1.0), (-7.0, 0.0), (f64::NAN, 0.5), (f64::INFINITY, 0.5)] {
            knobs.set("heat", Value::Real(value));
            assert_eq!(knobs.real(&HEAT), expected);
        }
        knobs.set("heat", Value::Choice("0.7".to_owned()));
        assert_eq!(knobs.real(&HEAT), 0.5);
        knobs.set("count", Value::Integer(i64::MIN));
        assert_eq!(knobs.integer(&COUNT), 0);
    }

    #[test]
    fn knobs_come_back_from_json_as_they_were() {
        let mut knobs = parse("heat", "0.25").unwrap();
        knobs.set("count", Value::Integer(2));
        // A real number that is whole must not come back as an integer.
        knobs.set("threshold", Value::Real(1.0));
        knobs.set("kind", Value::Choice("a:b".to_owned()));
        let text = serde_json::to_string(&knobs).unwrap();
        assert_eq!(text, r#"{"count":2,"heat":0.25,"kind":"a:b","threshold":1.0}"#);
        assert_eq!(serde_json::from_str::<Knobs>(&text).unwrap(), knobs);
    }
}
