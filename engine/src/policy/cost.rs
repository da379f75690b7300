//! Modelled cost of exits. Never mixed with measured time.
//!
//! The full model runs L blocks and one readout. A token that exits at depth e runs e blocks and one
//! readout at every depth at which it was checked, least depth ..= e; the last of them gives its
//! answer. What a real early-exit run would still pay for keys and values of skipped blocks is left
//! out. With a large vocabulary readouts can cost more than the blocks saved: the saving is then
//! negative, and is shown so.

use crate::recording::{Manifest, Tally};
use crate::signal::Depth;

/// Share of the full model's FLOPs that is saved; `None` without tokens or without a cost model.
pub(crate) fn flops_saved(manifest: &Manifest, tally: &Tally, least: Depth) -> Option<f64> {
    let blocks = &manifest.flops_per_block;
    let readout = manifest.flops_per_readout;
    if blocks.len() != manifest.layers || tally.num_tokens() == 0 {
        return None;
    }
    let full = blocks.iter().sum::<f64>() + readout;
    let spent: f64 = tally
        .by_depth()
        .map(|(depth, exits)| {
            let run: f64 = blocks.iter().take(depth.index()).sum();
            let checks = (depth.index() + 1).saturating_sub(least.index()) as f64;
            exits as f64 * (run + checks * readout)
        })
        .sum();
    let saved = 1.0 - spent / (tally.num_tokens() as f64 * full);
    saved.is_finite().then_some(saved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let mut manifest = crate::recording::synthetic(1, 2, 0).manifest;
        manifest.flops_per_block = vec![10.0, 30.0];
        manifest.flops_per_readout = 20.0;
        manifest
    }

    #[test]
    fn every_checked_depth_pays_a_readout() {
        let mut tally = Tally::empty(3);
        tally.exits = vec![0, 1, 0];
        // Full: 60. Exit at depth 1 from depth 0 on: 10 + 2 * 20 = 50; from depth 1 on: 10 + 20 = 30.
        assert_eq!(flops_saved(&manifest(), &tally, Depth(0)), Some(1.0 - 50.0 / 60.0));
        assert_eq!(flops_saved(&manifest(), &tally, Depth(1)), Some(0.5));
    }

    #[test]
    fn a_token_that_is_checked_in_vain_costs_more_than_the_full_model() {
        let mut tally = Tally::empty(3);
        tally.exits = vec![0, 0, 1];
        // 40 + 3 * 20 = 100 of 60.
        assert!(flops_saved(&manifest(), &tally, Depth(0)).unwrap() < -0.6);
        assert_eq!(flops_saved(&manifest(), &tally, Depth(2)), Some(0.0));
        assert_eq!(flops_saved(&manifest(), &Tally::empty(3), Depth(0)), None);
    }
}
