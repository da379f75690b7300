//! How far the readout of a depth is from that of the depth before, gathered tile by tile.
//!
//! Definitions, with p the probabilities of the depth and q those of the depth before, both over the ids so far:
//! `gap = sum p (z - max - (z' - max'))`, where z are the logits of the depth and z' those before, so that
//! `KL(p || q) = gap - ln(sum of e^(z - max) / sum of e^(z' - max'))`; `square = sum (p - q)^2`.
//! It is differences that are summed: a difference of sums would have no digit left where two depths say nearly the
//! same. When ids are added the older ones keep a share f of p and g of q, and `p - q` becomes
//! `f (p - q) + (f - g) q`, which is why `along = sum (p - q) q` is needed.
#![expect(
    clippy::inline_always,
    reason = "only what is inlined is compiled for the vector instructions of the machine"
)]

use crate::kernel::rounded;
use crate::kernel::tally::{LANES, folded};

/// What became of the ids of one row when others were added.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    /// By what sums of `e^(z - max)` must be multiplied.
    pub(super) factor: f64,
    /// The old maximum minus the new one.
    pub(super) drop: f64,
    /// What they still are of all, 0 ..= 1.
    pub(super) share: f64,
    /// Sum of the squares of their probabilities among themselves.
    pub(super) squares: f64,
}

impl Change {
    /// `share`, so far a sum of `e^(z - max)`, as a part of that of all.
    #[inline(always)]
    pub(super) fn of(self, sum: f64) -> Self {
        Self { share: self.share / sum, ..self }
    }
}

/// One tile of one row that has been taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) logits: &'a [f32],
    pub(super) max: f32,
    /// Of all tiles so far.
    pub(super) sum: f64,
    pub(super) change: Change,
}

/// Sums over the ids so far; see the head of this file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) gap: f64,
    pub(super) square: f64,
    pub(super) along: f64,
}

impl Step {
    /// Takes in one tile of a depth and of the one before, each with its `e^(z - max)`.
    #[inline(always)]
    pub(super) fn absorb(&mut self, own: (Side<'_>, &[f32]), before: (Side<'_>, &[f32])) {
        self.shrink(own.0.change, before.0.change);
        self.add(between(own, before));
    }

    /// Makes room for other ids.
    #[inline(always)]
    pub(super) fn shrink(&mut self, own: Change, before: Change) {
        let (f, g) = (own.share, before.share);
        let tilt = f - g;
        self.gap = f * (self.gap + own.drop - before.drop);
        self.square =
            f * f * self.square + 2.0 * f * tilt * self.along + tilt * tilt * before.squares;
        self.along = g * (f * self.along + tilt * before.squares);
    }

    /// Adds what is known of other ids.
    #[inline(always)]
    pub(super) fn add(&mut self, other: Self) {
        self.gap += other.gap;
        self.square += other.square;
        self.along += other.along;
    }

    /// KL of the depth before from this one, in nats; `sum`: of `e^(z - max)`, here and there.
    pub(super) fn kl(self, [own, before]: [f64; 2]) -> f64 {
        self.gap - (own / before).ln()
    }

    /// Length of p - q.
    pub(super) fn length(self) -> f64 {
        // Rounding may leave the range; `clamp` keeps a NaN.
        self.square.clamp(0.0, 2.0).sqrt()
    }
}

/// The sums over one tile.
#[inline(always)]
fn between((own, u): (Side<'_>, &[f32]), (before, v): (Side<'_>, &[f32])) -> Step {
    let (own_scale, before_scale) = (rounded(own.sum.recip()), rounded(before.sum.recip()));
    let shift = own.max - before.max;
    let (z, z_rest) = own.logits.as_chunks::<LANES>();
    let (y, y_rest) = before.logits.as_chunks::<LANES>();
    let (u, u_rest) = u.as_chunks::<LANES>();
    let (v, v_rest) = v.as_chunks::<LANES>();
    let (mut gaps, mut squares, mut alongs) =
        ([0.0_f32; LANES], [0.0_f32; LANES], [0.0_f32; LANES]);
    for (((z, y), u), v) in z.iter().zip(y).zip(u).zip(v) {
        for lane in 0..LANES {
            let (p, q) = (own_scale * u[lane], before_scale * v[lane]);
            let apart = p - q;
            gaps[lane] = p.mul_add(z[lane] - y[lane] - shift, gaps[lane]);
            squares[lane] = apart.mul_add(apart, squares[lane]);
            alongs[lane] = apart.mul_add(q, alongs[lane]);
        }
    }
    let mut all = Step { gap: folded(gaps), square: folded(squares), along: folded(alongs) };
    for (((&z, &y), &u), &v) in z_rest.iter().zip(y_rest).zip(u_rest).zip(v_rest) {
        let (p, q) = (f64::from(own_scale * u), f64::from(before_scale * v));
        all.gap += p * f64::from(z - y - shift);
        all.square += (p - q) * (p - q);
        all.along += (p - q) * q;
    }
    all
}
