//! The early-exit loss of LayerSkip (arXiv 2404.16710): every depth predicts through the same norm and head, deeper
//! ones count more, and deeper blocks are skipped more often while learning.

use candle_core::{D, Device, Result, Tensor};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::batch::Batch;
use super::network::Network;

/// How much depth 0 counts against depth L.
const SHALLOWEST_WEIGHT: f64 = 0.04;

/// What one forward pass gives.
pub(crate) struct Outcome {
    /// The weighted loss over depths, one number that can be differentiated.
    pub(crate) loss: Tensor,
    /// What the full depth would say at each place [rows * length].
    pub(crate) said: Vec<u32>,
}

/// Runs `batch` through `network`; `keep` as in `Network::streams`.
pub(crate) fn early_exit_loss(
    network: &Network,
    batch: &Batch,
    keep: &[Tensor],
) -> Result<Outcome> {
    let streams = network.streams(&batch.tokens, keep)?;
    let depths = streams.len();
    let places = batch.targets.dim(0)?;
    let log_probs = network.log_probs(&Tensor::cat(&streams, 0)?)?;
    let targets = batch.targets.to_device(network.device())?.repeat((depths, 1))?;
    let nll = log_probs.gather(&targets, 1)?.neg()?.reshape((depths, places))?;
    let per_depth = nll.broadcast_mul(&batch.weights.to_device(network.device())?)?.sum(1)?;
    let weights = Tensor::new(depth_weights(depths).as_slice(), network.device())?;
    let loss = (per_depth * weights)?.sum_all()?;
    let last = log_probs.narrow(0, (depths - 1) * places, places)?.detach();
    let said = last.argmax(D::Minus1)?.to_vec1()?;
    Ok(Outcome { loss, said })
}

/// Rises with the square of depth, as in LayerSkip's equation 4; the sum is 1.
#[expect(clippy::cast_possible_truncation, reason = "weights of an f32 loss")]
fn depth_weights(depths: usize) -> Vec<f32> {
    let last = (depths - 1).max(1) as f64;
    let rising = |depth: usize| {
        SHALLOWEST_WEIGHT + (1.0 - SHALLOWEST_WEIGHT) * (depth as f64 / last).powi(2)
    };
    let sum: f64 = (0..depths).map(rising).sum();
    (0..depths).map(|depth| (rising(depth) / sum) as f32).collect()
}

/// Draws which rows skip which blocks: never the first block, the last one with probability `most`.
/// The rise is the exponential of LayerSkip, equation 2.
pub(crate) fn draw_keep(
    blocks: usize,
    rows: usize,
    most: f64,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Tensor>> {
    let last = blocks.saturating_sub(1).max(1) as f64;
    (0..blocks)
        .map(|layer| {
            let chance = most * ((layer as f64 * std::f64::consts::LN_2 / last).exp() - 1.0);
            let keep: Vec<f32> =
                (0..rows).map(|_| if rng.random::<f64>() < chance { 0.0 } else { 1.0 }).collect();
            Tensor::from_vec(keep, (rows, 1, 1), &Device::Cpu)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeper_depths_count_more_and_all_together_one() {
        let weights = depth_weights(9);
        assert!(weights.windows(2).all(|pair| pair[0] < pair[1]));
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_first_block_is_never_skipped_and_the_last_most_often() {
        let keep = draw_keep(8, 4000, 0.5, &mut crate::train::grammar::numbers(1, 0)).unwrap();
        let kept = |layer: usize| keep[layer].mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert_eq!(kept(0), 1.0);
        assert!(kept(3) > kept(7));
        assert!((kept(7) - 0.5).abs() < 0.05);
    }
}
