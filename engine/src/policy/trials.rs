//! What every position of the knob that trades answers for depth does to agreement: one curve, all rows once.

use rayon::prelude::*;

use crate::knob::Knobs;
use crate::policy::calibrate::Trial;
use crate::policy::exit::{Chosen, Counter, Stops};
use crate::policy::pieces::{Piece, pieces};
use crate::policy::replays::Replays;
use crate::policy::sweep::POSITIONS;
use crate::recording::{Agreement, Recording, Slice, depth_of};
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
    /// Where ranges of settings stop: sums as differences from one setting to the next, and beyond the last.
    differences: Vec<Sums>,
    /// Where settings are marked: how many rows exit, `[depth]`, and how many agree where they exit.
    at_depths: Vec<Counter>,
    agreeing: Counter,
    /// Marks of rows that agree, at one depth.
    marks_of_agreeing: Vec<u64>,
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
    let agreement = recording.agreement();
    let counted = replays.summed(
        recording,
        &pieces,
        || Counted::new(replays.len(), last + 1),
        |counted, piece, depth, stops| {
            counted.add(&agreement, piece, depth, stops);
            let exits = counted.exits_of(piece, depth_of(last));
            stops.at(replays.present(), |at| {
                if let Some(exit) = exits.get_mut(at) {
                    *exit = depth;
                }
            });
        },
        Counted::plus,
    );
    let sums = counted.sums();
    let mut exits = counted.exits;
    let trial = |(threshold, [depth, agreeing]): (f64, Sums)| Trial {
        threshold,
        mean_depth: depth as f64 / num as f64,
        agreeing: agreeing.unsigned_abs(),
        tokens: answered,
    };
    let mut trials: Vec<Trial> = replays.at_positions(sums).into_iter().map(trial).collect();
    trials.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
    exits.sort_unstable_by_key(|(before, _)| *before);
    let exits = exits.into_iter().flat_map(|(_, exits)| exits);
    let exits = (num == recording.num_tokens()).then(|| exits.collect());
    Trials { trials, exits }
}

impl Counted {
    fn new(settings: usize, num_depths: usize) -> Self {
        Self {
            differences: vec![Sums::default(); settings + 1],
            at_depths: vec![Counter::new(); num_depths],
            agreeing: Counter::new(),
            marks_of_agreeing: Vec::new(),
            exits: Vec::new(),
        }
    }

    /// Takes in rows of a piece that stop at a depth.
    fn add(&mut self, agreement: &Agreement, piece: &Piece, depth: Depth, stops: Stops<'_>) {
        let agrees = agreement.at(depth.index());
        let agrees = |at: usize| agrees(piece.rows.get(at).copied().unwrap_or(usize::MAX));
        let Stops::Marked(rows, marks) = stops else {
            stops.each(|at, settings| {
                let here = [i64::from(depth.0), i64::from(agrees(at))];
                if let Some(sum) = self.differences.get_mut(settings.start) {
                    *sum = plus(*sum, here);
                }
                if let Some(sum) = self.differences.get_mut(settings.end) {
                    *sum = plus(*sum, here.map(i64::wrapping_neg));
                }
            });
            return;
        };
        if let Some(here) = self.at_depths.get_mut(depth.index()) {
            here.add(marks);
        }
        let of_agreeing = |(at, marks): (&u32, &u64)| marks * u64::from(agrees(*at as usize));
        self.marks_of_agreeing.clear();
        self.marks_of_agreeing.extend(rows.iter().zip(marks).map(of_agreeing));
        self.agreeing.add(&self.marks_of_agreeing);
    }

    /// Exits of a piece, the last one that was asked for.
    fn exits_of(&mut self, piece: &Piece, last: Depth) -> &mut [Depth] {
        if self.exits.last().is_none_or(|(before, _)| *before != piece.before) {
            self.exits.push((piece.before, vec![last; piece.rows.len()]));
        }
        self.exits.last_mut().map(|(_, exits)| exits.as_mut_slice()).unwrap_or_default()
    }

    fn plus(mut self, other: Self) -> Self {
        let differences = self.differences.iter_mut().zip(other.differences);
        differences.for_each(|(sum, part)| *sum = plus(*sum, part));
        self.at_depths.iter_mut().zip(&other.at_depths).for_each(|(sum, part)| sum.plus(part));
        self.agreeing.plus(&other.agreeing);
        self.exits.extend(other.exits);
        self
    }

    /// Of each setting.
    fn sums(&self) -> Vec<Sums> {
        let mut sum = Sums::default();
        let of_setting = |(setting, difference): (usize, &Sums)| {
            sum = plus(sum, *difference);
            let at_depths = (0_u64..).zip(&self.at_depths);
            let depths: u64 = at_depths.map(|(depth, rows)| depth * rows.of(setting) as u64).sum();
            plus(sum, [depths, self.agreeing.of(setting) as u64].map(u64::cast_signed))
        };
        self.differences.iter().enumerate().map(of_setting).collect()
    }
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
