//! Modelled cost, from shapes alone: multiply-adds count as two FLOPs. Never mixed with measured time.
//!
//! Norms, rotary positions, softmax and activations are left out: together they are below one percent of
//! the products at usual widths.

use crate::model::ModelCard;

impl ModelCard {
    /// FLOPs of one block for one token, whatever it attends to (modelled).
    ///
    /// With width d, heads H of width c, key/value heads G, feed-forward width f: `2 d c (H + 2 G)` for q, k
    /// and v, `2 H c d` for the output, `2 * 3 d f` for gate, up and down.
    pub(crate) fn flops_fixed(&self) -> f64 {
        let (d, c, f) = (self.width as f64, self.head_dim as f64, self.ffn_width as f64);
        let (heads, kv_heads) = (self.heads as f64, self.kv_heads as f64);
        let projections = 2.0 * d * c * (heads + 2.0 * kv_heads) + 2.0 * heads * c * d;
        projections + 2.0 * 3.0 * d * f
    }

    /// FLOPs of one block for one token and one position that it attends to (modelled): `2 * 2 H c`, for its
    /// score and its value.
    pub(crate) fn flops_per_key(&self) -> f64 {
        2.0 * 2.0 * self.heads as f64 * self.head_dim as f64
    }

    /// FLOPs of one readout (final norm and head) for one token (modelled): `2 d V`.
    pub(crate) fn flops_per_readout(&self) -> f64 {
        2.0 * self.width as f64 * self.vocab as f64
    }
}
