//! The rule that the knobs choose, and its plan.

use super::RULES;
use super::by_hand;
use super::rule::{Asked, Entry, Measure, Planned, Unplanned};
use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs};
use crate::policy::exit::About;
use crate::recording::Recording;

pub(crate) const RULE: Choice = Choice {
    id: "skip-rule",
    label: "Skip rule",
    help: "How the blocks that are left out are chosen",
};

/// The card of the rule and those of its knobs.
pub(crate) fn cards(about: &About, knobs: &Knobs) -> Vec<KnobCard> {
    let rules = RULES.iter().map(|rule| ChoiceOption::new(rule.card.id, rule.card.label));
    let mut cards = vec![RULE.card(rules.collect())];
    cards.extend((rule_or_default(knobs.choice(&RULE)).knobs)(about));
    cards
}

/// A rule by its id; the first of the registry where it is not known or not chosen.
pub(crate) fn rule_or_default(id: Option<&str>) -> &'static Entry {
    let found = RULES.iter().copied().find(|rule| Some(rule.card.id) == id);
    found.unwrap_or(&by_hand::RULE)
}

/// What the rule of `knobs` decides for texts such as those of `recording`. A value outside its range counts as not
/// chosen.
pub(crate) fn plan(
    about: About,
    recording: &Recording,
    knobs: &Knobs,
    measure: &mut dyn Measure,
) -> Result<Planned, Unplanned> {
    let cards = cards(&about, knobs);
    let mut all = Knobs::default();
    for (id, value) in knobs.resolved(&cards) {
        all.set(id, value);
    }
    let rule = rule_or_default(all.choice(&RULE));
    (rule.plan)(&Asked { about, recording, knobs: &all }, measure)
}
