//! The same attempts drawn one after the other, from a seed: a check of the closed form, and the distribution where
//! it has none.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::attempts::{Attempt, is_cut};
use super::case::{Case, Scatter};

/// Most attempts that are drawn for one distribution: a few milliseconds.
const MOST_ATTEMPTS: f64 = 1e6;

/// Where an attempt comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Drawn from rates and mean times.
    Drawn(Case, Scatter),
    /// One of those recorded, each as likely; a call ends those that score below the threshold, `None` ends none.
    Recorded { attempts: &'a [Attempt], threshold: Option<f64>, restart: f64 },
}

/// Times until the first success, ascending.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Makespans(pub(super) Vec<f64>);

impl Makespans {
    /// `num_runs` of them; fewer where most attempts fail, so that no more than a million are drawn. `None` where
    /// not even a hundred can be had, or none ever succeeds.
    pub(super) fn new(source: Source<'_>, num_runs: usize, seed: u64) -> Option<Self> {
        let success = source.success();
        let most = (MOST_ATTEMPTS * success).max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=1e6")]
        let num_runs = num_runs.min(most as usize);
        if num_runs < 100 || success.is_nan() {
            return None;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut runs: Vec<f64> = (0..num_runs).map(|_| source.run(&mut rng)).collect();
        if runs.iter().any(|time| time.is_nan()) {
            return None;
        }
        runs.sort_by(f64::total_cmp);
        Some(Self(runs))
    }

    pub(super) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// Standard deviation of a run, with n − 1.
    pub(super) fn deviation(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.0.iter().map(|time| (time - mean).powi(2)).sum();
        (squares / (self.0.len() as f64 - 1.0)).sqrt()
    }

    /// Standard error of the mean.
    pub(super) fn error(&self) -> f64 {
        self.deviation() / (self.0.len() as f64).sqrt()
    }

    /// `[time, share of runs that are done by then]`, at no more than `most` evenly spaced shares.
    pub(super) fn distribution(&self, most: usize) -> Vec<[f64; 2]> {
        let num_runs = self.0.len();
        let most = most.clamp(1, num_runs.max(1));
        let last_of = |part: usize| (part * num_runs / most).saturating_sub(1);
        let point = |part| {
            let idx = last_of(part);
            self.0.get(idx).map(|time| [*time, (idx + 1) as f64 / num_runs as f64])
        };
        (1..=most).filter_map(point).collect()
    }
}

impl Source<'_> {
    /// Chance that an attempt succeeds.
    fn success(&self) -> f64 {
        match self {
            Self::Drawn(case, _) => case.weights().success,
            Self::Recorded { attempts, threshold, .. } => {
                let wins = attempts.iter().filter(|a| a.is_success && !is_cut(a, *threshold));
                wins.count() as f64 / attempts.len() as f64
            }
        }
    }

    /// One run to its success.
    fn run(&self, rng: &mut ChaCha8Rng) -> f64 {
        let mut time = 0.0;
        loop {
            let (took, is_done) = self.attempt(rng);
            time += took;
            if is_done || time.is_nan() {
                return time;
            }
        }
    }

    fn attempt(&self, rng: &mut ChaCha8Rng) -> (f64, bool) {
        match self {
            Self::Drawn(case, scatter) => {
                let is_success = rng.random::<f64>() < case.p;
                let is_ended = rng.random::<f64>() < if is_success { case.alpha } else { case.tau };
                let mut draw = |mean: f64| match scatter {
                    Scatter::Exponential => -mean * (1.0 - rng.random::<f64>()).ln(),
                    Scatter::Fixed => mean,
                };
                let times = case.times;
                let restart = if times.restart > 0.0 { draw(times.restart) } else { 0.0 };
                let mean = match (is_ended, is_success) {
                    (true, _) => times.call,
                    (false, true) => times.success,
                    (false, false) => times.failure,
                };
                (restart + draw(mean), is_success && !is_ended)
            }
            Self::Recorded { attempts, threshold, restart } => {
                let Some(attempt) = attempts.get(rng.random_range(0..attempts.len())) else {
                    return (f64::NAN, true);
                };
                if is_cut(attempt, *threshold) {
                    (restart + attempt.call, false)
                } else {
                    (restart + attempt.duration, attempt.is_success)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::tests::{GOLDEN, case};
    use super::*;

    #[test]
    fn the_mean_does_not_depend_on_how_times_scatter_and_the_deviation_does() {
        for (numbers, expected) in GOLDEN {
            for scatter in [Scatter::Exponential, Scatter::Fixed] {
                let case = case(numbers);
                let runs = Makespans::new(Source::Drawn(case, scatter), 40_000, 7).unwrap();
                assert!((runs.mean() - expected).abs() < 4.0 * runs.error(), "{numbers:?}");
                let ratio = runs.deviation() / case.deviation(scatter);
                assert!((ratio - 1.0).abs() < 0.03, "{numbers:?} {scatter:?}: {ratio}");
            }
        }
    }

    #[test]
    fn recorded_attempts_give_the_mean_of_their_own_case() {
        let attempt = |is_success, duration, score| Attempt {
            sample: 0,
            is_success,
            duration,
            call: 3.0,
            score: Some(score),
        };
        let attempts = [
            attempt(true, 10.0, 0.9),
            attempt(true, 10.0, 0.2),
            attempt(false, 20.0, 0.1),
            attempt(false, 20.0, 0.8),
        ];
        let recorded =
            |threshold| Source::Recorded { attempts: &attempts, threshold, restart: 1.0 };
        let calls = Makespans::new(recorded(Some(0.5)), 40_000, 3).unwrap();
        let expected = case([0.5, 0.5, 0.5, 10.0, 20.0, 3.0, 1.0]).expected();
        assert!((calls.mean() - expected).abs() < 4.0 * calls.error(), "{}", calls.mean());
        let reactive = Makespans::new(recorded(None), 40_000, 3).unwrap();
        assert!((reactive.mean() - 32.0).abs() < 4.0 * reactive.error());
    }

    #[test]
    fn what_never_ends_is_not_begun() {
        for numbers in [[0.0, 0.0, 0.5, 4.0, 9.0, 3.0, 0.0], [1e-6, 0.0, 0.5, 4.0, 9.0, 3.0, 0.0]] {
            let source = Source::Drawn(case(numbers), Scatter::Fixed);
            assert_eq!(Makespans::new(source, 1000, 1), None);
        }
        let none = Source::Recorded { attempts: &[], threshold: None, restart: 0.0 };
        assert_eq!(Makespans::new(none, 1000, 1), None);
        let unknown = case([0.5, 0.0, 0.5, 4.0, f64::NAN, 3.0, 0.0]);
        assert_eq!(Makespans::new(Source::Drawn(unknown, Scatter::Fixed), 1000, 1), None);
    }

    #[test]
    fn the_same_seed_draws_the_same_and_the_distribution_ends_at_one() {
        let source = Source::Drawn(case(GOLDEN[0].0), Scatter::Exponential);
        let runs = Makespans::new(source, 1000, 1).unwrap();
        assert_eq!(Some(&runs), Makespans::new(source, 1000, 1).as_ref());
        assert_ne!(Some(&runs), Makespans::new(source, 1000, 2).as_ref());
        let points = runs.distribution(200);
        assert_eq!((points.len(), points[199]), (200, [runs.0[999], 1.0]));
        assert_eq!(points[0], [runs.0[4], 0.005]);
    }
}
