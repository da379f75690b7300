//! Exit rules, one per file. Each is one pure function with its own small state, the same for replay and live.
//!
//! A token stops at the first depth d < L that has an exit, is not above the least depth and at which its rule says so, else at L.
//! A NaN never stops. Each rule keeps the comparison of its paper or code. To add a rule: its file and its two lines here.
//!
//! Must not know: models, recordings' files, lenses.

mod about;
mod alone;
mod at_depth;
mod at_once;
mod branchless;
mod budget;
mod choose;
mod class_means;
mod decay;
mod deer;
mod entropy;
mod fixed;
mod kl;
mod learnt;
mod leaving;
mod log_prob;
mod logistic;
mod margin;
mod marks;
mod max_prob;
mod oracle;
mod order;
mod patience;
mod pcee;
mod per_depth;
mod rule;
mod rungs;
mod saturation;
mod schedule;
mod signals;
mod similarity;
mod stability;
#[cfg(test)]
mod tests;
mod truth;
mod window;

pub(crate) use about::{About, Checks};
pub(crate) use choose::{
    Chosen, Counts, Handle, Line, RULE, Settings, cards, cards_of, choose, choose_rule,
    rule_or_default,
};
pub(crate) use marks::Counter;
pub(crate) use rule::{LiveRule, MOST_AT_ONCE, RuleEntry, Stops};
pub(in crate::policy) use schedule::Schedule;
pub(crate) use signals::{Place, TokenSignals};

use crate::knob::{Knobs, Real};
use crate::recording::{Ladder, Sense};
use crate::signal::Signal;

/// Every exit rule, in the order of menus; the first is the default.
pub(crate) static RULES: &[&dyn RuleEntry] = &[
    &max_prob::RULE,
    &margin::RULE,
    &entropy::RULE,
    &log_prob::RULE,
    &decay::RULE,
    &patience::RULE,
    &stability::RULE,
    &saturation::RULE,
    &kl::RULE,
    &similarity::RULE,
    &fixed::RULE,
    &schedule::RULE,
    &per_depth::RULE,
    &budget::RULE,
    &deer::RULE,
    &pcee::RULE,
    &learnt::RULE,
    &window::RULE,
    &class_means::RULE,
    &oracle::RULE,
];

/// The threshold knob of a rule that compares a probability.
const fn probability(help: &'static str) -> Real {
    Real {
        id: "threshold",
        label: "Threshold",
        help,
        unit: "",
        default: 0.9,
        min: 0.0,
        max: 1.0,
        step: 0.001,
    }
}

/// The cube of a signal up to the knob's end, and the knob's threshold in it; one that is a slider position but for
/// rounding is that position.
fn on_ladder(signal: Signal, sense: Sense, threshold: &Real, knobs: &Knobs) -> (Ladder, f64) {
    let ladder = Ladder { signal, sense, top: threshold.max };
    (ladder, ladder.snap(knobs.real(threshold)))
}
