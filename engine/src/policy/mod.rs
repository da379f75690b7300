//! Exit and skip rules: pure functions of signals, their replay, calibration and cost.
//!
//! Must not know: models, windows, files.

mod calibrate;
mod cost;
mod exit;
mod split;
mod sweep;

pub(crate) use calibrate::{Trial, calibrate, lower_bound};
pub(crate) use cost::{block_shares, flops_saved};
#[cfg(test)]
pub(crate) use exit::RULES;
pub(crate) use exit::{
    About, Chosen, Counts, Handle, Line, LiveRule, Place, RULE, TokenSignals, cards, choose,
    rule_or_default,
};
pub(crate) use sweep::{main_label, main_value, trials};
