//! Accept or reject at an operating threshold of a score: risk over coverage, and where a threshold stands among scores.
//!
//! Larger scores are surer. Accepting the rows from a threshold on has a coverage (how many of all rows) and a risk (how many
//! of the accepted are wrong). Rows with equal scores are accepted together, as a threshold accepts them; a score that is not a
//! number is accepted last.

/// The rows from a threshold on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Accepted {
    /// The least score that is accepted; minus infinity where rows without a score are.
    pub(crate) threshold: f64,
    /// How many rows are accepted.
    pub(crate) num: usize,
    /// How many of them are wrong.
    pub(crate) wrong: usize,
}

/// What every threshold accepts, from the strictest on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RiskCurve(Vec<Accepted>);

impl Accepted {
    /// Share of the accepted rows that are wrong.
    pub(crate) fn risk(&self) -> f64 {
        self.wrong as f64 / self.num as f64
    }
}

/// Fewer accepted rows than this say nothing about a risk: a hundredth of all, and no fewer than 20.
pub(crate) fn least_accepted(num_rows: usize) -> usize {
    (num_rows / 100).max(20).min(num_rows)
}

impl RiskCurve {
    /// Of rows, each a score and whether it is right.
    pub(crate) fn new(mut rows: Vec<(f64, bool)>) -> Self {
        for (score, _) in &mut rows {
            if score.is_nan() {
                *score = f64::NEG_INFINITY;
            }
        }
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut thresholds: Vec<Accepted> = Vec::new();
        let mut wrong = 0;
        for (num, (threshold, is_right)) in (1..).zip(rows) {
            wrong += usize::from(!is_right);
            let here = Accepted { threshold, num, wrong };
            match thresholds.last_mut() {
                Some(last) if last.threshold == threshold => *last = here,
                _ => thresholds.push(here),
            }
        }
        Self(thresholds)
    }

    /// How many rows there are.
    pub(crate) fn num_rows(&self) -> usize {
        self.0.last().map_or(0, |all| all.num)
    }

    /// Share of all rows that is accepted.
    pub(crate) fn coverage(&self, accepted: &Accepted) -> f64 {
        accepted.num as f64 / self.num_rows() as f64
    }

    /// The most rows of which no larger share than `risk` is wrong; `None` where no threshold that accepts `least` rows
    /// keeps it.
    pub(crate) fn at_risk(&self, risk: f64, least: usize) -> Option<&Accepted> {
        let keeps = |a: &&Accepted| a.num >= least.max(1) && a.wrong as f64 <= risk * a.num as f64;
        self.0.iter().rev().find(keeps)
    }

    /// The strictest threshold that accepts `coverage` of the rows, to the nearest row, and one row at least.
    pub(crate) fn at_coverage(&self, coverage: f64) -> Option<&Accepted> {
        let wanted = (self.num_rows() as f64 * coverage).round().max(1.0);
        self.0.iter().find(|accepted| accepted.num as f64 >= wanted)
    }

    /// Coverage and risk, from nothing accepted (risk 0) to everything.
    pub(crate) fn points(&self) -> impl Iterator<Item = [f64; 2]> {
        let rest = self.0.iter().map(|accepted| [self.coverage(accepted), accepted.risk()]);
        std::iter::once([0.0, 0.0]).chain(rest)
    }

    /// Area under risk over coverage (AURC), by trapezoids; `None` without rows.
    pub(crate) fn area(&self) -> Option<f64> {
        let [mut area, mut before] = [0.0, 0.0];
        let mut from = 0.0;
        for [coverage, risk] in self.points() {
            area += (coverage - from) * f64::midpoint(risk, before);
            (from, before) = (coverage, risk);
        }
        (self.num_rows() > 0).then_some(area)
    }
}

/// Percentile rank of a threshold among ascending scores, in 0..=1: the mean of its strict and its weak rank, as SciPy's
/// `percentileofscore` counts by "rank". NaN without scores.
pub(crate) fn rank(ascending: &[f64], threshold: f64) -> f64 {
    let strict = ascending.partition_point(|score| *score < threshold);
    let weak = ascending.partition_point(|score| *score <= threshold);
    let ties = usize::from(strict < weak);
    (strict + weak + ties) as f64 / (2.0 * ascending.len() as f64)
}

