//! What every position of a rule's main knob does to some rows, by exits and by what fails.
//!
//! A rule that compares one signal with one threshold is counted as the exit cube counts: a row stops at depth d for the
//! thresholds stricter than all that it passed before and not stricter than what it passes at d, one range of the ladder.
//! The same holds for the positions of other knobs, where a stricter one stops nothing that a milder one does not; what has no
//! such order is replayed at each position. All sums are whole numbers, so the order of rows changes nothing.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::knob::Knobs;
use crate::policy::exit::Chosen;
use crate::policy::goal::Goal;
use crate::policy::pieces::{Piece, pieces};
use crate::policy::replays::Replays;
use crate::policy::split::{Side, Split};
use crate::recording::{Recording, Slice, depth_of};
use crate::signal::Depth;

/// A text counts as a whole in so many parts, so that shares of its rows are whole numbers.
const PARTS: u64 = 1 << 40;

/// Failures among draws: rows, which fail or do not, or texts, which fail by a share of their rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Failures {
    /// Sum of what fails.
    pub(crate) failing: f64,
    /// How many count.
    pub(crate) num: u64,
}

impl Failures {
    /// The mean; `None` where nothing counts.
    pub(crate) fn risk(&self) -> Option<f64> {
        (self.num > 0).then(|| self.failing / self.num as f64)
    }

    /// The share that does not fail; `None` where nothing counts.
    pub(crate) fn kept(&self) -> Option<f64> {
        (self.num > 0).then(|| (self.num as f64 - self.failing) / self.num as f64)
    }
}

/// What one position does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// The position; NaN where nothing stops.
    pub(crate) at: f64,
    /// How many rows exit, `[depth]`.
    pub(crate) exits: Vec<u64>,
    /// By rows.
    pub(crate) rows: Failures,
    /// By texts: a text fails by the share of its rows that do, rounded up by less than 1e-6.
    pub(crate) texts: Failures,
}

impl Outcome {
    /// Mean exit depth; `None` without rows.
    pub(crate) fn mean_depth(&self) -> Option<f64> {
        let num: u64 = self.exits.iter().sum();
        let weighted: u64 =
            self.exits.iter().zip(0_u64..).map(|(exits, depth)| exits * depth).sum();
        (num > 0).then(|| weighted as f64 / num as f64)
    }
}

/// What all positions do.
#[derive(Debug)]
pub(crate) struct Outcomes {
    /// From the safest, which runs deepest, to the riskiest.
    pub(crate) positions: Vec<Outcome>,
    /// Nothing stops.
    pub(crate) full: Outcome,
}

impl Outcomes {
    /// The same in the order of what the same rule does on other rows.
    pub(crate) fn in_order_of(&self, other: &Self) -> Self {
        let positions = other.positions.iter().filter_map(|outcome| self.at(outcome.at)).cloned();
        Self { positions: positions.collect(), full: self.full.clone() }
    }

    /// What a position does.
    pub(crate) fn at(&self, at: f64) -> Option<&Outcome> {
        self.positions.iter().find(|outcome| outcome.at == at)
    }
}

/// Rows that are counted, and by what.
pub(super) struct Counted<'a> {
    recording: &'a Recording,
    rows: &'a [Range<usize>],
    goal: Goal,
    /// What a row is of its text, for each row of `rows` in their order; 0 where it does not count.
    shares: Vec<u64>,
    num_rows: u64,
    num_texts: u64,
}

impl<'a> Counted<'a> {
    pub(super) fn new(recording: &'a Recording, rows: &'a [Range<usize>], goal: Goal) -> Self {
        let last = recording.num_layers();
        let mut counted =
            Self { recording, rows, goal, shares: Vec::new(), num_rows: 0, num_texts: 0 };
        let mut text = Vec::new();
        let mut current = None;
        for row in rows.iter().flat_map(Clone::clone) {
            let sample = recording.tokens.sample.get(row);
            if current.replace(sample).is_some_and(|before| before != sample) {
                counted.close(&mut text);
            }
            text.push(goal.fails(recording, last, row).is_some());
        }
        counted.close(&mut text);
        counted
    }

    /// Takes a text whose rows count or not.
    fn close(&mut self, text: &mut Vec<bool>) {
        let counting = text.iter().filter(|counts| **counts).count() as u64;
        let share = if counting == 0 { 0 } else { PARTS.div_ceil(counting) };
        self.shares.extend(text.drain(..).map(|counts| if counts { share } else { 0 }));
        self.num_rows += counting;
        self.num_texts += u64::from(counting > 0);
    }

