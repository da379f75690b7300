//! Exit and skip rules: pure functions of signals, their replay, calibration and cost.
//!
//! Must not know: models, windows, files.
