//! Settings of one rule, replayed at once: each has limits of its own at every depth.
//!
//! At every depth the limits are sorted; what a token shows reaches so many of them, which says at which settings it stops.
//! Nothing is branched on that a processor could not foresee: every row is looked at at every depth, and only those that
//! stop at some more settings are gone through again.

use std::ops::Range;

use super::about::{Checks, Fit};
use super::rule::{ExitRule, MOST_AT_ONCE, Stop, Sweep, reaches};
use super::signals::Reader;
use crate::recording::{Recording, depth_of};
use crate::signal::Depth;

/// Settings that differ in their limits.
pub(super) struct AtOnce<R> {
    /// Any of them: it says what a token shows. `None` where no setting has a rule.
    rule: Option<R>,
    settings: usize,
    limits: At,
}

/// Where limits stand.
enum At {
    /// The same at every depth: then a row that reaches one has reached all smaller ones for good.
    All(Limits),
    /// `[depth]` below L: that or more, and that or less, with the other sign.
    Each(Vec<[Limits; 2]>),
}

impl<R: ExitRule> AtOnce<R> {
    /// Of at most `MOST_AT_ONCE` settings; one that has no rule stops nothing.
    pub(super) fn new(settings: impl Iterator<Item = Option<R>>, fit: &Fit<'_>) -> Self {
        let rules: Vec<Option<R>> = settings.take(MOST_AT_ONCE as usize).collect();
        let limits = |limit: &dyn Fn(&R) -> f64| -> Vec<f64> {
            rules.iter().map(|rule| rule.as_ref().map_or(f64::NAN, limit)).collect()
        };
        let depths = || (0..fit.about.layers).map(depth_of);
        let least = depths().map(|depth| limits(&|rule| rule.least(depth)));
        let most = depths().map(|depth| limits(&|rule| -rule.most(depth)));
        let (least, most): (Vec<_>, Vec<_>) = (least.collect(), most.collect());
        // As bits, so that what is no number equals itself.
        let bits = |limits: &Vec<f64>| -> Vec<u64> { limits.iter().map(|l| l.to_bits()).collect() };
        let are_same = least.iter().zip(least.iter().skip(1)).all(|(a, b)| bits(a) == bits(b));
        let limits = match least.first().filter(|_| are_same) {
            Some(least) if most.iter().flatten().all(|most| most.is_nan()) => {
                At::All(Limits::new(least))
            }
            _ => At::Each(
                least
                    .iter()
                    .zip(&most)
                    .map(|both| [both.0, both.1].map(|l| Limits::new(l)))
                    .collect(),
            ),
        };
        Self { settings: rules.len(), limits, rule: rules.into_iter().flatten().next() }
    }
}

/// Parts of equal width into which the numbers between the limits of a depth are divided: so many that few parts have more
/// than one limit inside, so few that they stay in the fastest memory.
const PARTS: usize = 1024;

/// The limits of one depth, each of which says: that or more.
struct Limits {
    /// Ascending, each once.
    ascending: Vec<f64>,
    /// The settings that stop where so many limits are reached, one bit each.
    marks: Vec<u64>,
    /// For each part how many limits lie in smaller parts: all that are reached by any number in it, but for those in it.
    reached: Vec<u8>,
    /// Limits in the part that has most.
    most_in_part: usize,
    /// The smallest limit, and parts in a unit.
    low: f64,
    scale: f64,
}

impl Limits {
    /// Of the limits of settings; NaN where there is none.
    fn new(of_settings: &[f64]) -> Self {
        let settings = of_settings.iter().copied().zip(0..).filter(|(limit, _)| !limit.is_nan());
        let mut settings: Vec<(f64, usize)> = settings.collect();
        settings.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (mut limits, mut marks): (Vec<f64>, _) = (Vec::new(), vec![0]);
        for (limit, setting) in settings {
            let before = marks.last().copied().unwrap_or(0);
            if limits.last() == Some(&limit) {
                marks.pop();
            } else {
                limits.push(limit);
            }
            marks.push(before | 1 << setting);
        }
        // Those that nothing reaches, or everything, say nothing about where numbers lie.
        let usual = |limit: &&f64| limit.abs() < 1e3;
        let low = limits.iter().find(usual).copied().unwrap_or(0.0);
        let high = limits.iter().rfind(usual).copied().unwrap_or(0.0);
        let scale = if high > low { PARTS as f64 / (high - low) } else { 0.0 };
        let mut sorted =
            Self { ascending: limits, marks, reached: Vec::new(), most_in_part: 0, low, scale };
        let mut inside = vec![0_u8; if sorted.ascending.is_empty() { 0 } else { PARTS }];
        for limit in &sorted.ascending {
            if let Some(num) = inside.get_mut(sorted.part(*limit)) {
                *num += 1;
            }
        }
        sorted.most_in_part = inside.iter().max().copied().map_or(0, usize::from);
        let before = |sum: &mut u8, inside: u8| {
            let before = *sum;
            *sum += inside;
            Some(before)
        };
        sorted.reached = inside.into_iter().scan(0, before).collect();
        sorted
    }

