//! Skip rules, one per file. Each turns its knobs, and what it needs of a recording or of measurements on the model, into
//! a plan: which sublayers of which blocks a token runs.
//!
//! Skips change every later signal, so no recording answers them: a plan is executed. To add a rule: its file and its two
//! lines here.
//!
//! Must not know: models, how a plan is executed, lenses.

mod angular;
mod balanced;
mod by_hand;
mod by_position;
mod choose;
mod draft_search;
mod influence;
mod place;
mod plan;
mod random;
mod rule;
mod set;
mod similarity;
#[cfg(test)]
mod tests;

pub(crate) use choose::{RULE, cards, plan, rule_or_default};
pub(crate) use plan::{Placed, Plan};
pub(crate) use random::order as random_order;
pub(crate) use rule::{Entry, Evidence, Measure, Planned, Unplanned};
pub(crate) use set::Set;
pub(crate) use similarity::Similarity;

/// Every skip rule, in the order of menus; the first is the default.
pub(crate) static RULES: &[&Entry] = &[
    &by_hand::RULE,
    &balanced::RULE,
    &similarity::RULE,
    &by_position::RULE,
    &influence::RULE,
    &angular::RULE,
    &draft_search::RULE,
    &random::RULE,
];