    /// What one built rule does.
    fn outcome(&self, chosen: &Chosen, at: f64) -> Outcome {
        self.single(at, |piece| chosen.exits_of(self.recording, &piece.rows))
    }

    /// What happens where nothing stops.
    fn full(&self) -> Outcome {
        let last = depth_of(self.recording.num_layers());
        self.single(f64::NAN, |piece| vec![last; piece.rows.len()])
    }

    /// What one position does, of which it is known where rows exit.
    fn single(&self, at: f64, exits: impl Fn(&Piece) -> Vec<Depth> + Sync) -> Outcome {
        let empty = || Cells::new(1, self.recording.num_layers() + 1);
        let add = |mut cells: Cells, piece: &Piece| {
            for (number, exit) in exits(piece).into_iter().enumerate() {
                cells.add(0..1, exit.index(), self.weight(piece, number, exit));
            }
            cells
        };
        let cells = pieces(self.rows).par_iter().fold(empty, add).reduce(empty, Cells::plus);
        let nothing = Outcome {
            at,
            exits: vec![0; self.recording.num_layers() + 1],
            rows: Failures::default(),
            texts: Failures::default(),
        };
        cells.outcomes(self).pop().map_or(nothing, |outcome| Outcome { at, ..outcome })
    }

    /// Rows and parts of texts that fail where a row of a piece, by its number in it, exits at a depth.
    fn weight(&self, piece: &Piece, number: usize, depth: Depth) -> (i64, i128) {
        let row = piece.rows.get(number).copied().unwrap_or(usize::MAX);
        let share = self.shares.get(piece.before + number).copied().unwrap_or(0);
        let fails = self.goal.fails(self.recording, depth.index(), row) == Some(true);
        if fails { (1, i128::from(share)) } else { (0, 0) }
    }

    /// What the positions of the rule's main knob do: every rung where a cube answers the rule, else at most `most`.
    pub(super) fn outcomes(&self, chosen: &Chosen, knobs: &Knobs, most: u32) -> Outcomes {
        let replays = Replays::of(self.recording, chosen, knobs, most);
        let cells = replays.summed(
            self.recording,
            &pieces(self.rows),
            || Cells::new(replays.len(), self.recording.num_layers() + 1),
            |cells, piece, depth, stops| {
                stops.each(|at, settings| {
                    cells.add(settings, depth.index(), self.weight(piece, at, depth));
                });
            },
            Cells::plus,
        );
        let outcomes = replays.at_positions(cells.outcomes(self)).into_iter();
        let mut positions: Vec<Outcome> =
            outcomes.map(|(at, outcome)| Outcome { at, ..outcome }).collect();
        if chosen.ladder().is_some() {
            positions.reverse();
            return Outcomes { positions, full: self.full() };
        }
        // Values rise, whichever of their ends is the strict one.
        positions.sort_by(|a, b| a.at.total_cmp(&b.at));
        // Of two positions of a rule that is not fitted one stops no row earlier than the other (a patience of 0, which
        // never stops, stands behind all others), so the order is the same whatever rows it is read off, and a claim may be
        // tested in it. Budgets, which are fitted, have no such order by themselves: it is read off the rows that they are
        // fitted on (`in_order_of`).
        let depth = |outcome: &Outcome| outcome.mean_depth().unwrap_or(0.0);
        positions.sort_by(|a, b| depth(b).total_cmp(&depth(a)));
        Outcomes { positions, full: self.full() }
    }
}

/// Rows to be counted, with a name that says which they are.
pub(crate) struct Part {
    rows: Vec<Range<usize>>,
    key: String,
}

impl Part {
    /// A whole slice.
    pub(crate) fn slice(recording: &Recording, slice: &Slice) -> Self {
        Self { rows: slice.ranges(recording), key: slice.key() }
    }

    /// The rows of a slice that stand on one side.
    pub(crate) fn side(recording: &Recording, slice: &Slice, split: Split, side: Side) -> Self {
        let key = format!("{} {} {side:?}", slice.key(), split.key());
        Self { rows: split.rows_in(recording, side, slice), key }
    }

    /// Number of rows.
    pub(crate) fn num_rows(&self) -> usize {
        self.rows.iter().map(ExactSizeIterator::len).sum()
    }