    /// The part of a number; it never falls where the number rises.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, NaN becomes 0, and the parts are few"
    )]
    #[inline]
    fn part(&self, number: f64) -> usize {
        // By way of 32 bits, a cast that is one instruction.
        let part = ((number - self.low) * self.scale) as i32;
        part.clamp(0, PARTS as i32 - 1) as usize
    }

    /// How many limits a number reaches; what is no number reaches none.
    #[inline]
    fn num_reached(&self, number: f64) -> usize {
        let mut reached = self.reached.get(self.part(number)).copied().map_or(0, usize::from);
        // As many steps for every number: where the loop ends can be foreseen.
        for _ in 0..self.most_in_part {
            reached += usize::from(number >= self.limit(reached));
        }
        if number.is_nan() { 0 } else { reached }
    }

    /// The limit behind so many smaller ones; NaN where there is none.
    #[inline]
    fn limit(&self, reached: usize) -> f64 {
        self.ascending.get(reached).copied().unwrap_or(f64::NAN)
    }

    /// The settings that stop where so many limits are reached.
    #[inline]
    fn marks(&self, reached: usize) -> u64 {
        self.marks.get(reached).copied().unwrap_or(0)
    }
}

/// The first settings that are marked in a row, and the marks without them.
#[inline]
fn first_run(marks: u64) -> (Range<usize>, u64) {
    let start = marks.trailing_zeros();
    let end = start + (marks >> start).trailing_ones();
    // Adding its first bit carries through the run, and only what follows stays.
    (start as usize..end as usize, marks & marks.wrapping_add(1 << start))
}

/// The settings that are marked, from the first to the last.
pub(super) fn runs(mut marks: u64) -> impl Iterator<Item = Range<usize>> {
    std::iter::from_fn(move || {
        (marks != 0).then(|| {
            let (run, rest) = first_run(marks);
            marks = rest;
            run
        })
    })
}

/// One bit for each of so many settings.
pub(super) fn marks_of_all(settings: usize) -> u64 {
    (0..settings.min(MOST_AT_ONCE as usize)).fold(0, |marks, setting| marks | 1 << setting)
}

impl<R: ExitRule> Sweep for AtOnce<R> {
    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, &[Stop]),
    ) {
        let mut walk = Walk::new(self.settings, rows.len());
        if let Some(rule) = &self.rule {
            let reader = Reader::new(recording);
            let mut states = vec![R::State::default(); rows.len()];
            let mut shown = vec![0.0; rows.len()];
            for depth in checks.iter() {
                let (least, most) = match &self.limits {
                    At::All(least) => (least, None),
                    At::Each(limits) => match limits.get(depth.index()) {
                        Some([least, most]) => (least, Some(most)),
                        None => continue,
                    },
                };
                if least.ascending.is_empty() {
                    continue;
                }
                let columns = reader.at(depth);
                for ((row, state), shown) in rows.iter().zip(&mut states).zip(&mut shown) {
                    *shown = rule.look(state, columns.signals(*row), reader.place(*row), depth);
                }
                match most {
                    None => walk.step(least, &shown),
                    Some(most) => walk.step_apart(least, most, &shown),
                }
                stop(depth, &walk.stops);
                walk.stops.clear();
                if walk.num_done == rows.len() {
                    return;
                }
            }
        }
        for (at, stopped) in (0..).zip(&walk.stopped) {
            walk.stops.extend(runs(walk.all & !stopped).map(|settings| Stop::new(at, settings)));
        }
        stop(depth_of(checks.layers()), &walk.stops);
    }
}

/// Rows on their walk.
struct Walk {
    all: u64,
    /// Marks of the settings at which each row has stopped.
    stopped: Vec<u64>,
    /// The smallest limit that each row has not reached, where limits are the same at every depth.
    next: Vec<f64>,
    /// Numbers of rows that may stop at some more settings, and marks where they are known.
    hits: Vec<(u32, u64)>,
    stops: Vec<Stop>,
    /// How many rows have stopped at all settings.
    num_done: usize,
}

