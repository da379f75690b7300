//! A block in which not every token runs every part. What a mask means: `model::mask`.

use std::ops::Range;

use rayon::prelude::*;

use crate::kernel::add;
use crate::kernel::attention::attention_seen;
use crate::model::cache::{Cache, Kept};
use crate::model::decoder::attention::Attention;
use crate::model::decoder::plan::Residual;
use crate::model::decoder::positions::Places;
use crate::model::decoder::running::Running;
use crate::model::decoder::{Block, foreign};
use crate::model::{Mask, MissingKv, ModelError, Point};

impl Block {
    /// Runs the rows of `mask` over `h` ([tokens, width]), in place; every sequence stands behind its cache.
    pub(super) fn run_masked(
        &self,
        at: &mut Running<'_>,
        mask: Mask<'_>,
        (caches, places): (&mut [Cache], &Places),
        h: &mut [f32],
    ) -> Result<(), ModelError> {
        if at.probe.wants(Point::AttnColumns, at.layer) {
            let allowed = "any other: not every token has an entry to look at".to_owned();
            let found = "attn_columns".to_owned();
            return Err(ModelError::Request { what: "the point", found, allowed });
        }
        let (residual, width) = (at.plan.residual, at.plan.width);
        let (attends, feeds) = mask.rows();
        at.look(Point::ResidPre, || &*h);
        let attn = self.attention.run_masked(at, (mask, &attends), (caches, places), h)?;
        let feed = |at: &mut Running<'_>, h: &[f32]| {
            let rows = gather(h, &feeds, width);
            if rows.is_empty() { rows } else { self.feed_forward.run(at, &rows) }
        };
        let parallel = (residual == Residual::Parallel).then(|| feed(at, h));
        at.look(Point::AttnOut, || &attn);
        scatter(h, &attends, &attn, width);
        if residual == Residual::Sequential {
            at.look(Point::ResidMid, || &*h);
        }
        let added = parallel.unwrap_or_else(|| feed(at, h));
        at.look(Point::MlpOut, || &added);
        scatter(h, &feeds, &added, width);
        at.look(Point::ResidPost, || &*h);
        Ok(())
    }
}

/// One sequence of a masked pass.
struct Lane<'a> {
    kept: &'a mut Kept,
    below: Option<&'a Kept>,
    /// Its rows that run the attention: a part of all such rows.
    attends: Range<usize>,
    /// Positions of those rows.
    positions: Vec<usize>,
}

