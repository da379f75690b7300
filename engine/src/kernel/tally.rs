//! Statistics of one row of logits, gathered tile by tile.
//!
//! Inside a tile sums run in 16 f32 lanes, between tiles in f64. A NaN logit makes both sums NaN, and
//! with them every statistic.
#![expect(
    clippy::inline_always,
    reason = "only what is inlined is compiled for the vector instructions of the machine"
)]

use crate::kernel::exp::exp;
use crate::kernel::step::{Change, Side, Step};

pub(super) const LANES: usize = 16;

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
    pub(super) fn absorb<'a>(
        &mut self,
        z: &'a [f32],
        first: u32,
        next: u32,
        weights: &mut [f32],
    ) -> Side<'a> {
        let peak = self.rank_chunks(z, first);
        let max = if peak > self.max { peak } else { self.max };
        let [sum, squares, moment] = spread(z, max, weights);
        let change = self.raise(max);
        self.sum += sum;
        self.squares += squares;
        self.moment += moment;
        let own = next.checked_sub(first).and_then(|at| z.get(at as usize));
        if let Some(&own) = own {
            self.next = own;
        }
        self.above += count_above(z, self.next);
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

    /// Puts the tile's largest logits in their places and returns the largest of all.
    #[inline(always)]
    fn rank_chunks(&mut self, z: &[f32], first: u32) -> f32 {
        const CHUNK: usize = 4 * LANES;
        let mut all = f32::NEG_INFINITY;
        for (chunk, id) in z.chunks(CHUNK).zip((first..).step_by(CHUNK)) {
            let peak = largest(chunk);
            all = if peak > all { peak } else { all };
            if peak > self.top[4].0 {
                for (&logit, id) in chunk.iter().zip(id..) {
                    self.insert(logit, id);
                }
            }
        }
        all
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

/// Largest of `z`; NaN is passed over (the sums carry it).
#[inline(always)]
fn largest(z: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = z.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &z) in lanes.iter_mut().zip(chunk) {
            *lane = if z > *lane { z } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |max, &z| if z > max { z } else { max })
}

/// Sums of `e^(z - max)`, of its squares, and of `e^(z - max) (z - max)`; `weights` becomes `e^(z - max)`.
#[inline(always)]
fn spread(z: &[f32], max: f32, weights: &mut [f32]) -> [f64; 3] {
    for (e, &z) in weights.iter_mut().zip(z) {
        *e = exp(z - max);
    }
    let (z, z_rest) = z.as_chunks::<LANES>();
    let (e, e_rest) = weights.as_chunks::<LANES>();
    let (mut sums, mut squares, mut moments) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for (z, e) in z.iter().zip(e) {
        let lanes = sums.iter_mut().zip(&mut squares).zip(&mut moments);
        for (((sum, square), moment), (&z, &e)) in lanes.zip(z.iter().zip(e)) {
            *sum += e;
            *square = e.mul_add(e, *square);
            *moment = e.mul_add(z - max, *moment);
        }
    }
    let mut total = [folded(sums), folded(squares), folded(moments)];
    for (&z, &e) in z_rest.iter().zip(e_rest) {
        let (below, e) = (f64::from(z - max), f64::from(e));
        total[0] += e;
        total[1] += e * e;
        total[2] += e * below;
    }
    total
}

/// Sum of products.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0_f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum = a.mul_add(b, *sum);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    folded(sums) + rest
}

#[inline(always)]
pub(super) fn folded(lanes: [f32; LANES]) -> f64 {
    let mut sums = lanes.map(f64::from);
    // Halves onto each other: one lane after the other is four times as many additions that wait for one another.
    for half in [8, 4, 2, 1] {
        let (low, high) = sums.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    sums[0]
}

/// How many of `z` are larger; counted in f32, whose whole numbers reach far beyond a tile.
#[inline(always)]
fn count_above(z: &[f32], bar: f32) -> f64 {
    let above = |z: f32| if z > bar { 1.0 } else { 0.0 };
    let mut counts = [0.0_f32; LANES];
    let (chunks, rest) = z.as_chunks::<LANES>();
    for chunk in chunks {
        for (count, &z) in counts.iter_mut().zip(chunk) {
            *count += above(z);
        }
    }
    folded(counts) + rest.iter().map(|&z| f64::from(above(z))).sum::<f64>()
}
