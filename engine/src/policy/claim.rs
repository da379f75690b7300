//! Claims such as "at least 95 % agree, with 95 % confidence", and the riskiest threshold that keeps one.
//!
//! Learn then Test (Angelopoulos et al. 2021) with fixed-sequence testing, as CALM uses it: the positions of a knob stand in
//! an order that was fixed before anything was counted, from safe to risky, and H_j says "position j fails more often than
//! delta". They are tested one after the other until the first that cannot be rejected; the answer is the last one that
//! was. The probability that it breaks the claim is then at most epsilon, however many positions there are: the first true
//! H_j on the way is rejected with probability epsilon at most, and behind it nothing is accepted. Where none is rejected,
//! the claim leaves nothing but the full depth.
//!
//! It holds for draws that are independent and from where later ones will come, too. Tokens of one text are not
//! independent; whole texts are.

use super::bounds::{binomial_p, hoeffding_p, least_for_binomial, least_for_hoeffding};
use super::outcomes::{Failures, Outcome, Outcomes};

/// How a p-value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// The exact binomial tail, which is Clopper and Pearson's; for draws that fail or do not.
    Binomial,
    /// Hoeffding's inequality; for every risk between 0 and 1, and larger.
    Hoeffding,
}

/// What is drawn independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Rows of the recording: tokens, or samples.
    Row,
    /// Whole texts, which fail by the share of their tokens that do.
    Text,
}

/// "Fails at most `risk` of the time", up to an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Claim {
    /// delta: the share that may fail.
    pub(crate) risk: f64,
    /// epsilon: how likely the claim may be wrong.
    pub(crate) error: f64,
    pub(crate) unit: Unit,
    /// As asked; see `method`.
    pub(crate) wanted: Method,
}

impl Claim {
    /// The method that is used: a text fails by a share, for which the binomial tail is not made.
    pub(crate) fn method(self) -> Method {
        match self.unit {
            Unit::Row => self.wanted,
            Unit::Text => Method::Hoeffding,
        }
    }

    /// Failures in the claim's unit.
    pub(crate) fn failures(self, outcome: &Outcome) -> Failures {
        match self.unit {
            Unit::Row => outcome.rows,
            Unit::Text => outcome.texts,
        }
    }