impl Attention {
    /// What attention adds to the rows `attends` of the stream `h`.
    fn run_masked(
        &self,
        at: &Running<'_>,
        (mask, attends): (Mask<'_>, &[usize]),
        (caches, places): (&mut [Cache], &Places),
        h: &[f32],
    ) -> Result<Vec<f32>, ModelError> {
        let (plan, layer) = (at.plan, at.layer.index());
        let how = plan.looking(layer);
        let mut lanes = Vec::new();
        let mut position_of = Vec::new();
        for (cache, pair) in caches.iter_mut().zip(mask.starts.windows(2)) {
            let (kept, below) = cache.block_and_below(layer).ok_or_else(foreign)?;
            let past = kept.positions();
            position_of.extend((past..).take(pair[1] - pair[0]));
            let before = |row: usize| attends.partition_point(|attends| *attends < row);
            let own = before(pair[0])..before(pair[1]);
            let positions = attends[own.clone()].iter().map(|row| position_of[*row]).collect();
            let lane = Lane { kept, below, attends: own, positions };
            lane.refuse_return(mask.missing, layer)?;
            lanes.push(lane);
        }
        let project = |rows: &[usize]| {
            let turns = places.turns(rows.iter().map(|row| position_of[*row]), how.window);
            (turns, gather(h, rows, plan.width))
        };
        let (mut q, mut k, mut v) = Default::default();
        // A token that left everything out is run by itself, block by block: it must cost nothing.
        if !attends.is_empty() {
            let (turns, rows) = project(attends);
            (q, k, v) = self.project(plan, turns.as_ref(), &rows);
        }
        let others: Vec<_> = match mask.missing {
            MissingKv::Propagate => {
                let runs = |row: &usize| attends.binary_search(row).is_ok();
                (0..position_of.len()).filter(|row| !runs(row)).collect()
            }
            MissingKv::Never | MissingKv::Recompute | MissingKv::CopyBelow | MissingKv::Absent => {
                Vec::new()
            }
        };
        let (mut other_k, mut other_v) = Default::default();
        if !others.is_empty() {
            let (turns, rows) = project(&others);
            (other_k, other_v) = self.project_kv(plan, turns.as_ref(), &rows);
        }

        let kv_width = plan.heads.kv_count * plan.heads.dim;
        let of = |row: usize| row * kv_width..(row + 1) * kv_width;
        for (lane, pair) in lanes.iter_mut().zip(mask.starts.windows(2)) {
            for row in pair[0]..pair[1] {
                match (attends.binary_search(&row), mask.missing) {
                    (Ok(own), _) => lane.kept.add(&k[of(own)], &v[of(own)]),
                    // They can follow together with later ones.
                    (Err(_), MissingKv::Recompute) => break,
                    (Err(attending), MissingKv::Propagate) => {
                        let other = row - attending;
                        lane.kept.add(&other_k[of(other)], &other_v[of(other)]);
                    }
                    (Err(_), MissingKv::CopyBelow) => lane.kept.add_from(lane.below),
                    (Err(_), MissingKv::Never | MissingKv::Absent) => lane.kept.add_absent(),
                }
            }
            if mask.missing == MissingKv::Never {
                lane.refuse_hole(how.window, layer)?;
            }
        }
        if attends.is_empty() {
            return Ok(Vec::new());
        }
        let width = plan.heads.count * plan.heads.dim;
        let mixed: Vec<Vec<f32>> = lanes
            .into_par_iter()
            .map(|Lane { kept, attends, positions, .. }| {
                let seen: Vec<_> = positions.iter().map(|at| kept.seen(*at, how.window)).collect();
                let q = &q[attends.start * width..attends.end * width];
                attention_seen(q, kept.keys(), kept.values(), &seen, how)
            })
            .collect();
        Ok(self.finish(&mixed.concat()))
    }
}

impl Lane<'_> {
    /// Refuses that a row reads a position that has no entry.
    fn refuse_hole(&self, window: Option<usize>, layer: usize) -> Result<(), ModelError> {
        let hole = |at: &usize| self.kept.hole(*at, window).map(|hole| (*at, hole));
        let Some((reader, hole)) = self.positions.iter().find_map(hole) else { return Ok(()) };
        Err(ModelError::Request {
            what: "what a token reads",
            found: format!("position {hole} in block {layer}, which was left out there"),
            allowed: format!("computed, or said how it is replaced: position {reader} reads it"),
        })
    }

    /// Refuses that a row whose entries are to be the full model's runs behind a block that it left out.
    fn refuse_return(&self, missing: MissingKv, layer: usize) -> Result<(), ModelError> {
        let Some(below) = self.below.filter(|_| missing == MissingKv::Recompute) else {
            return Ok(());
        };
        let is_new = |at: &&usize| **at >= below.positions();
        let Some(at) = self.positions.iter().find(is_new) else { return Ok(()) };
        Err(ModelError::Request {
            what: "a token whose entries are recomputed",
            found: format!("position {at}, which runs block {layer} behind one that it left out"),
            allowed: "one that never runs again once it stopped".to_owned(),
        })
    }
}

/// Rows of `h`, which are `width` long, end to end.
fn gather(h: &[f32], rows: &[usize], width: usize) -> Vec<f32> {
    rows.iter().flat_map(|row| &h[row * width..(row + 1) * width]).copied().collect()
}

/// Adds each row of `added` to its row of `h`.
fn scatter(h: &mut [f32], rows: &[usize], added: &[f32], width: usize) {
    for (row, added) in rows.iter().zip(added.chunks_exact(width)) {
        add(&mut h[row * width..(row + 1) * width], added);
    }
}
