//! Statistics of one row of logits, gathered tile by tile.
//!
//! Inside a tile sums run in 16 f32 lanes, between tiles in f64. A NaN logit makes both sums NaN, and
//! with them every statistic.
#![expect(
    clippy::inline_always,
    reason = "only what is inlined is compiled for the vector instructions of the machine"
)]

use crate::kernel::exp::exp;

const LANES: usize = 16;

/// Five largest logits so far, best first, with their ids.
pub(super) type Top = [(f32, u32); 5];

/// What is known of one row after some tiles.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Largest logit.
    pub(super) max: f32,
    /// Sum of `e^(z - max)`.
    pub(super) sum: f64,
    /// Sum of `e^(z - max) (z - max)`.
    pub(super) moment: f64,
    /// Sum of `e^(zL - maxL) z`, with the logits of the final depth as weights.
    pub(super) cross: f64,
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
            moment: 0.0,
            cross: 0.0,
            top: [(f32::NEG_INFINITY, nowhere); 5],
            next: f32::NAN,
            above: 0.0,
        }
    }

    /// Takes in the logits `z` of ids `first..`; `next` is the true next token. Returns by what sums with
    /// the old maximum must be multiplied.
    #[inline(always)]
    pub(super) fn absorb(&mut self, z: &[f32], first: u32, next: u32) -> f64 {
        let peak = self.rank_chunks(z, first);
        let max = if peak > self.max { peak } else { self.max };
        let (sum, moment) = spread(z, max);
        let factor = self.raise(max);
        self.sum += sum;
        self.moment += moment;
        let own = next.checked_sub(first).and_then(|at| z.get(at as usize));
        if let Some(&own) = own {
            self.next = own;
        }
        self.above += count_above(z, self.next);
        factor
    }

    /// Takes in what another tally knows of later ids; `cross` is left to whoever knows the final depth. Returns by
    /// what sums with either old maximum must be multiplied.
    pub(super) fn join(&mut self, mut later: Self) -> [f64; 2] {
        let max = if later.max > self.max { later.max } else { self.max };
        let factors = [self.raise(max), later.raise(max)];
        self.sum += later.sum;
        self.moment += later.moment;
        self.above += later.above;
        for (logit, id) in later.top {
            self.insert(logit, id);
        }
        factors
    }

    /// Makes the sums relative to another maximum, which is not below the one so far. Returns by what sums with
    /// the old one must be multiplied.
    #[inline(always)]
    fn raise(&mut self, max: f32) -> f64 {
        let drop = f64::from(self.max) - f64::from(max);
        self.max = max;
        if self.sum == 0.0 {
            return 0.0;
        }
        let factor = drop.exp();
        self.moment = factor * (self.moment + self.sum * drop);
        self.sum *= factor;
        factor
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

/// Sums of `e^(z - max)` and `e^(z - max) (z - max)`.
#[inline(always)]
fn spread(z: &[f32], max: f32) -> (f64, f64) {
    let (mut sums, mut moments) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    let (chunks, rest) = z.as_chunks::<LANES>();
    for chunk in chunks {
        for ((sum, moment), &z) in sums.iter_mut().zip(&mut moments).zip(chunk) {
            let below = z - max;
            let e = exp(below);
            *sum += e;
            *moment += e * below;
        }
    }
    let mut total = (folded(sums), folded(moments));
    for &z in rest {
        let below = z - max;
        let e = exp(below);
        total.0 += f64::from(e);
        total.1 += f64::from(e * below);
    }
    total
}

/// Writes `e^(z - max)` to `out`.
#[inline(always)]
pub(super) fn weights(z: &[f32], max: f32, out: &mut [f32]) {
    for (e, &z) in out.iter_mut().zip(z) {
        *e = exp(z - max);
    }
}

/// Sum of products.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0_f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    folded(sums) + rest
}

#[inline(always)]
fn folded(lanes: [f32; LANES]) -> f64 {
    lanes.iter().map(|&lane| f64::from(lane)).sum()
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
