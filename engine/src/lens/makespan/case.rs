//! The closed form: how long it takes until an attempt succeeds, with and without an early call.
//!
//! Attempts are independent and repeated until one succeeds. Before each stands a restart r. With s = p (1 − alpha) the
//! chance that an attempt succeeds, the number of failed attempts is geometric with mean (1 − s) / s, and by Wald
//! `E1 = S + [r + (1 − p)(1 − tau) F + (p alpha + (1 − p) tau) N] / s`; without calls `E0 = S + [r + (1 − p) F] / p`.
//! It takes S and F as independent of the call.

/// Mean times, all in one unit; NaN where no attempt of that kind is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// S, of an attempt that succeeds.
    pub(super) success: f64,
    /// F, of an attempt that runs into its failure.
    pub(super) failure: f64,
    /// N, from the start of an attempt to a call "will fail", which ends it.
    pub(super) call: f64,
    /// r, before every attempt.
    pub(super) restart: f64,
}

/// What can happen to an attempt; the six probabilities sum to 1. A positive is a success.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Joint {
    /// TP, FN, TN, FP, no call and success, no call and failure.
    six: [f64; 6],
}

/// How far from 1 the six probabilities may sum to.
const SLACK: f64 = 1e-6;

impl Joint {
    /// TP, FN, TN, FP, no call and success, no call and failure; `None` where they are no probabilities of six things
    /// of which exactly one happens.
    pub(super) fn new(six: [f64; 6]) -> Option<Self> {
        let are_probabilities = six.iter().all(|p| (0.0..=1.0).contains(p));
        let sum: f64 = six.iter().sum();
        (are_probabilities && (sum - 1.0).abs() <= SLACK).then_some(Self { six })
    }

    /// The same as rates. An attempt without a call runs on, so it counts as one that was let run.
    pub(super) fn case(self, times: Times) -> Case {
        let [kept_success, cut_success, cut_failure, kept_failure, free_success, free_failure] =
            self.six;
        let p = kept_success + cut_success + free_success;
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let failures = cut_failure + kept_failure + free_failure;
        Case { p, alpha: share(cut_success, p), tau: share(cut_failure, failures), times }
    }
}

/// Rates and times of attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    /// Chance that an attempt that is let run succeeds.
    pub(super) p: f64,
    /// Share of would-be successes that a call ends.
    pub(super) alpha: f64,
    /// Share of would-be failures that a call ends.
    pub(super) tau: f64,
    pub(super) times: Times,
}

/// What becomes of an attempt and how likely that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weights {
    /// s: it runs and succeeds.
    pub(super) success: f64,
    /// It runs into its failure.
    pub(super) failure: f64,
    /// A call ends it.
    pub(super) call: f64,
}

/// How times of one kind scatter around their mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scatter {
    /// Exponential: the second moment is 2 m².
    Exponential,
    /// Always the mean.
    Fixed,
}

impl Case {
    /// The same attempts when nobody calls.
    pub(super) fn without_calls(self) -> Self {
        Self { alpha: 0.0, tau: 0.0, ..self }
    }

    pub(super) fn weights(self) -> Weights {
        let Self { p, alpha, tau, .. } = self;
        Weights {
            success: p * (1.0 - alpha),
            failure: (1.0 - p) * (1.0 - tau),
            call: p * alpha + (1.0 - p) * tau,
        }
    }

    /// Expected time until the first success; infinite where none can succeed, NaN where a needed time is not known.
    pub(super) fn expected(self) -> f64 {
        let (weights, times) = (self.weights(), self.times);
        if weights.success <= 0.0 {
            return f64::INFINITY;
        }
        let lost = times.restart
            + weighted(weights.failure, times.failure)
            + weighted(weights.call, times.call);
        times.success + lost / weights.success
    }