    /// p-value of "fails more often than the claim allows".
    pub(crate) fn p_value(self, failures: Failures) -> f64 {
        match self.method() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of rows, kept as a float"
            )]
            Method::Binomial => binomial_p(failures.failing.ceil() as u64, failures.num, self.risk),
            Method::Hoeffding => {
                hoeffding_p(failures.risk().unwrap_or(f64::NAN), failures.num, self.risk)
            }
        }
    }

    /// Draws without which the claim cannot be made, even if none of them fails.
    pub(crate) fn least(self) -> f64 {
        match self.method() {
            Method::Binomial => least_for_binomial(self.risk, self.error),
            Method::Hoeffding => least_for_hoeffding(self.risk, self.error),
        }
    }

    /// The riskiest position that the claim allows: the last of those before the first that it does not; `None` where it
    /// allows none.
    pub(crate) fn accepted(self, outcomes: &Outcomes) -> Option<&Outcome> {
        let is_accepted = |outcome: &&Outcome| self.p_value(self.failures(outcome)) <= self.error;
        outcomes.positions.iter().take_while(is_accepted).last()
    }

    /// Whether the share that fails is one that the claim allows; `None` where nothing counts.
    pub(crate) fn holds(self, failures: Failures) -> Option<bool> {
        failures.risk().map(|risk| risk <= self.risk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::{Knobs, Value};
    use crate::policy::exit::choose;
    use crate::policy::goal::Goal;
    use crate::policy::outcomes::Counted;
    use crate::policy::split::{SEED, SHARE, Side, Split};
    use crate::policy::sweep::POSITIONS;
    use crate::recording::{Recording, Slice, synthetic, synthetic_samples};

    fn claim(risk: f64, error: f64, unit: Unit, wanted: Method) -> Claim {
        Claim { risk, error, unit, wanted }
    }

    fn outcome(at: f64, failing: f64, num: u64) -> Outcome {
        let rows = Failures { failing, num };
        Outcome { at, exits: vec![num], rows, texts: rows }
    }

    fn outcomes(positions: Vec<Outcome>) -> Outcomes {
        Outcomes { positions, full: outcome(f64::NAN, 0.0, 0) }
    }

    #[test]
    fn the_walk_ends_at_the_first_position_that_is_not_accepted() {
        let claim = claim(0.05, 0.05, Unit::Row, Method::Binomial);
        let at = |failing| outcome(failing, failing, 500);
        // P(Bin(500, .05) <= 16) = .0359, <= 17 = .0567.
        let found = outcomes([0.0, 3.0, 16.0, 17.0, 2.0].map(at).to_vec());
        assert_eq!(claim.accepted(&found).map(|o| o.at), Some(16.0));
        // What stands behind is not looked at, however good it is.
        assert_eq!(claim.accepted(&outcomes([17.0, 0.0].map(at).to_vec())), None);
        assert_eq!(claim.accepted(&outcomes(Vec::new())), None);
    }

    #[test]
    fn a_claim_that_needs_more_than_there_is_accepts_nothing() {
        let without_failure = |num| outcomes(vec![outcome(1.0, 0.0, num)]);
        for (method, unit, least) in [
            (Method::Hoeffding, Unit::Row, 600),
            (Method::Binomial, Unit::Row, 59),
            (Method::Binomial, Unit::Text, 600),
        ] {
            let claim = claim(0.05, 0.05, unit, method);
            assert_eq!(claim.least(), least as f64);
            assert!(claim.accepted(&without_failure(least - 1)).is_none());
            assert!(claim.accepted(&without_failure(least)).is_some());
        }
    }

    /// How often of 200 splits the chosen position fails, in all there is, more often than the claim allows.
    fn violations(
        recording: &Recording,
        (goal, risk, unit): (Goal, f64, Unit),
        choose_position: impl Fn(&Outcomes) -> Option<f64>,
    ) -> usize {
        let chosen = choose(recording, &Knobs::default());
        let all = Slice::all().ranges(recording);
        let count = |rows: &[std::ops::Range<usize>]| {
            Counted::new(recording, rows, goal).outcomes(&chosen, &Knobs::default(), POSITIONS)
        };
        let truth = count(&all);
        let is_broken = |seed: &i64| {
            let mut knobs = Knobs::default();
            knobs.set(SHARE.id, Value::Real(0.1));
            knobs.set(SEED.id, Value::Integer(*seed));
            let rows = Split::of(&knobs).rows(recording, Side::Calibration);
            choose_position(&count(&rows)).is_some_and(|at| {
                let outcome = truth.at(at).unwrap();
                let failures = if unit == Unit::Row { outcome.rows } else { outcome.texts };
                failures.risk().unwrap() > risk
            })
        };
        (0..200).filter(is_broken).count()
    }

    /// The riskiest position that looks good enough: what nobody should claim anything about.
    fn best_looking(outcomes: &Outcomes, risk: f64, unit: Unit) -> Option<f64> {
        let of = |o: &Outcome| if unit == Unit::Row { o.rows } else { o.texts };
        let good =
            outcomes.positions.iter().rev().find(|o| of(o).risk().is_some_and(|r| r <= risk));
        good.map(|outcome| outcome.at)
    }

    #[test]
    fn a_claim_is_broken_as_rarely_as_it_says_and_a_choice_by_eye_is_not() {
        // 10 % may be wrong: of 200, 20 in the mean, and with a probability of 0.999 no more than 34.
        const ERROR: f64 = 0.1;
        const MOST: usize = 34;
        let samples = synthetic_samples(4000, 4, 5);
        let texts = synthetic(16_000, 4, 6);
        for (recording, goal, risk, unit, method) in [
            (&samples, Goal::Agreement, 0.1, Unit::Row, Method::Binomial),
            (&samples, Goal::Agreement, 0.15, Unit::Row, Method::Hoeffding),
            (&samples, Goal::Accuracy, 0.6, Unit::Row, Method::Binomial),
            (&texts, Goal::Agreement, 0.2, Unit::Text, Method::Hoeffding),
        ] {
            let name = format!("{goal:?} {risk} {unit:?} {method:?}");
            let claim = claim(risk, ERROR, unit, method);
            let accepts = std::cell::Cell::new(0);
            let found = violations(recording, (goal, risk, unit), |outcomes| {
                let accepted = claim.accepted(outcomes).map(|outcome| outcome.at);
                accepts.set(accepts.get() + usize::from(accepted.is_some()));
                accepted
            });
            let by_eye = violations(recording, (goal, risk, unit), |outcomes| {
                best_looking(outcomes, risk, unit)
            });
            assert!(found <= MOST, "{name}: {found}");
            // The same check does not let pass what is not corrected; and something was accepted at all.
            assert!(by_eye > MOST, "{name}: {by_eye}");
            assert!(accepts.get() > 100, "{name}: {}", accepts.get());
        }
    }
}
