//! Final norm, head and the statistics of their logits at many depths, without the logits.
//!
//! Definitions: `signal`. A tile of the vocabulary is unpacked once, multiplied with the normed rows of
//! some tokens at *all* depths and taken in at once, the final depth first: its weights are what KL needs
//! of the others; then from the first depth on, each with what it needs of the one before. Maxima move while tiles come, so every sum is kept relative to the maximum so far and
//! rescaled when that rises. Where products round, the logits that lead are made exact in the end (`leading`). At no time do more logits exist than `VOCAB_TILE` x `ROWS` per thread.

mod leading;
mod one_depth;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::job::{Cancelled, Job};
use crate::kernel::avx512::Avx512;
use crate::kernel::cap::soft_cap;
use crate::kernel::columns::Columns;
use crate::kernel::factor::{Factor, Met};
use crate::kernel::lanes::Lanes;
use crate::kernel::machine::{Work, fastest};
use crate::kernel::matrix::Matrix;
use crate::kernel::norm::Norm;
use crate::kernel::numerics::Numerics;
use crate::kernel::rounded;
use crate::kernel::tally::{Tally, dot};
use crate::signal::{Depth, NO_TOKEN};

/// Columns of one tile. 256 tokens of width 576 at 31 depths with 49,152 columns took 4.6 s of processor time
/// on Zen 4 (2.65 s with a bf16 head) whatever the tile, from 256 to 1024 columns and 256 to 512 rows; 88 %
/// of that is the product's inner loop (76 % in bf16).
const VOCAB_TILE: usize = 512;
/// Rows (tokens x depths) that one thread multiplies at a time: their logits are 1 MB.
const ROWS: usize = 512;
/// Numbers between two rows of logits: rows that lie a power of two apart would push each other out of the
/// cache (putting the product's tiles there took 6 % of the readout, now 4 %).
const APART: usize = 16;
/// Tokens below which threads share the vocabulary and not the rows.
const FEW_TOKENS: usize = 4;
/// Parts of the vocabulary then.
const SHARES: usize = 8;
/// Normed rows that are kept at a time, in numbers: 32 MB.
const NORMED: usize = 8 << 20;

/// Statistics of readouts at several depths: every vector is `[depth][token]`, depth-major.
/// Definitions: `signal`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Readouts {
    pub(crate) max_prob: Vec<f32>,
    pub(crate) margin: Vec<f32>,
    pub(crate) entropy: Vec<f32>,
    /// NaN where the last depth of the request is not the final one.
    pub(crate) kl: Vec<f32>,
    /// NaN where the stream before is not that of the depth before.
    pub(crate) kl_prev: Vec<f32>,
    /// NaN there, too.
    pub(crate) prob_step: Vec<f32>,
    pub(crate) nll: Vec<f32>,
    pub(crate) rank: Vec<f32>,
    /// Five most probable ids, best first; fewer than five tokens in the vocabulary: filled with
    /// `NO_TOKEN`. All five are `NO_TOKEN` where the stream holds a NaN.
    pub(crate) top_ids: Vec<[u32; 5]>,
    /// Their probabilities; NaN beside `NO_TOKEN`.
    pub(crate) top_probs: Vec<[f32; 5]>,
}

/// Final norm and head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    /// The final norm; `None` where the rows come as the matrix takes them.
    pub(crate) norm: Option<&'a Norm>,
    /// [vocabulary, width].
    pub(crate) matrix: &'a Matrix,
    /// Added to the logits, `[vocabulary]`.
    pub(crate) bias: Option<&'a [f32]>,
    /// Soft cap of the logits, after the bias.
    pub(crate) cap: Option<f32>,
}

