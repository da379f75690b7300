//! Rules whose thresholds let a wanted share of the calibration part leave at each exit.
//!
//! Exit by exit those still inside are ordered by their score; the threshold is that of the `floor(N q)`-th, and everyone who
//! passes it leaves. Where that is none, or too few are left, the exit is closed. Ties make more leave than wanted. All rows are
//! ordered by the score of every depth once; who is inside is then marked for many settings at once.

use super::about::{About, Fit};
use super::alone::alone;
use super::at_depth::{AtDepth, Comparison, Score};
use super::at_once::AtOnce;
use super::marks::{Counter, marks_of_all, runs};
use super::order::Order;
use super::rule::{BuiltRule, MOST_AT_ONCE, RuleCard, RuleEntry, Sweep};
use super::signals::Reader;
use crate::knob::{KnobCard, Knobs};
use crate::policy::sweep::{POSITIONS, positions};
use crate::recording::Ladder;

/// All that the file of such a rule declares.
pub(super) struct Leaving {
    pub(super) card: RuleCard,
    /// Its own knobs.
    pub(super) knobs: fn(&About) -> Vec<KnobCard>,
    /// What is compared, and how.
    pub(super) compared: fn(&Knobs) -> (Score, Comparison),
    /// The share that is to leave at each exit, the last depth among them; or why there is none. Of the knobs only the main one
    /// says something about it.
    pub(super) shares: fn(&Knobs, &Fit<'_>) -> Result<Vec<f64>, String>,
    /// The threshold of a closed exit, which no score passes.
    pub(super) closed: f64,
}

impl RuleEntry for Leaving {
    fn card(&self) -> &RuleCard {
        &self.card
    }

    fn knobs(&self, about: &About) -> Vec<KnobCard> {
        (self.knobs)(about)
    }

    fn ladder(&self, _about: &About, _knobs: &Knobs) -> Option<(Ladder, f64)> {
        None
    }

    fn build(&self, knobs: &Knobs, fit: &Fit<'_>) -> Result<Box<dyn BuiltRule>, String> {
        let (score, comparison) = (self.compared)(knobs);
        let shares = (self.shares)(knobs, fit)?;
        let thresholds = self.thresholds(knobs, &[shares], fit).pop().unwrap_or_default();
        Ok(Box::new(alone(AtDepth { score, comparison, thresholds })))
    }

