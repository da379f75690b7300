//! Modelled cost of exits. Never mixed with measured time.
//!
//! The full model runs L blocks and one readout. A token that exits at depth e runs e blocks and one
//! readout at every depth up to e at which it was checked, of which the last gives its answer; one readout, for the answer,
//! where a check needs none or it was not checked at L. What a real early-exit run would still pay for keys and values of skipped blocks is left
//! out. With a large vocabulary readouts can cost more than the blocks saved: the saving is then
//! negative, and is shown so.
//!
//! Block l costs `fixed_l + K per_key_l`, with K the mean number of positions that the tokens of the slice
//! attend to there, those that exit early as the others. With E the depth at which a token exits, c(E) its readouts and R
//! what one costs, the share that is saved is
//! `1 - mean over tokens of (sum over l < E of block l + c(E) R) / (sum over all l of block l + R)`.
//! Recordings of versions that stored no cost per key are priced with K of the whole recording.

use crate::policy::exit::Checks;
use crate::recording::{Recording, Slice, Tally};

/// Share of the full model's FLOPs that is saved in a slice, of which `tally` holds the exits; `None` without tokens
/// or without a cost model.
pub(crate) fn flops_saved(
    recording: &Recording,
    slice: &Slice,
    tally: &Tally,
    (checks, reads_out): (&Checks, bool),
) -> Option<f64> {
    let manifest = &recording.manifest;
    let blocks = block_flops(recording, slice);
    let readout = manifest.flops_per_readout;
    if blocks.len() != manifest.layers || tally.num_tokens() == 0 {
        return None;
    }
    let full = blocks.iter().sum::<f64>() + readout;
    let spent: f64 = tally
        .by_depth()
        .map(|(depth, exits)| {
            let run: f64 = blocks.iter().take(depth.index()).sum();
            let answer = usize::from(!reads_out || depth.index() >= manifest.layers);
            let checked = if reads_out { checks.up_to(depth) } else { 0 };
            exits as f64 * (run + (checked + answer) as f64 * readout)
        })
        .sum();
    let saved = 1.0 - spent / (tally.num_tokens() as f64 * full);
    saved.is_finite().then_some(saved)
}

/// What each block costs a token of the slice, in FLOPs.
fn block_flops(recording: &Recording, slice: &Slice) -> Vec<f64> {
    let manifest = &recording.manifest;
    if manifest.prices_keys() {
        let keys = |window| recording.mean_keys(slice, window);
        manifest.block_costs.iter().map(|cost| cost.at(keys(cost.window))).collect()
    } else {
        manifest.flops_per_block.clone()
    }
}

