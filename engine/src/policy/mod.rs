//! Exit and skip rules: pure functions of signals, their replay, calibration and cost.
//!
//! Must not know: models, windows, files.

mod bounds;
mod calibrate;
mod claim;
mod cost;
mod exit;
mod goal;
mod operating;
mod outcomes;
mod pieces;
mod pricing;
mod replays;
pub(crate) mod skip;
mod split;
mod sweep;
mod trials;

pub(crate) use bounds::lower_bound;
pub(crate) use calibrate::{Trial, calibrate};
pub(crate) use claim::{Claim, Method, Unit};
pub(crate) use cost::{CostModel, Prices, flops_saved, full_flops};
pub(crate) use exit::{
    About, Chosen, Counts, Handle, Line, LiveRule, Place, RULE, RULES, RuleEntry, TokenSignals,
    cards, choose, choose_rule, rule_or_default,
};
pub(crate) use goal::{Goal, has_truth};
pub(crate) use operating::{RiskCurve, least_accepted, quantile, rank};
pub(crate) use outcomes::{Outcome, Outcomes, Part};
pub use pricing::COST_MODEL_KNOBS;
pub(crate) use pricing::{Cost, Priced, Pricing};
pub(crate) use split::{Side, Split, add_cards as add_split_cards, sides};
pub(crate) use sweep::{POSITIONS, main_label, main_value, positions};
pub(crate) use trials::{Trials, trials};
