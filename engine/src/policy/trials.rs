//! What every position of the knob that trades answers for depth does to agreement: one curve, all rows once.

use rayon::prelude::*;

use crate::knob::Knobs;
use crate::policy::calibrate::Trial;
use crate::policy::exit::Chosen;
use crate::policy::pieces::{Piece, pieces};
use crate::policy::replays::Replays;
use crate::policy::sweep::POSITIONS;
use crate::recording::{Recording, Slice, depth_of};
use crate::signal::Depth;

/// Sums over rows: of the depths at which they exit, and how many agree there.
type Sums = [i64; 2];

/// What positions of a knob do, and what was seen on the way.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    /// Of every rung of the rule's ladder or, without a ladder, of evenly spaced positions of its main knob; in the order of
    /// the knob. Empty without tokens.
    pub(crate) trials: Vec<Trial>,
    /// Where every token exits as the knobs stand; `None` where not all tokens were asked.
    pub(crate) exits: Option<Vec<Depth>>,
}

/// What is counted on a walk.
struct Counted {
    /// Of each setting, as differences from one to the next, and of what lies beyond the last.
    sums: Vec<Sums>,
    /// Exits of pieces, each with the number of its first row.
    exits: Vec<(usize, Vec<Depth>)>,
}

/// Positions of a rule's main knob over the tokens of a slice.
pub(crate) fn trials(
    recording: &Recording,
    chosen: &Chosen,
    knobs: &Knobs,
    slice: &Slice,
) -> Trials {
    let pieces = pieces(&slice.ranges(recording));
    let num: usize = pieces.iter().map(|piece| piece.rows.len()).sum();
    if num == 0 {
        return Trials::default();
    }
    let last = recording.num_layers();
    // Those that can agree: the full model has a first choice.
    let answered = |piece: &Piece| {
        let rows = piece.rows.iter();
        rows.filter(|row| recording.first_choice(last, **row).is_some()).count() as u64
    };
    let answered = pieces.par_iter().map(answered).sum();
    let replays = Replays::of(recording, chosen, knobs, POSITIONS);
    let counted = replays.summed(
        recording,
        &pieces,
        || Counted { sums: vec![Sums::default(); replays.len() + 1], exits: Vec::new() },
        |Counted { sums, exits }, piece, depth, stops| {
            if exits.last().is_none_or(|(before, _)| *before != piece.before) {
                exits.push((piece.before, vec![depth_of(last); piece.rows.len()]));
            }
            let mut exits = exits.last_mut();
            let agrees = recording.agreeing(depth);
            for stop in stops {
                let row = piece.rows.get(stop.at()).copied().unwrap_or(usize::MAX);
                let here = [i64::from(depth.0), i64::from(agrees(row))];
                let settings = stop.settings();
                if let Some(sum) = sums.get_mut(settings.start) {
                    *sum = plus(*sum, here);
                }
                if let Some(sum) = sums.get_mut(settings.end) {
                    *sum = plus(*sum, here.map(i64::wrapping_neg));
                }
                if replays.is_present(stop) {
                    let exit = exits.as_mut().and_then(|(_, exits)| exits.get_mut(stop.at()));
                    if let Some(exit) = exit {
                        *exit = depth;
                    }
                }
            }
        },
        |mut all, part| {
            all.sums.iter_mut().zip(part.sums).for_each(|(sum, part)| *sum = plus(*sum, part));
            all.exits.extend(part.exits);
            all
        },
    );
    let Counted { sums, mut exits } = counted;
    let sums = sums.into_iter().scan(Sums::default(), |sum, difference| {
        *sum = plus(*sum, difference);
        Some(*sum)
    });
    let trial = |(threshold, [depth, agreeing]): (f64, Sums)| Trial {
        threshold,
        mean_depth: depth as f64 / num as f64,
        agreeing: agreeing.unsigned_abs(),
        tokens: answered,
    };
    let mut trials: Vec<Trial> =
        replays.at_positions(sums.collect()).into_iter().map(trial).collect();
    trials.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
    exits.sort_unstable_by_key(|(before, _)| *before);
    let exits = exits.into_iter().flat_map(|(_, exits)| exits);
    let exits = (num == recording.num_tokens()).then(|| exits.collect());
    Trials { trials, exits }
}

/// Far from any overflow; without a check, which would keep a processor from adding both at once.
fn plus([depth, agreeing]: Sums, more: Sums) -> Sums {
    [depth.wrapping_add(more[0]), agreeing.wrapping_add(more[1])]
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
                let chosen = choose(&recording, &knobs);
                let Trials { trials, exits } = trials(&recording, &chosen, &knobs, &slice);
                let is_all = slice == Slice::all();
                assert_eq!(
                    exits,
                    is_all.then(|| chosen.all_exits(&recording)),
                    "{}",
                    rule.card().id
                );
                assert!(trials.is_sorted_by(|a, b| a.threshold < b.threshold));
                assert!(trials.len() > 1 || rule.card().id == "oracle");
                for trial in trials.iter().step_by(9) {
                    knobs.set(rule.card().main, main_value(&recording, rule, trial.threshold));
                    let chosen = choose(&recording, &knobs);
                    let tally = Counts::new(&recording, &chosen, None).of(&slice);
                    let expected = (tally.mean_depth(), tally.num_agreeing(), tally.answered);
                    let found = (Some(trial.mean_depth), trial.agreeing, trial.tokens);
                    assert_eq!(found, expected, "{} {}", rule.card().id, trial.threshold);
                }
            }
        }
        let nobody = Slice::all().with("difficulty", "none");
        let chosen = choose(&recording, &Knobs::default());
        assert!(trials(&recording, &chosen, &Knobs::default(), &nobody).trials.is_empty());
    }
}
