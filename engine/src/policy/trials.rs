//! What every position of the knob that trades answers for depth does to agreement: one curve, all rows once.

use rayon::prelude::*;

use crate::knob::{Knobs, Value};
use crate::policy::calibrate::Trial;
use crate::policy::exit::{Chosen, Settings, choose_rule};
use crate::policy::pieces::{Piece, pieces};
use crate::policy::sweep::{POSITIONS, main_card, number, positions};
use crate::recording::{RUNGS, Recording, Slice};
use crate::signal::Depth;

/// What every rung of the rule's ladder does or, without a ladder, evenly spaced positions of its main knob; in the order
/// of the knob. Empty without tokens.
pub(crate) fn trials(
    recording: &Recording,
    chosen: &Chosen,
    knobs: &Knobs,
    slice: &Slice,
) -> Vec<Trial> {
    let rows = Rows::new(recording, slice);
    let mut trials = match chosen.ladder() {
        Some((ladder, _)) => {
            let thresholds: Vec<f64> = (0..RUNGS).map(|rung| ladder.threshold(rung)).collect();
            rows.at_once(&Settings::rungs(chosen, ladder), &thresholds)
        }
        None => rows.positions(chosen, knobs),
    };
    trials.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
    trials
}

/// Rows of a slice, of whose exits only the mean depth and the agreement are counted.
struct Rows<'a> {
    recording: &'a Recording,
    pieces: Vec<Piece>,
    num: usize,
    /// Those that can agree: the full model has a first choice.
    answered: u64,
}

/// Sums over rows: of the depths at which they exit, and how many agree there.
type Sums = (i64, i64);

impl<'a> Rows<'a> {
    fn new(recording: &'a Recording, slice: &Slice) -> Self {
        let (ranges, last) = (slice.ranges(recording), recording.num_layers());
        let pieces = pieces(&ranges);
        let is_answered = |row: &usize| recording.first_choice(last, *row).is_some();
        let rows =
            |piece: &Piece| piece.rows.iter().cloned().flatten().filter(is_answered).count() as u64;
        let answered = pieces.par_iter().map(rows).sum();
        let num = ranges.iter().map(ExactSizeIterator::len).sum();
        Self { recording, pieces, num, answered }
    }

    /// What each of some settings does, of whose main knobs `values` are the positions.
    fn at_once(&self, settings: &Settings, values: &[f64]) -> Vec<Trial> {
        // Differences from setting to setting, in the order of the sweep; the running sum is what is counted.
        let empty = || vec![Sums::default(); values.len() + 1];
        let differences = self.pieces.par_iter().fold(empty, |mut sums, piece| {
            settings.stops(self.recording, &piece.rows, &mut |stop| {
                let (depth, agrees) = self.sums(stop.row, stop.depth);
                for (place, sign) in [(stop.settings.start, 1), (stop.settings.end, -1)] {
                    if let Some(sum) = sums.get_mut(place) {
                        *sum = (sum.0 + sign * depth, sum.1 + sign * agrees);
                    }
                }
            });
            sums
        });
        let differences = differences.reduce(empty, |mut sums, part| {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum = plus(*sum, part));
            sums
        });
        let sums = differences.iter().scan(Sums::default(), |sum, difference| {
            *sum = plus(*sum, *difference);
            Some(*sum)
        });
        let trial = |(sums, number): (Sums, &usize)| self.trial(*values.get(*number)?, sums);
        sums.zip(settings.order()).filter_map(trial).collect()
    }

    /// What evenly spaced positions of a rule's main knob do.
    fn positions(&self, chosen: &Chosen, knobs: &Knobs) -> Vec<Trial> {
        let card = main_card(self.recording, chosen.rule);
        let values = card.map(|card| positions(&card, POSITIONS)).unwrap_or_default();
        let settings = Settings::new(self.recording, chosen.rule, knobs, &values);
        if let Some(settings) = settings {
            return self.at_once(&settings, &values.iter().map(number).collect::<Vec<_>>());
        }
        let trial = |value: &Value| {
            let mut turned = knobs.clone();
            turned.set(chosen.rule.card().main, value.clone());
            self.alone(&choose_rule(self.recording, chosen.rule, &turned), number(value))
        };
        values.par_iter().filter_map(trial).collect()
    }

    /// What a rule does as its knobs stand.
    fn alone(&self, chosen: &Chosen, at: f64) -> Option<Trial> {
        let sums = |piece: &Piece| {
            let exits = chosen.exits_of(self.recording, &piece.rows);
            let rows = piece.rows.iter().cloned().flatten().zip(exits);
            rows.map(|(row, depth)| self.sums(row, depth)).fold(Sums::default(), plus)
        };
        self.trial(at, self.pieces.par_iter().map(sums).reduce(Sums::default, plus))
    }

    /// A row that exits at a depth.
    fn sums(&self, row: usize, depth: Depth) -> Sums {
        let agrees = self.recording.agrees(depth.index(), row) == Some(true);
        (i64::from(depth.0), i64::from(agrees))
    }

    /// `None` without rows.
    fn trial(&self, threshold: f64, (depth, agreeing): Sums) -> Option<Trial> {
        let mean_depth = depth as f64 / self.num as f64;
        let (agreeing, tokens) = (agreeing.unsigned_abs(), self.answered);
        (self.num > 0).then_some(Trial { threshold, mean_depth, agreeing, tokens })
    }
}

fn plus(a: Sums, b: Sums) -> Sums {
    (a.0 + b.0, a.1 + b.1)
}

#[cfg(test)]
mod tests {
    use super::*;
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
