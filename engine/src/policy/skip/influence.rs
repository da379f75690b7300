//! The blocks that turn the stream least are left out (ShortGPT's block influence).
//!
//! BI_l = 1 - mean over tokens of cos(h_l, h_(l+1)); a cosine that is not a number counts as 0.5. ShortGPT's code takes the
//! last state after the final norm, so that its BI of the last block mixes the norm in; here no state is normed.

use super::place::{self, Where};
use super::rule::{Entry, Evidence, Planned, SkipCard, Unplanned};
use super::set::Set;
use crate::knob::{Integer, Part};
use crate::recording::{Recording, depth_of};
use crate::signal::Signal;

/// How many blocks are left out.
pub(super) const BLOCKS: Integer = Integer {
    id: "skipped-blocks",
    label: "Skipped blocks (layers)",
    help: "How many blocks are left out",
    default: 1,
    min: 0,
    max: u16::MAX as i64,
};

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "block-influence",
        label: "Lowest block influence",
        meaning: "Leaves out the blocks behind which the stream points most nearly where it pointed before",
        source: "Men et al. 2024 (ShortGPT), its published code; on un-normed streams",
        main: "skipped-blocks",
    },
    knobs: |about| vec![card(about.layers), place::card(Where::Everywhere)],
    plan: |asked, _| {
        let layers = asked.about.layers;
        let Some(influences) = influences(asked.recording) else {
            let why =
                "this recording has no cosine to the next depth; record again with this version";
            return Err(Unplanned::Refused(why.to_owned()));
        };
        let skipped = lowest(&influences, wanted(asked.knobs.integer(&BLOCKS)));
        let set = Set::without(layers, skipped.iter().map(|layer| (*layer, Part::Whole)));
        let points = influences.iter().enumerate().map(|(layer, bi)| [layer as f64, *bi]);
        let evidence = Evidence {
            title: "Influence of every block",
            x: "Block",
            y: ("1 − mean cosine to the next depth", ""),
            lines: vec![("Block influence", points.collect())],
            chosen: skipped.iter().map(|layer| *layer as f64).collect(),
        };
        Ok(Planned { plan: place::plan(asked.knobs, set), evidence: Some(evidence) })
    },
};

/// The card of `BLOCKS` for so many blocks; a quarter of them is usual.
pub(super) fn card(layers: usize) -> crate::knob::KnobCard {
    let most = i64::try_from(layers).unwrap_or(i64::MAX);
    Integer { default: most / 4, ..BLOCKS }.card(most)
}

/// A number of blocks that a knob says.
pub(super) fn wanted(blocks: i64) -> usize {
    usize::try_from(blocks).unwrap_or(0)
}

/// The influence of every block; `None` where no cosine was recorded.
fn influences(recording: &Recording) -> Option<Vec<f64>> {
    let of = |layer| recording.column(Signal::CosNext, depth_of(layer)).map(influence);
    (0..recording.num_layers()).map(of).collect()
}

/// 1 - mean cosine.
fn influence(cosines: &[f32]) -> f64 {
    let known = |cosine: &f32| if cosine.is_nan() { 0.5 } else { f64::from(*cosine) };
    1.0 - cosines.iter().map(known).sum::<f64>() / cosines.len().max(1) as f64
}

/// The `count` blocks of lowest influence, ascending; of equals the lower block.
fn lowest(influences: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..influences.len()).collect();
    order.sort_by(|a, b| influences[*a].total_cmp(&influences[*b]));
    order.truncate(count);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::geometry::cosine;
    use crate::recording::synthetic;

    #[test]
    fn the_influence_is_that_of_the_specification() {
        let (x, y) = ([1.0, 2.0, 2.0, 3.0, 0.0, 4.0], [2.0, 2.0, 1.0, 3.0, 1.0, 4.0]);
        let cosines = cosine(&x, &y, 3);
        assert!((influence(&cosines) - 0.065_265).abs() < 1e-6);
        assert!((influence(&[f32::NAN, 1.0]) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_lowest_go_and_of_equals_the_lower_block() {
        assert_eq!(lowest(&[0.694, 0.085, 0.055, 0.060, 0.064, 0.069], 2), [2, 3]);
        assert_eq!(lowest(&[0.5, 0.1, 0.1, 0.1], 2), [1, 2]);
        assert_eq!(lowest(&[0.5, 0.1], 9), [0, 1]);
        assert!(lowest(&[0.5], 0).is_empty());
    }

    #[test]
    fn the_recorded_cosine_is_enough() {
        let recording = synthetic(40, 4, 1);
        let influences = influences(&recording).unwrap();
        assert_eq!(influences.len(), 4);
        let column = recording.column(Signal::CosNext, depth_of(2)).unwrap();
        let mean: f64 = column.iter().map(|cosine| f64::from(*cosine)).sum::<f64>() / 40.0;
        assert!((influences[2] - (1.0 - mean)).abs() < 1e-12);
    }
}