impl Head<'_> {
    /// Rows of the matrix, one behind the other; zeros for what is no id.
    fn rows_of(self, ids: &[u32]) -> Vec<f32> {
        let width = self.matrix.cols();
        let mut rows = vec![0.0; ids.len() * width];
        for (row, &id) in rows.chunks_exact_mut(width).zip(ids) {
            if (id as usize) < self.matrix.rows() {
                self.matrix.copy_row(id as usize, row);
            }
        }
        rows
    }

    /// Logits `[row][id]` of normed rows; `rows` are those of `ids`.
    fn logits_of(
        self,
        normed: &[f32],
        (ids, rows): (&[u32], &[f32]),
        numerics: Numerics,
    ) -> Vec<f32> {
        let width = self.matrix.cols();
        let num_rows = normed.len() / width;
        let mut logits = vec![0.0; num_rows * ids.len()];
        let mut columns = Columns::new(&mut logits, num_rows, ids.len(), ids.len());
        let factor = Factor::new(Avx512::detect(), normed, width, numerics);
        factor.times(factor.met(rows, &mut Vec::new()), &mut columns);
        if let Some(bias) = self.bias {
            for row in logits.chunks_exact_mut(ids.len()) {
                for (logit, id) in row.iter_mut().zip(ids) {
                    *logit += bias.get(*id as usize).copied().unwrap_or(0.0);
                }
            }
        }
        if let Some(cap) = self.cap {
            soft_cap(&mut logits, cap);
        }
        logits
    }
}

/// What is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Where the streams stand; a depth is compared with the one before where that is in front of it.
    pub(crate) depths: &'a [Depth],
    /// One un-normed stream per depth, each [tokens, width].
    pub(crate) streams: &'a [&'a [f32]],
    /// True next token of each row, below the vocabulary, or `NO_TOKEN`.
    pub(crate) next: &'a [u32],
    /// Whether the last stream is the final depth, against which KL is taken.
    pub(crate) last_is_final: bool,
}

/// Reads every stream out. Cancel is looked at between tiles.
pub(crate) fn readout(
    head: Head<'_>,
    request: Request<'_>,
    job: &Job,
) -> Result<Readouts, Cancelled> {
    let (depths, tokens) = (request.streams.len(), request.next.len());
    let mut out = Readouts::absent(depths * tokens);
    if depths == 0 || tokens == 0 {
        return Ok(out);
    }
    if one_depth::is_for(head, request) {
        job.check()?;
        return Ok(one_depth::readout(head, request));
    }
    let block = (NORMED / (depths * head.matrix.cols())).clamp(16, ROWS);
    for start in (0..tokens).step_by(block) {
        let end = tokens.min(start + block);
        let tallies = tally_block(head, request, start..end, job)?;
        for (token, rows) in (start..end).zip(tallies.chunks_exact(depths)) {
            out.put_token(token, rows, request);
        }
    }
    Ok(out)
}

/// Tallies `[token][depth]` of the tokens of `range`.
fn tally_block(
    head: Head<'_>,
    request: Request<'_>,
    range: Range<usize>,
    job: &Job,
) -> Result<Vec<Tally>, Cancelled> {
    let (depths, width, vocab) = (request.streams.len(), head.matrix.cols(), head.matrix.rows());
    let next = &request.next[range.clone()];
    let mut normed = vec![0.0; range.len() * depths * width];
    normed.par_chunks_exact_mut(width).enumerate().for_each(|(row, out)| {
        let token = range.start + row / depths;
        let stream = &request.streams[row % depths][token * width..][..width];
        out.copy_from_slice(stream);
        if let Some(norm) = head.norm {
            norm.apply_row(out);
        }
    });
    let mut tallies = vec![Tally::new(NO_TOKEN); range.len() * depths];
    next_logits(head, &normed, next, &mut tallies);

    let cpu = Avx512::detect();
    let pack = |rows| Factor::new(cpu, rows, width, head.matrix.numerics());
    let sharpened = |mut tallies: Vec<Tally>| {
        if head.matrix.numerics() == Numerics::Bf16 {
            leading::sharpen(head, &normed, next, &mut tallies);
        }
        tallies
    };
    if range.len() < FEW_TOKENS {
        return tally_shares(head, &pack(&normed), next, &tallies, job).map(sharpened);
    }
    let group = (ROWS / depths).clamp(1, range.len().div_ceil(16));
    let factors: Vec<_> = normed.chunks(group * depths * width).map(pack).collect();
    let (mut scratch, mut pairs) = (Vec::new(), Vec::new());
    // Of each thread, kept from tile to tile: to clear a new one takes 2 % of the readout.
    let logits: Vec<_> =
        (0..rayon::current_num_threads()).map(|_| Mutex::new(Vec::new())).collect();
    for tile in tiles(0..vocab, vocab) {
        job.check()?;
        let weights = head.matrix.shared_tile(tile.columns.clone(), &mut scratch);
        let Some(weights) = factors.first().map(|factor| factor.met(weights, &mut pairs)) else {
            break;
        };
        let groups =
            tallies.par_chunks_mut(group * depths).zip(&factors).zip(next.par_chunks(group));
        groups.for_each(|((tallies, factor), next)| {
            let own = rayon::current_thread_index().and_then(|thread| logits.get(thread));
            let mut own = own.map(|logits| logits.lock().unwrap_or_else(PoisonError::into_inner));
            let mut other = Vec::new();
            let logits = own.as_deref_mut().unwrap_or(&mut other);
            take_in(head, (&tile, weights), factor, (tallies, next), logits);
        });
    }
    Ok(sharpened(tallies))
}

