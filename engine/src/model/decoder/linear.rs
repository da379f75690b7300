//! Linear layers and norms of a block, as they come from a checkpoint.

use crate::kernel::add;
use crate::kernel::layer_norm::LayerNorm;
use crate::kernel::matmul::matmul;
use crate::kernel::matrix::Matrix;
use crate::kernel::norm::Norm;
use crate::model::ModelError;
use crate::model::decoder::plan::{NormKind, Plan, Stored};
use crate::model::weights::Weights;

/// `y = W x + b`.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Matrix,
    bias: Option<Vec<f32>>,
}

impl Linear {
    /// Every row of `x` ([tokens, in]) becomes a row of the result ([tokens, out]).
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut y = Vec::new();
        matmul(x, &self.weight, &mut y);
        if let Some(bias) = &self.bias {
            for row in y.chunks_exact_mut(bias.len().max(1)) {
                add(row, bias);
            }
        }
        y
    }
}

/// Takes the parts of one block. That every tensor is there with its shape was held by `Plan::tensors`.
pub(super) struct Take<'a, 'w> {
    pub(super) plan: &'a Plan,
    pub(super) weights: &'a mut Weights<'w>,
    pub(super) layer: usize,
}

impl Take<'_, '_> {
    pub(super) fn linear(&mut self, name: &str, has_bias: bool) -> Result<Linear, ModelError> {
        let name = self.plan.of_block(self.layer, name);
        let weight = match self.plan.stored {
            Stored::Rows => self.weights.linear(&format!("{name}.weight"))?,
            Stored::Columns => self.weights.transposed(&format!("{name}.weight"))?,
        };
        let bias = if has_bias {
            Some(self.weights.vector(&format!("{name}.bias"), weight.rows())?)
        } else {
            None
        };
        Ok(Linear { weight, bias })
    }

    /// Linear layers without a bias that lie in one tensor, [layers, out, in].
    pub(super) fn stack(&mut self, name: &str) -> Result<Vec<Linear>, ModelError> {
        let name = format!("{}.weight", self.plan.of_block(self.layer, name));
        let stack = self.weights.stack(&name)?;
        Ok(stack.into_iter().map(|weight| Linear { weight, bias: None }).collect())
    }

    pub(super) fn norm(&mut self, name: &str, width: usize) -> Result<Norm, ModelError> {
        norm(self.plan, self.weights, &self.plan.of_block(self.layer, name), width)
    }

    pub(super) fn norm_if(
        &mut self,
        name: Option<&str>,
        width: usize,
    ) -> Result<Option<Norm>, ModelError> {
        name.map(|name| self.norm(name, width)).transpose()
    }
}

/// The norm of that name, without its end.
pub(super) fn norm(
    plan: &Plan,
    weights: &mut Weights<'_>,
    name: &str,
    width: usize,
) -> Result<Norm, ModelError> {
    let mut weight = weights.vector(&format!("{name}.weight"), width)?;
    let eps = plan.norm_eps;
    Ok(match plan.norm {
        NormKind::Rms => Norm::Rms { weight, eps },
        NormKind::RmsLessOne => {
            for weight in &mut weight {
                *weight += 1.0;
            }
            Norm::Rms { weight, eps }
        }
        NormKind::Layer => {
            let bias = weights.vector(&format!("{name}.bias"), width)?;
            Norm::Layer(LayerNorm { weight, bias, eps })
        }
    })
}
