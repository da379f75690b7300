//! Settings of one rule, replayed at once: each has limits of its own at every depth.
//!
//! At every depth the limits are sorted; what a token shows reaches so many of them, which says at which settings it stops.
//! Nothing is branched on that a processor could not foresee: every row is looked at at every depth, and what those that do
//! not stop have left behind is written over. Loops are short, so that a processor is in many rounds of them at once; counts
//! in them wrap, since a check would keep it from that.

use super::about::{Checks, Fit};
use super::branchless::{nearest, numbered, pack};
use super::marks::marks_of_all;
use super::rule::{ExitRule, MOST_AT_ONCE, Stops, Sweep};
use super::signals::{Columns, Reader};
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
    All(Box<Limits>),
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
                At::All(Box::new(Limits::new(least)))
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
/// Places for the limits of a depth and what lies behind them. All lengths are powers of two, so that no index has to be
/// checked.
const PLACES: usize = 2 * MOST_AT_ONCE as usize;

/// The limits of one depth, each of which says: that or more.
struct Limits {
    num: usize,
    /// Ascending, each once; NaN behind the last.
    ascending: [f64; PLACES],
    /// The settings that stop where so many limits are reached, one bit each.
    marks: [u64; PLACES],
    /// For each part how many limits lie in smaller parts: all that are reached by any number in it, but for those in it.
    reached: [u8; PARTS],
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
        let scale = if high > low { (PARTS - 1) as f64 / (high - low) } else { 0.0 };
        let mut sorted = Self {
            num: limits.len(),
            ascending: std::array::from_fn(|at| limits.get(at).copied().unwrap_or(f64::NAN)),
            marks: std::array::from_fn(|at| marks.get(at).copied().unwrap_or(0)),
            reached: [0; PARTS],
            most_in_part: 0,
            low,
            scale,
        };
        let mut inside = [0_u8; PARTS];
        for limit in limits {
            inside[sorted.part(limit)] += 1;
        }
        sorted.most_in_part = inside.iter().max().copied().map_or(0, usize::from);
        let mut before = 0;
        for (reached, inside) in sorted.reached.iter_mut().zip(inside) {
            *reached = before;
            before += inside;
        }
        sorted
    }

    /// The part of a number; it never falls where the number rises. What is no number is in the first one.
    #[inline]
    fn part(&self, number: f64) -> usize {
        nearest((number - self.low) * self.scale, 0.0, (PARTS - 1) as f64) % PARTS
    }

    /// How many limits a number reaches; what is no number reaches none.
    #[inline]
    fn num_reached(&self, number: f64) -> usize {
        let mut reached = usize::from(self.reached[self.part(number)]);
        // As many steps for every number: where the loop ends can be foreseen.
        for _ in 0..self.most_in_part {
            reached = reached.wrapping_add(usize::from(number >= self.limit(reached)));
        }
        reached
    }

    /// The same for many numbers.
    fn all_reached(&self, numbers: &(impl Iterator<Item = f64> + Clone), reached: &mut [u32]) {
        for (reached, number) in reached.iter_mut().zip(numbers.clone()) {
            *reached = u32::from(self.reached[self.part(number)]);
        }
        for _ in 0..self.most_in_part {
            for (reached, number) in reached.iter_mut().zip(numbers.clone()) {
                let is_reached = number >= self.limit(*reached as usize);
                *reached = reached.wrapping_add(u32::from(is_reached));
            }
        }
    }

    /// The limit behind so many smaller ones; NaN where there is none.
    #[inline]
    fn limit(&self, reached: usize) -> f64 {
        self.ascending[reached % PLACES]
    }

    /// The settings that stop where so many limits are reached.
    #[inline]
    fn marks(&self, reached: usize) -> u64 {
        self.marks[reached % PLACES]
    }
}

impl<R: ExitRule> Sweep for AtOnce<R> {
    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, Stops<'_>),
    ) {
        let mut walk = Walk::new(self.settings, rows.len());
        if let Some(rule) = &self.rule {
            let reader = Reader::new(recording);
            let mut states = vec![R::State::default(); rows.len()];
            let mut shown = vec![0.0; rows.len()];
            let follows = |pair: &[usize; 2]| pair[0].checked_add(1) == Some(pair[1]);
            let first = rows.first().copied().filter(|_| rows.array_windows().all(follows));
            for depth in checks.iter() {
                let (least, most) = match &self.limits {
                    At::All(least) => (least.as_ref(), None),
                    At::Each(limits) => match limits.get(depth.index()) {
                        Some([least, most]) => (least, Some(most)),
                        None => continue,
                    },
                };
                if least.num == 0 {
                    continue;
                }
                let columns = reader.at(depth);
                let seen = first.is_some_and(|first| {
                    look_along(rule, depth, &columns, first, &mut states, &mut shown)
                });
                if !seen {
                    look_at(rule, depth, &columns, rows, &mut states, &mut shown);
                }
                match most {
                    None => walk.step_on(least, &shown),
                    Some(most) => walk.step_apart(least, most, &shown),
                }
                stop(depth, walk.stops());
                if walk.stopped.iter().all(|stopped| *stopped == walk.all) {
                    return;
                }
            }
        }
        walk.stop_all();
        stop(depth_of(checks.layers()), walk.stops());
    }
}

/// What rows show at a depth. A function of its own, since what it is given is known not to overlap.
#[inline(never)]
fn look_at<R: ExitRule>(
    rule: &R,
    depth: Depth,
    columns: &Columns<'_>,
    rows: &[usize],
    states: &mut [R::State],
    shown: &mut [f64],
) {
    for (row, (shown, state)) in rows.iter().zip(shown.iter_mut().zip(states)) {
        *shown = rule.look(state, columns.signals(*row), columns.place(*row), depth);
    }
}