/// The same for so few tokens that threads share the vocabulary; `begun` has nothing but the logits of the next
/// tokens. The shares do not depend on the number of threads.
fn tally_shares(
    head: Head<'_>,
    factor: &Factor<'_>,
    next: &[u32],
    begun: &[Tally],
    job: &Job,
) -> Result<Vec<Tally>, Cancelled> {
    let vocab = head.matrix.rows();
    let share = vocab.div_ceil(SHARES).next_multiple_of(VOCAB_TILE);
    let starts = (0..vocab).into_par_iter().step_by(share);
    let of_share = |start: usize| {
        let (mut weights, mut pairs) = (Vec::new(), Vec::new());
        let (mut logits, mut tallies) = (Vec::new(), begun.to_vec());
        for tile in tiles(start..vocab.min(start + share), vocab) {
            job.check()?;
            let weights = head.matrix.tile(tile.columns.clone(), &mut weights);
            let weights = factor.met(weights, &mut pairs);
            take_in(head, (&tile, weights), factor, (&mut tallies, next), &mut logits);
        }
        Ok(tallies)
    };
    let mut shares = starts.map(of_share).collect::<Result<Vec<_>, Cancelled>>()?.into_iter();
    let mut all = shares.next().unwrap_or_default();
    let depths = begun.len() / next.len();
    for later in shares {
        let mut later = later.into_iter();
        for tallies in all.chunks_exact_mut(depths) {
            join(tallies, later.by_ref().take(depths));
        }
    }
    Ok(all)
}

/// Tallies of one token and of later ids, one for each depth.
fn join(tallies: &mut [Tally], later: impl Iterator<Item = Tally>) {
    let joined: Vec<_> = tallies
        .iter_mut()
        .zip(later)
        .map(|(tally, mut later)| (tally.join(&mut later), later))
        .collect();
    let Some(([own, new], _)) = joined.last() else { return };
    for (tally, (_, later)) in tallies.iter_mut().zip(&joined) {
        tally.cross = tally.cross * own.factor + later.cross * new.factor;
    }
    let pairs = joined.iter().zip(joined.iter().skip(1));
    for (tally, (([before, new_before], _), ([own, new], later))) in
        tallies.iter_mut().skip(1).zip(pairs)
    {
        let mut step = later.step;
        step.shrink(*new, *new_before);
        tally.step.shrink(*own, *before);
        tally.step.add(step);
    }
}

/// Columns that are multiplied together.
struct Tile {
    columns: Range<usize>,
    /// So many of the first were taken in before.
    seen: usize,
}

