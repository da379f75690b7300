//! The same attempts as a Markov jump process: the whole distribution where every time is exponential.
//!
//! States: start (left at rate 1/r), success (1/S, then done), failure (1/F, back to the start), call (1/N, back to the
//! start). From the start an attempt goes to each with the weights of the case. With Q the rates among these states
//! and e the first state, P(T <= t) = 1 − e exp(Q t) 1.

use nalgebra::{DMatrix, DVector, RowDVector};

use super::case::Case;

/// Rates among the states that are not done, and where an attempt begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phases {
    rates: DMatrix<f64>,
    begin: RowDVector<f64>,
}

/// Which state a way leads from and to, how likely it is, and how long that state lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) probability: f64,
    /// Mean time until it is left; its rate is 1 over this.
    pub(super) mean_time: f64,
}

/// Every way of the process, for a table.
pub(super) fn ways(case: Case) -> [Way; 6] {
    let (weights, times) = (case.weights(), case.times);
    let way = |from, to, probability, mean_time| Way { from, to, probability, mean_time };
    [
        way("start", "success", weights.success, times.restart),
        way("start", "failure", weights.failure, times.restart),
        way("start", "call", weights.call, times.restart),
        way("success", "done", 1.0, times.success),
        way("failure", "start", 1.0, times.failure),
        way("call", "start", 1.0, times.call),
    ]
}

impl Phases {
    /// `None` where nothing ever succeeds, or a state that is entered has no mean time above 0.
    pub(super) fn new(case: Case) -> Option<Self> {
        let (weights, times) = (case.weights(), case.times);
        if weights.success <= 0.0 || times.restart.is_nan() || times.restart < 0.0 {
            return None;
        }
        let entered: Vec<(f64, f64, bool)> = [
            (weights.success, times.success, true),
            (weights.failure, times.failure, false),
            (weights.call, times.call, false),
        ]
        .into_iter()
        .filter(|(weight, ..)| *weight > 0.0)
        .collect();
        if !entered.iter().all(|(_, mean, _)| *mean > 0.0 && mean.is_finite()) {
            return None;
        }
        // A restart that takes no time is no state: what leads to it leads on at once.
        let num_starts = usize::from(times.restart > 0.0);
        let size = entered.len() + num_starts;
        let mut onward = RowDVector::zeros(size);
        for (place, (weight, ..)) in entered.iter().enumerate() {
            onward[num_starts + place] = *weight;
        }
        let mut begin = onward.clone();
        let mut rates = DMatrix::zeros(size, size);
        if num_starts == 1 {
            rates.set_row(0, &(&onward / times.restart));
            rates[(0, 0)] = -1.0 / times.restart;
            begin = RowDVector::zeros(size);
            begin[0] = 1.0;
        }
        for (place, (_, mean, is_success)) in entered.iter().enumerate() {
            let row = num_starts + place;
            if !is_success {
                rates.set_row(row, &(&begin / *mean));
            }
            rates[(row, row)] -= 1.0 / mean;
        }
        Some(Self { rates, begin })
    }

    /// P(T <= t) at `steps + 1` times from 0 to `until`, evenly spaced.
    pub(super) fn distribution(&self, until: f64, steps: usize) -> Vec<[f64; 2]> {
        let step = until / steps.max(1) as f64;
        let onward = (&self.rates * step).exp();
        let ones = DVector::from_element(self.rates.nrows(), 1.0);
        let mut now = self.begin.clone();
        let mut points = Vec::with_capacity(steps.saturating_add(1));
        for idx in 0..=steps {
            points.push([idx as f64 * step, 1.0 - (&now * &ones).sum()]);
            now = &now * &onward;
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::tests::{GOLDEN, case};
    use super::*;

    /// −e Q⁻¹ 1.
    fn mean(phases: &Phases) -> f64 {
        let ones = DVector::from_element(phases.rates.nrows(), 1.0);
        let times = phases.rates.clone().lu().solve(&ones).unwrap();
        -(&phases.begin * times).sum()
    }

    #[test]
    fn the_jump_process_has_the_mean_of_the_closed_form() {
        for (numbers, _) in GOLDEN {
            let case = case(numbers);
            let (solved, closed) = (mean(&Phases::new(case).unwrap()), case.expected());
            assert!((solved - closed).abs() < 1e-9 * closed, "{numbers:?}: {solved} {closed}");
            let reactive = case.without_calls();
            let solved = mean(&Phases::new(reactive).unwrap());
            assert!((solved - reactive.expected()).abs() < 1e-9 * closed);
        }
    }

    #[test]
    fn a_sure_success_without_restart_is_one_exponential() {
        let phases = Phases::new(case([1.0, 0.0, 0.0, 4.0, 9.0, 9.0, 0.0])).unwrap();
        for [time, share] in phases.distribution(20.0, 10) {
            assert!((share - (1.0 - (-time / 4.0).exp())).abs() < 1e-12, "{time}");
        }
    }

    #[test]
    fn the_distribution_rises_to_one_and_its_tail_sums_to_the_mean() {
        let case = case(GOLDEN[0].0);
        let points = Phases::new(case).unwrap().distribution(3000.0, 30_000);
        assert!(points[0][1].abs() < 1e-12 && points.last().unwrap()[1] > 1.0 - 1e-9);
        assert!(points.windows(2).all(|pair| pair[0][1] <= pair[1][1]));
        let tails =
            points.windows(2).map(|pair| 0.1 * (1.0 - f64::midpoint(pair[0][1], pair[1][1])));
        let area: f64 = tails.sum();
        assert!((area - case.expected()).abs() < 1e-2, "{area}");
    }

    #[test]
    fn what_cannot_be_a_state_is_refused() {
        for numbers in [
            [0.0, 0.0, 0.5, 4.0, 9.0, 9.0, 0.0],
            [0.5, 0.0, 0.5, 4.0, 9.0, 0.0, 0.0],
            [0.5, 0.0, 0.5, 4.0, f64::NAN, 3.0, 0.0],
            [0.5, 0.0, 0.5, 4.0, 9.0, 3.0, f64::NAN],
        ] {
            assert_eq!(Phases::new(case(numbers)), None, "{numbers:?}");
        }
        // A state that is never entered needs no time.
        assert!(Phases::new(case([0.5, 0.0, 0.0, 4.0, 9.0, f64::NAN, 0.0])).is_some());
    }
}
