//! Rules applied to a recording: exit depths of tokens, and counts for one threshold or for all.

use super::calibrate::Trial;
use super::exit::{RuleEntry, Setting};
use crate::recording::{RUNGS, Recording, Slice, Tally};
use crate::signal::Depth;

/// Exit depth of every token of the recording.
pub(crate) fn replay(recording: &Recording, rule: &dyn RuleEntry, at: Setting) -> Vec<Depth> {
    rule.replay(recording, at, 0..recording.num_tokens())
}

/// Counts for one setting: from the cube where the threshold is a rung, else by replay. Both are exact.
pub(crate) fn tally(
    recording: &Recording,
    rule: &dyn RuleEntry,
    at: Setting,
    slice: &Slice,
) -> Tally {
    let ladder = rule.ladder(recording.manifest.vocab);
    match ladder.rung(at.threshold) {
        Some(rung) => recording.cube(ladder, at.least, slice).tally(rung),
        None => tally_by_replay(recording, rule, at, slice),
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
    use super::*;
    use crate::policy::RULES;
    use crate::recording::rough;

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

    #[test]
    fn a_threshold_between_rungs_is_answered_exactly() {
        let recording = rough(200, 4, 3);
        let rule = RULES[0];
        let at = Setting { threshold: 0.500_4, least: Depth(1) };
        let exits = replay(&recording, rule, at);
        let counted = tally(&recording, rule, at, &Slice::all());
        let mean = exits.iter().map(|d| d.index() as f64).sum::<f64>() / 200.0;
        assert!((counted.mean_depth().unwrap() - mean).abs() < 1e-12);
    }
}