    fn sweep(&self, settings: &[Knobs], fit: &Fit<'_>) -> Box<dyn Sweep> {
        let first = settings.first().cloned().unwrap_or_default();
        // Where there are no shares there is no rule, and nothing stops.
        let shares = settings.iter().map(|knobs| (self.shares)(knobs, fit).unwrap_or_default());
        let thresholds = self.thresholds(&first, &shares.collect::<Vec<_>>(), fit);
        let (score, comparison) = (self.compared)(&first);
        let rule = |thresholds| Some(AtDepth { score, comparison, thresholds });
        Box::new(AtOnce::new(thresholds.into_iter().map(rule), fit))
    }
}

/// Thresholds, `[depth]`, behind the shares that they were found for.
type Found = Vec<(Vec<f64>, Vec<f64>)>;

impl Leaving {
    /// `[setting][depth]` for the shares of settings. To find many takes no longer than to find one, so those along which the
    /// main knob is dragged are found together.
    fn thresholds(&self, knobs: &Knobs, shares: &[Vec<f64>], fit: &Fit<'_>) -> Vec<Vec<f64>> {
        let (score, comparison) = (self.compared)(knobs);
        let found = |shares: Vec<Vec<f64>>| -> Found {
            let thresholds = thresholds(fit, (score, comparison), &shares, self.closed);
            shares.into_iter().zip(thresholds).collect()
        };
        let memo = &fit.recording.cubes.memo;
        let key = format!("{comparison:?} {}", fit.key);
        let usual = memo.newest(self.card.id, &key, || {
            let cards = self.knobs(&fit.about);
            let main = cards.iter().find(|card| card.id == self.card.main);
            let values = main.map(|card| positions(card, POSITIONS)).unwrap_or_default();
            let turned = values.into_iter().map(|value| {
                let mut knobs = knobs.clone();
                knobs.set(self.card.main, value);
                knobs
            });
            found(turned.filter_map(|knobs| (self.shares)(&knobs, fit).ok()).collect())
        });
        let is_other = |wanted: &&Vec<f64>| usual.iter().all(|(shares, _)| shares != *wanted);
        let others: Vec<Vec<f64>> = shares.iter().filter(is_other).cloned().collect();
        let key = format!("{others:?} {key}");
        let others = memo.newest(&format!("{} beside", self.card.id), &key, || found(others));
        let all = usual.iter().chain(others.iter());
        let of = |wanted: &Vec<f64>| {
            let found = all.clone().find(|(shares, _)| shares == wanted);
            found.map(|(_, thresholds)| thresholds.clone()).unwrap_or_default()
        };
        shares.iter().map(of).collect()
    }
}

/// `[setting][depth]` below L; `closed` where an exit is closed. `shares`: of each setting the q of each exit.
pub(super) fn thresholds(
    fit: &Fit<'_>,
    (score, comparison): (Score, Comparison),
    shares: &[Vec<f64>],
    closed: f64,
) -> Vec<Vec<f64>> {
    let order = Order::of(fit, score, comparison == Comparison::AtLeast);
    let parts = shares.chunks(MOST_AT_ONCE as usize).map(|shares| {
        let mut inside = Inside::new(shares.len(), fit);
        let mut thresholds = vec![vec![closed; fit.about.layers]; shares.len()];
        let reader = Reader::new(fit.recording);
        for (exit, depth) in fit.checks.iter().enumerate() {
            let columns = reader.at(depth);
            let score = |row: u32| f64::from(score.number(columns.signals(row as usize)));
            let order = order.at(depth);
            let share = |shares: &Vec<f64>| shares.get(exit).copied().unwrap_or(0.0);
            let shares: Vec<f64> = shares.iter().map(share).collect();
            for (setting, threshold) in inside.leave(order, &shares, comparison, score) {
                let slot = thresholds.get_mut(setting).and_then(|all| all.get_mut(depth.index()));
                if let Some(slot) = slot {
                    *slot = threshold;
                }
            }
        }
        thresholds
    });
    parts.collect::<Vec<_>>().concat()
}

/// Who has not left yet.
struct Inside {
    /// For each row of the recording one bit of every setting at which it is inside.
    marks: Vec<u64>,
    /// For each setting.
    num: Vec<usize>,
    /// N: how many were inside at first.
    all: usize,
}

impl Inside {
    fn new(settings: usize, fit: &Fit<'_>) -> Self {
        let mut marks = vec![0; fit.recording.num_tokens()];
        for rows in fit.rows {
            marks.get_mut(rows.clone()).unwrap_or_default().fill(marks_of_all(settings));
        }
        let all = fit.tokens().count();
        Self { marks, num: vec![all; settings], all }
    }

    /// How many of those inside are not in `order`, for each setting.
    fn absent(&self, order: &[u32]) -> Counter {
        let mut absent = Counter::new();
        if order.len() < self.all {
            let mut marks = self.marks.clone();
            for row in order {
                if let Some(mark) = marks.get_mut(*row as usize) {
                    *mark = 0;
                }
            }
            absent.add(&marks);
        }
        absent
    }

    /// Lets shares of all rows leave at one exit, in their order; returns the thresholds of the settings at which it is
    /// not closed.
    fn leave(
        &mut self,
        order: &[u32],
        shares: &[f64],
        comparison: Comparison,
        score: impl Fn(u32) -> f64,
    ) -> Vec<(usize, f64)> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length lies inside the length"
        )]
        let wanted: Vec<usize> =
            shares.iter().map(|share| (self.all as f64 * share).floor() as usize).collect();
        let mut open = 0_u64;
        let absent = self.absent(order);
        for (setting, (num, wanted)) in self.num.iter().zip(&wanted).enumerate() {
            let most = num - absent.of(setting);
            open |= u64::from((1..=most).contains(wanted)) << setting;
        }
        let mut thresholds = vec![f64::NAN; shares.len()];
        // Who does not pass a threshold that its own score made comes back in.
        let is_below = comparison == Comparison::Below;
        let before = if is_below { self.marks.clone() } else { Vec::new() };
        let enough = Counter::of_numbers(&wanted);
        // How many have left, and the settings at which more are to leave.
        let (mut left, mut counting) = (Counter::new(), open);
        let mut leaving = [0; BLOCK];
        for (block, start) in order.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
            if counting == 0 {
                break;
            }
            let mark = |row: &u32| self.marks.get(*row as usize).copied().unwrap_or(0);
            let leaving = leaving.get_mut(..block.len()).unwrap_or_default();
            for (leaving, row) in leaving.iter_mut().zip(block) {
                *leaving = mark(row) & counting;
            }
            let mut after = left.clone();
            after.add(leaving);
            let done = after.reaches(&enough) & counting;
            for setting in runs(done).flatten() {
                let so_far = left.of(setting);
                let of_block = leaving.iter().enumerate();
                let mut of_block = of_block.filter(|(_, marks)| *marks >> setting & 1 == 1);
                let last = of_block.nth(wanted[setting].saturating_sub(so_far + 1));
                let at = last.map_or(start, |(at, _)| start + at);
                let score = |at: usize| order.get(at).map_or(f64::NAN, |row| score(*row));
                let threshold = comparison.beside(score(at));
                let end = end_of(order.len(), at, |at| comparison.passes(score(at), threshold));
                self.num[setting] -= so_far;
                self.end_at(order, (start, end), setting, &before);
                thresholds[setting] = threshold;
            }
            counting &= !done;
            for row in block {
                if let Some(mark) = self.marks.get_mut(*row as usize) {
                    *mark &= !counting;
                }
            }
            left = after;
        }
        thresholds.into_iter().enumerate().filter(|(setting, _)| open >> setting & 1 == 1).collect()
    }

    /// Those in front of `end` leave at a setting, where those in front of `start` have left; if that is less, who was inside
    /// before comes back in.
    fn end_at(
        &mut self,
        order: &[u32],
        (start, end): (usize, usize),
        setting: usize,
        before: &[u64],
    ) {
        let bit = 1 << setting;
        for row in order.get(start..end).unwrap_or_default() {
            if let Some(mark) = self.marks.get_mut(*row as usize) {
                self.num[setting] -= usize::from(*mark & bit != 0);
                *mark &= !bit;
            }
        }
        for row in order.get(end..start).unwrap_or_default() {
            let number = *row as usize;
            if let (Some(mark), Some(was)) = (self.marks.get_mut(number), before.get(number)) {
                self.num[setting] += usize::from(*was & bit != 0);
                *mark |= was & bit;
            }
        }
    }
}

