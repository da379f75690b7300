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

use crate::kernel::lanes::{LANES, Lanes};
use crate::kernel::rounded;

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
    pub(super) fn absorb<V: Lanes>(&mut self, own: (Side<'_>, &[f32]), before: (Side<'_>, &[f32])) {
        self.shrink(own.0.change, before.0.change);
        self.add(between::<V>(own, before));
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

    /// Takes away what `add` added.
    pub(super) fn take(&mut self, other: Self) {
        self.gap -= other.gap;
        self.square -= other.square;
        self.along -= other.along;
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
fn between<V: Lanes>((own, u): (Side<'_>, &[f32]), (before, v): (Side<'_>, &[f32])) -> Step {
    let (own_scale, before_scale) = (rounded(own.sum.recip()), rounded(before.sum.recip()));
    let gap = gap::<V>(u, own.logits, before.logits, own.max - before.max) / own.sum;
    let (u, u_rest) = u.as_chunks::<LANES>();
    let (v, v_rest) = v.as_chunks::<LANES>();
    let (own_scales, before_scales) = (V::splat(own_scale), V::splat(before_scale));
    let (mut squares, mut alongs) = (V::splat(0.0), V::splat(0.0));
    for (u, v) in u.iter().zip(v) {
        let q = before_scales * V::load(v);
        let apart = own_scales * V::load(u) - q;
        squares = apart.mul_add(apart, squares);
        alongs = apart.mul_add(q, alongs);
    }
    let mut step = Step { gap, square: squares.sum(), along: alongs.sum() };
    for (&u, &v) in u_rest.iter().zip(v_rest) {
        let q = before_scale * v;
        let apart = f64::from(own_scale * u - q);
        step.square += apart * apart;
        step.along += apart * f64::from(q);
    }
    step
}

/// Sum of `u (z - y - shift)`.
#[inline(always)]
fn gap<V: Lanes>(u: &[f32], z: &[f32], y: &[f32], shift: f32) -> f64 {
    let (u, u_rest) = u.as_chunks::<LANES>();
    let (z, z_rest) = z.as_chunks::<LANES>();
    let (y, y_rest) = y.as_chunks::<LANES>();
    let shifts = V::splat(shift);
    let mut sums = V::splat(0.0);
    for ((u, z), y) in u.iter().zip(z).zip(y) {
        sums = V::load(u).mul_add(V::load(z) - V::load(y) - shifts, sums);
    }
    let rest = u_rest.iter().zip(z_rest).zip(y_rest);
    sums.sum() + rest.map(|((&u, &z), &y)| f64::from(u * (z - y - shift))).sum::<f64>()
}