/// Quantile of ascending scores at a share, which is cut to 0..=1; linear between neighbours. NaN without scores.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length lies inside the length"
)]
pub(crate) fn quantile(ascending: &[f64], share: f64) -> f64 {
    let at = share.clamp(0.0, 1.0) * ascending.len().saturating_sub(1) as f64;
    let below = at.floor() as usize;
    let value =
        |idx: usize| ascending.get(idx).or_else(|| ascending.last()).copied().unwrap_or(f64::NAN);
    // Rounding may not lead beyond the next one: a larger share has no smaller quantile.
    let beyond = value(below + 1);
    let here = value(below) + (at - at.floor()) * (beyond - value(below));
    if here > beyond { beyond } else { here }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Spec 7: ten scores and whether each is right.
    const SCORES: [f64; 10] = [0.95, 0.30, 0.62, 0.55, 0.80, 0.41, 0.99, 0.70, 0.58, 0.20];
    const RIGHT: [bool; 10] = [true, false, true, false, true, false, true, true, true, false];

    fn golden() -> RiskCurve {
        RiskCurve::new(SCORES.into_iter().zip(RIGHT).collect())
    }

    #[test]
    fn the_golden_risks_and_their_area() {
        let curve = golden();
        let thresholds: Vec<f64> = curve.0.iter().map(|a| a.threshold).collect();
        assert_eq!(thresholds, [0.99, 0.95, 0.8, 0.7, 0.62, 0.58, 0.55, 0.41, 0.3, 0.2]);
        let risks: Vec<f64> = curve.points().map(|[_, risk]| risk).collect();
        let expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0 / 7.0, 0.25, 1.0 / 3.0, 0.4];
        assert_eq!(risks, expected);
        assert!((curve.area().unwrap() - 0.092_619).abs() < 1e-6);
        assert_eq!(RiskCurve::default().area(), None);
    }

    #[test]
    fn a_threshold_accepts_the_rows_that_its_risk_describes() {
        let curve = golden();
        // The published code returns the next threshold, .3, which accepts 9 rows at a risk of .333.
        let found = curve.at_risk(0.2, 1).unwrap();
        assert_eq!((found.threshold, found.num, curve.coverage(found)), (0.55, 7, 0.7));
        assert!(found.risk() <= 0.2);
        assert_eq!(curve.at_risk(0.05, 1).unwrap().threshold, 0.58);
        assert_eq!(curve.at_risk(0.2, 8), None);
        assert_eq!(curve.at_coverage(0.8).map(|a| (a.threshold, a.risk())), Some((0.41, 0.25)));
        assert_eq!(curve.at_coverage(0.0).unwrap().num, 1);
        assert_eq!([0, 10, 2000, 5000].map(least_accepted), [0, 10, 20, 50]);
    }

    #[test]
    fn equal_scores_are_accepted_together_and_what_has_none_last() {
        let rows = vec![(0.5, true), (f64::NAN, true), (0.5, false), (0.9, true)];
        let curve = RiskCurve::new(rows);
        let told: Vec<_> = curve.0.iter().map(|a| (a.threshold, a.num, a.wrong)).collect();
        assert_eq!(told, [(0.9, 1, 0), (0.5, 3, 1), (f64::NEG_INFINITY, 4, 1)]);
    }

    #[test]
    fn the_golden_rank_and_quantiles() {
        let mut ascending = SCORES.to_vec();
        ascending.sort_by(f64::total_cmp);
        assert_eq!(rank(&ascending, 0.58), 0.5);
        let found = [0.4, 0.6].map(|share| quantile(&ascending, share));
        assert!((found[0] - 0.568).abs() < 1e-12 && (found[1] - 0.652).abs() < 1e-12, "{found:?}");
        assert_eq!([-1.0, 2.0].map(|share| quantile(&ascending, share)), [0.2, 0.99]);
        assert!(rank(&[], 0.5).is_nan() && quantile(&[], 0.5).is_nan());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_threshold_is_counted_as_a_loop_over_the_rows_counts_it(
            rows in proptest::collection::vec((0_u8..12, any::<bool>()), 0..80),
            risk in 0.0_f64..1.0,
            least in 0_usize..30,
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(s, r)| (f64::from(s) / 8.0, r)).collect();
            let curve = RiskCurve::new(rows.clone());
            let mut best = None;
            for at in (0..12).rev().map(|step| f64::from(step) / 8.0) {
                let taken: Vec<_> = rows.iter().filter(|(score, _)| *score >= at).collect();
                let wrong = taken.iter().filter(|(_, is_right)| !is_right).count();
                let found = curve.0.iter().rfind(|a| a.threshold >= at);
                let expected = (!taken.is_empty()).then_some((taken.len(), wrong));
                prop_assert_eq!(found.map(|a| (a.num, a.wrong)), expected);
                let keeps = taken.len() >= least.max(1) && wrong as f64 <= risk * taken.len() as f64;
                best = if keeps { Some(taken.len()) } else { best };
            }
            prop_assert_eq!(curve.at_risk(risk, least).map(|a| a.num), best);
        }
    }
}
