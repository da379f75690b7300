//! Exact logits where they count: behind a readout whose products round, the ids that lead at some depth and the
//! true next one are multiplied once more in f32, and every sum is told the difference.
//!
//! The probability of a leading id follows the error of its own logit, while the errors of the many others
//! cancel out. On 256 tokens of SmolLM2-135M the largest probability is off by 1.8e-3 in the mean and 1.7e-2 at
//! most without this, by 8e-5 and 4.3e-3 with it, and no first id is another one.

use rayon::prelude::*;

use super::Head;
use crate::kernel::numerics::Numerics;
use crate::kernel::step::{Change, Step};
use crate::kernel::tally::Tally;

/// Makes the tallies `[token][depth]` of `normed` rows exact in the ids that lead.
pub(super) fn sharpen(head: Head<'_>, normed: &[f32], next: &[u32], tallies: &mut [Tally]) {
    let depths = tallies.len() / next.len().max(1);
    if depths == 0 {
        return;
    }
    tallies
        .par_chunks_mut(depths)
        .zip(normed.par_chunks(depths * head.matrix.cols()))
        .zip(next)
        .for_each(|((tallies, normed), &next)| {
            let leading = Leading::new(head, normed, next, tallies);
            leading.put_into(next, tallies);
        });
}

/// Ids of one token that lead somewhere, with their logits `[depth][id]`.
struct Leading {
    /// Rising.
    ids: Vec<u32>,
    /// As the tallies have them.
    rounded: Vec<Entry>,
    exact: Vec<Entry>,
}

/// One id at one depth.
#[derive(Debug, Clone, Copy)]
struct Entry {
    logit: f32,
    /// Logit minus the tally's maximum.
    below: f64,
    /// `e^below`.
    weight: f64,
}

/// Sums over all ids of one depth, before these were made exact and after.
#[derive(Debug, Clone, Copy)]
struct Sums {
    before: f64,
    squares_before: f64,
    after: f64,
}

impl Leading {
    fn new(head: Head<'_>, normed: &[f32], next: u32, tallies: &[Tally]) -> Self {
        let tops = tallies.iter().flat_map(|tally| tally.top.map(|(_, id)| id));
        let is_id = |id: &u32| (*id as usize) < head.matrix.rows();
        let mut ids: Vec<u32> = tops.chain([next]).filter(is_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Self { ids, rounded: Vec::new(), exact: Vec::new() };
        }
        let rows = head.rows_of(&ids);
        let entries = |numerics| entries(&head.logits_of(normed, (&ids, &rows), numerics), tallies);
        let (rounded, exact) = (entries(head.matrix.numerics()), entries(Numerics::F32));
        Self { ids, rounded, exact }
    }

    fn put_into(&self, next: u32, tallies: &mut [Tally]) {
        let count = self.ids.len();
        if count == 0 {
            return;
        }
        let (old, new) = (self.rounded.chunks_exact(count), self.exact.chunks_exact(count));
        let rows: Vec<_> = old.zip(new).map(|(old, new)| Row { old, new }).collect();
        let mut sums = Vec::new();
        for (tally, row) in tallies.iter_mut().zip(&rows) {
            let (before, squares_before) = (tally.sum, tally.squares);
            row.put_into(tally);
            self.rank(row, next, tally);
            sums.push(Sums { before, squares_before, after: tally.sum });
        }
        if let (Some((_, others)), Some(last)) = (tallies.split_last_mut(), rows.last()) {
            for (tally, row) in others.iter_mut().zip(&rows) {
                tally.cross += cross(last.new, row.new) - cross(last.old, row.old);
            }
        }
        let pairs = sums.windows(2).zip(rows.windows(2));
        for (tally, (sums, rows)) in tallies.iter_mut().skip(1).zip(pairs) {
            let (&[then, own], [row_then, row_own]) = (sums, rows) else { continue };
            let lost = between((row_own.old, own.before), (row_then.old, then.before));
            let squares = row_then.old.iter().map(|entry| (entry.weight / then.before).powi(2));
            let left = then.squares_before / then.before.powi(2) - squares.sum::<f64>();
            let change = |of: Sums, squares| Change {
                factor: 1.0,
                drop: 0.0,
                share: of.before / of.after,
                squares,
            };
            tally.step.take(lost);
            tally.step.shrink(change(own, 0.0), change(then, left));
            tally.step.add(between((row_own.new, own.after), (row_then.new, then.after)));
        }
    }

    /// Puts the ids in their order, and counts anew which logits are larger than that of the true next token.
    fn rank(&self, row: &Row<'_>, next: u32, tally: &mut Tally) {
        let mut best: Vec<_> =
            row.new.iter().zip(&self.ids).map(|(entry, &id)| (entry.logit, id)).collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (slot, best) in tally.top.iter_mut().zip(best) {
            *slot = best;
        }
        let Ok(at) = self.ids.binary_search(&next) else { return };
        let above = |entries: &[Entry], bar: f32| {
            let count = entries.iter().filter(|entry| entry.logit > bar).count();
            u32::try_from(count).map_or(f64::NAN, f64::from)
        };
        let outside = (tally.above - above(row.old, tally.next)).max(0.0);
        tally.next = row.new.get(at).map_or(f32::NAN, |entry| entry.logit);
        let leads = tally.top.iter().any(|(_, id)| *id == next);
        // What leads is first, second, ... of those that do.
        tally.above = above(row.new, tally.next) + if leads { 0.0 } else { outside };
    }
}

/// What is known of the logits of one depth, in the order of the ids.
#[derive(Clone, Copy)]
struct Row<'a> {
    old: &'a [Entry],
    new: &'a [Entry],
}

impl Row<'_> {
    fn put_into(self, tally: &mut Tally) {
        for (sign, entries) in [(-1.0, self.old), (1.0, self.new)] {
            for entry in entries {
                tally.sum += sign * entry.weight;
                tally.squares += sign * entry.weight.powi(2);
                tally.moment += sign * entry.weight * entry.below;
            }
        }
    }
}

/// Logits `[depth][id]` as they enter the tallies' sums.
fn entries(logits: &[f32], tallies: &[Tally]) -> Vec<Entry> {
    let rows = logits.chunks_exact((logits.len() / tallies.len().max(1)).max(1)).zip(tallies);
    rows.flat_map(|(row, tally)| {
        row.iter().map(|&logit| {
            let below = f64::from(logit) - f64::from(tally.max);
            Entry { logit, below, weight: below.exp() }
        })
    })
    .collect()
}

/// The part of `cross` in these ids.
fn cross(last: &[Entry], own: &[Entry]) -> f64 {
    last.iter().zip(own).map(|(last, own)| last.weight * f64::from(own.logit)).sum()
}

/// The part of a step in these ids; beside each depth its sum over all ids.
fn between((own, own_sum): (&[Entry], f64), (then, then_sum): (&[Entry], f64)) -> Step {
    let mut step = Step::default();
    for (own, then) in own.iter().zip(then) {
        let (p, q) = (own.weight / own_sum, then.weight / then_sum);
        step.gap += p * (own.below - then.below);
        step.square += (p - q).powi(2);
        step.along += (p - q) * q;
    }
    step
}