/// The same of rows that follow each other; false where they are too many to be read together, and nothing was.
#[inline(never)]
fn look_along<R: ExitRule>(
    rule: &R,
    depth: Depth,
    columns: &Columns<'_>,
    first: usize,
    states: &mut [R::State],
    shown: &mut [f64],
) -> bool {
    let num = shown.len();
    let (Some(columns), Some(states)) = (columns.of(first, num), states.get_mut(..num)) else {
        return false;
    };
    for row in 0..num {
        shown[row] = rule.look(&mut states[row], columns.signals(row), columns.place(row), depth);
    }
    true
}

/// Rows on their walk.
struct Walk {
    all: u64,
    /// Marks of the settings at which each row has stopped.
    stopped: Vec<u64>,
    /// The smallest limit that each row has not reached, where limits are the same at every depth.
    next: Vec<f64>,
    /// How many limits each row reaches.
    reached: Vec<u32>,
    beyond: Vec<u32>,
    /// The rows that stop at some settings, and at which.
    hits: Vec<u32>,
    marks: Vec<u64>,
    num_hits: usize,
}

impl Walk {
    fn new(settings: usize, rows: usize) -> Self {
        Self {
            all: marks_of_all(settings),
            stopped: vec![0; rows],
            next: vec![f64::NEG_INFINITY; rows],
            reached: vec![0; rows],
            beyond: vec![0; rows],
            hits: vec![0; rows],
            marks: vec![0; rows],
            num_hits: 0,
        }
    }

    /// A depth whose limits are those of all others: only who reaches the next one may stop.
    fn step_on(&mut self, limits: &Limits, shown: &[f64]) {
        let may_stop = numbered(shown.iter().zip(&self.next));
        let may_stop = may_stop.map(|(at, (shown, next))| (at, shown >= next));
        let num = pack(may_stop, &mut self.hits);
        self.num_hits = num;
        for (at, marks) in self.hits.iter().take(num).zip(&mut self.marks) {
            let number = *at as usize;
            let (Some(shown), Some(next)) = (shown.get(number), self.next.get_mut(number)) else {
                continue;
            };
            let reached = limits.num_reached(*shown);
            *marks = limits.marks(reached);
            *next = limits.limit(reached);
        }
        for (at, marks) in self.hits.iter().take(num).zip(&mut self.marks) {
            let Some(stopped) = self.stopped.get_mut(*at as usize) else { continue };
            *marks &= !*stopped;
            *stopped |= *marks;
        }
    }

    /// A depth that has limits of its own: anybody may stop.
    fn step_apart(&mut self, least: &Limits, most: &Limits, shown: &[f64]) {
        least.all_reached(&shown.iter().copied(), &mut self.reached);
        let reached = self.reached.iter();
        let of_least = reached.map(|reached| least.marks(*reached as usize));
        if most.num == 0 {
            return self.num_hits =
                stop_at(of_least, &mut self.stopped, &mut self.hits, &mut self.marks);
        }
        most.all_reached(&shown.iter().map(|shown| -shown), &mut self.beyond);
        let of_most = self.beyond.iter().map(|beyond| most.marks(*beyond as usize));
        let either = of_least.zip(of_most).map(|(least, most)| least | most);
        self.num_hits = stop_at(either, &mut self.stopped, &mut self.hits, &mut self.marks);
    }

    /// All rows stop at all settings at which they have not yet.
    fn stop_all(&mut self) {
        let all = std::iter::repeat_n(self.all, self.stopped.len());
        self.num_hits = stop_at(all, &mut self.stopped, &mut self.hits, &mut self.marks);
    }

    fn stops(&self) -> Stops<'_> {
        let of_hits = 0..self.num_hits;
        let (hits, marks) = (self.hits.get(of_hits.clone()), self.marks.get(of_hits));
        Stops::Marked(hits.unwrap_or_default(), marks.unwrap_or_default())
    }
}

/// Every row stops at the settings that are marked, where it has not yet; writes who does, and where, to the front of `hits`
/// and `of_hits`, and returns how many there are.
fn stop_at(
    marks: impl Iterator<Item = u64>,
    stopped: &mut [u64],
    hits: &mut [u32],
    of_hits: &mut [u64],
) -> usize {
    let (mut at, mut num) = (0_u32, 0_usize);
    for (marks, stopped) in marks.zip(stopped) {
        let here = marks & !*stopped;
        *stopped |= here;
        if let (Some(hit), Some(marks)) = (hits.get_mut(num), of_hits.get_mut(num)) {
            (*hit, *marks) = (at, here);
        }
        at = at.wrapping_add(1);
        num = num.wrapping_add(usize::from(here != 0));
    }
    num
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
            let numbers: Vec<f64> = numbers.into_iter().chain(beside).collect();
            let mut all_reached = vec![0; numbers.len()];
            sorted.all_reached(&numbers.iter().copied(), &mut all_reached);
            for (number, all_reached) in numbers.into_iter().zip(all_reached) {
                let is_reached = |limit: &f64| number >= *limit;
                let marks = limits.iter().enumerate().filter(|(_, limit)| is_reached(limit));
                let expected = marks.fold(0, |marks, (setting, _)| marks | 1_u64 << setting);
                let reached = sorted.num_reached(number);
                prop_assert_eq!(reached, all_reached as usize);
                prop_assert_eq!(sorted.marks(reached), expected, "{} {:?}", number, limits);
                let next = limits.iter().copied().filter(|limit| *limit > number).fold(f64::NAN, f64::min);
                if !number.is_nan() {
                    prop_assert!(sorted.limit(reached) == next || next.is_nan() && sorted.limit(reached).is_nan());
                }
            }
        }
    }
}
