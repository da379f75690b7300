//! Statistics of one row of logits, gathered tile by tile.
//!
//! Inside a tile sums run in 16 or 32 f32 lanes, between tiles in f64. A NaN logit makes both sums NaN, and
//! with them every statistic.
#![expect(
    clippy::inline_always,
    reason = "only what is inlined is compiled for the vector instructions of the machine"
)]

use crate::kernel::exp::{exp, exp_of_all};
use crate::kernel::lanes::{LANES, Lanes};
use crate::kernel::step::{Change, Side, Step};

/// Five largest logits so far, best first, with their ids.
pub(super) type Top = [(f32, u32); 5];

/// What is known of one row after some tiles.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Largest logit.
    pub(super) max: f32,
    /// Sum of `e^(z - max)`.
    pub(super) sum: f64,
    /// Sum of `e^(2 (z - max))`.
    pub(super) squares: f64,
    /// Sum of `e^(z - max) (z - max)`.
    pub(super) moment: f64,
    /// Sum of `e^(zL - maxL) z`, with the logits of the final depth as weights.
    pub(super) cross: f64,
    /// What lies between this depth and the one before, where there is one.
    pub(super) step: Step,
    /// Largest logits.
    pub(super) top: Top,
    /// Logit of the true next token; NaN without one.
    pub(super) next: f32,
    /// Tokens other than that with a larger logit.
    pub(super) above: f64,
}

impl Tally {
    pub(super) fn new(nowhere: u32) -> Self {
        Self {
            max: f32::NEG_INFINITY,
            sum: 0.0,
            squares: 0.0,
            moment: 0.0,
            cross: 0.0,
            step: Step::default(),
            top: [(f32::NEG_INFINITY, nowhere); 5],
            next: f32::NAN,
            above: 0.0,
        }
    }

    /// Takes in the logits `z` of ids `first..`; `next` is the true next token. Writes `e^(z - max)` to `weights`.
    /// Sums over two rows are left to whoever
    /// knows both.
    #[inline(always)]
    pub(super) fn absorb<'a, V: Lanes>(
        &mut self,
        z: &'a [f32],
        first: u32,
        next: u32,
        weights: &mut [f32],
    ) -> Side<'a> {
        let peak = self.rank_chunks::<V>(z, first);
        let max = if peak > self.max { peak } else { self.max };
        let [sum, squares, moment] = spread::<V>(z, max, weights);
        let change = self.raise(max);
        self.sum += sum;
        self.squares += squares;
        self.moment += moment;
        let own = next.checked_sub(first).and_then(|at| z.get(at as usize));
        if let Some(&own) = own {
            self.next = own;
        }
        self.above += count_above::<V>(z, self.next);
        Side { logits: z, max, sum: self.sum, change: change.of(self.sum) }
    }

    /// Takes in what another tally knows of later ids; sums over two rows are left to whoever knows both. Returns
    /// what that changed for the ids of either.
    pub(super) fn join(&mut self, later: &mut Self) -> [Change; 2] {
        let max = if later.max > self.max { later.max } else { self.max };
        let changes = [self.raise(max), later.raise(max)];
        self.sum += later.sum;
        self.squares += later.squares;
        self.moment += later.moment;
        self.above += later.above;
        for (logit, id) in later.top {
            self.insert(logit, id);
        }
        changes.map(|change| change.of(self.sum))
    }

    /// Makes the sums relative to another maximum, which is not below the one so far.
    #[inline(always)]
    fn raise(&mut self, max: f32) -> Change {
        let drop = f64::from(self.max) - f64::from(max);
        self.max = max;
        if self.sum == 0.0 {
            return Change::default();
        }
        let squares = self.squares / (self.sum * self.sum);
        // The maximum stands still at most tiles.
        let factor = if drop == 0.0 { 1.0 } else { drop.exp() };
        self.moment = factor * (self.moment + self.sum * drop);
        self.sum *= factor;
        self.squares *= factor * factor;
        Change { factor, drop, share: self.sum, squares }
    }

    /// Puts the tile's largest logits in their places and returns the largest of all; NaN is passed over (the sums
    /// carry it).
    #[inline(always)]
    fn rank_chunks<V: Lanes>(&mut self, z: &[f32], first: u32) -> f32 {
        const CHUNK: usize = 4 * LANES;
        let mut largest = V::splat(f32::NEG_INFINITY);
        let mut largest_of_rest = f32::NEG_INFINITY;
        for (chunk, id) in z.chunks(CHUNK).zip((first..).step_by(CHUNK)) {
            let (whole, rest) = chunk.as_chunks::<LANES>();
            let bar = V::splat(self.top[4].0);
            let mut above = 0;
            for z in whole {
                let z = V::load(z);
                above += z.count_above(bar);
                largest = z.larger_or(largest);
            }
            for &z in rest {
                largest_of_rest = if z > largest_of_rest { z } else { largest_of_rest };
            }
            if above > 0 || largest_of_rest > self.top[4].0 {
                for (&logit, id) in chunk.iter().zip(id..) {
                    self.insert(logit, id);
                }
            }
        }
        let largest = largest.peak();
        if largest_of_rest > largest { largest_of_rest } else { largest }
    }

    /// Ids come in rising order, so that of equal logits the smaller id stays in front.
    fn insert(&mut self, logit: f32, id: u32) {
        if logit > self.top[4].0 {
            let place = self.top.iter().position(|(other, _)| logit > *other).unwrap_or(4);
            self.top[place..].rotate_right(1);
            self.top[place] = (logit, id);
        }
    }

    /// ln of the sum of `e^z`.
    pub(super) fn log_sum(&self) -> f64 {
        f64::from(self.max) + self.sum.ln()
    }
}

