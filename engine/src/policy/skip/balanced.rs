//! Every n-th block for a wanted speed-up, first and last among them (Unified Layer Skipping).
//!
//! n = floor(L / s) blocks are kept, at least 2. The published code steps by floor(L / (n - 1)) from the bottom: where that
//! is no whole number, all that is left out lies in one hole below the last block. Balanced instead keeps
//! round(k (L - 1) / (n - 1)) for k = 0..n-1, halves to even, an extension of ours.

use super::place::{self, Where};
use super::rule::{Entry, SkipCard};
use super::set::Set;
use crate::knob::{Choice, ChoiceOption, Real};

const SPEEDUP: Real = Real {
    id: "target-speedup",
    label: "Wanted speed-up (blocks)",
    help: "Blocks of the full model for each block that runs; rounded up to a whole number of kept blocks",
    unit: "",
    default: 2.0,
    min: 1.0,
    max: 64.0,
    step: 0.1,
};
const SPACING: Choice = Choice {
    id: "spacing",
    label: "Spacing",
    help: "Which blocks stay for the wanted number of them",
};
const CODE: &str = "published-code";

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "unified",
        label: "Every n-th block",
        meaning: "Keeps evenly spaced blocks for a wanted speed-up, the same for every token behind the prompt",
        source: "Liu, Meng, Zhou 2024 (Unified Layer Skipping), its published code; the balanced spacing is an extension",
        main: "target-speedup",
    },
    knobs: |about| {
        let speedup = Real { max: (about.layers.max(1) as f64 / 2.0).max(1.0), ..SPEEDUP };
        let speedup = Real { default: speedup.default.min(speedup.max), ..speedup };
        let options = vec![
            ChoiceOption::new("balanced", "Balanced"),
            ChoiceOption::new(CODE, "As in the published code"),
        ];
        vec![speedup.card(), SPACING.card(options), place::card(Where::BehindPrompt)]
    },
    plan: |asked, _| {
        let (layers, speedup) = (asked.about.layers, asked.knobs.real(&SPEEDUP));
        let kept = match asked.knobs.choice(&SPACING) {
            Some(CODE) => stepped(layers, speedup),
            _ => balanced(layers, speedup),
        };
        Ok(place::plan(asked.knobs, Set::only(layers, kept)).into())
    },
};

/// How many blocks stay: floor(L / s), at least the first and the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a number of blocks is one"
)]
fn number(layers: usize, speedup: f64) -> usize {
    let kept = (layers as f64 / speedup.max(1.0)).floor() as usize;
    kept.max(2).min(layers)
}

/// As the published code chooses, with the number of blocks that it divides by kept from 0.
fn stepped(layers: usize, speedup: f64) -> Vec<usize> {
    let kept = number(layers, speedup);
    if kept < 2 {
        return (0..layers).collect();
    }
    let interval = (layers / (kept - 1)).max(1);
    let between = (1..layers - 1).filter(|idx| idx % interval == 0).take(kept - 2);
    std::iter::once(0).chain(between).chain([layers - 1]).collect()
}

/// round(k (L - 1) / (n - 1)).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between the first block and the last"
)]
fn balanced(layers: usize, speedup: f64) -> Vec<usize> {
    let kept = number(layers, speedup);
    if kept < 2 {
        return (0..layers).collect();
    }
    let step = (layers - 1) as f64 / (kept - 1) as f64;
    (0..kept).map(|k| (k as f64 * step).round_ties_even() as usize).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_code_keeps_the_blocks_of_the_specification() {
        let even = |to: usize| (0..=to).step_by(2);
        let with_last = |blocks: Vec<usize>, last| [blocks, vec![last]].concat();
        assert_eq!(stepped(30, 2.0), with_last(even(26).collect(), 29));
        assert_eq!(stepped(30, 3.0), with_last((0..=24).step_by(3).collect(), 29));
        assert_eq!(stepped(30, 5.0), [0, 6, 12, 18, 24, 29]);
        assert_eq!(stepped(30, 10.0), [0, 15, 29]);
        assert_eq!(stepped(32, 3.0), with_last((0..=24).step_by(3).collect(), 31));
        assert_eq!(stepped(24, 2.0), with_last(even(20).collect(), 23));
        assert_eq!(stepped(12, 2.0), [0, 2, 4, 6, 8, 11]);
        assert_eq!(stepped(12, 3.0), [0, 4, 8, 11]);
        assert_eq!(stepped(30, 15.0), [0, 29]);
        assert_eq!(stepped(30, 1.5), with_last((0..=18).collect(), 29));
        // The code divides by 0 here.
        assert_eq!(stepped(30, 16.0), [0, 29]);
    }

    #[test]
    fn balanced_leaves_no_hole() {
        assert_eq!(balanced(30, 5.0), [0, 6, 12, 17, 23, 29]);
        assert_eq!(balanced(12, 2.0), [0, 2, 4, 7, 9, 11]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn first_and_last_stay_and_so_many_as_wanted(layers in 1_usize..100, speedup in 1.0_f64..100.0) {
            for kept in [stepped(layers, speedup), balanced(layers, speedup)] {
                prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", kept);
                prop_assert_eq!((kept.first(), kept.last()), (Some(&0), Some(&(layers - 1))));
                prop_assert!(kept.len() <= number(layers, speedup));
            }
            prop_assert_eq!(balanced(layers, speedup).len(), number(layers, speedup));
            prop_assert_eq!(stepped(layers, 1.0), (0..layers).collect::<Vec<_>>());
            prop_assert_eq!(balanced(layers, 1.0), (0..layers).collect::<Vec<_>>());
        }
    }
}
