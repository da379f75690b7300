//! What exits cost: modelled, from shapes, or measured, from the recording. The two are never mixed.
//!
//! **Modelled.** The full model runs L blocks and one readout. A token that exits at depth e runs e blocks and one
//! readout at every depth up to e at which it was checked, of which the last gives its answer; one readout, for the answer,
//! where a check needs none or it was not checked at L. With a large vocabulary readouts can cost more than the blocks
//! saved: the saving is then negative, and is shown so.
//!
//! Block l costs `fixed_l + K per_key_l`, with K the mean number of positions that the tokens of the slice
//! attend to there, those that exit early as the others. With E the depth at which a token exits, c(E) its readouts, R
//! what one costs and F what the keys and values of a skipped block cost, a token costs
//! `C(E) = sum over l < E of block l + c(E) R + (L - E) F`, the full model `C = sum over all l of block l + R`,
//! and the share that is saved is `1 - mean over tokens of C(E) / C`.
//! Recordings of versions that stored no cost per key are priced with K of the whole recording.
//!
//! What can be chosen (`CostModel`): R times a factor; c(E) = 1, as if checks were free; F = 0, as if nobody read what a
//! stopped token leaves out, or `F = 2 d (Dk + Dv)` (d the width, Dk and Dv those of keys and values): CALM's state
//! propagation, which runs the projections of keys and values of every skipped block. Exits are priced with R as it is and
//! F = 0 unless something else is chosen.
//!
//! **Measured.** `T(E) = sum over l < E of (seconds that block l took in the whole run) / rows`, in milliseconds. It is
//! the time that blocks took while all tokens ran in batches; no readout is in it, and what a run with exits really
//! takes is another measurement.

use crate::policy::exit::Checks;
use crate::recording::{Recording, Slice, Tally, depth_of};

/// What is counted beside the blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CostModel {
    /// What a readout costs, as a multiple of what its shapes say.
    pub(crate) readout: f64,
    /// Which readouts are counted.
    pub(crate) readouts: Readouts,
    /// What happens to keys and values of skipped blocks.
    pub(crate) fill: Fill,
}

/// Which readouts are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readouts {
    /// One at every checked depth.
    Checks,
    /// Only the one that gives the answer.
    Answer,
}

/// What happens to keys and values of skipped blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// They are left out, at no cost.
    Absent,
    /// They are made from the state at the exit.
    Propagated,
}

impl Default for CostModel {
    fn default() -> Self {
        Self { readout: 1.0, readouts: Readouts::Checks, fill: Fill::Absent }
    }
}

/// What a token costs that exits at each depth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prices {
    /// `[depth]`, 0..=L.
    by_depth: Vec<f64>,
    /// The full model, which is not checked anywhere.
    full: f64,
}

impl Prices {
    /// FLOPs. `reads_out`: whether a check needs a readout. `None` without a cost model, or where it does not know what
    /// keys and values cost.
    pub(crate) fn modelled(
        recording: &Recording,
        slice: &Slice,
        model: CostModel,
        (checks, reads_out): (&Checks, bool),
    ) -> Option<Self> {
        let manifest = &recording.manifest;
        let blocks = block_flops(recording, slice);
        if blocks.len() != manifest.layers {
            return None;
        }
        let fill = match model.fill {
            Fill::Absent => 0.0,
            Fill::Propagated => manifest.flops_per_fill?,
        };
        let readout = manifest.flops_per_readout * model.readout;
        let price = |depth: usize| {
            let run: f64 = blocks.iter().take(depth).sum();
            let answer = usize::from(!reads_out || depth >= manifest.layers);
            let num = match model.readouts {
                Readouts::Checks if reads_out => checks.up_to(depth_of(depth)) + answer,
                Readouts::Checks | Readouts::Answer => 1,
            };
            run + num as f64 * readout + (manifest.layers - depth) as f64 * fill
        };
        Some(Self {
            by_depth: (0..=manifest.layers).map(price).collect(),
            full: blocks.iter().sum::<f64>() + readout,
        })
    }

    /// Milliseconds in blocks for one row; `None` where blocks were not timed, or tokens ran that have no row.
    pub(crate) fn measured(recording: &Recording) -> Option<Self> {
        let manifest = &recording.manifest;
        let num_rows = recording.num_tokens() as f64;
        let secs = &manifest.block_secs;
        let is_timed = secs.len() == manifest.layers && secs.iter().any(|secs| *secs > 0.0);
        if !is_timed || manifest.read_at.has_gaps() || num_rows == 0.0 {
            return None;
        }
        let price = |depth| 1e3 * secs.iter().take(depth).sum::<f64>() / num_rows;
        Some(Self {
            by_depth: (0..=manifest.layers).map(price).collect(),
            full: price(manifest.layers),
        })
    }

    /// Blocks: the exit depth itself.
    pub(crate) fn depths(layers: usize) -> Self {
        Self { by_depth: (0..=layers).map(|depth| depth as f64).collect(), full: layers as f64 }
    }

