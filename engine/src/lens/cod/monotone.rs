//! The map f from the accuracy of the predictable subset to that of all items: f(0) = 0, f(1) = 1, never falling.
//!
//! Both forms are x plus a bend that vanishes at 0 and 1, fitted to the known exits by least squares. A fit that falls
//! somewhere has its bend shrunk until it does not.

use nalgebra::{DMatrix, DVector};

/// The final paper adds knots to its cubic smoothing spline until the error on the known models is below this.
pub(super) const WANTED_RMSE: f64 = 0.005;
/// Places of [0, 1] at which the map is checked.
const CHECKS: u32 = 200;
/// Sites closer than this are one.
const LEAST_GAP: f64 = 1e-3;
/// Singular values below this part of the largest say nothing.
const LEAST_SINGULAR: f64 = 1e-9;

/// Which form the map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Natural cubic smoothing spline; bent as little as gives the wanted error. That a price on bending is lowered
    /// where the paper adds knots is ours.
    Spline,
    /// x + x (1 − x)(p + q x + r x²): the first version of the paper; the form is remembered, not read.
    Quartic,
    /// The subset stands for all.
    Identity,
}

/// A fitted map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Map {
    bend: Bend,
    /// What is left of the bend so that the map never falls; 1 where all of it is.
    pub(super) kept: f64,
    /// Root of the mean squared distance of the known exits.
    pub(super) rmse: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Bend {
    None,
    Quartic([f64; 3]),
    Spline { sites: Vec<f64>, values: Vec<f64>, curvatures: Vec<f64> },
}

impl Map {
    /// `pairs`: accuracy of the subset and of all items at each known exit.
    pub(super) fn fit(form: Form, pairs: &[[f64; 2]]) -> Self {
        let pairs: Vec<[f64; 2]> = pairs
            .iter()
            .filter(|pair| pair.iter().all(|v| (0.0..=1.0).contains(v)))
            .copied()
            .collect();
        let found = match form {
            Form::Identity => None,
            Form::Quartic => quartic(&pairs).map(|bend| Self::rising(bend, &pairs)),
            Form::Spline => spline(&pairs),
        };
        found.unwrap_or_else(|| Self::rising(Bend::None, &pairs))
    }

    /// As much of a bend as never falls.
    fn rising(bend: Bend, pairs: &[[f64; 2]]) -> Self {
        let places = (0..=CHECKS).map(|i| f64::from(i) / f64::from(CHECKS));
        let places = places.chain(bend.steepest());
        let steepest_fall = places.map(|x| bend.slope(x)).fold(0.0, f64::min);
        // 1 + kept · slope >= 0 everywhere.
        let kept = if steepest_fall < -1.0 { -1.0 / steepest_fall } else { 1.0 };
        let map = Self { bend, kept, rmse: 0.0 };
        Self { rmse: map.distance(pairs), ..map }
    }

    /// Accuracy of all items where the subset's is `x`.
    pub(super) fn at(&self, x: f64) -> f64 {
        let x = x.clamp(0.0, 1.0);
        (x + self.kept * self.bend.at(x)).clamp(0.0, 1.0)
    }

    fn distance(&self, pairs: &[[f64; 2]]) -> f64 {
        if pairs.is_empty() {
            return f64::NAN;
        }
        let squares: f64 = pairs.iter().map(|[x, y]| (self.at(*x) - y).powi(2)).sum();
        (squares / pairs.len() as f64).sqrt()
    }
}

impl Bend {
    fn at(&self, x: f64) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Quartic([p, q, r]) => x * (1.0 - x) * (p + q * x + r * x * x),
            Self::Spline { sites, values, curvatures } => {
                piece(sites, values, curvatures, x).map_or(0.0, |piece| piece.value(x) - x)
            }
        }
    }

    fn slope(&self, x: f64) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Quartic([p, q, r]) => {
                (1.0 - 2.0 * x) * (p + q * x + r * x * x) + x * (1.0 - x) * (q + 2.0 * r * x)
            }
            Self::Spline { sites, values, curvatures } => {
                piece(sites, values, curvatures, x).map_or(0.0, |piece| piece.slope(x) - 1.0)
            }
        }
    }
}

impl Bend {
    /// Where a spline may be steepest between two checks: at its sites and where its curvature changes sign.
    fn steepest(&self) -> Vec<f64> {
        let Self::Spline { sites, curvatures, .. } = self else {
            return Vec::new();
        };
        let pairs = |of: &[f64]| -> Vec<[f64; 2]> {
            of.iter().zip(of.iter().skip(1)).map(|(a, b)| [*a, *b]).collect()
        };
        let pieces = pairs(sites).into_iter().zip(pairs(curvatures));
        let crossings = pieces
            .filter(|(_, [m0, m1])| m0 * m1 < 0.0)
            .map(|([x0, x1], [m0, m1])| x0 + (x1 - x0) * m0 / (m0 - m1));
        crossings.chain(sites.iter().copied()).collect()
    }
}

