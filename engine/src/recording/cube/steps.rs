//! The thresholds that a cube counts at: the rungs of a ladder, and more of them between two rungs where very many
//! tokens change their exit (flat readouts of early depths all say nearly the same).

use rayon::prelude::*;

use super::{Ladder, RUNGS, Sense, Source};

/// About so many changes of an exit lie between two steps at most, but for equal values; half of them are looked
/// at for a typed threshold, which takes about 1 ms.
const CHANGES: usize = 1 << 14;
/// Tokens that the numbers of changes are estimated from.
const SAMPLE: usize = 1 << 16;

/// Thresholds from the mildest to the strictest.
#[derive(Debug)]
pub(super) struct Steps {
    ladder: Ladder,
    thresholds: Vec<f64>,
    /// How many steps a value passes that passes so many rungs and no step behind them; 0..=`RUNGS` rungs.
    passed: Vec<usize>,
}

impl Steps {
    /// Steps that suit what `source` holds.
    pub(super) fn new(source: &Source<'_>) -> Self {
        let (ladder, num_tokens) = (source.ladder, source.recording.num_tokens());
        let each = num_tokens.div_ceil(SAMPLE).max(1);
        let tokens = (0..num_tokens).into_par_iter().step_by(each);
        let mut sample: Vec<f32> = tokens
            .flat_map_iter(|token| {
                let mut values = Vec::new();
                source.changes(token, |value, _, _| values.push(value));
                values
            })
            .collect();
        sample.par_sort_unstable_by(|a, b| match ladder.sense {
            Sense::AtLeast => a.total_cmp(b),
            Sense::Below => b.total_cmp(a),
        });
        Self::refined(ladder, &sample, (CHANGES / each).max(1))
    }

    /// `sample`: values from the mildest to the strictest, of which `most` may lie between two steps.
    fn refined(ladder: Ladder, sample: &[f32], most: usize) -> Self {
        let (mut thresholds, mut passed) = (Vec::with_capacity(RUNGS), vec![0]);
        let mut rest = sample;
        for position in 0..RUNGS {
            let rung = ladder.mildest_first(position);
            let below = rest.partition_point(|value| !ladder.sense.passes(*value, rung));
            let (between, after) = rest.split_at(below);
            rest = after;
            let parts = between.len().div_ceil(most);
            for part in 1..parts {
                let value = between.get(part * between.len() / parts).copied().map(f64::from);
                let is_between = |value: &f64| {
                    let follows = |last| ladder.sense.is_stricter(*value, last);
                    thresholds.last().copied().is_some_and(follows)
                        && ladder.sense.is_stricter(rung, *value)
                };
                thresholds.extend(value.filter(is_between));
            }
            thresholds.push(rung);
            passed.push(thresholds.len());
        }
        Self { ladder, thresholds, passed }
    }

    pub(super) fn len(&self) -> usize {
        self.thresholds.len()
    }

    /// How many steps a value passes.
    pub(super) fn reach(&self, value: f32) -> usize {
        let rungs = self.ladder.reach(value);
        let first = self.passed.get(rungs).copied().unwrap_or(0);
        let behind = self.passed.get(rungs + 1).map_or(first, |next| next - 1);
        let more = self.thresholds.get(first..behind).unwrap_or_default();
        first + more.partition_point(|step| self.ladder.sense.passes(value, *step))
    }

    /// The step of a rung.
    pub(super) fn of_rung(&self, rung: usize) -> usize {
        let next = self.passed.get(self.ladder.position(rung) + 1);
        next.map_or(self.len(), |passed| passed - 1)
    }

    /// The strictest step that is not stricter than `threshold`; `None` where there is none.
    pub(super) fn milder(&self, threshold: f64) -> Option<usize> {
        if threshold.is_nan() {
            return None;
        }
        let is_milder = |step: &f64| !self.ladder.sense.is_stricter(*step, threshold);
        self.thresholds.partition_point(is_milder).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Signal;

    #[test]
    fn crowded_rungs_are_divided_and_every_value_knows_its_steps() {
        for sense in [Sense::AtLeast, Sense::Below] {
            let ladder = Ladder { signal: Signal::MaxProb, sense, top: 1.0 };
            let mut sample: Vec<f32> = (0..1000).map(|i| 0.3001 + i as f32 * 1e-7).collect();
            sample.extend([0.3009; 500]);
            sample.extend((0..1000).map(|i| 0.4 + i as f32 * 5e-4));
            if sense == Sense::Below {
                sample.reverse();
            }
            let steps = Steps::refined(ladder, &sample, 100);
            assert!(steps.len() > RUNGS + 9 && steps.len() < RUNGS + 20, "{}", steps.len());
            assert!(steps.thresholds.windows(2).all(|two| sense.is_stricter(two[1], two[0])));
            for value in sample.iter().copied().chain([0.0, 0.3, 1.0, 2.0, -1.0, f32::NAN]) {
                let passes = |step: &&f64| sense.passes(value, **step);
                assert_eq!(steps.reach(value), steps.thresholds.iter().filter(passes).count());
            }
            for rung in [0, 1, 300, 301, 999, 1000] {
                let step = steps.of_rung(rung);
                assert_eq!(steps.thresholds[step], ladder.threshold(rung));
                assert_eq!(steps.milder(ladder.threshold(rung)), Some(step));
            }
        }
    }
}
