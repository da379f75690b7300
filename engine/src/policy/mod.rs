//! Exit and skip rules: pure functions of signals, their replay, calibration and cost.
//!
//! Must not know: models, windows, files.

mod calibrate;
mod cost;
mod exit;
mod replay;

pub(crate) use calibrate::{Trial, calibrate, lower_bound};
pub(crate) use cost::flops_saved;
pub(crate) use exit::{LEAST_DEPTH, RULES, RuleEntry, Setting, layers, rule_or_default};
pub(crate) use replay::{replay, tally, trials};