/// Share of each block in the FLOPs of all blocks; `None` without a cost model.
pub(crate) fn block_shares(recording: &Recording, slice: &Slice) -> Option<Vec<f64>> {
    let blocks = block_flops(recording, slice);
    let all: f64 = blocks.iter().sum();
    let is_known = blocks.len() == recording.manifest.layers && all.is_finite() && all > 0.0;
    is_known.then(|| blocks.iter().map(|block| block / all).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{BlockCost, synthetic};
    use crate::signal::Depth;

    fn from(least: u16) -> Checks {
        Checks::new(2, |depth| depth >= Depth(least))
    }

    /// Two samples of 16 and 4 tokens, tasks story and hops: they attend to 8.5 and 2.5 positions in the mean, in all
    /// to 7.3.
    fn recording() -> Recording {
        let mut recording = synthetic(20, 2, 0);
        let costs = [
            BlockCost { fixed: 3.5, per_key: 1.0, window: None },
            BlockCost { fixed: 0.0, per_key: 4.0, window: None },
        ];
        recording.manifest.block_costs = costs.to_vec();
        recording.manifest.flops_per_block = vec![10.0, 30.0];
        recording.manifest.flops_per_readout = 20.0;
        recording
    }

    /// As versions wrote it that did not store the cost of a key.
    fn older() -> Recording {
        let mut recording = recording();
        recording.manifest.block_costs.clear();
        recording
    }

    fn saved(recording: &Recording, tally: &Tally, least: u16) -> Option<f64> {
        flops_saved(recording, &Slice::all(), tally, (&from(least), true))
    }

    #[test]
    fn every_checked_depth_pays_a_readout() {
        let mut tally = Tally::empty(3);
        tally.exits = vec![0, 1, 0];
        // Full: 60. Exit at depth 1 from depth 0 on: 10 + 2 * 20 = 50; from depth 1 on: 10 + 20 = 30.
        assert_eq!(saved(&older(), &tally, 0), Some(1.0 - 50.0 / 60.0));
        assert_eq!(saved(&older(), &tally, 1), Some(0.5));
    }

    #[test]
    fn a_token_that_is_checked_in_vain_costs_more_than_the_full_model() {
        let mut tally = Tally::empty(3);
        tally.exits = vec![0, 0, 1];
        // 40 + 3 * 20 = 100 of 60.
        assert!(saved(&older(), &tally, 0).unwrap() < -0.6);
        assert_eq!(saved(&older(), &tally, 2), Some(0.0));
        assert_eq!(saved(&older(), &Tally::empty(3), 0), None);
    }

    #[test]
    fn a_check_without_a_readout_pays_for_the_answer_only() {
        let mut tally = Tally::empty(3);
        tally.exits = vec![0, 1, 0];
        let saved = flops_saved(&older(), &Slice::all(), &tally, (&from(0), false));
        assert_eq!(saved, Some(0.5));
        // An exit that is not there is not checked: depth 1 only.
        let only_one = Checks::new(2, |depth| depth == Depth(1));
        assert_eq!(flops_saved(&older(), &Slice::all(), &tally, (&only_one, true)), Some(0.5));
        tally.exits = vec![0, 0, 1];
        let saved = flops_saved(&older(), &Slice::all(), &tally, (&only_one, true));
        assert_eq!(saved, Some(1.0 - 80.0 / 60.0));
    }

    #[test]
    fn shares_of_blocks_are_those_of_their_prices_and_absent_without_any() {
        assert_eq!(block_shares(&older(), &Slice::all()), Some(vec![0.25, 0.75]));
        let mut bare = older();
        bare.manifest.flops_per_block.clear();
        assert_eq!(block_shares(&bare, &Slice::all()), None);
        bare.manifest.flops_per_block = vec![0.0, 0.0];
        assert_eq!(block_shares(&bare, &Slice::all()), None);
    }

    #[test]
    fn a_slice_is_priced_with_its_own_number_of_keys() {
        let mut tally = Tally::empty(3);
        tally.exits = vec![0, 1, 1];
        let slice = |task| Slice::all().with("task", task);
        let of = |recording: &Recording, slice: &Slice| {
            flops_saved(recording, slice, &tally, (&from(1), true)).unwrap()
        };
        // story: blocks 3.5 + 8.5 = 12 and 4 * 8.5 = 34, full 12 + 34 + 20 = 66; spent (12 + 20) + (46 + 40).
        let story = of(&recording(), &slice("story"));
        assert!((story - (1.0 - 118.0 / 132.0)).abs() < 1e-12, "{story}");
        // hops: blocks 3.5 + 2.5 = 6 and 4 * 2.5 = 10, full 36; spent (6 + 20) + (16 + 40).
        let hops = of(&recording(), &slice("hops"));
        assert!((hops - (1.0 - 82.0 / 72.0)).abs() < 1e-12, "{hops}");
        // All: 3.5 + 7.3 = 10.8 and 29.2, full 60; spent (10.8 + 20) + (40 + 40).
        let all = of(&recording(), &Slice::all());
        assert!((all - (1.0 - 110.8 / 120.0)).abs() < 1e-12, "{all}");
        // An older recording knows one price only.
        assert_eq!(of(&older(), &slice("story")), of(&older(), &slice("hops")));
    }
}
