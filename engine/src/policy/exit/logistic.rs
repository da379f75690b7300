//! Logistic regression: Newton steps on the likelihood with a small ridge, over features made to mean 0 and spread 1.
//!
//! No chance is involved. Sums over cells are sums of parts of fixed size in their order, whatever the number of threads.

use rayon::prelude::*;

/// Features and a constant.
pub(super) const WEIGHTS: usize = 7;
const STEPS: usize = 30;
/// After a step smaller than this nothing moves.
const SMALL: f64 = 1e-5;
/// Keeps the weights finite where two classes can be told apart without an error; per cell.
const RIDGE: f64 = 1e-4;
/// The first of so many neighbouring cells say about where the weights are.
const FEW: usize = 8;
/// Cells that one thread sums up.
const PART: usize = 4096;

/// Weights and how features are made comparable.
#[derive(Debug, Clone)]
pub(super) struct Logistic {
    pub(super) mean: [f64; WEIGHTS],
    pub(super) spread: [f64; WEIGHTS],
    pub(super) weights: [f64; WEIGHTS],
}

/// Features of a token at a depth, and whether the answer there is right.
pub(super) type Cell = ([f64; WEIGHTS], bool);

/// The sum over all cells of what `of` makes of a part of them.
fn summed<const N: usize>(
    cells: &[Cell],
    of: impl Fn(&[Cell]) -> [f64; N] + Send + Sync,
) -> [f64; N] {
    let parts: Vec<[f64; N]> = cells.par_chunks(PART).map(of).collect();
    let mut sum = [0.0; N];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sum
}

impl Logistic {
    pub(super) fn fitted(mut cells: Vec<Cell>) -> Self {
        let count = cells.len() as f64;
        let (mut mean, mut spread) = ([0.0; WEIGHTS], [1.0; WEIGHTS]);
        let sums = |of: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            summed(&cells, |cells| {
                let mut sums = [0.0; WEIGHTS];
                for (x, _) in cells {
                    sums.iter_mut()
                        .zip(x)
                        .enumerate()
                        .for_each(|(at, (sum, x))| *sum += of(at, *x));
                }
                sums
            })
        };
        mean[1..].copy_from_slice(&sums(&|_, x| x).map(|sum| sum / count)[1..]);
        let squares = sums(&|at, x| (x - mean[at]).powi(2)).map(|sum| sum / count);
        for at in 1..WEIGHTS {
            spread[at] = if squares[at] > 1e-18 { squares[at].sqrt() } else { 1.0 };
        }
        let start = Self { mean, spread, weights: [0.0; WEIGHTS] };
        cells.par_iter_mut().for_each(|(x, _)| *x = start.scaled(*x));
        // What few cells say is near, so that all of them are gone through only two or three times. There is one optimum.
        let few: Vec<Cell> = cells.iter().step_by(FEW).copied().collect();
        let settled = |(found, is_settled): (Self, bool)| is_settled.then_some(found);
        let near = settled(start.descended(&few));
        let found = near.and_then(|near| settled(near.descended(&cells)));
        found.unwrap_or_else(|| start.descended(&cells).0)
    }

    /// Newton steps until nothing moves, and whether it came to that.
    fn descended(&self, cells: &[Cell]) -> (Self, bool) {
        let mut logistic = self.clone();
        for _ in 0..STEPS {
            let step = logistic.newton(cells);
            logistic.weights.iter_mut().zip(step).for_each(|(weight, step)| *weight += step);
            // Near the optimum what is left is about the square of the step.
            if step.iter().all(|step| step.abs() < SMALL) {
                return (logistic, true);
            }
            if step.iter().any(|step| !step.is_finite()) {
                break;
            }
        }
        (logistic, false)
    }

    pub(super) fn scaled(&self, x: [f64; WEIGHTS]) -> [f64; WEIGHTS] {
        std::array::from_fn(|at| (x[at] - self.mean[at]) / self.spread[at])
    }

    pub(super) fn probability(&self, scaled: &[f64; WEIGHTS]) -> f64 {
        let z: f64 = scaled.iter().zip(self.weights).map(|(x, weight)| x * weight).sum();
        1.0 / (1.0 + (-z).exp())
    }

    /// The Newton step: the solution of (X'SX + ridge) step = X'(y - p) - ridge w.
    fn newton(&self, cells: &[Cell]) -> [f64; WEIGHTS] {
        let ridge = RIDGE * cells.len() as f64;
        // One row after the other.
        let sums: [f64; WEIGHTS * (WEIGHTS + 1)] = summed(cells, |cells| {
            let mut rows = [[0.0; WEIGHTS + 1]; WEIGHTS];
            for (x, right) in cells {
                let p = self.probability(x);
                let (slope, miss) = (p * (1.0 - p), f64::from(u8::from(*right)) - p);
                let mut columns = [miss; WEIGHTS + 1];
                columns.iter_mut().zip(x).for_each(|(column, xj)| *column = slope * xj);
                // The half below the diagonal is the other one; to leave it out would take longer.
                for (row, xi) in rows.iter_mut().zip(x) {
                    row.iter_mut().zip(columns).for_each(|(sum, column)| *sum += xi * column);
                }
            }
            let mut sums = [0.0; WEIGHTS * (WEIGHTS + 1)];
            sums.copy_from_slice(rows.as_flattened());
            sums
        });
        let mut rows = [[0.0; WEIGHTS + 1]; WEIGHTS];
        rows.as_flattened_mut().copy_from_slice(&sums);
        for (at, (row, weight)) in rows.iter_mut().zip(self.weights).enumerate() {
            row[at] += ridge;
            row[WEIGHTS] -= ridge * weight;
        }
        solved(rows)
    }
}

