//! The curve of a cluster: y(C) = g + (1 − g) exp(−a C^−b − c), with a, b, c >= 0 and 0 <= g < 1.
//!
//! From accuracy = g + (1 − g) mean of exp(−loss) with the loss a power of compute, loss = a C^−b + c; g is what guessing
//! gives. Compute is in units of the first exit, which a and the filter on it depend on.

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{DVector, Dyn, OMatrix, U4, Vector4};

/// A guess rate is below 1; so near that nothing shows.
const MOST_GUESS: f64 = 0.999;
/// Where the search begins: every pair of these, spaced evenly in their logarithms.
const STARTS_A: (f64, f64) = (0.02, 60.0);
const STARTS_B: (f64, f64) = (0.01, 12.0);
const STARTS: usize = 20;
/// The best starts are followed to their end.
const FOLLOWED: usize = 4;

/// Parameters of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    /// What guessing gives.
    pub(super) g: f64,
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) c: f64,
}

/// A curve and how far its points are from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    pub(super) curve: Curve,
    /// Root of the mean squared distance.
    pub(super) rmse: f64,
}

impl Curve {
    /// Accuracy at a compute above 0.
    pub(super) fn at(self, cost: f64) -> f64 {
        self.g + (1.0 - self.g) * (-self.a * cost.powf(-self.b) - self.c).exp()
    }

    /// Where it goes with more and more compute: g + (1 − g) exp(−c), if b > 0.
    pub(super) fn level(self) -> f64 {
        if self.b > 0.0 { self.at(f64::INFINITY) } else { self.at(1.0) }
    }

    fn rmse(self, costs: &[f64], values: &[f64]) -> f64 {
        let squares: f64 =
            costs.iter().zip(values).map(|(cost, value)| (self.at(*cost) - value).powi(2)).sum();
        (squares / costs.len() as f64).sqrt()
    }
}

/// The curve nearest to the values, least squares; `guess` fixes g. `None` for fewer than four points or one that is
/// no number.
pub(super) fn fit(costs: &[f64], values: &[f64], guess: Option<f64>) -> Option<Fit> {
    let is_usable = costs.len() >= 4 && costs.len() == values.len();
    if !is_usable || !values.iter().all(|v| v.is_finite()) || !costs.iter().all(|c| *c > 0.0) {
        return None;
    }
    let guess = guess.map(|g| g.clamp(0.0, MOST_GUESS));
    let mut starts: Vec<Fit> = Vec::with_capacity(STARTS * STARTS);
    for a in spaced(STARTS_A) {
        for b in spaced(STARTS_B) {
            let curve = best_level(a, b, costs, values, guess);
            starts.push(Fit { curve, rmse: curve.rmse(costs, values) });
        }
    }
    starts.sort_by(|a, b| a.rmse.total_cmp(&b.rmse));
    let followed = starts.iter().take(FOLLOWED).map(|start| {
        let problem = Problem::new(start.curve, costs, values, guess);
        let (problem, _) = LevenbergMarquardt::new().with_patience(200).minimize(problem);
        let curve = problem.curve();
        Fit { curve, rmse: curve.rmse(costs, values) }
    });
    let best = followed.chain(starts.first().copied()).filter(|fit| fit.rmse.is_finite());
    best.min_by(|a, b| a.rmse.total_cmp(&b.rmse))
}

fn spaced((from, to): (f64, f64)) -> impl Iterator<Item = f64> {
    (0..STARTS).map(move |i| from * (to / from).powf(i as f64 / (STARTS as f64 - 1.0)))
}