/// The cubic between two sites: their places, values and second derivatives.
struct Piece {
    at: [f64; 2],
    value: [f64; 2],
    curvature: [f64; 2],
}

fn piece(sites: &[f64], values: &[f64], curvatures: &[f64], x: f64) -> Option<Piece> {
    let right =
        sites.partition_point(|site| *site <= x).clamp(1, sites.len().saturating_sub(1).max(1));
    let both = |of: &[f64]| Some([*of.get(right - 1)?, *of.get(right)?]);
    Some(Piece { at: both(sites)?, value: both(values)?, curvature: both(curvatures)? })
}

impl Piece {
    fn value(&self, x: f64) -> f64 {
        let ([x0, x1], [y0, y1], [m0, m1]) = (self.at, self.value, self.curvature);
        let (wide, left, right) = (x1 - x0, x - x0, x1 - x);
        (left * y1 + right * y0) / wide
            - left * right / 6.0 * ((1.0 + left / wide) * m1 + (1.0 + right / wide) * m0)
    }

    fn slope(&self, x: f64) -> f64 {
        let ([x0, x1], [y0, y1], [m0, m1]) = (self.at, self.value, self.curvature);
        let (wide, left, right) = (x1 - x0, x - x0, x1 - x);
        (y1 - y0) / wide + m1 * (3.0 * left * left - wide * wide) / (6.0 * wide)
            - m0 * (3.0 * right * right - wide * wide) / (6.0 * wide)
    }
}

/// Least squares; of many solutions the shortest.
fn quartic(pairs: &[[f64; 2]]) -> Option<Bend> {
    if pairs.is_empty() {
        return None;
    }
    let row = |place: usize, power: usize| {
        let [x, _] = pairs.get(place).copied().unwrap_or_default();
        x * (1.0 - x) * x.powi(i32::try_from(power).unwrap_or(0))
    };
    let system = DMatrix::from_fn(pairs.len(), 3, row);
    let wanted = DVector::from_iterator(pairs.len(), pairs.iter().map(|[x, y]| y - x));
    let parts = system.svd(true, true);
    let least = parts.singular_values.max() * LEAST_SINGULAR;
    let found = parts.solve(&wanted, least).ok()?;
    Some(Bend::Quartic([*found.get(0)?, *found.get(1)?, *found.get(2)?]))
}