/// Sums of `e^(z - max)`, of its squares, and of `e^(z - max) (z - max)`; `weights` becomes `e^(z - max)`.
#[inline(always)]
fn spread<V: Lanes>(z: &[f32], max: f32, weights: &mut [f32]) -> [f64; 3] {
    let (z, z_rest) = z.as_chunks::<LANES>();
    let (e, e_rest) = weights.as_chunks_mut::<LANES>();
    let at = V::splat(max);
    let [mut sums, mut squares, mut moments] = [V::splat(0.0); 3];
    for (z, weight) in z.iter().zip(e) {
        let below = V::load(z) - at;
        let e = exp_of_all(below);
        e.store(weight);
        sums = sums + e;
        squares = e.mul_add(e, squares);
        moments = e.mul_add(below, moments);
    }
    let mut total = [sums.sum(), squares.sum(), moments.sum()];
    for (&z, weight) in z_rest.iter().zip(e_rest) {
        *weight = exp(z - max);
        let (below, e) = (f64::from(z - max), f64::from(*weight));
        total[0] += e;
        total[1] += e * e;
        total[2] += e * below;
    }
    total
}

/// Sum of products, in two vectors of sums: one would wait for itself.
#[inline(always)]
pub(super) fn dot<V: Lanes>(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [V::splat(0.0); 2];
    let (a, a_rest) = a.as_chunks::<{ 2 * LANES }>();
    let (b, b_rest) = b.as_chunks::<{ 2 * LANES }>();
    for (a, b) in a.iter().zip(b) {
        let pairs = a.as_chunks().0.iter().zip(b.as_chunks().0);
        for (sum, (a, b)) in sums.iter_mut().zip(pairs) {
            *sum = V::load(a).mul_add(V::load(b), *sum);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    (sums[0] + sums[1]).sum() + rest
}

/// How many of `z` are larger.
#[inline(always)]
fn count_above<V: Lanes>(z: &[f32], bar: f32) -> f64 {
    let (whole, rest) = z.as_chunks::<LANES>();
    let bars = V::splat(bar);
    let mut count = 0;
    for z in whole {
        count += V::load(z).count_above(bars);
    }
    for &z in rest {
        count += u32::from(z > bar);
    }
    f64::from(count)
}
