//! A linear layer and a layer norm, taken from a checkpoint.

use crate::kernel::layer_norm::LayerNorm;
use crate::kernel::matmul::matmul;
use crate::kernel::matrix::Matrix;
use crate::model::ModelError;
use crate::model::encoder::plan::Plan;
use crate::model::weights::Weights;

/// `y = matrix x + bias`.
#[derive(Debug)]
pub(super) struct Linear {
    /// [out, in].
    pub(super) matrix: Matrix,
    /// `[out]`; empty for none.
    pub(super) bias: Vec<f32>,
}

impl Linear {
    /// `stem.weight` and `stem.bias`.
    pub(super) fn take(
        weights: &mut Weights<'_>,
        stem: &str,
        out: usize,
        inputs: usize,
    ) -> Result<Self, ModelError> {
        let bias = weights.vector(&format!("{stem}.bias"), out)?;
        Ok(Self { bias, ..Self::without_bias(weights, stem, out, inputs)? })
    }

    /// `stem.weight` alone.
    pub(super) fn without_bias(
        weights: &mut Weights<'_>,
        stem: &str,
        out: usize,
        inputs: usize,
    ) -> Result<Self, ModelError> {
        let matrix = weights.matrix(&format!("{stem}.weight"), out, inputs)?;
        Ok(Self { matrix, bias: Vec::new() })
    }

    /// `x` is [rows, in]; returns [rows, out].
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut y = Vec::new();
        matmul(x, &self.matrix, &mut y);
        if !self.bias.is_empty() {
            for row in y.chunks_exact_mut(self.bias.len()) {
                row.iter_mut().zip(&self.bias).for_each(|(y, bias)| *y += bias);
            }
        }
        y
    }
}

/// The layer norm `stem` of `width`.
pub(super) fn norm(
    weights: &mut Weights<'_>,
    plan: &Plan,
    stem: &str,
    width: usize,
) -> Result<LayerNorm, ModelError> {
    let [weight, bias] = plan.norm_names(stem);
    let (weight, bias) = (weights.vector(&weight, width)?, weights.vector(&bias, width)?);
    Ok(LayerNorm { weight, bias, eps: plan.norm_eps })
}
