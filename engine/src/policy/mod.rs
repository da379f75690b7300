//! Exit and skip rules: pure functions of signals, their replay, calibration and cost.
//!
//! Must not know: models, windows, files.

mod calibrate;
mod cost;
mod exit;
pub(crate) mod skip;
mod split;
mod sweep;

pub(crate) use calibrate::{Trial, calibrate, lower_bound};
pub(crate) use cost::{block_shares, flops_saved};
pub(crate) use exit::{
    About, Chosen, Counts, Handle, Line, LiveRule, Place, RULE, RULES, RuleEntry, TokenSignals,
    cards, choose, rule_or_default,
};
pub(crate) use sweep::{main_label, main_value, positions, trials};
