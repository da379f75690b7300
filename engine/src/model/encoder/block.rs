//! One block: attention over the whole sequence and a plain feed-forward sublayer.

use crate::kernel::full_attention::full_attention;
use crate::kernel::layer_norm::LayerNorm;
use crate::model::ModelError;
use crate::model::encoder::linear::{Linear, norm};
use crate::model::encoder::plan::{Placement, Plan};
use crate::model::weights::Weights;

/// Weights of one block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) attn_norm: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    pub(super) ffn_norm: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Block {
    pub(super) fn take(
        plan: &Plan,
        layer: usize,
        weights: &mut Weights<'_>,
    ) -> Result<Self, ModelError> {
        let (d, f, names) = (plan.width, plan.ffn_width, plan.names);
        let name = |stem| plan.of_block(layer, stem);
        let mut inward = |stem| {
            let take = if plan.qkv_bias { Linear::take } else { Linear::without_bias };
            take(weights, &name(stem), d, d)
        };
        let (q, k, v) = (inward(names.q)?, inward(names.k)?, inward(names.v)?);
        Ok(Self {
            q,
            k,
            v,
            o: Linear::take(weights, &name(names.o), d, d)?,
            attn_norm: norm(weights, plan, &name(names.attn_norm), d)?,
            up: Linear::take(weights, &name(names.up), f, d)?,
            down: Linear::take(weights, &name(names.down), d, f)?,
            ffn_norm: norm(weights, plan, &name(names.ffn_norm), d)?,
        })
    }

    /// What attention adds to the stream; `columns`, where it is wanted, becomes [heads, tokens].
    pub(super) fn attention(
        &self,
        plan: &Plan,
        starts: &[usize],
        h: &[f32],
        columns: Option<&mut Vec<f32>>,
    ) -> Vec<f32> {
        let normed = before(plan, &self.attn_norm, h);
        let h = normed.as_deref().unwrap_or(h);
        let (q, k, v) = (self.q.apply(h), self.k.apply(h), self.v.apply(h));
        self.o.apply(&full_attention(&q, &k, &v, starts, plan.heads(), columns))
    }

    /// What the feed-forward sublayer adds to the stream.
    pub(super) fn feed_forward(&self, plan: &Plan, h: &[f32]) -> Vec<f32> {
        let normed = before(plan, &self.ffn_norm, h);
        let mut inner = self.up.apply(normed.as_deref().unwrap_or(h));
        plan.activation.apply(&mut inner);
        self.down.apply(&inner)
    }
}

/// The normed stream, where norms stand in front of sublayers.
fn before(plan: &Plan, norm: &LayerNorm, h: &[f32]) -> Option<Vec<f32>> {
    (plan.placement == Placement::Before).then(|| {
        let mut normed = h.to_vec();
        norm.apply(&mut normed);
        normed
    })
}