    /// Standard deviation of that time. With G attempts, G − 1 of them failed with times X, each with its restart, and Y
    /// the successful one: `Var T = Var Y + (1 − s)/s Var X + (1 − s)/s² E[X]²`.
    pub(super) fn deviation(self, scatter: Scatter) -> f64 {
        let (Weights { success, failure, call }, times) = (self.weights(), self.times);
        if success <= 0.0 {
            return f64::INFINITY;
        }
        let second = |mean: f64| match scatter {
            Scatter::Exponential => 2.0 * mean * mean,
            Scatter::Fixed => mean * mean,
        };
        let variance = |mean: f64| second(mean) - mean * mean;
        let failing = 1.0 - success;
        let of_failed = |first: f64, then: f64| {
            let sum = weighted(failure, first) + weighted(call, then);
            if failing > 0.0 { sum / failing } else { 0.0 }
        };
        let lost = of_failed(times.failure, times.call);
        let lost_variance = of_failed(second(times.failure), second(times.call)) - lost * lost
            + variance(times.restart);
        let lost = lost + times.restart;
        let last = variance(times.success) + variance(times.restart);
        let odds = failing / success;
        (last + odds * lost_variance + odds / success * lost * lost).max(0.0).sqrt()
    }

    /// The share of ended successes below which calling pays: (1 − p) tau (F − N) / (r + p N + (1 − p) F).
    /// Not positive where it never pays; NaN where nothing is known.
    pub(super) fn break_even(self) -> f64 {
        let Self { p, tau, times: Times { failure, call, restart, .. }, .. } = self;
        weighted((1.0 - p) * tau, failure - call)
            / (restart + weighted(p, call) + weighted(1.0 - p, failure))
    }

    /// Share of ended failures above which calling pays at a given share of ended successes.
    pub(super) fn least_tau(self, alpha: f64) -> f64 {
        let Self { p, times: Times { failure, call, restart, .. }, .. } = self;
        alpha * (restart + weighted(p, call) + weighted(1.0 - p, failure))
            / ((1.0 - p) * (failure - call))
    }
}

/// What does not happen has no time.
fn weighted(weight: f64, time: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * time }
}