/// How many leave: all that pass the threshold of the `at`-th, and they stand in front. So do those that are as near, and
/// perhaps not the `at`-th itself.
fn end_of(num: usize, at: usize, passes: impl Fn(usize) -> bool) -> usize {
    let more = (at + 1..num).take_while(|at| passes(*at)).count();
    let fewer = (0..=at).rev().take_while(|at| !passes(*at)).count();
    at + 1 + more - fewer
}

/// Rows that leave together at the settings that do not have enough after them.
const BLOCK: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::exit::about::Checks;
    use crate::recording::rough;

    /// Exit by exit, setting by setting: order who is inside, take the threshold, let them leave.
    fn one_by_one(
        fit: &Fit<'_>,
        (score, comparison): (Score, Comparison),
        shares: &[f64],
        closed: f64,
    ) -> Vec<f64> {
        let reader = Reader::new(fit.recording);
        let mut inside: Vec<usize> = fit.tokens().collect();
        let all = inside.len();
        let turned = if comparison == Comparison::AtLeast { -1.0 } else { 1.0 };
        let mut thresholds = vec![closed; fit.about.layers];
        for (depth, share) in fit.checks.iter().zip(shares) {
            let score = |row: usize| score.number(reader.signals(row, depth));
            let numbers = inside.iter().map(|row| turned * score(*row));
            let mut numbers: Vec<f32> = numbers.filter(|number| !number.is_nan()).collect();
            numbers.sort_by(f32::total_cmp);
            let leaving = (1..=all).rev().find(|num| *num as f64 <= all as f64 * share);
            let last = leaving.and_then(|leaving| numbers.get(leaving - 1));
            let Some(last) = last else { continue };
            let threshold = comparison.beside(f64::from(turned * last));
            inside.retain(|row| !comparison.passes(score(*row).into(), threshold));
            thresholds[depth.index()] = threshold;
        }
        thresholds
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn many_settings_at_once_have_the_thresholds_of_each(
            num_tokens in 0_usize..200,
            num_layers in 1_usize..7,
            seed in 0_u64..10_000,
            shares in proptest::collection::vec(proptest::collection::vec(0.0_f64..0.4, 0..8), 0..70),
            least in 0_u16..4,
        ) {
            let recording = rough(num_tokens, num_layers, seed);
            let checks = Checks::new(num_layers, |depth| depth.0 >= least && depth.0 != 4);
            let rows = vec![0..num_tokens / 3, num_tokens / 2..num_tokens];
            let fit = Fit::unnamed(&recording, &checks, &rows);
            for score in [Score::MaxProb, Score::ProbStep] {
                for comparison in [Comparison::AtLeast, Comparison::AtMost, Comparison::Below] {
                    let found = thresholds(&fit, (score, comparison), &shares, 1e8);
                    let alone = shares.iter().map(|shares| one_by_one(&fit, (score, comparison), shares, 1e8));
                    prop_assert_eq!(found, alone.collect::<Vec<_>>(), "{:?} {:?}", score, comparison);
                }
            }
        }
    }
}
