//! Attention of one block.

use std::ops::Range;

use crate::kernel::attention::{
    Heads, Shared, attention, attention_behind, attention_seen, column_sums, column_sums_seen,
};
use crate::kernel::norm::Norm;
use crate::model::cache::Kept;
use crate::model::decoder::linear::{Linear, Take};
use crate::model::decoder::names::{QkNorm, Qkv};
use crate::model::decoder::plan::Plan;
use crate::model::decoder::positions::Turns;
use crate::model::decoder::running::Running;
use crate::model::{ModelError, Point};

/// Its weights.
#[derive(Debug)]
pub(super) struct Attention {
    norm: Option<Norm>,
    projections: Projections,
    qk_norm: Option<(Norm, Norm)>,
    out: Linear,
    post_norm: Option<Norm>,
}

/// What the queries of a run look at.
#[derive(Debug)]
pub(super) enum Among<'a> {
    /// The tokens of the same batch; these are the starts of its sequences.
    Batch(&'a [usize]),
    /// The same, and before them the tokens that all sequences begin with.
    Behind(&'a Kept, &'a [usize]),
    /// The tokens of one sequence that were run before, and the new ones.
    Kept(&'a mut Kept),
}

/// What makes queries, keys and values.
#[derive(Debug)]
enum Projections {
    Split { q: Linear, k: Linear, v: Linear },
    Fused(Linear),
    FusedByHead(Linear),
}

impl Attention {
    pub(super) fn take(from: &mut Take<'_, '_>) -> Result<Self, ModelError> {
        let plan = from.plan;
        let (d, names, biases) = (plan.width, plan.names, plan.biases);
        let Heads { count, kv_count, dim } = plan.heads;
        let projections = match names.qkv {
            Qkv::Split { q, k, v } => Projections::Split {
                q: from.linear(q, biases.qkv)?,
                k: from.linear(k, biases.qkv)?,
                v: from.linear(v, biases.qkv)?,
            },
            Qkv::Fused(name) => Projections::Fused(from.linear(name, biases.qkv)?),
            Qkv::FusedByHead(name) => Projections::FusedByHead(from.linear(name, biases.qkv)?),
        };
        let qk_norm = match names.qk_norm {
            None => None,
            Some(QkNorm::PerHead { q, k }) => Some((from.norm(q, dim)?, from.norm(k, dim)?)),
            Some(QkNorm::Whole { q, k }) => {
                Some((from.norm(q, count * dim)?, from.norm(k, kv_count * dim)?))
            }
        };
        Ok(Self {
            norm: from.norm_if(names.attn_norm, d)?,
            projections,
            qk_norm,
            out: from.linear(names.o, biases.o)?,
            post_norm: from.norm_if(names.attn_post_norm, d)?,
        })
    }

    /// What attention adds to the stream `h`.
    pub(super) fn run(
        &self,
        at: &mut Running<'_>,
        among: Among<'_>,
        turns: Option<&Turns>,
        h: &[f32],
    ) -> Vec<f32> {
        let (q, k, v) = self.project(at.plan, turns, h);
        let how = at.plan.looking(at.layer.index());
        let mixed = match among {
            Among::Batch(starts) => {
                at.look(Point::AttnColumns, || column_sums(&q, &k, starts, how));
                attention(&q, &k, &v, starts, how)
            }
            // Nobody may look at its columns: `Decoder::block` refuses that.
            Among::Behind(kept, starts) => {
                let shared = Shared { keys: kept.keys(), values: kept.values() };
                attention_behind(&q, &k, &v, starts, shared, how)
            }
            Among::Kept(kept) => {
                let past = kept.positions();
                kept.add(&k, &v);
                let seen: Vec<_> =
                    (past..kept.positions()).map(|at| kept.seen(at, how.window)).collect();
                let entries = kept.entries();
                at.look(Point::AttnColumns, || {
                    column_sums_seen(&q, kept.keys(), &seen, entries, how)
                });
                attention_seen(&q, kept.keys(), kept.values(), &seen, how)
            }
        };
        self.finish(&mixed)
    }

    /// Queries, keys and values of the rows of `h`.
    pub(super) fn project(
        &self,
        plan: &Plan,
        turns: Option<&Turns>,
        h: &[f32],
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let normed = self.norm.as_ref().map(|norm| norm.of(h));
        let (mut q, mut k, v) = self.projections.run(normed.as_deref().unwrap_or(h), plan.heads);
        drop(normed);
        if let Some((q_norm, _)) = &self.qk_norm {
            q_norm.apply(&mut q);
        }
        if let Some(turns) = turns {
            turns.turn(&mut q, plan.heads.count * plan.heads.dim);
        }
        self.finish_keys(plan, turns, &mut k);
        (q, k, v)
    }

    /// Only their keys and values.
    pub(super) fn project_kv(
        &self,
        plan: &Plan,
        turns: Option<&Turns>,
        h: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let normed = self.norm.as_ref().map(|norm| norm.of(h));
        let (mut k, v) = self.projections.run_kv(normed.as_deref().unwrap_or(h), plan.heads);
        self.finish_keys(plan, turns, &mut k);
        (k, v)
    }

    fn finish_keys(&self, plan: &Plan, turns: Option<&Turns>, k: &mut [f32]) {
        if let Some((_, k_norm)) = &self.qk_norm {
            k_norm.apply(k);
        }
        if let Some(turns) = turns {
            turns.turn(k, plan.heads.kv_count * plan.heads.dim);
        }
    }

    /// What is added to the stream where the heads gave `mixed`.
    pub(super) fn finish(&self, mixed: &[f32]) -> Vec<f32> {
        let mut added = self.out.apply(mixed);
        if let Some(norm) = &self.post_norm {
            norm.apply(&mut added);
        }
        added
    }
}

impl Projections {
    /// Queries [tokens, count * dim], keys and values [tokens, kv_count * dim] of `x`.
    fn run(&self, x: &[f32], heads: Heads) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let Heads { count, kv_count, dim } = heads;
        // Rows of a fused result, or parts of a row that belong to one head.
        let (fused, row, q) = match self {
            Self::Split { q, k, v } => {
                // Side by side: for a single token each is so short that waiting for all threads takes part of the time.
                let (q, (k, v)) =
                    rayon::join(|| q.apply(x), || rayon::join(|| k.apply(x), || v.apply(x)));
                return (q, k, v);
            }
            Self::Fused(all) => (all.apply(x), (count + 2 * kv_count) * dim, count * dim),
            Self::FusedByHead(all) => (all.apply(x), 3 * dim, dim),
        };
        let kv = (row - q) / 2;
        (
            columns(&fused, row, 0..q),
            columns(&fused, row, q..q + kv),
            columns(&fused, row, q + kv..row),
        )
    }

    /// Only keys and values; where all three lie in one matrix, at the price of all three.
    fn run_kv(&self, x: &[f32], heads: Heads) -> (Vec<f32>, Vec<f32>) {
        match self {
            Self::Split { k, v, .. } => rayon::join(|| k.apply(x), || v.apply(x)),
            Self::Fused(_) | Self::FusedByHead(_) => {
                let (_, k, v) = self.run(x, heads);
                (k, v)
            }
        }
    }
}

/// Columns of rows that are `width` long, laid end to end.
pub(super) fn columns(x: &[f32], width: usize, range: Range<usize>) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len() / width * range.len());
    for row in x.chunks_exact(width) {
        out.extend_from_slice(&row[range.clone()]);
    }
    out
}
