//! Thresholds that let a wanted share of the calibration part leave at each exit.
//!
//! Exit by exit those still inside are ordered by their score; the threshold is that of the `floor(N q)`-th, and everyone who
//! passes it leaves. Where that is none, or too few are left, the exit is closed. Ties make more leave than wanted.

use super::about::Fit;
use super::at_depth::{Comparison, Score};
use super::signals::Reader;

/// `[depth]` below L; `closed` where an exit is closed. `shares`: q of each exit.
pub(super) fn thresholds(
    fit: &Fit<'_>,
    (score, comparison): (Score, Comparison),
    shares: &[f64],
    closed: f64,
) -> Vec<f64> {
    let reader = Reader::new(fit.recording);
    let mut inside: Vec<usize> = fit.tokens().collect();
    let all = inside.len() as f64;
    // In the order of leaving: from the smallest number.
    let turned = if comparison == Comparison::AtLeast { -1.0 } else { 1.0 };
    let mut numbers: Vec<f32> = Vec::new();
    let mut thresholds = vec![closed; fit.about.layers];
    for (depth, share) in fit.checks.iter().zip(shares) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length lies inside the length"
        )]
        let leaving = (all * share).floor() as usize;
        if leaving == 0 || leaving > inside.len() {
            continue;
        }
        let columns = reader.at(depth);
        let score = |row: usize| score.number(columns.signals(row));
        numbers.clear();
        numbers.extend(inside.iter().map(|row| turned * score(*row)).filter(|n| !n.is_nan()));
        if leaving > numbers.len() {
            continue;
        }
        let (_, last, _) = numbers.select_nth_unstable_by(leaving - 1, f32::total_cmp);
        let threshold = comparison.beside(f64::from(turned * *last));
        inside.retain(|row| !comparison.passes(score(*row).into(), threshold));
        if let Some(slot) = thresholds.get_mut(depth.index()) {
            *slot = threshold;
        }
    }
    thresholds
}
