//! What is compared, on which rows, and at which prices.

use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs};
use crate::lens::exits::slice_card;
use crate::policy::cards as rule_cards;
use crate::policy::{About, Cost, Goal, Pricing, Side, Split, add_split_cards};
use crate::recording::Recording;

const PART: Choice = Choice {
    id: "part",
    label: "Counted on",
    help: "The rows that are counted; rules that are fitted look too good where they were",
};
const TEST: &str = "test";
const CALIBRATION: &str = "calibration";
const ALL: &str = "all";
/// What the horizontal axis can count; never two of them.
const COSTS: &[Cost] = &[Cost::Depth, Cost::Flops, Cost::Time];

/// How the knobs of the lens stand.
pub(super) struct Asked {
    pub(super) goal: Goal,
    pub(super) pricing: Pricing,
    /// `None`: all rows.
    pub(super) side: Option<Side>,
    pub(super) split: Split,
}

pub(super) fn cards(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let mut cards = rule_cards(&About::of(recording), knobs);
    let rows = recording.map_or("tokens", |recording| recording.subject().nouns());
    let all = format!("All {rows}");
    let parts = [(TEST, "Test part"), (ALL, all.as_str()), (CALIBRATION, "Calibration part")];
    cards.push(Goal::card(recording, Goal::OF_EXITS));
    cards.extend(Pricing::cards(recording, knobs, COSTS));
    cards.push(PART.card(parts.map(|(id, label)| ChoiceOption::new(id, label)).to_vec()));
    add_split_cards(&mut cards);
    cards.push(slice_card(recording));
    cards
}

impl Asked {
    /// Of knobs that the cards allow.
    pub(super) fn of(recording: &Recording, knobs: &Knobs) -> Self {
        let side = match knobs.choice(&PART) {
            Some(ALL) => None,
            Some(CALIBRATION) => Some(Side::Calibration),
            _ => Some(Side::Test),
        };
        let pricing = Pricing::of(recording, knobs, COSTS);
        let goal = Goal::of(recording, knobs, Goal::OF_EXITS);
        Self { goal, pricing, side, split: Split::of(knobs) }
    }
}
