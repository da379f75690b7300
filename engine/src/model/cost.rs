//! Modelled cost, from shapes alone: multiply-adds count as two FLOPs. Never mixed with measured time.
//!
//! Norms, rotary positions, softmax and activations are left out: together they are below one percent of
//! the products at usual widths.

use crate::model::ModelCard;

impl ModelCard {
    /// FLOPs of one block for one token that attends to `mean_keys` positions (modelled).
    ///
    /// Two for each weight of its matrices; with heads H of width c and keys K `2 * 2 K H c` for scores and values.
    pub(crate) fn flops_per_block(&self, mean_keys: f64) -> f64 {
        let inner = (self.heads * self.head_dim) as f64;
        2.0 * self.block_weights as f64 + 2.0 * 2.0 * mean_keys * inner
    }

    /// FLOPs of one readout for one token or sample (modelled): two for each weight of the head's matrices.
    pub(crate) fn flops_per_readout(&self) -> f64 {
        2.0 * self.readout_weights as f64
    }
}
