//! Rules whose thresholds let a wanted share of the calibration part leave at each exit.
//!
//! Exit by exit those still inside are ordered by their score; the threshold is that of the `floor(N q)`-th, and everyone who
//! passes it leaves. Where that is none, or too few are left, the exit is closed. Ties make more leave than wanted. All rows are
//! ordered by the score of every depth once; who is inside is then marked for many settings at once.

use std::sync::Arc;

use rayon::prelude::*;

use super::about::{About, Fit};
use super::alone::alone;
use super::at_depth::{AtDepth, Comparison, Score};
use super::at_once::{AtOnce, marks_of_all, runs};
use super::rule::{BuiltRule, MOST_AT_ONCE, RuleCard, RuleEntry, Sweep};
use super::signals::Reader;
use crate::knob::{KnobCard, Knobs};
use crate::recording::{Ladder, depth_of};

/// All that the file of such a rule declares.
pub(super) struct Leaving {
    pub(super) card: RuleCard,
    /// Its own knobs.
    pub(super) knobs: fn(&About) -> Vec<KnobCard>,
    /// What is compared, and how.
    pub(super) compared: fn(&Knobs) -> (Score, Comparison),
    /// The share that is to leave at each exit, the last depth among them; or why there is none.
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
        let key = format!("{shares:?} {comparison:?} {}", fit.key);
        let make = || thresholds(fit, (score, comparison), &[shares], self.closed);
        let found = fit.recording.cubes.memo.newest(self.card.id, &key, make);
        let thresholds = found.first().cloned().unwrap_or_default();
        Ok(Box::new(alone(AtDepth { score, comparison, thresholds })))
    }

    fn sweep(&self, settings: &[Knobs], fit: &Fit<'_>) -> Box<dyn Sweep> {
        let first = settings.first().cloned().unwrap_or_default();
        let (score, comparison) = (self.compared)(&first);
        // Where there are no shares there is no rule, and nothing stops.
        let shares = settings.iter().map(|knobs| (self.shares)(knobs, fit).unwrap_or_default());
        let shares: Vec<_> = shares.collect();
        let thresholds = thresholds(fit, (score, comparison), &shares, self.closed);
        let rule = |thresholds| Some(AtDepth { score, comparison, thresholds });
        Box::new(AtOnce::new(thresholds.into_iter().map(rule), fit))
    }
}

