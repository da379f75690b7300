//! What every position of the knob that trades answers for depth does to agreement: one curve, all rows once.

use rayon::prelude::*;

use crate::knob::Knobs;
use crate::policy::calibrate::Trial;
use crate::policy::exit::Chosen;
use crate::policy::pieces::{Piece, pieces};
use crate::policy::replays::Replays;
use crate::policy::sweep::POSITIONS;
use crate::recording::{Recording, Slice};

/// Sums over rows: of the depths at which they exit, and how many agree there.
type Sums = (i64, i64);

/// What every rung of the rule's ladder does or, without a ladder, evenly spaced positions of its main knob; in the order
/// of the knob. Empty without tokens.
pub(crate) fn trials(
    recording: &Recording,
    chosen: &Chosen,
    knobs: &Knobs,
    slice: &Slice,
) -> Vec<Trial> {
    let pieces = pieces(&slice.ranges(recording));
    let num: usize = pieces.iter().map(|piece| piece.rows.len()).sum();
    if num == 0 {
        return Vec::new();
    }
    let last = recording.num_layers();
    // Those that can agree: the full model has a first choice.
    let answered = |piece: &Piece| {
        let rows = piece.rows.iter();
        rows.filter(|row| recording.first_choice(last, **row).is_some()).count() as u64
    };
    let answered = pieces.par_iter().map(answered).sum();
    let replays = Replays::of(recording, chosen, knobs, POSITIONS);
    let summed = replays.summed(
        recording,
        &pieces,
        |positions| vec![Sums::default(); positions + 1],
        |sums, piece, depth, stops| {
            for stop in stops {
                let row = piece.rows.get(stop.at).copied().unwrap_or(usize::MAX);
                let agrees = recording.agrees(depth.index(), row) == Some(true);
                let here = (i64::from(depth.0), i64::from(agrees));
                if let Some(sum) = sums.get_mut(stop.settings.start) {
                    *sum = plus(*sum, here);
                }
                if let Some(sum) = sums.get_mut(stop.settings.end) {
                    *sum = plus(*sum, (-here.0, -here.1));
                }
            }
        },
        |mut sums, part| {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum = plus(*sum, part));
            sums
        },
    );
    let mut trials = Vec::new();
    for (differences, positions) in summed {
        let mut sums = Sums::default();
        for (difference, threshold) in differences.into_iter().zip(positions) {
            sums = plus(sums, difference);
            trials.push(Trial {
                threshold: *threshold,
                mean_depth: sums.0 as f64 / num as f64,
                agreeing: sums.1.unsigned_abs(),
                tokens: answered,
            });
        }
    }
    trials.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
    trials
}

fn plus(a: Sums, b: Sums) -> Sums {
    (a.0 + b.0, a.1 + b.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::Value;
    use crate::policy::exit::{Counts, RULES, choose};
    use crate::policy::main_value;
    use crate::recording::rough;

    #[test]
    fn every_trial_is_what_a_replay_of_its_setting_counts() {
        let recording = rough(400, 5, 3);
        for slice in [Slice::all(), Slice::all().with("difficulty", "2")] {
            for (rule, least) in RULES.iter().flat_map(|rule| [(*rule, 0), (*rule, 2)]) {
                let mut knobs = Knobs::default();
                knobs.set("rule", Value::Choice(rule.card().id.to_owned()));
                knobs.set("least-depth", Value::Integer(least));
                let trials = trials(&recording, &choose(&recording, &knobs), &knobs, &slice);
                assert!(trials.is_sorted_by(|a, b| a.threshold < b.threshold));
                assert!(trials.len() > 1 || rule.card().id == "oracle");
                for trial in trials.iter().step_by(9) {
                    knobs.set(rule.card().main, main_value(&recording, rule, trial.threshold));
                    let chosen = choose(&recording, &knobs);
                    let tally = Counts::new(&recording, &chosen).of(&slice);
                    let expected = (tally.mean_depth(), tally.num_agreeing(), tally.answered);
                    let found = (Some(trial.mean_depth), trial.agreeing, trial.tokens);
                    assert_eq!(found, expected, "{} {}", rule.card().id, trial.threshold);
                }
            }
        }
        let nobody = Slice::all().with("difficulty", "none");
        let chosen = choose(&recording, &Knobs::default());
        assert!(trials(&recording, &chosen, &Knobs::default(), &nobody).is_empty());
    }
}
