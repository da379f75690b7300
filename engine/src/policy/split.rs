//! Which part of a recording thresholds are found on, and which part they are judged on.
//!
//! Whole samples go to one side: tokens of one text know too much of each other. A recording of a single sample is cut in
//! its middle.

use std::ops::Range;

use crate::knob::{Integer, KnobCard, Knobs, Real};
use crate::recording::{Recording, Slice};

/// How much goes to the calibration part.
pub(super) const SHARE: Real = Real {
    id: "calibration",
    label: "Calibration part",
    help: "Share of the samples that thresholds are found on; the others judge them",
    unit: "fraction",
    default: 0.5,
    min: 0.05,
    max: 0.95,
    step: 0.05,
};
/// Another number, another split.
pub(super) const SEED: Integer = Integer {
    id: "split-seed",
    label: "Split number",
    help: "Another number divides the samples in another way",
    default: 0,
    min: 0,
    max: 9999,
};

/// The cards of both.
pub(crate) fn cards() -> [KnobCard; 2] {
    [SHARE.card(), SEED.card(SEED.max)]
}

/// Adds to the cards of a lens what divides the recording. A rule that is fitted has brought that already.
pub(crate) fn add_cards(cards: &mut Vec<KnobCard>) {
    for card in self::cards() {
        if cards.iter().all(|other| other.id != card.id) {
            cards.push(card);
        }
    }
}

/// A way to divide a recording in two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Split {
    share: f64,
    seed: u64,
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What thresholds are found on.
    Calibration,
    /// What they are judged on.
    Test,
    /// First half of the test part: where a claim about a rule that was itself fitted is tested.
    Proof,
    /// The other half of it: where such a claim is judged.
    Verdict,
}

/// Where a threshold is found, and where it is judged. A rule that was fitted on the calibration part looks too good
/// there, so its threshold is found on rows that it has not seen.
pub(crate) fn sides(is_fitted: bool) -> [Side; 2] {
    if is_fitted { [Side::Proof, Side::Verdict] } else { [Side::Calibration, Side::Test] }
}

impl Split {
    /// As the knobs stand.
    pub(crate) fn of(knobs: &Knobs) -> Self {
        Self { share: knobs.real(&SHARE), seed: knobs.integer(&SEED).unsigned_abs() }
    }

    /// Says everything about it.
    pub(crate) fn key(self) -> String {
        format!("{} {}", self.share, self.seed)
    }

    /// Rows of one side, ascending; neighbours are joined.
    pub(crate) fn rows(self, recording: &Recording, side: Side) -> Vec<Range<usize>> {
        let name = format!("side {} {side:?}", self.key());
        recording.cubes.memo.get(&name, || self.divided(recording, side)).to_vec()
    }

    fn divided(self, recording: &Recording, side: Side) -> Vec<Range<usize>> {
        if recording.samples.len() < 2 {
            let rows = self.part(side, recording.num_tokens());
            return if rows.is_empty() { Vec::new() } else { vec![rows] };
        }
        let mut order: Vec<usize> = (0..recording.samples.len()).collect();
        order.sort_by_cached_key(|sample| mixed(self.seed ^ mixed(*sample as u64)));
        let mut samples = order.get(self.part(side, order.len())).unwrap_or_default().to_vec();
        samples.sort_unstable();
        recording.rows_of(samples.into_iter().filter_map(|sample| recording.samples.get(sample)))
    }

    /// Rows of one side that belong to a slice, ascending.
    pub(crate) fn rows_in(
        self,
        recording: &Recording,
        side: Side,
        slice: &Slice,
    ) -> Vec<Range<usize>> {
        let (side, slice) = (self.rows(recording, side), slice.ranges(recording));
        let mut slice = slice.iter().peekable();
        let mut both = Vec::new();
        for rows in side {
            while let Some(part) = slice.peek() {
                let common = rows.start.max(part.start)..rows.end.min(part.end);
                let goes_on = part.end > rows.end;
                if !common.is_empty() {
                    both.push(common);
                }
                if goes_on {
                    break;
                }
                slice.next();
            }
        }
        both
    }

    /// Which of `count` things, in the order of the split, stand on a side.
    fn part(self, side: Side, count: usize) -> Range<usize> {
        let test = self.part_of(count);
        let verdict = test + (count - test).div_ceil(2);
        match side {
            Side::Calibration => 0..test,
            Side::Test => test..count,
            Side::Proof => test..verdict,
            Side::Verdict => verdict..count,
        }
    }

    /// How many of `count` things calibrate: at least one, and one is left, where there are two.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length lies inside the length"
    )]
    fn part_of(self, count: usize) -> usize {
        let part = (count as f64 * self.share).round() as usize;
        if count < 2 { part.min(count) } else { part.clamp(1, count - 1) }
    }
}

/// Spreads numbers evenly and the same everywhere (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recording::synthetic;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_sides_together_are_everything_once(tokens in 0_usize..200, share in 0.05_f64..0.95, seed in 0_u64..50) {
            let recording = synthetic(tokens, 2, 1);
            let split = Split { share, seed };
            let sides = [Side::Calibration, Side::Test].map(|side| split.rows(&recording, side));
            let mut all: Vec<usize> = sides.iter().flatten().flat_map(Clone::clone).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..tokens).collect::<Vec<_>>());
            if tokens >= 2 {
                prop_assert!(sides.iter().all(|side| !side.is_empty()));
            }
            // Whole samples: a range begins and ends where one does.
            if recording.samples.len() >= 2 {
                let ends = |at: usize| at == tokens || recording.samples.iter().any(|s| s.first_token == at);
                prop_assert!(sides.iter().flatten().all(|rows| ends(rows.start) && ends(rows.end)));
            }
        }
    }

    #[test]
    fn halves_of_the_test_part_are_the_test_part() {
        let recording = synthetic(400, 2, 1);
        let split = Split { share: 0.3, seed: 4 };
        let rows =
            |side| -> Vec<usize> { split.rows(&recording, side).into_iter().flatten().collect() };
        let mut halves = [rows(Side::Proof), rows(Side::Verdict)].concat();
        halves.sort_unstable();
        assert_eq!(halves, rows(Side::Test));
        assert!(!rows(Side::Proof).is_empty() && !rows(Side::Verdict).is_empty());
    }

    #[test]
    fn rows_of_a_side_and_a_slice_are_those_of_both() {
        for tokens in [0, 1, 10, 400] {
            let recording = synthetic(tokens, 2, 1);
            let split = Split { share: 0.4, seed: 2 };
            for slice in
                [Slice::all(), Slice::all().with("task", "hops"), Slice::all().with("task", "no")]
            {
                let side: Vec<usize> =
                    split.rows(&recording, Side::Test).into_iter().flatten().collect();
                let slice_rows: Vec<usize> =
                    slice.ranges(&recording).into_iter().flatten().collect();
                let both: Vec<usize> =
                    split.rows_in(&recording, Side::Test, &slice).into_iter().flatten().collect();
                let expected: Vec<usize> =
                    side.into_iter().filter(|row| slice_rows.contains(row)).collect();
                assert_eq!(both, expected);
            }
        }
    }

    #[test]
    fn another_number_divides_otherwise() {
        let recording = synthetic(400, 2, 1);
        let rows = |seed| Split { share: 0.5, seed }.rows(&recording, Side::Calibration);
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
    }
}