/// `[setting][depth]` below L; `closed` where an exit is closed. `shares`: of each setting the q of each exit.
pub(super) fn thresholds(
    fit: &Fit<'_>,
    (score, comparison): (Score, Comparison),
    shares: &[Vec<f64>],
    closed: f64,
) -> Vec<Vec<f64>> {
    let rows: Vec<usize> = fit.tokens().collect();
    let order = Order::of(fit, &rows, score, comparison);
    // Each thread walks the order for its part of the settings.
    let each = shares.len().div_ceil(rayon::current_num_threads()).clamp(1, MOST_AT_ONCE as usize);
    let parts = shares.par_chunks(each).map(|shares| {
        let mut inside = Inside::new(shares.len(), rows.len());
        let mut thresholds = vec![vec![closed; fit.about.layers]; shares.len()];
        let reader = Reader::new(fit.recording);
        for (exit, depth) in fit.checks.iter().enumerate() {
            let columns = reader.at(depth);
            let score = |place: u32| {
                let row = rows.get(place as usize).copied().unwrap_or(usize::MAX);
                f64::from(score.number(columns.signals(row)))
            };
            let order = order.0.get(depth.index()).map(Vec::as_slice).unwrap_or_default();
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

/// `[depth]`: the places of the rows of the calibration part in the order in which they leave; whose score is no number
/// never does.
struct Order(Vec<Vec<u32>>);

/// Larger ones (about two million rows at 32 depths) are not kept.
const MOST_KEPT: usize = 1 << 26;

impl Order {
    /// `rows`: those of `fit`.
    fn of(fit: &Fit<'_>, rows: &[usize], score: Score, comparison: Comparison) -> Arc<Self> {
        let is_falling = comparison == Comparison::AtLeast;
        let make = || {
            let reader = Reader::new(fit.recording);
            let ordered =
                |depth: usize| {
                    let columns = reader.at(depth_of(depth));
                    let numbers = rows.iter().map(|row| score.number(columns.signals(*row)));
                    let numbers = numbers.zip(0_u32..).filter(|(number, _)| !number.is_nan());
                    let mut places: Vec<(f32, u32)> = numbers.collect();
                    places.sort_unstable_by(|(a, _), (b, _)| {
                        if is_falling { b.total_cmp(a) } else { a.total_cmp(b) }
                    });
                    places.into_iter().map(|(_, place)| place).collect()
                };
            Self((0..fit.about.layers).into_par_iter().map(ordered).collect())
        };
        if rows.len().saturating_mul(fit.about.layers) > MOST_KEPT {
            return Arc::new(make());
        }
        // Which depths are checked changes nothing.
        let name = format!("order {score:?} {is_falling}");
        fit.recording.cubes.memo.newest(&name, fit.key_of_rows, make)
    }
}

/// Who has not left yet.
struct Inside {
    /// For each place one bit of every setting at which its row is inside.
    marks: Vec<u64>,
    /// For each setting.
    num: Vec<usize>,
}

impl Inside {
    fn new(settings: usize, rows: usize) -> Self {
        Self { marks: vec![marks_of_all(settings); rows], num: vec![rows; settings] }
    }

    /// How many of those inside are not in `order`, for each setting.
    fn absent(&self, order: &[u32]) -> Vec<usize> {
        let mut absent = vec![0; self.num.len()];
        if order.len() < self.marks.len() {
            let mut marks = self.marks.clone();
            for place in order {
                if let Some(mark) = marks.get_mut(*place as usize) {
                    *mark = 0;
                }
            }
            for setting in marks.into_iter().flat_map(runs).flatten() {
                absent[setting] += 1;
            }
        }
        absent
    }

    /// Takes the row of a place out, or back in.
    fn turn(&mut self, place: u32, setting: usize) {
        if let Some(mark) = self.marks.get_mut(place as usize) {
            *mark ^= 1 << setting;
            let is_inside = *mark >> setting & 1 == 1;
            self.num[setting] =
                if is_inside { self.num[setting] + 1 } else { self.num[setting] - 1 };
        }
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
        let mut wanted: Vec<usize> =
            shares.iter().map(|share| (self.marks.len() as f64 * share).floor() as usize).collect();
        let mut open = 0_u64;
        for (setting, absent) in self.absent(order).into_iter().enumerate() {
            let most = self.num[setting] - absent;
            open |= u64::from((1..=most).contains(&wanted[setting])) << setting;
        }
        let mut thresholds = vec![f64::NAN; shares.len()];
        // Who does not pass a threshold that its own score made comes back in.
        let before = (comparison == Comparison::Below).then(|| self.marks.clone());
        // Settings of which not enough have left yet, and those whose threshold may let more of them leave.
        let (mut counting, mut passing) = (open, 0);
        for (block, start) in order.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
            if counting | passing == 0 {
                break;
            }
            if passing == 0 && self.leave_together(block, counting, &mut wanted) {
                continue;
            }
            for (place, at) in block.iter().zip(start..) {
                let mark = self.marks.get(*place as usize).copied().unwrap_or(0);
                for setting in runs(mark & (counting | passing)).flatten() {
                    let bit = 1 << setting;
                    let is_counting = counting & bit != 0;
                    if !is_counting && !comparison.passes(score(*place), thresholds[setting]) {
                        passing &= !bit;
                        continue;
                    }
                    self.turn(*place, setting);
                    if !is_counting {
                        continue;
                    }
                    wanted[setting] -= 1;
                    if wanted[setting] > 0 {
                        continue;
                    }
                    let threshold = comparison.beside(score(*place));
                    thresholds[setting] = threshold;
                    (counting, passing) = (counting & !bit, passing | bit);
                    let left = order.iter().take(at + 1).rev();
                    let left = left.take_while(|left| !comparison.passes(score(**left), threshold));
                    if let Some(before) = &before {
                        self.back_in(before, setting, left);
                    }
                }
            }
        }
        thresholds.into_iter().enumerate().filter(|(setting, _)| open >> setting & 1 == 1).collect()
    }

    /// Takes those of some rows back in that were inside `before`.
    fn back_in<'a>(&mut self, before: &[u64], setting: usize, left: impl Iterator<Item = &'a u32>) {
        for place in left {
            let number = *place as usize;
            let left = before.get(number).zip(self.marks.get(number)).map(|(was, is)| was & !is);
            if left.is_some_and(|left| left >> setting & 1 == 1) {
                self.turn(*place, setting);
            }
        }
    }

    /// Lets all rows of a block leave at the settings that count, unless one of these has then let enough leave: then
    /// nothing happens.
    fn leave_together(&mut self, block: &[u32], counting: u64, wanted: &mut [usize]) -> bool {
        // How many leave at each setting: its bits in these, the lowest digit first.
        let mut digits = [0_u64; DIGITS];
        for place in block {
            let mut carry = self.marks.get(*place as usize).copied().unwrap_or(0) & counting;
            for digit in &mut digits {
                (*digit, carry) = (*digit ^ carry, *digit & carry);
            }
        }
        let leaving = |setting: usize| -> usize {
            digits
                .iter()
                .rev()
                .fold(0, |num, digit| 2 * num + usize::from(digit >> setting & 1 == 1))
        };
        if runs(counting).flatten().any(|setting| leaving(setting) >= wanted[setting]) {
            return false;
        }
        for setting in runs(counting).flatten() {
            wanted[setting] -= leaving(setting);
            self.num[setting] -= leaving(setting);
        }
        for place in block {
            if let Some(mark) = self.marks.get_mut(*place as usize) {
                *mark &= !counting;
            }
        }
        true
    }
}

/// Rows that leave together where no setting has enough after them, and the binary digits of their number.
const BLOCK: usize = 64;
const DIGITS: usize = 7;

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
