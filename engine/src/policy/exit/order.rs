//! Rows in the order of a score, depth by depth. All of them are ordered once, and those of a calibration part picked out.

use std::sync::Arc;

use rayon::prelude::*;

use super::about::Fit;
use super::at_depth::Score;
use super::branchless::pack;
use super::signals::Reader;
use crate::recording::{Recording, depth_of};
use crate::signal::Depth;

/// `[depth]` below L: rows, but for those whose score is no number.
pub(super) struct Order(Vec<Vec<u32>>);

/// Larger ones (about two million rows at 32 depths) are not kept.
const MOST_KEPT: usize = 1 << 26;

impl Order {
    /// The rows of `fit`, from the largest score on or from the smallest.
    pub(super) fn of(fit: &Fit<'_>, score: Score, is_falling: bool) -> Arc<Self> {
        let (recording, memo) = (fit.recording, &fit.recording.cubes.memo);
        let name = format!("order {score:?} {is_falling}");
        let all = || Self::of_all(recording, score, is_falling);
        if recording.num_tokens().saturating_mul(fit.about.layers) > MOST_KEPT {
            return Arc::new(all().part(fit));
        }
        // Which depths are checked changes nothing.
        let make = || memo.get(&name, all).part(fit);
        memo.newest(&format!("part of {name}"), fit.key_of_rows, make)
    }

    fn of_all(recording: &Recording, score: Score, is_falling: bool) -> Self {
        let reader = Reader::new(recording);
        let at_depth = |depth: usize| {
            let columns = reader.at(depth_of(depth));
            let numbers = (0..recording.num_tokens()).map(|row| score.number(columns.signals(row)));
            ordered(numbers, is_falling)
        };
        Self((0..recording.num_layers()).into_par_iter().map(at_depth).collect())
    }

    /// Those that are rows of `fit`.
    fn part(&self, fit: &Fit<'_>) -> Self {
        // One bit for each row: they stay in the fastest memory.
        let mut members = vec![0_u64; fit.recording.num_tokens().div_ceil(64)];
        let mut num_members = 0;
        for row in fit.tokens() {
            if let Some(bits) = members.get_mut(row / 64) {
                *bits |= 1 << (row % 64);
                num_members += 1;
            }
        }
        let members_of = |rows: &Vec<u32>| {
            let is_member = |row: &u32| {
                let bits = members.get(*row as usize / 64).copied().unwrap_or(0);
                (*row, bits >> (row % 64) & 1 == 1)
            };
            let mut part = vec![0; num_members];
            let num = pack(rows.iter().map(is_member), &mut part);
            part.truncate(num);
            part
        };
        Self(self.0.par_iter().map(members_of).collect())
    }

    /// The rows at one depth.
    pub(super) fn at(&self, depth: Depth) -> &[u32] {
        self.0.get(depth.index()).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Bits of a key by which one pass sorts.
const DIGIT: usize = 11;
const PASSES: usize = 3;

/// The places of numbers in their order, equal ones in that of their places. Digit by digit from the lowest on: a person waits
/// for it, and to compare takes several times as long.
fn ordered(numbers: impl Iterator<Item = f32>, is_falling: bool) -> Vec<u32> {
    let numbers = numbers.zip(0..).filter(|(number, _)| !number.is_nan());
    let mut keys: Vec<(u32, u32)> = numbers
        .map(|(number, place)| {
            // Bits that rise with the number: those of the negative ones fall, so they are turned over.
            let bits = number.to_bits();
            let rising = if number.is_sign_negative() { !bits } else { bits | 1 << 31 };
            (if is_falling { !rising } else { rising }, place)
        })
        .collect();
    let digit = |key: u32, pass: usize| (key >> (DIGIT * pass)) as usize % (1 << DIGIT);
    // How many have each digit, then how many stand before these.
    let mut next = vec![[0_u32; 1 << DIGIT]; PASSES];
    for (key, _) in &keys {
        for (pass, next) in next.iter_mut().enumerate() {
            let num = &mut next[digit(*key, pass)];
            *num = num.wrapping_add(1);
        }
    }
    let mut sorted = vec![(0, 0); keys.len()];
    for (pass, next) in next.iter_mut().enumerate() {
        let mut before = 0_u32;
        for next in next.iter_mut() {
            (before, *next) = (before.wrapping_add(*next), before);
        }
        for entry in &keys {
            let next = &mut next[digit(entry.0, pass)];
            if let Some(slot) = sorted.get_mut(*next as usize) {
                *slot = *entry;
            }
            *next = next.wrapping_add(1);
        }
        std::mem::swap(&mut keys, &mut sorted);
    }
    keys.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn numbers_are_ordered_as_by_comparing(numbers in proptest::collection::vec(prop_oneof![
            any::<f32>(),
            (-3_i32..3).prop_map(|number| number as f32 / 2.0),
            proptest::sample::select(vec![0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN]),
        ], 0..80)) {
            for is_falling in [false, true] {
                let known = numbers.iter().zip(0_u32..).filter(|(number, _)| !number.is_nan());
                let mut expected: Vec<(f32, u32)> = known.map(|(number, place)| (*number, place)).collect();
                expected.sort_by(|(a, _), (b, _)| if is_falling { b.total_cmp(a) } else { a.total_cmp(b) });
                let expected: Vec<u32> = expected.into_iter().map(|(_, place)| place).collect();
                prop_assert_eq!(ordered(numbers.iter().copied(), is_falling), expected);
            }
        }
    }
}
