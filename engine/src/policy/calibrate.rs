//! Thresholds for a wanted agreement.

use super::bounds::lower_bound;

/// What one threshold does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trial {
    pub(crate) threshold: f64,
    pub(crate) mean_depth: f64,
    pub(crate) agreeing: u64,
    /// Those that can agree: the full model has a first choice.
    pub(crate) tokens: u64,
}

impl Trial {
    pub(crate) fn agreement(&self) -> f64 {
        self.agreeing as f64 / self.tokens as f64
    }
}

/// The answer to "which threshold keeps this agreement".
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calibration {
    pub(crate) threshold: f64,
    pub(crate) agreement: f64,
    /// One-sided 95 % Clopper-Pearson bound.
    pub(crate) agreement_lower: f64,
    pub(crate) mean_depth: f64,
}

/// The trial with the smallest mean exit depth among those with at least the wanted agreement; of
/// equals the one that agrees most, then the first. `None` where no threshold reaches it.
pub(crate) fn calibrate(trials: &[Trial], target: f64) -> Option<Calibration> {
    let reaches = trials.iter().filter(|trial| trial.agreement() >= target);
    let best = reaches.min_by(|a, b| {
        a.mean_depth.total_cmp(&b.mean_depth).then_with(|| b.agreeing.cmp(&a.agreeing))
    })?;
    Some(Calibration {
        threshold: best.threshold,
        agreement: best.agreement(),
        agreement_lower: lower_bound(best.agreeing, best.tokens)?,
        mean_depth: best.mean_depth,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_takes_the_shallowest_that_agrees_enough() {
        let trial = |threshold, mean_depth, agreeing| Trial {
            threshold,
            mean_depth,
            agreeing,
            tokens: 100,
        };
        let trials =
            [trial(0.1, 1.0, 80), trial(0.5, 2.0, 99), trial(0.6, 2.0, 100), trial(0.9, 3.0, 100)];
        let found = calibrate(&trials, 0.99).unwrap();
        assert_eq!((found.threshold, found.mean_depth), (0.6, 2.0));
        assert_eq!(calibrate(&trials[..1], 0.99), None);
        assert_eq!(calibrate(&[], 0.5), None);
    }
}