/// The tiles of a part of the vocabulary that begins at a multiple of their width. The last tile begins early, so that
/// every product has the same shape and equal rows of the head have equal logits.
fn tiles(part: Range<usize>, vocab: usize) -> impl Iterator<Item = Tile> {
    let width = VOCAB_TILE.min(vocab);
    part.step_by(VOCAB_TILE).map(move |first| {
        let begin = first.min(vocab - width);
        Tile { columns: begin..begin + width, seen: first - begin }
    })
}

/// Takes in one tile of some tokens; `logits` is kept between calls. The factor has the rows of the tallies.
fn take_in(
    head: Head<'_>,
    (tile, weights): (&Tile, Met<'_>),
    factor: &Factor<'_>,
    (tallies, next): (&mut [Tally], &[u32]),
    logits: &mut Vec<f32>,
) {
    let Tile { columns, seen } = tile;
    let (width, depths) = (columns.len(), tallies.len() / next.len());
    let row_len = width + APART;
    logits.resize(tallies.len() * row_len + 3 * width, 0.0);
    let (logits, weights_of_three) = logits.split_at_mut(tallies.len() * row_len);
    factor.times(weights, &mut Columns::new(logits, tallies.len(), width, row_len));
    for row in logits.chunks_exact_mut(row_len) {
        let row = &mut row[..width];
        if let Some(bias) = head.bias {
            row.iter_mut().zip(&bias[columns.clone()]).for_each(|(logit, bias)| *logit += bias);
        }
        if let Some(cap) = head.cap {
            soft_cap(row, cap);
        }
    }
    let first = u32::try_from(columns.start + seen).unwrap_or(NO_TOKEN);
    let of_tokens = tallies.chunks_exact_mut(depths).zip(logits.chunks_exact(depths * row_len));
    for ((tallies, logits), &next) in of_tokens.zip(next) {
        let logits = |depth: usize| &logits[depth * row_len..][*seen..width];
        fastest(Absorb { tallies, logits, weights: weights_of_three, first, next });
    }
}

/// One tile of one token at all depths, to be taken in.
pub(super) struct Absorb<'a, L> {
    pub(super) tallies: &'a mut [Tally],
    /// Those of one depth.
    pub(super) logits: L,
    /// Room for three rows.
    pub(super) weights: &'a mut [f32],
    /// Id of the first column.
    pub(super) first: u32,
    pub(super) next: u32,
}

impl<'a, L: Fn(usize) -> &'a [f32]> Work for Absorb<'_, L> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Work` asks")]
    fn run<V: Lanes>(self) {
        let Self { tallies, logits, weights, first, next } = self;
        let Some((last, others)) = tallies.split_last_mut() else { return };
        let last_logits = logits(others.len());
        let (final_weights, rest) = weights.split_at_mut(last_logits.len());
        let (mut here, rest) = rest.split_at_mut(last_logits.len());
        let mut there = &mut rest[..last_logits.len()];
        let end = last.absorb::<V>(last_logits, first, next, final_weights);
        let mut before = None;
        for (depth, tally) in others.iter_mut().enumerate() {
            let logits = logits(depth);
            let own = tally.absorb::<V>(logits, first, next, here);
            tally.cross = tally.cross * end.change.factor + dot::<V>(final_weights, logits);
            if let Some(before) = before {
                tally.step.absorb::<V>((own, here), (before, there));
            }
            before = Some(own);
            std::mem::swap(&mut here, &mut there);
        }
        if let Some(before) = before {
            last.step.absorb::<V>((end, final_weights), (before, there));
        }
    }
}

