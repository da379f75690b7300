//! Modelled cost, from shapes alone: multiply-adds count as two FLOPs. Never mixed with measured time.

use crate::model::ModelCard;

impl ModelCard {
    /// FLOPs of one block for one token that attends to `mean_keys` positions (modelled).
    pub(crate) fn flops_per_block(&self, mean_keys: f64) -> f64 {
        mean_keys * self.width as f64
    }

    /// FLOPs of one readout (final norm and head) for one token (modelled).
    pub(crate) fn flops_per_readout(&self) -> f64 {
        2.0 * self.width as f64 * self.vocab as f64
    }
}
