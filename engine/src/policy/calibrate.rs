//! Thresholds for a wanted agreement, and how sure an agreement is.

use statrs::distribution::{Beta, ContinuousCDF as _};

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

/// One-sided 95 % lower bound on a share (Clopper and Pearson 1934): the 5 % quantile of
/// Beta(k, n - k + 1). Exactly 0 for k = 0 and 0.05^(1/n) for k = n; `None` for n = 0.
/// It takes tokens as independent draws, which tokens of one text are not.
pub(crate) fn lower_bound(agreeing: u64, tokens: u64) -> Option<f64> {
    const ERROR: f64 = 0.05;
    let (k, n) = (agreeing as f64, tokens as f64);
    if tokens == 0 || agreeing > tokens {
        None
    } else if agreeing == 0 {
        Some(0.0)
    } else if agreeing == tokens {
        Some(ERROR.powf(1.0 / n))
    } else {
        let beta = Beta::new(k, n - k + 1.0).ok()?;
        Some(beta.inverse_cdf(ERROR)).filter(|bound| bound.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_the_textbooks_at_both_ends_and_between() {
        assert_eq!(lower_bound(0, 10), Some(0.0));
        assert_eq!(lower_bound(0, 0), None);
        assert_eq!(lower_bound(11, 10), None);
        // n successes of n: 0.05^(1/n), "rule of three".
        assert!((lower_bound(100, 100).unwrap() - 0.970_487).abs() < 1e-6);
        // 9 of 10: P(X >= 9 | p) = 10 p^9 - 9 p^10 = 0.05 has the root 0.605839.
        let bound = lower_bound(9, 10).unwrap();
        assert!((10.0 * bound.powi(9) - 9.0 * bound.powi(10) - 0.05).abs() < 1e-9, "{bound}");
        // 1 of n: 1 - (1 - p)^n = 0.05.
        let bound = lower_bound(1, 50).unwrap();
        assert!((1.0 - (1.0 - bound).powi(50) - 0.05).abs() < 1e-9, "{bound}");
    }

    #[test]
    fn bound_holds_for_a_million_tokens() {
        let bound = lower_bound(990_000, 1_000_000).unwrap();
        // Normal approximation: 0.99 - 1.645 * sqrt(0.99 * 0.01 / 1e6).
        assert!((bound - 0.989_836).abs() < 2e-5, "{bound}");
    }

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