    /// What every position of the rule's main knob does (every rung, or at most `most`); counted once.
    pub(crate) fn outcomes(
        &self,
        recording: &Recording,
        (chosen, knobs): (&Chosen, &Knobs),
        goal: Goal,
        most: u32,
    ) -> Arc<Outcomes> {
        let name = format!("outcomes {} {} {goal:?} {most}", chosen.key_of_curve, self.key);
        recording
            .cubes
            .memo
            .get(&name, || Counted::new(recording, &self.rows, goal).outcomes(chosen, knobs, most))
    }

    /// What the rule does as its knobs stand; counted once.
    pub(crate) fn outcome(
        &self,
        recording: &Recording,
        chosen: &Chosen,
        goal: Goal,
    ) -> Arc<Outcome> {
        let name = format!("outcome {} {} {goal:?}", chosen.key, self.key);
        recording
            .cubes
            .memo
            .get(&name, || Counted::new(recording, &self.rows, goal).outcome(chosen, f64::NAN))
    }
}

/// Differences from position to position; the running sum over positions is what is counted.
struct Cells {
    num_depths: usize,
    /// `[position][depth]`
    exits: Vec<i64>,
    /// `[position]`
    failing: Vec<i64>,
    /// `[position]`, in parts of a text.
    parts: Vec<i128>,
}

impl Cells {
    fn new(positions: usize, num_depths: usize) -> Self {
        let beyond = positions + 1;
        Self {
            num_depths,
            exits: vec![0; beyond * num_depths],
            failing: vec![0; beyond],
            parts: vec![0; beyond],
        }
    }

    /// A row that exits at `depth` for a range of positions.
    fn add(&mut self, positions: Range<usize>, depth: usize, (failing, parts): (i64, i128)) {
        for (position, sign) in [(positions.start, 1), (positions.end, -1)] {
            if let Some(exits) = self.exits.get_mut(position * self.num_depths + depth) {
                *exits += sign;
            }
            if let Some(sum) = self.failing.get_mut(position) {
                *sum += sign * failing;
            }
            if let Some(sum) = self.parts.get_mut(position) {
                *sum += i128::from(sign) * parts;
            }
        }
    }

    fn plus(mut self, other: Self) -> Self {
        self.exits.iter_mut().zip(other.exits).for_each(|(sum, part)| *sum += part);
        self.failing.iter_mut().zip(other.failing).for_each(|(sum, part)| *sum += part);
        self.parts.iter_mut().zip(other.parts).for_each(|(sum, part)| *sum += part);
        self
    }