/// g and c for given a and b. With h = (1 − g) exp(−c) and e = exp(−a C^−b) the curve is g + h e: linear in both,
/// inside the triangle g >= 0, h >= 0, g + h <= 1; its best point lies inside or on an edge.
fn best_level(a: f64, b: f64, costs: &[f64], values: &[f64], guess: Option<f64>) -> Curve {
    let shape: Vec<f64> = costs.iter().map(|cost| (-a * cost.powf(-b)).exp()).collect();
    let num = shape.len() as f64;
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        shape.iter().zip(values).map(|(e, y)| of(*e, *y)).sum()
    };
    let (e, ee, y, ey) = (sum(&|e, _| e), sum(&|e, _| e * e), sum(&|_, y| y), sum(&|e, y| e * y));
    let along = |g: f64| ((ey - g * e) / ee.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0 - g);
    let candidates = if let Some(g) = guess {
        vec![(g, along(g))]
    } else {
        let spread = num * ee - e.powi(2);
        let h = (num * ey - e * y) / spread;
        let g = (y - h * e) / num;
        // On g + h = 1 the curve is e + g (1 − e).
        let rest = sum(&|e, _| (1.0 - e) * (1.0 - e));
        let slanted =
            (sum(&|e, y| (y - e) * (1.0 - e)) / rest.max(f64::MIN_POSITIVE)).clamp(0.0, MOST_GUESS);
        let flat = (y / num).clamp(0.0, MOST_GUESS);
        let is_inside = g >= 0.0 && h >= 0.0 && g + h <= 1.0 && g <= MOST_GUESS;
        let inside = is_inside.then_some((g, h));
        inside
            .into_iter()
            .chain([(0.0, along(0.0)), (slanted, 1.0 - slanted), (flat, 0.0)])
            .collect()
    };
    let miss = |(g, h): &(f64, f64)| sum(&|e, y| (g + h * e - y).powi(2));
    let (g, h) =
        candidates.into_iter().min_by(|a, b| miss(a).total_cmp(&miss(b))).unwrap_or((0.0, 0.0));
    // An h of 0 would be an infinite c; nothing is lost at exp(−50).
    let c = -(h / (1.0 - g)).max((-50.0_f64).exp()).ln();
    Curve { g, a, b, c: c.max(0.0) }
}

/// Residuals over parameters without bounds: g = 0.999 sin² x0 (unless fixed), a = x1², b = x2², c = x3², as MINUIT
/// does; so Levenberg and Marquardt's method need not know of the bounds.
struct Problem<'a> {
    x: Vector4<f64>,
    costs: &'a [f64],
    values: &'a [f64],
    guess: Option<f64>,
}

impl<'a> Problem<'a> {
    /// At a bound the derivative is 0, and a search that begins there stays: it begins a little inside.
    fn new(start: Curve, costs: &'a [f64], values: &'a [f64], guess: Option<f64>) -> Self {
        let angle = (start.g / MOST_GUESS).clamp(1e-4, 1.0 - 1e-4).sqrt().asin();
        let root = |value: f64| value.max(1e-4).sqrt();
        let x = Vector4::new(angle, root(start.a), root(start.b), root(start.c));
        Self { x, costs, values, guess }
    }

    fn curve(&self) -> Curve {
        let [x0, a, b, c] = self.x.into();
        let g = self.guess.unwrap_or_else(|| MOST_GUESS * x0.sin().powi(2));
        Curve { g, a: a * a, b: b * b, c: c * c }
    }
}

impl LeastSquaresProblem<f64, Dyn, U4> for Problem<'_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, U4>;
    type ParameterStorage = Owned<f64, U4>;

    fn set_params(&mut self, x: &Vector4<f64>) {
        self.x.copy_from(x);
    }

    fn params(&self) -> Vector4<f64> {
        self.x
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        let curve = self.curve();
        let misses = self.costs.iter().zip(self.values).map(|(cost, y)| curve.at(*cost) - y);
        Some(DVector::from_iterator(self.costs.len(), misses))
    }

    fn jacobian(&self) -> Option<OMatrix<f64, Dyn, U4>> {
        let curve = self.curve();
        let mut rows = OMatrix::<f64, Dyn, U4>::zeros(self.costs.len());
        for (place, cost) in self.costs.iter().enumerate() {
            let power = cost.powf(-curve.b);
            let e = (-curve.a * power - curve.c).exp();
            let slope = (1.0 - curve.g) * e;
            let of_g =
                if self.guess.is_some() { 0.0 } else { MOST_GUESS * (2.0 * self.x[0]).sin() };
            rows[(place, 0)] = (1.0 - e) * of_g;
            rows[(place, 1)] = -slope * power * 2.0 * self.x[1];
            rows[(place, 2)] = slope * curve.a * power * cost.ln() * 2.0 * self.x[2];
            rows[(place, 3)] = -slope * 2.0 * self.x[3];
        }
        Some(rows)
    }
}

