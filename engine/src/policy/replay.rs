//! Rules applied to a recording: exit depths of tokens, and counts for one threshold or for all.

use super::calibrate::Trial;
use super::exit::{RuleEntry, Setting};
use crate::recording::{RUNGS, Recording, Slice, Tally};
use crate::signal::Depth;

/// Exit depth of every token of the recording.
pub(crate) fn replay(recording: &Recording, rule: &dyn RuleEntry, at: Setting) -> Vec<Depth> {
    rule.replay(recording, at, 0..recording.num_tokens())
}

/// Counts for one setting: from the cube and, between its rungs, from what the threshold moves; by replay where
/// neither is at hand. All three are exact.
pub(crate) fn tally(
    recording: &Recording,
    rule: &dyn RuleEntry,
    at: Setting,
    slice: &Slice,
) -> Tally {
    let ladder = rule.ladder(recording.manifest.vocab);
    match ladder.rung(at.threshold) {
        Some(rung) => recording.tally_at(ladder, at.least, slice, rung),
        None => recording
            .tally_between(ladder, at.least, slice, at.threshold)
            .unwrap_or_else(|| tally_by_replay(recording, rule, at, slice)),
    }
}

fn tally_by_replay(
    recording: &Recording,
    rule: &dyn RuleEntry,
    at: Setting,
    slice: &Slice,
) -> Tally {
    let mut tally = Tally::empty(recording.num_layers() + 1);
    for range in slice.ranges(recording) {
        let exits = rule.replay(recording, at, range.clone());
        tally.add(recording, range, &exits);
    }
    tally
}

/// What every threshold of the rule's ladder does, in the order of thresholds; empty without tokens.
pub(crate) fn trials(
    recording: &Recording,
    rule: &dyn RuleEntry,
    least: Depth,
    slice: &Slice,
) -> Vec<Trial> {
    let ladder = rule.ladder(recording.manifest.vocab);
    let cube = recording.cube(ladder, least, slice);
    let trial = |rung| {
        let tally = cube.tally(rung);
        let mean_depth = tally.mean_depth()?;
        let (agreeing, tokens) = (tally.num_agreeing(), tally.answered);
        Some(Trial { threshold: ladder.threshold(rung), mean_depth, agreeing, tokens })
    };
    (0..RUNGS).filter_map(trial).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::RULES;
    use crate::recording::{depth_of, rough};
    use crate::signal::Signal;

    #[test]
    fn cube_and_replay_count_the_same_at_every_rung() {
        let recording = rough(300, 5, 11);
        for rule in RULES {
            let ladder = rule.ladder(recording.manifest.vocab);
            for least in [0, 2, 5] {
                for rung in 0..RUNGS {
                    let at = Setting { threshold: ladder.threshold(rung), least: Depth(least) };
                    let all = Slice::all();
                    let counted = tally(&recording, *rule, at, &all);
                    assert_eq!(counted, tally_by_replay(&recording, *rule, at, &all));
                    assert_eq!(counted.num_tokens(), 300);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_threshold_between_rungs_is_answered_without_a_replay_and_exactly(
            num_tokens in 0_usize..200,
            num_layers in 0_usize..7,
            least in 0_usize..7,
            seed in 0_u64..10_000,
            share in 0.0_f64..1.0,
        ) {
            let recording = rough(num_tokens, num_layers, seed);
            let least = depth_of(least.min(num_layers));
            for rule in RULES {
                let ladder = rule.ladder(recording.manifest.vocab);
                let threshold = share * ladder.threshold(RUNGS - 1);
                let at = Setting { threshold, least };
                for slice in [Slice::all(), Slice::all().with("difficulty", "2")] {
                    let listed = recording.tally_between(ladder, least, &slice, threshold);
                    let replayed = tally_by_replay(&recording, *rule, at, &slice);
                    prop_assert_eq!(listed, Some(replayed));
                }
            }
        }
    }

    #[test]
    fn a_crowd_between_two_rungs_is_counted_exactly() {
        // Two of three tokens have a first value between two rungs, many of them the same one.
        let mut recording = rough(60_000, 2, 11);
        for signal in [Signal::MaxProb, Signal::Margin, Signal::Entropy] {
            let column = &mut recording.signals.get_mut(&signal).unwrap()[0];
            for (token, value) in column.iter_mut().enumerate().filter(|(token, _)| token % 3 > 0) {
                *value = 0.3105 + 1e-9 * (token / 4000 * 4000) as f32;
            }
        }
        for rule in RULES {
            let ladder = rule.ladder(recording.manifest.vocab);
            for threshold in [0.3103, 0.3105, 0.310_505, 0.310_52, 0.310_54, 0.310_558, 0.31059] {
                let at = Setting { threshold, least: Depth(0) };
                for slice in [Slice::all(), Slice::all().with("difficulty", "2")] {
                    let listed = recording.tally_between(ladder, Depth(0), &slice, threshold);
                    assert_eq!(listed, Some(tally_by_replay(&recording, *rule, at, &slice)));
                }
            }
        }
    }

    #[test]
    fn thresholds_just_beside_a_recorded_value_are_told_apart() {
        let recording = rough(300, 5, 7);
        for rule in RULES {
            for value in recording.column(rule.signal(), Depth(2)).unwrap() {
                for threshold in
                    [f64::from(*value), f64::from(value.next_down()), f64::from(value.next_up())]
                {
                    let at = Setting { threshold, least: Depth(1) };
                    let all = Slice::all();
                    assert_eq!(
                        tally(&recording, *rule, at, &all),
                        tally_by_replay(&recording, *rule, at, &all)
                    );
                }
            }
        }
    }
}