    /// From differences to counts, in the order of positions.
    fn outcomes(self, counted: &Counted<'_>) -> Vec<Outcome> {
        let mut exits = vec![0_i64; self.num_depths];
        let (mut failing, mut parts) = (0, 0);
        let each = self.exits.chunks(self.num_depths).zip(self.failing).zip(self.parts);
        let num = self.exits.len() / self.num_depths.max(1) - 1;
        each.take(num)
            .map(|((more_exits, more_failing), more_parts)| {
                exits.iter_mut().zip(more_exits).for_each(|(sum, more)| *sum += more);
                failing += more_failing;
                parts += more_parts;
                let texts = parts as f64 / PARTS as f64;
                Outcome {
                    at: f64::NAN,
                    exits: exits.iter().map(|exits| exits.unsigned_abs()).collect(),
                    rows: Failures { failing: failing as f64, num: counted.num_rows },
                    // Parts are rounded up, so whole texts that fail may be a trace more than there are.
                    texts: Failures {
                        failing: texts.min(counted.num_texts as f64),
                        num: counted.num_texts,
                    },
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::Value;
    use crate::policy::exit::{Counts, RULES, choose};
    use crate::policy::sweep::POSITIONS;
    use crate::recording::{rough, synthetic, synthetic_samples};

    fn outcomes(
        recording: &Recording,
        rows: &[Range<usize>],
        goal: Goal,
        knobs: &Knobs,
    ) -> Outcomes {
        let chosen = choose(recording, knobs);
        Counted::new(recording, rows, goal).outcomes(&chosen, knobs, POSITIONS)
    }

    fn knobs(rule: &str, least: i64) -> Knobs {
        let mut knobs = Knobs::default();
        knobs.set("rule", Value::Choice(rule.to_owned()));
        knobs.set("least-depth", Value::Integer(least));
        knobs
    }

    #[test]
    fn every_position_of_every_rule_is_what_its_replay_counts() {
        for recording in [rough(300, 5, 11), synthetic_samples(120, 3, 4)] {
            let rows = Slice::all().ranges(&recording);
            for rule in RULES {
                for least in [0, 2] {
                    let mut knobs = knobs(rule.card().id, least);
                    let found = outcomes(&recording, &rows, Goal::Agreement, &knobs);
                    assert!(found.positions.len() > 1 || rule.card().id == "oracle");
                    for outcome in found.positions.iter().step_by(11) {
                        let main = rule.card().main;
                        let value = crate::policy::main_value(&recording, *rule, outcome.at);
                        knobs.set(main, value);
                        let chosen = choose(&recording, &knobs);
                        let tally = Counts::new(&recording, &chosen, None).of(&Slice::all());
                        assert_eq!(outcome.exits, tally.exits, "{} {}", rule.card().id, outcome.at);
                        let failing = tally.answered - tally.num_agreeing();
                        assert_eq!(
                            outcome.rows,
                            Failures { failing: failing as f64, num: tally.answered }
                        );
                        assert_eq!(outcome.mean_depth(), tally.mean_depth());
                    }
                }
            }
        }
    }

    #[test]
    fn positions_stand_from_deep_to_shallow() {
        let recording = synthetic(400, 6, 2);
        let rows = Slice::all().ranges(&recording);
        for rule in RULES {
            let found = outcomes(&recording, &rows, Goal::Agreement, &knobs(rule.card().id, 0));
            let depths: Vec<_> = found.positions.iter().map(Outcome::mean_depth).collect();
            assert!(depths.is_sorted_by(|a, b| a >= b), "{}: {depths:?}", rule.card().id);
        }
    }

    #[test]
    fn an_order_can_be_that_of_other_rows() {
        let recording = synthetic(300, 4, 7);
        let rows = Slice::all().ranges(&recording);
        let found = outcomes(&recording, &rows, Goal::Agreement, &knobs("patience", 0));
        let mut other = outcomes(&recording, &rows, Goal::Accuracy, &knobs("patience", 0));
        other.positions.reverse();
        let turned = found.in_order_of(&other);
        assert_eq!(turned.full.exits, found.full.exits);
        assert!(found.positions.len() > 2);
        assert!(turned.positions.iter().eq(found.positions.iter().rev()));
    }

    #[test]
    fn a_text_fails_by_the_share_of_its_rows() {
        let mut recording = synthetic(40, 2, 1);
        // Texts of 16, 16 and 8 tokens; at depth 0 none agrees in the first, a quarter in the second, all in the third.
        for row in 0..40 {
            recording.top1[2][row] = 1;
            let agrees = row >= 32 || (16..20).contains(&row);
            recording.top1[0][row] = if agrees { 1 } else { 2 };
        }
        let fixed = {
            let mut knobs = knobs("fixed", 0);
            knobs.set("depth", Value::Integer(0));
            knobs
        };
        let rows = Slice::all().ranges(&recording);
        let found = outcomes(&recording, &rows, Goal::Agreement, &fixed);
        let at_once = found.at(0.0).unwrap();
        assert_eq!((at_once.rows.failing, at_once.rows.num), (28.0, 40));
        assert!((at_once.texts.failing - 1.75).abs() < 1e-9, "{:?}", at_once.texts);
        assert_eq!(at_once.texts.num, 3);
        assert_eq!((found.full.rows.failing, found.full.exits.clone()), (0.0, vec![0, 0, 40]));
        // What has no answer does not count, neither as a row nor in its text.
        recording.top1[2][..16].fill(crate::signal::NO_TOKEN);
        let found = outcomes(&recording, &rows, Goal::Agreement, &fixed);
        let at_once = found.at(0.0).unwrap();
        assert_eq!((at_once.rows.num, at_once.texts.num, at_once.exits[0]), (24, 2, 40));
        assert!((at_once.texts.risk().unwrap() - 0.375).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_counted_twice_in_parts() {
        let recording = synthetic(300, 4, 7);
        let rows = Slice::all().ranges(&recording);
        let all = outcomes(&recording, &rows, Goal::Accuracy, &Knobs::default());
        let [a, b] = [vec![0..80, 96..160], vec![80..96, 160..300]]
            .map(|rows| outcomes(&recording, &rows, Goal::Accuracy, &Knobs::default()));
        for ((all, a), b) in all.positions.iter().zip(&a.positions).zip(&b.positions) {
            assert_eq!(all.rows.failing, a.rows.failing + b.rows.failing);
            assert_eq!(all.rows.num, a.rows.num + b.rows.num);
            assert_eq!(all.texts.num, a.texts.num + b.texts.num);
            assert!((all.texts.failing - a.texts.failing - b.texts.failing).abs() < 1e-6);
        }
    }
}