#[cfg(test)]
mod tests {
    use levenberg_marquardt::differentiate_numerically;
    use proptest::prelude::*;

    use super::*;

    const COSTS: [f64; 8] = [1.0, 1.7, 2.9, 5.0, 8.5, 14.0, 24.0, 40.0];

    fn values(curve: Curve) -> Vec<f64> {
        COSTS.iter().map(|cost| curve.at(*cost)).collect()
    }

    #[test]
    fn a_curve_without_noise_comes_back_at_eight_times_the_compute() {
        for curve in [
            Curve { g: 0.0, a: 2.0, b: 0.5, c: 0.1 },
            Curve { g: 0.25, a: 3.0, b: 0.6, c: 0.0 },
            Curve { g: 0.1, a: 8.0, b: 0.8, c: 0.3 },
            Curve { g: 0.0, a: 1.2, b: 0.3, c: 0.0 },
            Curve { g: 0.5, a: 5.0, b: 1.5, c: 0.7 },
            Curve { g: 0.0, a: 30.0, b: 1.1, c: 0.05 },
        ] {
            let found = fit(&COSTS, &values(curve), None).unwrap();
            assert!(found.rmse < 1e-4, "{curve:?}: {found:?}");
            let (there, expected) = (found.curve.at(320.0), curve.at(320.0));
            assert!((there - expected).abs() < 1e-3, "{curve:?}: {found:?} {there} {expected}");
            let fixed = fit(&COSTS, &values(curve), Some(curve.g)).unwrap();
            assert_eq!(fixed.curve.g, curve.g);
            assert!((fixed.curve.at(320.0) - expected).abs() < 1e-3);
        }
    }

    #[test]
    fn flat_values_have_a_flat_curve() {
        for level in [0.0, 0.3, 0.9, 1.0] {
            let found = fit(&COSTS, &[level; 8], None).unwrap();
            assert!(found.rmse < 2e-3, "{level}: {found:?}");
            assert!((found.curve.at(320.0) - level).abs() < 5e-3, "{level}: {found:?}");
        }
    }

    #[test]
    fn the_derivatives_are_those_of_the_residuals() {
        let start = Curve { g: 0.2, a: 3.0, b: 0.7, c: 0.2 };
        for guess in [None, Some(0.1)] {
            let mut problem = Problem::new(start, &COSTS, &[0.5; 8], guess);
            let numeric = differentiate_numerically(&mut problem).unwrap();
            let derived = problem.jacobian().unwrap();
            assert!((numeric - derived).amax() < 1e-6);
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        assert_eq!(fit(&COSTS[..3], &[0.1, 0.2, 0.3], None), None);
        assert_eq!(fit(&COSTS[..4], &[0.1, 0.2, f64::NAN, 0.3], None), None);
        assert_eq!(fit(&[0.0, 1.0, 2.0, 3.0], &[0.1; 4], None), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_rises_between_guessing_and_one_and_ends_at_its_level(
            g in 0.0..0.99_f64, a in 0.0..20.0_f64, b in 0.01..3.0_f64, c in 0.0..3.0_f64
        ) {
            let curve = Curve { g, a, b, c };
            let along: Vec<f64> = (0..60).map(|i| curve.at(1.3_f64.powi(i))).collect();
            prop_assert!(along.windows(2).all(|pair| pair[0] <= pair[1] + 1e-15));
            prop_assert!(along.iter().all(|y| (g..=1.0).contains(y)));
            prop_assert!((curve.level() - (g + (1.0 - g) * (-c).exp())).abs() < 1e-12);
            let flat = Curve { a: 0.0, ..curve };
            prop_assert_eq!(flat.at(1.0), flat.at(1000.0));
        }

        #[test]
        fn any_values_are_fitted_within_the_bounds(
            values in proptest::collection::vec(0.0..=1.0_f64, 8)
        ) {
            let Fit { curve, rmse } = fit(&COSTS, &values, None).unwrap();
            prop_assert!(rmse.is_finite() && (0.0..1.0).contains(&curve.g));
            prop_assert!(curve.a >= 0.0 && curve.b >= 0.0 && curve.c >= 0.0);
        }
    }
}
