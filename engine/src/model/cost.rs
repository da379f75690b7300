//! Modelled cost, from shapes alone: multiply-adds count as two FLOPs. Never mixed with measured time.
//!
//! Norms, rotary positions, softmax and activations are left out: together they are below one percent of
//! the products at usual widths.

use crate::model::ModelCard;

impl ModelCard {
    /// FLOPs of one block for one token that attends to `mean_keys` positions (modelled).
    ///
    /// Two for each weight that the token is multiplied with, of experts only its own; with heads H of width c and
    /// keys K `2 * 2 K H c` for scores and values.
    pub(crate) fn flops_per_block(&self, mean_keys: f64) -> f64 {
        let inner = (self.heads * self.head_dim) as f64;
        2.0 * self.block_weights as f64 + 2.0 * 2.0 * mean_keys * inner
    }

    /// Positions that a token attends to in block `layer`, on average over tokens at `positions` (from 0).
    pub(crate) fn mean_keys(&self, layer: usize, positions: &[u32]) -> f64 {
        let window = self.windows.get(layer).copied().flatten().map_or(f64::INFINITY, |w| w as f64);
        let keys: f64 = positions.iter().map(|at| (f64::from(*at) + 1.0).min(window)).sum();
        keys / positions.len().max(1) as f64
    }

    /// FLOPs of one readout for one token or sample (modelled): two for each weight of the head's matrices.
    pub(crate) fn flops_per_readout(&self) -> f64 {
        2.0 * self.readout_weights as f64
    }
}
