//! AdamW with a bound on the length of the gradient; its moments can be saved, which candle's own cannot.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

const FIRST_DECAY: f64 = 0.9;
/// A shorter memory than the usual 0.999, because runs of a few thousand steps change their data as they go.
const SECOND_DECAY: f64 = 0.98;
const EPS: f64 = 1e-8;
const WEIGHT_DECAY: f64 = 0.01;
/// A longer gradient is shortened to this.
const LONGEST_GRADIENT: f64 = 1.0;

/// The first and second moment of every weight, in the order of the network.
pub(crate) struct Adam {
    pub(crate) first: Vec<Tensor>,
    pub(crate) second: Vec<Tensor>,
}

impl Adam {
    /// No memory yet.
    pub(crate) fn new(weights: &[(String, Var)]) -> Result<Self> {
        let zeros = || weights.iter().map(|(_, var)| var.zeros_like()).collect::<Result<Vec<_>>>();
        Ok(Self { first: zeros()?, second: zeros()? })
    }

    /// Moves `weights` against `grads`; `step` counts from 0.
    pub(crate) fn step(
        &mut self,
        weights: &[(String, Var)],
        grads: &GradStore,
        step: usize,
        rate: f64,
    ) -> Result<()> {
        let scale = shortening(weights, grads)?;
        let taken = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let first_bias = 1.0 - FIRST_DECAY.powi(taken);
        let second_bias = 1.0 - SECOND_DECAY.powi(taken);
        for (idx, (_, var)) in weights.iter().enumerate() {
            let Some(grad) = grads.get(var.as_tensor()) else {
                continue;
            };
            let grad = (grad.detach() * scale)?;
            let first = ((&self.first[idx] * FIRST_DECAY)? + (&grad * (1.0 - FIRST_DECAY))?)?;
            let square = (grad.sqr()? * (1.0 - SECOND_DECAY))?;
            let second = ((&self.second[idx] * SECOND_DECAY)? + square)?;
            let below = ((&second / second_bias)?.sqrt()? + EPS)?;
            let update = ((&first * (rate / first_bias))? / below)?;
            // Gains of norms are not pulled towards zero.
            let decay = if var.rank() > 1 { 1.0 - rate * WEIGHT_DECAY } else { 1.0 };
            var.set(&((var.as_detached_tensor() * decay)? - update)?)?;
            self.first[idx] = first;
            self.second[idx] = second;
        }
        Ok(())
    }
}

/// What the gradient is multiplied with so that it is no longer than allowed.
fn shortening(weights: &[(String, Var)], grads: &GradStore) -> Result<f64> {
    let mut square = 0.0;
    for (_, var) in weights {
        if let Some(grad) = grads.get(var.as_tensor()) {
            square += f64::from(grad.detach().sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
    }
    Ok((LONGEST_GRADIENT / square.sqrt().max(LONGEST_GRADIENT)).min(1.0))
}
