//! The readout of a few rows at one depth: what a step of a generation asks of every depth at which it may stop.
//!
//! All logits fit into memory, so the head is read once, by the product that a generation chooses its tokens with: what is
//! read out of the last depth has its bits.

use rayon::prelude::*;

use super::{Head, Readouts, Request, VOCAB_TILE};
use crate::kernel::cap::soft_cap;
use crate::kernel::few::FEW;
use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};
use crate::kernel::matmul::matmul;
use crate::kernel::numerics::Numerics;
use crate::kernel::tally::Tally;
use crate::signal::NO_TOKEN;

/// Whether a request is one of these.
pub(super) fn is_for(head: Head<'_>, request: Request<'_>) -> bool {
    request.streams.len() == 1
        && request.next.len() <= FEW
        && head.matrix.numerics() == Numerics::F32
}

pub(super) fn readout(head: Head<'_>, request: Request<'_>) -> Readouts {
    let mut out = Readouts::absent(request.next.len());
    let (width, vocab) = (head.matrix.cols(), head.matrix.rows());
    let mut normed = request.streams.first().map(|stream| stream.to_vec()).unwrap_or_default();
    if let Some(norm) = head.norm {
        normed.chunks_exact_mut(width).for_each(|row| norm.apply_row(row));
    }
    let mut logits = Vec::new();
    matmul(&normed, head.matrix, &mut logits);
    let rows = logits.par_chunks_exact_mut(vocab).zip(request.next);
    let tallies: Vec<Tally> = rows
        .map(|(logits, next)| {
            if let Some(bias) = head.bias {
                logits.iter_mut().zip(bias).for_each(|(logit, bias)| *logit += bias);
            }
            if let Some(cap) = head.cap {
                soft_cap(logits, cap);
            }
            fastest(Absorb { logits, next: *next })
        })
        .collect();
    for (token, tally) in tallies.iter().enumerate() {
        out.put_token(token, std::slice::from_ref(tally), request);
    }
    out
}

/// Statistics of one row.
struct Absorb<'a> {
    logits: &'a [f32],
    next: u32,
}

impl Work for Absorb<'_> {
    type Output = Tally;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) -> Tally {
        let Self { logits, next } = self;
        let mut tally = Tally::new(NO_TOKEN);
        tally.next = logits.get(next as usize).copied().unwrap_or(f32::NAN);
        let firsts = (0_u32..).step_by(VOCAB_TILE);
        let mut weights = vec![0.0; VOCAB_TILE];
        for (logits, first) in logits.chunks(VOCAB_TILE).zip(firsts) {
            tally.absorb::<V>(logits, first, next, &mut weights[..logits.len()]);
        }
        tally
    }
}
