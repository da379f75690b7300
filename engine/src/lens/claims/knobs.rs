//! Knobs of a claim.

use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs, Real};
use crate::lens::exits::{by_card, slice_card};
use crate::policy::cards as rule_cards;
use crate::policy::{About, Claim, Goal, Method, Unit, add_split_cards};
use crate::recording::Recording;
use crate::signal::Subject;

pub(super) const DELTA: Real = Real {
    id: "delta",
    label: "Allowed risk",
    help: "The share that may fail: 0.05 claims that at least 95 % do not",
    unit: "fraction",
    default: 0.05,
    min: 0.001,
    max: 0.9,
    step: 0.001,
};
pub(super) const ERROR: Real = Real {
    id: "error",
    label: "Allowed error",
    help: "How likely the claim may be wrong: 0.05 is 95 % confidence",
    unit: "fraction",
    default: 0.05,
    min: 0.001,
    max: 0.5,
    step: 0.001,
};
const METHOD: Choice = Choice {
    id: "method",
    label: "Method",
    help: "How sure a counted share is; whole texts always take Hoeffding",
};
const UNIT: Choice = Choice {
    id: "unit",
    label: "Drawn independently",
    help: "What the claim counts: tokens of one text are not independent, whole texts are",
};
const BINOMIAL: &str = "binomial";
const HOEFFDING: &str = "hoeffding";
const ROW: &str = "row";
const TEXT: &str = "text";

pub(super) fn cards(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let mut cards = rule_cards(&About::of(recording), knobs);
    let methods = [
        ChoiceOption::new(BINOMIAL, "Exact binomial (Clopper-Pearson)"),
        ChoiceOption::new(HOEFFDING, "Hoeffding"),
    ];
    cards.extend([
        Goal::card(recording, Goal::OF_EXITS),
        DELTA.card(),
        ERROR.card(),
        METHOD.card(methods.to_vec()),
    ]);
    if recording.is_none_or(|recording| recording.subject() != Subject::Sample) {
        let units = [ChoiceOption::new(ROW, "Tokens"), ChoiceOption::new(TEXT, "Whole texts")];
        cards.push(UNIT.card(units.to_vec()));
    }
    add_split_cards(&mut cards);
    cards.extend([slice_card(recording), by_card(recording)]);
    cards
}

/// The claim; of knobs that the cards allow.
pub(super) fn claim(knobs: &Knobs) -> Claim {
    Claim {
        risk: knobs.real(&DELTA),
        error: knobs.real(&ERROR),
        unit: if knobs.choice(&UNIT) == Some(TEXT) { Unit::Text } else { Unit::Row },
        wanted: if knobs.choice(&METHOD) == Some(HOEFFDING) {
            Method::Hoeffding
        } else {
            Method::Binomial
        },
    }
}