/// Gauss and Jordan; the matrix is positive definite, so no row needs to change places.
fn solved(mut rows: [[f64; WEIGHTS + 1]; WEIGHTS]) -> [f64; WEIGHTS] {
    for at in 0..WEIGHTS {
        let pivot = rows[at][at];
        rows[at].iter_mut().for_each(|value| *value /= pivot);
        let own = rows[at];
        for (_, row) in rows.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            let factor = row[at];
            row.iter_mut().zip(own).for_each(|(value, own)| *value -= factor * own);
        }
    }
    rows.map(|row| row[WEIGHTS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_weights_that_made_the_answers() {
        // One feature, the others constant; odds e^(2 x - 1), in the shares that they ask for.
        let cells: Vec<_> = (0..4000_u32)
            .map(|number| {
                let x = f64::from(number % 40) / 10.0 - 2.0;
                let p = 1.0 / (1.0 + (1.0 - 2.0 * x).exp());
                let right = f64::from(number / 40) + 0.5 < 100.0 * p;
                ([1.0, x, 0.0, 0.0, 0.0, 0.0, 0.0], right)
            })
            .collect();
        let found = Logistic::fitted(cells);
        let slope = found.weights[1] / found.spread[1];
        let constant = found.weights[0] - slope * found.mean[1];
        assert!((slope - 2.0).abs() < 0.05 && (constant + 1.0).abs() < 0.05, "{slope} {constant}");
    }

    #[test]
    fn classes_that_are_told_apart_keep_the_weights_finite() {
        let cell = |x: f64| ([1.0, x, x, 0.5, 0.0, 1.0, 0.0], x > 0.0);
        let found = Logistic::fitted((-50..50).map(|x| cell(f64::from(x) + 0.5)).collect());
        assert!(found.weights.iter().all(|weight| weight.is_finite()), "{found:?}");
        assert!(found.probability(&found.scaled(cell(40.0).0)) > 0.99);
    }

    /// Newton steps from nothing, over one cell after the other.
    fn plain(cells: &[Cell], Logistic { mean, spread, .. }: Logistic) -> Logistic {
        let mut found = Logistic { mean, spread, weights: [0.0; WEIGHTS] };
        for _ in 0..STEPS {
            let mut rows = [[0.0; WEIGHTS + 1]; WEIGHTS];
            for (x, right) in cells {
                let x = found.scaled(*x);
                let p = found.probability(&x);
                for (row, xi) in rows.iter_mut().zip(x) {
                    for (sum, xj) in row.iter_mut().zip(x) {
                        *sum += p * (1.0 - p) * xi * xj;
                    }
                    row[WEIGHTS] += (f64::from(u8::from(*right)) - p) * xi;
                }
            }
            for (at, row) in rows.iter_mut().enumerate() {
                row[at] += RIDGE * cells.len() as f64;
                row[WEIGHTS] -= RIDGE * cells.len() as f64 * found.weights[at];
            }
            let step = solved(rows);
            found.weights.iter_mut().zip(step).for_each(|(weight, step)| *weight += step);
        }
        found
    }

    #[test]
    fn parts_and_a_start_from_few_cells_find_what_plain_steps_find() {
        for (num_cells, threads) in [(150_u32, 1), (3500, 2), (15_000, 3)] {
            let cell = |number: u32| {
                let part = |step: u32| f64::from(number.wrapping_mul(step) % 1009) / 1009.0;
                let [a, b, c] = [7, 31, 101].map(part);
                let x = [1.0, a, 0.5 * a + 0.5 * b, 4.0 * b, c, f64::from(number % 2), a * c];
                (x, part(613) < 0.2 + 0.3 * a + 0.4 * c)
            };
            let cells: Vec<Cell> = (0..num_cells).map(cell).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| Logistic::fitted(cells.clone()));
            let again = Logistic::fitted(cells.clone());
            assert_eq!(found.weights, again.weights, "the number of threads changes the sums");
            let plain = plain(&cells, found.clone());
            for (found, plain) in found.weights.iter().zip(plain.weights) {
                assert!((found - plain).abs() < 1e-9, "{found} {plain}");
            }
        }
    }
}
