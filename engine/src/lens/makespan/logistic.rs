//! Logistic regression with a ridge: P(success) = 1 / (1 + exp(−(w·x + b))), features as multiples of their standard
//! deviation from their mean.
//!
//! Minimises the sum of −ln P of what happened + (1/2) |w|², by Newton's method with halved steps. The ridge keeps w
//! finite where the two outcomes are apart, and alike where features say the same.

use nalgebra::{DMatrix, DVector};

/// Newton doubles its digits at each step; this is never reached but by rounding.
const MOST_STEPS: usize = 50;
/// A step this small changes nothing that is seen.
const SMALL_STEP: f64 = 1e-10;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Logistic {
    /// b, then w.
    weights: DVector<f64>,
    means: Vec<f64>,
    spreads: Vec<f64>,
}

impl Logistic {
    /// `features`: `[attempt][feature]`, all finite, and what became of each attempt. `None` where there is no attempt
    /// of each outcome.
    pub(super) fn fit(features: &[Vec<f64>], outcomes: &[bool]) -> Option<Self> {
        let num = outcomes.len();
        let wins = outcomes.iter().filter(|is_success| **is_success).count();
        if wins == 0 || wins == num || features.len() != num {
            return None;
        }
        let width = features.first()?.len();
        let mean_of =
            |value: &dyn Fn(&Vec<f64>) -> f64| features.iter().map(value).sum::<f64>() / num as f64;
        let at = |row: &Vec<f64>, place: usize| row.get(place).copied().unwrap_or(f64::NAN);
        let means: Vec<f64> = (0..width).map(|place| mean_of(&|row| at(row, place))).collect();
        let spread = |(place, mean): (usize, &f64)| {
            let variance = mean_of(&|row| (at(row, place) - mean).powi(2));
            if variance > 0.0 { variance.sqrt() } else { 1.0 }
        };
        let spreads: Vec<f64> = means.iter().enumerate().map(spread).collect();
        let mut fitted = Self { weights: DVector::zeros(width + 1), means, spreads };
        let rows: Vec<DVector<f64>> = features.iter().map(|row| fitted.row(row)).collect();
        let mut cost = fitted.cost(&rows, outcomes);
        for _ in 0..MOST_STEPS {
            let step = fitted.step(&rows, outcomes)?;
            let mut scale = 1.0;
            let before = fitted.weights.clone();
            loop {
                fitted.weights = &before - &step * scale;
                let now = fitted.cost(&rows, outcomes);
                if now <= cost {
                    cost = now;
                    break;
                }
                scale /= 2.0;
                if scale < SMALL_STEP {
                    fitted.weights = before;
                    return Some(fitted);
                }
            }
            if (step * scale).amax() < SMALL_STEP {
                break;
            }
        }
        Some(fitted)
    }

    /// P(success); NaN where a feature is.
    pub(super) fn predict(&self, features: &[f64]) -> f64 {
        sigmoid(self.weights.dot(&self.row(features)))
    }

    /// 1 and the features as the weights see them; NaN where one is missing.
    fn row(&self, features: &[f64]) -> DVector<f64> {
        let scaled =
            self.means.iter().zip(&self.spreads).enumerate().map(|(place, (mean, spread))| {
                (features.get(place).copied().unwrap_or(f64::NAN) - mean) / spread
            });
        DVector::from_iterator(self.weights.len(), std::iter::once(1.0).chain(scaled))
    }

    fn cost(&self, rows: &[DVector<f64>], outcomes: &[bool]) -> f64 {
        let one = |(row, is_success): (&DVector<f64>, &bool)| {
            let logit = self.weights.dot(row);
            let against = if *is_success { -logit } else { logit };
            // ln(1 + exp(x)) that does not overflow.
            against.max(0.0) + (-against.abs()).exp().ln_1p()
        };
        let loss: f64 = rows.iter().zip(outcomes).map(one).sum();
        loss + self.weights.iter().skip(1).map(|w| w * w).sum::<f64>() / 2.0
    }

    /// Newton's step: H⁻¹ g.
    fn step(&self, rows: &[DVector<f64>], outcomes: &[bool]) -> Option<DVector<f64>> {
        let size = self.weights.len();
        let mut gradient = self.weights.clone();
        gradient[0] = 0.0;
        let mut curvature = DMatrix::identity(size, size);
        // So little that it moves nothing; with it the matrix has an inverse even where every P is 0 or 1.
        curvature[(0, 0)] = 1e-9;
        for (row, is_success) in rows.iter().zip(outcomes) {
            let chance = sigmoid(self.weights.dot(row));
            gradient.axpy(chance - f64::from(u8::from(*is_success)), row, 1.0);
            curvature.ger(chance * (1.0 - chance), row, row, 1.0);
        }
        Some(curvature.cholesky()?.solve(&gradient))
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_information_it_says_the_mean() {
        let features = vec![vec![3.0, 1.0]; 10];
        let outcomes: Vec<bool> = (0..10).map(|i| i < 7).collect();
        let fitted = Logistic::fit(&features, &outcomes).unwrap();
        assert!((fitted.predict(&[3.0, 1.0]) - 0.7).abs() < 1e-9);
    }

    #[test]
    fn at_the_fit_nothing_pulls_any_more() {
        let features: Vec<Vec<f64>> =
            (0..60).map(|i| vec![f64::from(i), f64::from(i * 7 % 11)]).collect();
        let outcomes: Vec<bool> = (0..60).map(|i| i * 13 % 60 < i).collect();
        let fitted = Logistic::fit(&features, &outcomes).unwrap();
        let rows: Vec<_> = features.iter().map(|row| fitted.row(row)).collect();
        let mut pull = fitted.weights.clone();
        pull[0] = 0.0;
        for (row, outcome) in rows.iter().zip(&outcomes) {
            pull += row * (sigmoid(fitted.weights.dot(row)) - f64::from(u8::from(*outcome)));
        }
        assert!(pull.amax() < 1e-8, "{pull}");
        assert!(fitted.predict(&[59.0, 5.0]) > fitted.predict(&[0.0, 5.0]));
    }

    #[test]
    fn outcomes_that_are_apart_leave_weights_finite() {
        let features: Vec<Vec<f64>> = (0..20).map(|i| vec![f64::from(i)]).collect();
        let outcomes: Vec<bool> = (0..20).map(|i| i >= 10).collect();
        let fitted = Logistic::fit(&features, &outcomes).unwrap();
        assert!(fitted.weights.iter().all(|w| w.is_finite()));
        assert!(fitted.predict(&[0.0]) < 0.2 && fitted.predict(&[19.0]) > 0.8);
        assert!((fitted.predict(&[9.5]) - 0.5).abs() < 1e-6);
        assert!(fitted.predict(&[f64::NAN]).is_nan() && fitted.predict(&[]).is_nan());
    }

    #[test]
    fn one_outcome_alone_teaches_nothing() {
        assert_eq!(Logistic::fit(&[vec![1.0], vec![2.0]], &[true, true]), None);
        assert_eq!(Logistic::fit(&[], &[]), None);
    }
}
