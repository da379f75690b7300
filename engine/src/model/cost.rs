//! Modelled cost, from shapes alone: multiply-adds count as two FLOPs. Never mixed with measured time.
//!
//! Norms, rotary positions, softmax and activations are left out: together they are below one percent of
//! the products at usual widths.

use crate::model::ModelCard;
use crate::signal::ReadBy;

impl ModelCard {
    /// FLOPs of one block for one token, whatever it attends to (modelled): two for each weight that it is
    /// multiplied with, of experts only its own.
    pub(crate) fn flops_fixed(&self) -> f64 {
        2.0 * self.block_weights as f64
    }

    /// Of these the attention's (modelled): with heads H and K of width c in a stream of width d the matrices of queries and
    /// of the result, `2 d H c` weights, and those of keys and values, `2 d K c`. The rest is the feed-forward sublayer's.
    pub(crate) fn flops_attention(&self) -> f64 {
        2.0 * 2.0 * self.width as f64 * (self.heads + self.kv_heads) as f64 * self.head_dim as f64
    }

    /// FLOPs of one block for one token and one position that it attends to (modelled): with heads H of width c
    /// `2 * 2 H c`, for its score and its value.
    pub(crate) fn flops_per_key(&self) -> f64 {
        2.0 * 2.0 * self.heads as f64 * self.head_dim as f64
    }

    /// FLOPs of the keys and values alone of one block for one token (modelled): with K key/value heads of width c
    /// `2 d * 2 K c`.
    pub(crate) fn flops_per_fill(&self) -> f64 {
        2.0 * self.width as f64 * 2.0 * self.kv_heads as f64 * self.head_dim as f64
    }

    /// How many positions a token of block `layer` sees at most, its own included.
    pub(crate) fn window(&self, layer: usize) -> Option<usize> {
        self.windows.get(layer).copied().flatten()
    }

    /// FLOPs of one readout for one token or sample (modelled): two for each weight of the head's matrices, and for
    /// each number of a class mean three: a difference, its square, and the sum.
    pub(crate) fn flops_per_readout(&self) -> f64 {
        let of_a_weight = match self.read_by {
            ReadBy::Head => 2.0,
            ReadBy::ClassMeans => 3.0,
        };
        of_a_weight * self.readout_weights as f64
    }
}