/// Logits of the true next tokens, needed before the first tile to count the larger ones. They come from
/// the matrix kernel of the tiles, so that a token with exactly the same row is not counted as larger.
fn next_logits(head: Head<'_>, normed: &[f32], next: &[u32], tallies: &mut [Tally]) {
    const TOKENS: usize = 16;
    let width = head.matrix.cols();
    let depths = tallies.len() / next.len().max(1);
    tallies
        .par_chunks_mut(TOKENS * depths)
        .zip(normed.par_chunks(TOKENS * depths * width))
        .zip(next.par_chunks(TOKENS))
        .for_each(|((tallies, normed), next)| {
            // Of one shape, whatever is left of the tokens.
            let mut ids = [NO_TOKEN; TOKENS];
            ids.iter_mut().zip(next).for_each(|(slot, id)| *slot = *id);
            let rows = head.rows_of(&ids);
            let logits = head.logits_of(normed, (&ids, &rows), head.matrix.numerics());
            for (at, (tally, row)) in tallies.iter_mut().zip(logits.chunks(TOKENS)).enumerate() {
                let known = next.get(at / depths).filter(|id| **id != NO_TOKEN);
                tally.next = known.and_then(|_| row.get(at / depths)).copied().unwrap_or(f32::NAN);
            }
        });
}

impl Readouts {
    /// Every statistic absent.
    pub(crate) fn absent(count: usize) -> Self {
        let nan = vec![f32::NAN; count];
        Self {
            max_prob: nan.clone(),
            margin: nan.clone(),
            entropy: nan.clone(),
            kl: nan.clone(),
            kl_prev: nan.clone(),
            prob_step: nan.clone(),
            nll: nan.clone(),
            rank: nan,
            top_ids: vec![[NO_TOKEN; 5]; count],
            top_probs: vec![[f32::NAN; 5]; count],
        }
    }

    /// Turns the finished tallies of one token, one for each depth, into statistics.
    pub(super) fn put_token(&mut self, token: usize, rows: &[Tally], request: Request<'_>) {
        let tokens = request.next.len();
        let last = rows.last().filter(|_| request.last_is_final);
        let own = request.next.get(token).copied().unwrap_or(NO_TOKEN);
        for (depth, row) in rows.iter().enumerate() {
            self.put(depth * tokens + token, row, last, own);
            if request.last_is_final && depth + 1 == rows.len() && !row.sum.is_nan() {
                self.kl[depth * tokens + token] = 0.0;
            }
        }
        let depths = request.depths.windows(2).zip(rows.windows(2));
        for (at, (depths, rows)) in (token + tokens..).step_by(tokens).zip(depths) {
            let ([here, then], [before, own]) = (depths, rows) else { continue };
            if here.0.checked_add(1) == Some(then.0) {
                self.kl_prev[at] = at_least_zero(own.step.kl([own.sum, before.sum]));
                self.prob_step[at] = rounded(own.step.length());
            }
        }
    }

    /// Turns a finished tally into statistics; `last` is the tally of the final depth.
    fn put(&mut self, at: usize, row: &Tally, last: Option<&Tally>, next: u32) {
        if row.sum.is_nan() {
            return;
        }
        let probability =
            |logit: f32| rounded((f64::from(logit) - f64::from(row.max)).exp() / row.sum);
        let probabilities = row.top.map(|(logit, _)| probability(logit));
        self.max_prob[at] = probabilities[0];
        self.margin[at] = probabilities[0] - probabilities[1];
        self.entropy[at] = at_least_zero(row.sum.ln() - row.moment / row.sum);
        for (slot, ((_, id), p)) in row.top.iter().zip(probabilities).enumerate() {
            if *id != NO_TOKEN {
                self.top_ids[at][slot] = *id;
                self.top_probs[at][slot] = p;
            }
        }
        if next != NO_TOKEN {
            self.nll[at] = at_least_zero(row.log_sum() - f64::from(row.next));
            self.rank[at] = rounded(row.above + 1.0);
        }
        if let Some(last) = last {
            // sum p_L ln p_L - sum p_L ln p_l, each from its own sums.
            let own = last.moment / last.sum - last.sum.ln();
            let other = row.cross / last.sum - row.log_sum();
            self.kl[at] = at_least_zero(own - other);
        }
    }
}

/// What cannot be negative but for rounding; NaN stays.
fn at_least_zero(value: f64) -> f32 {
    if value < 0.0 { 0.0 } else { rounded(value) }
}

#[cfg(test)]
mod tests;