    /// What a row costs in the mean; `exits` holds how many exit at each depth. `None` without rows.
    pub(crate) fn mean(&self, exits: &[u64]) -> Option<f64> {
        let num: u64 = exits.iter().sum();
        Some(self.spent(exits) / num as f64).filter(|mean| mean.is_finite())
    }

    /// The same as a share of what the full model costs.
    pub(crate) fn share(&self, exits: &[u64]) -> Option<f64> {
        let num: u64 = exits.iter().sum();
        let share = self.spent(exits) / (num as f64 * self.full);
        Some(share).filter(|share| share.is_finite())
    }

    fn spent(&self, exits: &[u64]) -> f64 {
        exits.iter().zip(&self.by_depth).map(|(exits, price)| *exits as f64 * price).sum()
    }

    /// Share of each block in what all blocks cost.
    pub(crate) fn block_shares(&self) -> Vec<f64> {
        let steps = self.by_depth.windows(2);
        steps.map(|pair| (pair[1] - pair[0]) / self.full).collect()
    }

    /// What the full model costs.
    pub(crate) fn full(&self) -> f64 {
        self.full
    }
}

/// Share of the full model's FLOPs that is saved in a slice, of which `tally` holds the exits; `None` without tokens
/// or without a cost model.
pub(crate) fn flops_saved(
    recording: &Recording,
    slice: &Slice,
    tally: &Tally,
    checks: (&Checks, bool),
) -> Option<f64> {
    let prices = Prices::modelled(recording, slice, CostModel::default(), checks)?;
    prices.share(&tally.exits).map(|share| 1.0 - share)
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

/// What the full model costs a row of the slice, in FLOPs; `None` without a cost model.
pub(crate) fn full_flops(recording: &Recording, slice: &Slice) -> Option<f64> {
    let blocks = block_flops(recording, slice);
    let all = blocks.iter().sum::<f64>() + recording.manifest.flops_per_readout;
    (blocks.len() == recording.manifest.layers && all.is_finite()).then_some(all)
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
    fn the_full_model_costs_its_blocks_and_one_readout() {
        assert_eq!(full_flops(&older(), &Slice::all()), Some(60.0));
        let story = full_flops(&recording(), &Slice::all().with("task", "story"));
        assert_eq!(story, Some(66.0));
        let mut bare = older();
        bare.manifest.flops_per_block.clear();
        assert_eq!(full_flops(&bare, &Slice::all()), None);
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

    #[test]
    fn what_is_counted_can_be_chosen() {
        let mut recording = older();
        recording.manifest.flops_per_fill = Some(7.0);
        let share = |model: CostModel, exits: [u64; 3]| {
            let prices = Prices::modelled(&recording, &Slice::all(), model, (&from(0), true));
            prices.unwrap().share(&exits).unwrap()
        };
        let usual = CostModel::default();
        // Exit at depth 1: 10 + 2 * 20 of 60; half-price readouts 10 + 2 * 10 of 50.
        assert_eq!(share(usual, [0, 1, 0]), 50.0 / 60.0);
        assert_eq!(share(CostModel { readout: 0.5, ..usual }, [0, 1, 0]), 30.0 / 50.0);
        assert_eq!(share(CostModel { readout: 0.0, ..usual }, [0, 1, 0]), 10.0 / 40.0);
        // Only the answer: 10 + 20.
        assert_eq!(
            share(CostModel { readouts: Readouts::Answer, ..usual }, [0, 1, 0]),
            30.0 / 60.0
        );
        // One skipped block, two, none.
        let filled = CostModel { fill: Fill::Propagated, ..usual };
        assert_eq!(share(filled, [0, 1, 0]), 57.0 / 60.0);
        assert_eq!(share(filled, [1, 0, 0]), 34.0 / 60.0);
        assert_eq!(share(filled, [0, 0, 1]), 100.0 / 60.0);
        recording.manifest.flops_per_fill = None;
        let checks = from(0);
        let unknown = Prices::modelled(&recording, &Slice::all(), filled, (&checks, true));
        assert_eq!(unknown, None);
    }

    #[test]
    fn measured_time_is_that_of_the_blocks_that_ran() {
        let mut recording = recording();
        recording.manifest.block_secs = vec![0.5, 1.5];
        // 20 tokens: 25 ms and 75 ms each.
        let prices = Prices::measured(&recording).unwrap();
        assert_eq!(prices.full(), 100.0);
        assert_eq!(prices.block_shares(), [0.25, 0.75]);
        assert_eq!(prices.mean(&[1, 1, 2]), Some((0.0 + 25.0 + 200.0) / 4.0));
        assert_eq!((prices.mean(&[0, 0, 0]), prices.share(&[0, 1, 0])), (None, Some(0.25)));
        recording.manifest.read_at = crate::recording::ReadAt::Last;
        assert_eq!(Prices::measured(&recording), None);
        recording.manifest.read_at = crate::recording::ReadAt::Every;
        recording.manifest.block_secs = vec![0.0, 0.0];
        assert_eq!(Prices::measured(&recording), None);
        assert_eq!(Prices::depths(2).mean(&[1, 0, 3]), Some(1.5));
    }
}