impl Walk {
    fn new(settings: usize, rows: usize) -> Self {
        Self {
            all: marks_of_all(settings),
            stopped: vec![0; rows],
            next: vec![f64::NEG_INFINITY; rows],
            hits: vec![(0, 0); rows],
            stops: Vec::with_capacity(rows),
            num_done: 0,
        }
    }

    /// A depth whose limits are those of all others.
    fn step(&mut self, limits: &Limits, shown: &[f64]) {
        let mut num_hits = 0;
        for ((at, shown), next) in (0..).zip(shown).zip(&self.next) {
            if let Some((hit, _)) = self.hits.get_mut(num_hits) {
                *hit = at;
            }
            num_hits += usize::from(shown >= next);
        }
        for (at, marks) in self.hits.iter_mut().take(num_hits) {
            let number = *at as usize;
            let reached = shown.get(number).map_or(0, |shown| limits.num_reached(*shown));
            *marks = limits.marks(reached);
            if let Some(next) = self.next.get_mut(number) {
                *next = limits.limit(reached);
            }
        }
        self.take(num_hits);
    }

    /// A depth that has limits of its own.
    fn step_apart(&mut self, least: &Limits, most: &Limits, shown: &[f64]) {
        // Who reaches any limit, then who reaches one of a setting at which it has not stopped.
        let (any_least, any_most) = (least.limit(0), -most.limit(0));
        let mut num_near = 0;
        for (at, shown) in (0..).zip(shown) {
            if let Some((near, _)) = self.hits.get_mut(num_near) {
                *near = at;
            }
            num_near += usize::from(reaches(*shown, any_least, any_most));
        }
        let has_most = !most.ascending.is_empty();
        let mut num_hits = 0;
        for near in 0..num_near {
            let (at, _) = self.hits.get(near).copied().unwrap_or_default();
            let number = at as usize;
            let (Some(shown), Some(stopped)) = (shown.get(number), self.stopped.get(number)) else {
                continue;
            };
            let beyond = if has_most { most.marks(most.num_reached(-shown)) } else { 0 };
            let here = (least.marks(least.num_reached(*shown)) | beyond) & !stopped;
            if let Some(hit) = self.hits.get_mut(num_hits) {
                *hit = (at, here);
            }
            num_hits += usize::from(here != 0);
        }
        self.take(num_hits);
    }

    /// The first hits stop at all settings that are marked, where they have not yet.
    fn take(&mut self, num_hits: usize) {
        for (at, marks) in self.hits.iter().take(num_hits) {
            let Some(stopped) = self.stopped.get_mut(*at as usize) else { continue };
            let mut here = marks & !*stopped;
            *stopped |= here;
            self.num_done += usize::from(here != 0 && *stopped == self.all);
            while here != 0 {
                let (run, rest) = first_run(here);
                self.stops.push(Stop::new(*at, run));
                here = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Limits that stand close together, far apart, twice or nowhere.
    fn limit() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => -2.0_f64..2.0,
            2 => (0_i32..8).prop_map(f64::from),
            1 => (0_i32..9).prop_map(|step| 0.5 + f64::from(step) * 1e-9),
            1 => proptest::sample::select(vec![
                f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e8, -1e8, 0.0, -0.0, f64::MIN_POSITIVE,
            ]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_number_reaches_every_limit_up_to_it(
            limits in proptest::collection::vec(limit(), 0..=64),
            numbers in proptest::collection::vec(limit(), 0..20),
        ) {
            let sorted = Limits::new(&limits);
            let beside = limits.iter().flat_map(|limit| [*limit, limit.next_up(), limit.next_down()]);
            for number in numbers.into_iter().chain(beside) {
                let is_reached = |limit: &f64| number >= *limit;
                let marks = limits.iter().enumerate().filter(|(_, limit)| is_reached(limit));
                let expected = marks.fold(0, |marks, (setting, _)| marks | 1_u64 << setting);
                let reached = sorted.num_reached(number);
                prop_assert_eq!(sorted.marks(reached), expected, "{} {:?}", number, limits);
                let next = limits.iter().copied().filter(|limit| *limit > number).fold(f64::NAN, f64::min);
                if !number.is_nan() {
                    prop_assert!(sorted.limit(reached) == next || next.is_nan() && sorted.limit(reached).is_nan());
                }
            }
        }

        #[test]
        fn runs_are_the_marks(marks in any::<u64>(), few in any::<u64>()) {
            for marks in [marks, marks & few, 0, u64::MAX] {
                let mut all = 0;
                for run in runs(marks) {
                    prop_assert!(!run.is_empty());
                    all = run.fold(all, |all, setting| all | 1 << setting);
                }
                prop_assert_eq!(all, marks);
            }
        }
    }
}