/// Green and Silverman 1994, section 2.3.3: with gaps h between sites, Q the second differences and R their products,
/// (R + price Qᵀ W⁻¹ Q) m = Qᵀ y gives the second derivatives m, and the values are y − price W⁻¹ Q m. Both ends
/// weigh infinitely much (W⁻¹ = 0), so f(0) = 0 and f(1) = 1 hold exactly. Of all prices, falling, the first whose map is
/// as near as wanted; where none is, the one that is nearest once it is shrunk.
fn spline(pairs: &[[f64; 2]]) -> Option<Map> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then_with(|| a[1].total_cmp(&b[1])));
    // Place, value, 1 / weight.
    let mut sites: Vec<(f64, f64, f64)> = vec![(0.0, 0.0, 0.0)];
    for [x, y] in sorted {
        let (last, mean, inverse) = sites.last_mut()?;
        if *inverse > 0.0 && x - *last < LEAST_GAP {
            let weight = 1.0 / *inverse;
            *mean = (*mean * weight + y) / (weight + 1.0);
            *inverse = 1.0 / (weight + 1.0);
        } else if (LEAST_GAP..=1.0 - LEAST_GAP).contains(&x) {
            sites.push((x, y, 1.0));
        }
    }
    sites.push((1.0, 1.0, 0.0));
    let inner = sites.len().checked_sub(2).filter(|inner| *inner > 0)?;
    let gaps: Vec<f64> =
        sites.iter().zip(sites.iter().skip(1)).map(|(left, right)| right.0 - left.0).collect();
    let gap = |place: usize| gaps.get(place).copied().unwrap_or(1.0);
    let bends =
        DMatrix::from_fn(sites.len(), inner, |site, column| match site.checked_sub(column) {
            Some(0) => 1.0 / gap(column),
            Some(1) => -1.0 / gap(column) - 1.0 / gap(column + 1),
            Some(2) => 1.0 / gap(column + 1),
            _ => 0.0,
        });
    let products = DMatrix::from_fn(inner, inner, |row, column| match row.abs_diff(column) {
        0 => (gap(row) + gap(row + 1)) / 3.0,
        1 => gap(row.max(column)) / 6.0,
        _ => 0.0,
    });
    let wanted = DVector::from_iterator(sites.len(), sites.iter().map(|site| site.1));
    let loose = DMatrix::from_diagonal(&DVector::from_iterator(
        sites.len(),
        sites.iter().map(|site| site.2),
    ));
    let places: Vec<f64> = sites.iter().map(|site| site.0).collect();
    let mut best: Option<Map> = None;
    // Stiff first: half a decade less at each step.
    for step in -6..=24 {
        let price = 10.0_f64.powf(-f64::from(step) / 2.0);
        let system = &products + bends.transpose() * &loose * &bends * price;
        let inside = system.cholesky()?.solve(&(bends.transpose() * &wanted));
        let values = &wanted - &loose * &bends * &inside * price;
        let curvatures = std::iter::once(0.0).chain(inside.iter().copied()).chain([0.0]).collect();
        let values = values.iter().copied().collect();
        let bend = Bend::Spline { sites: places.clone(), values, curvatures };
        let map = Map::rising(bend, pairs);
        let is_near = map.rmse < WANTED_RMSE;
        if best.as_ref().is_none_or(|best| map.rmse < best.rmse) {
            best = Some(map);
        }
        if is_near {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMS: [Form; 3] = [Form::Spline, Form::Quartic, Form::Identity];

    #[test]
    fn a_quartic_comes_back() {
        let f = |x: f64| x + x * (1.0 - x) * (0.3 - 0.2 * x + 0.1 * x * x);
        let pairs: Vec<[f64; 2]> = (1..9).map(|i| f64::from(i) / 12.0).map(|x| [x, f(x)]).collect();
        let map = Map::fit(Form::Quartic, &pairs);
        assert!(map.rmse < 1e-12 && map.kept == 1.0);
        assert!((map.at(0.95) - f(0.95)).abs() < 1e-9);
    }

    #[test]
    fn the_spline_is_as_near_as_wanted_and_no_more_bent_than_it_must_be() {
        let f = |x: f64| x.powf(1.4);
        let pairs: Vec<[f64; 2]> = (1..9).map(|i| f64::from(i) / 12.0).map(|x| [x, f(x)]).collect();
        let map = Map::fit(Form::Spline, &pairs);
        assert!(map.rmse < WANTED_RMSE, "{}", map.rmse);
        assert!((map.at(0.85) - f(0.85)).abs() < 0.02, "{}", map.at(0.85));
        // What is straight already stays so to the end of the ladder's first step.
        let straight: Vec<[f64; 2]> = pairs.iter().map(|[x, _]| [*x, *x]).collect();
        let map = Map::fit(Form::Spline, &straight);
        assert!(
            (0..=100).all(|i| (map.at(f64::from(i) / 100.0) - f64::from(i) / 100.0).abs() < 1e-9)
        );
    }

    #[test]
    fn a_map_that_would_fall_is_shrunk_and_says_so() {
        let pairs = [[0.2, 0.8], [0.3, 0.5], [0.4, 0.1], [0.6, 0.9]];
        assert!(Map::fit(Form::Quartic, &pairs).kept < 1.0);
        let spline = Map::fit(Form::Spline, &pairs);
        assert!(spline.rmse > WANTED_RMSE && spline.rmse < Map::fit(Form::Identity, &pairs).rmse);
    }

    #[test]
    fn without_known_exits_the_subset_stands_for_all() {
        for form in FORMS {
            let map = Map::fit(form, &[]);
            assert_eq!((map.at(0.3), map.rmse.is_nan()), (0.3, true));
            assert_eq!(Map::fit(form, &[[f64::NAN, 0.2], [0.0, 0.1], [1.0, 0.9]]).at(1.0), 1.0);
        }
    }

    proptest! {
        #[test]
        fn it_never_falls_and_keeps_both_ends(
            pairs in proptest::collection::vec((0.0..=1.0_f64, 0.0..=1.0_f64), 0..14)
        ) {
            let pairs: Vec<[f64; 2]> = pairs.into_iter().map(|(x, y)| [x, y]).collect();
            for form in FORMS {
                let map = Map::fit(form, &pairs);
                prop_assert!(map.at(0.0).abs() < 1e-12 && (map.at(1.0) - 1.0).abs() < 1e-12);
                let along: Vec<f64> = (0..=200).map(|i| map.at(f64::from(i) / 200.0)).collect();
                // Between two checks a quartic may fall by what nobody sees.
                prop_assert!(along.windows(2).all(|pair| pair[1] >= pair[0] - 1e-5), "{form:?} {along:?}");
                prop_assert!((0.0..=1.0).contains(&map.kept));
            }
        }
    }
}