#[cfg(test)]
pub(super) mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    pub(in crate::lens::makespan) fn case(
        [p, alpha, tau, success, failure, call, restart]: [f64; 7],
    ) -> Case {
        Case { p, alpha, tau, times: Times { success, failure, call, restart } }
    }

    /// p, alpha, tau, S, F, N, r and the expected time.
    pub(in crate::lens::makespan) const GOLDEN: [([f64; 7], f64); 6] = [
        ([0.5, 0.27, 0.81, 31.9, 69.7, 19.6, 1.0], 81.778),
        ([0.498, 0.0, 0.0, 31.87, 69.72, 19.6, 0.0], 102.150),
        ([0.3, 0.1, 0.9, 20.0, 60.0, 10.0, 2.0], 67.407),
        ([0.8, 0.3, 0.5, 20.0, 30.0, 15.0, 0.0], 34.464),
        ([0.5, 0.2, 0.2, 10.0, 10.0, 10.0, 0.0], 25.000),
        // What the formula of the lab's code gives with its "+ 1".
        ([0.3, 0.1, 0.9, 20.0, 60.0, 10.0, 1.0], 63.7037),
    ];

    #[test]
    fn golden_cases() {
        for (numbers, expected) in GOLDEN {
            let found = case(numbers).expected();
            assert!((found - expected).abs() < 5e-4, "{numbers:?}: {found}");
        }
        let first = case(GOLDEN[0].0);
        assert!((first.deviation(Scatter::Exponential) - 84.68).abs() < 0.005);
        assert!((first.deviation(Scatter::Fixed) - 65.7).abs() < 0.05);
    }

    #[test]
    fn the_published_runs() {
        let case = case([0.4979, 0.2697, 0.8129, 31.87, 69.72, 23.84, 0.0]);
        let reactive = case.without_calls().expected();
        assert!((reactive - 102.17).abs() < 0.01, "{reactive}");
        assert!((case.expected() - 85.45).abs() < 0.005, "{}", case.expected());
        assert!((case.break_even() - 0.399).abs() < 5e-4, "{}", case.break_even());
    }

    #[test]
    fn ends_of_the_ranges() {
        let calm = case([0.4, 0.0, 0.0, 5.0, 7.0, 3.0, 1.0]);
        assert_eq!(calm.expected(), calm.without_calls().expected());
        assert_eq!(case([0.4, 1.0, 0.5, 5.0, 7.0, 3.0, 1.0]).expected(), f64::INFINITY);
        assert_eq!(case([0.0, 0.0, 0.5, 5.0, 7.0, 3.0, 1.0]).expected(), f64::INFINITY);
        assert_eq!(
            case([0.0, 0.0, 0.5, 5.0, 7.0, 3.0, 1.0]).deviation(Scatter::Fixed),
            f64::INFINITY
        );
        assert_eq!(case([1.0, 0.0, 0.5, 5.0, f64::NAN, f64::NAN, 1.0]).expected(), 6.0);
        assert_eq!(case([0.4, 0.0, 1.0, 5.0, 7.0, 0.0, 0.0]).expected(), 5.0);
        // A time that is needed and not known.
        assert!(case([0.4, 0.0, 0.5, 5.0, f64::NAN, 3.0, 1.0]).expected().is_nan());
    }

    #[test]
    fn pays_exactly_below_break_even() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20_000 {
            let mut unit = || rng.random::<f64>();
            let rates = [unit(), unit(), unit()];
            let [s, f, n, r] = [unit(), unit(), unit(), unit()].map(|t| t * 100.0);
            let case = case([rates[0], rates[1], rates[2], s, f, n, r]);
            let pays = case.expected() < case.without_calls().expected();
            assert_eq!(pays, case.alpha < case.break_even(), "{case:?}");
            if f > n {
                assert_eq!(pays, case.tau > case.least_tau(case.alpha), "{case:?}");
            } else {
                assert!(!pays);
            }
        }
    }

    #[test]
    fn rises_and_falls_as_derived() {
        let at = |numbers: [f64; 7]| case(numbers).expected();
        let base = [0.5, 0.2, 0.6, 30.0, 60.0, 20.0, 1.0];
        // alpha, S, F, N, r raise it; p and, with N < F, tau lower it.
        for (place, is_rising) in
            [(0, false), (1, true), (2, false), (3, true), (4, true), (5, true), (6, true)]
        {
            let mut more = base;
            more[place] *= 1.1;
            assert_eq!(at(more) > at(base), is_rising, "{place}");
        }
    }

    #[test]
    fn six_probabilities_must_sum_to_one() {
        let six = [0.3, 0.1, 0.2, 0.1, 0.2, 0.1];
        let joint = Joint::new(six).unwrap();
        let times = Times { success: 30.0, failure: 60.0, call: 20.0, restart: 2.0 };
        let direct = (2.0 + 30.0 * 0.5 + 60.0 * 0.2 + 20.0 * 0.3) / 0.5;
        assert!((joint.case(times).expected() - direct).abs() < 1e-12);
        // What the lab's code is fed: more than 1 in sum.
        assert_eq!(Joint::new([0.3, 0.1, 0.2, 0.1, 0.5, 0.5]), None);
        assert_eq!(Joint::new([0.3, 0.1, 0.2, 0.1, 0.2, 0.1 + 2e-6]), None);
        assert_eq!(Joint::new([-0.1, 0.5, 0.2, 0.1, 0.2, 0.1]), None);
        assert_eq!(Joint::new([f64::NAN, 0.5, 0.2, 0.1, 0.1, 0.1]), None);
        assert!(Joint::new([0.3, 0.1, 0.2, 0.1, 0.2, 0.1 + 5e-7]).is_some());
    }
}
