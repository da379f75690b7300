//! Rules by which every token decides alone: replayed, at several settings at once, and in a forward pass.
//!
//! A recording is walked depth by depth: at each one the tokens that still run are asked, along its columns.

use super::about::Checks;
use super::rule::{BuiltRule, ExitRule, LiveRule, Stop, Sweep};
use super::signals::{Place, Reader, TokenSignals};
use crate::recording::{Recording, depth_of};
use crate::signal::{Depth, Signal};

/// A rule by which every token decides alone.
pub(super) fn alone<R: ExitRule>(rule: R) -> impl BuiltRule {
    Alone(rule)
}

struct Alone<R>(R);

/// Numbers of the rows that have not stopped yet, ascending.
pub(super) struct Running(pub(super) Vec<usize>);

impl Running {
    /// So many rows before the first depth.
    pub(super) fn new(rows: usize) -> Self {
        Self((0..rows).collect())
    }

    /// Keeps those that run on, without a branch for each, which a processor could not foresee.
    #[inline]
    pub(super) fn retain(&mut self, mut runs_on: impl FnMut(usize) -> bool) {
        let mut kept = 0;
        for number in 0..self.0.len() {
            let at = self.0.get(number).copied().unwrap_or_default();
            let keeps = runs_on(at);
            if let Some(place) = self.0.get_mut(kept) {
                *place = at;
            }
            kept += usize::from(keeps);
        }
        self.0.truncate(kept);
    }

    /// The exit of all that still run.
    pub(super) fn end_at(self, depth: Depth, exits: &mut [Depth]) {
        for at in self.0 {
            if let Some(exit) = exits.get_mut(at) {
                *exit = depth;
            }
        }
    }
}

impl<R: ExitRule> BuiltRule for Alone<R> {
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[usize]) -> Vec<Depth> {
        let reader = Reader::new(recording);
        let mut states = vec![R::State::default(); rows.len()];
        let mut exits = vec![Depth(0); rows.len()];
        let mut running = Running::new(rows.len());
        for depth in checks.iter().filter(|depth| self.0.may_stop(*depth)) {
            let columns = reader.at(depth);
            running.retain(|at| {
                let (Some(row), Some(state), Some(exit)) =
                    (rows.get(at).copied(), states.get_mut(at), exits.get_mut(at))
                else {
                    return false;
                };
                // As if it stopped: what runs on is overwritten.
                *exit = depth;
                !self.0.decides(state, columns.signals(row), reader.place(row), depth)
            });
            if running.0.is_empty() {
                break;
            }
        }
        running.end_at(depth_of(checks.layers()), &mut exits);
        exits
    }

    fn live<'a>(
        &'a self,
        checks: &'a Checks,
        places: Vec<Place>,
    ) -> Option<Box<dyn LiveRule + 'a>> {
        let states = vec![R::State::default(); places.len()];
        Some(Box::new(AloneLive { rule: &self.0, checks, places, states }))
    }

    fn thresholds(&self) -> &[f64] {
        self.0.thresholds()
    }

    fn signal(&self) -> Option<Signal> {
        self.0.signal()
    }
}

struct AloneLive<'a, R: ExitRule> {
    rule: &'a R,
    checks: &'a Checks,
    places: Vec<Place>,
    states: Vec<R::State>,
}

impl<R: ExitRule> LiveRule for AloneLive<'_, R> {
    fn step(
        &mut self,
        depth: Depth,
        tokens: &[usize],
        signals: &[TokenSignals],
        stops: &mut [bool],
    ) {
        if !self.checks.has(depth) {
            return;
        }
        for ((token, signals), stops) in tokens.iter().zip(signals).zip(stops) {
            // A token that the run does not know runs on.
            if let (Some(state), Some(place)) =
                (self.states.get_mut(*token), self.places.get(*token))
            {
                *stops = self.rule.decides(state, *signals, *place, depth);
            }
        }
    }
}

/// Settings of a rule, each with its rule if it has one.
pub(super) fn nested<R: ExitRule>(settings: impl Iterator<Item = Option<R>>) -> Box<dyn Sweep> {
    let strictness = |rule: &Option<R>| rule.as_ref().map_or(f64::INFINITY, R::strictness);
    let known = settings.enumerate().map(|(number, rule)| (strictness(&rule), number, rule));
    let mut known: Vec<(f64, usize, Option<R>)> = known.collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let order = known.iter().map(|(_, number, _)| *number).collect();
    let stopping = known.into_iter().filter(|(strictness, ..)| *strictness < f64::INFINITY);
    Box::new(Nested { order, rules: stopping.filter_map(|(_, _, rule)| rule).collect() })
}

/// Settings of one rule.
struct Nested<R> {
    /// Their numbers as they were given, from the mildest to the strictest.
    order: Vec<usize>,
    /// Of the mildest; the others never stop a row.
    rules: Vec<R>,
}

impl<R: ExitRule> Sweep for Nested<R> {
    fn order(&self) -> &[usize] {
        &self.order
    }

    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, &[Stop]),
    ) {
        let (reader, rules) = (Reader::new(recording), &self.rules);
        let mut states = vec![R::State::default(); rows.len()];
        // At how many settings each row has stopped: always the mildest.
        let mut stopped = vec![0; rows.len()];
        let mut running = Running::new(rows.len());
        // Rows that stop at some more settings, and what they show; the others are not branched on, which a processor
        // could not foresee.
        let mut hits = vec![(0, R::Shown::default()); rows.len()];
        let mut stops = Vec::with_capacity(rows.len());
        for depth in checks.iter() {
            let Some(first) = rules.first().filter(|rule| rule.may_stop(depth)) else { continue };
            let columns = reader.at(depth);
            let mut num_hits = 0;
            for at in running.0.iter().copied() {
                let (Some(row), Some(state), Some(hit)) =
                    (rows.get(at).copied(), states.get_mut(at), hits.get_mut(num_hits))
                else {
                    continue;
                };
                let shown = first.look(state, columns.signals(row), reader.place(row), depth);
                *hit = (at, shown);
                let next = stopped.get(at).and_then(|stopped| rules.get(*stopped));
                num_hits += usize::from(next.is_some_and(|rule| rule.stops(shown, depth)));
            }
            let mut num_done = 0;
            for (at, shown) in hits.iter().take(num_hits).copied() {
                let Some(stopped) = stopped.get_mut(at) else { continue };
                let from = *stopped;
                *stopped += 1;
                let stricter = rules.get(*stopped..).unwrap_or_default();
                *stopped += stricter.iter().take_while(|rule| rule.stops(shown, depth)).count();
                stops.push(Stop { at, settings: from..*stopped });
                num_done += usize::from(*stopped == rules.len());
            }
            stop(depth, &stops);
            stops.clear();
            if num_done > 0 {
                running.retain(|at| stopped.get(at).is_some_and(|stopped| *stopped < rules.len()));
            }
            if running.0.is_empty() {
                break;
            }
        }
        let all = self.order.len();
        let rest = stopped.into_iter().enumerate().filter(|(_, stopped)| *stopped < all);
        stops.extend(rest.map(|(at, stopped)| Stop { at, settings: stopped..all }));
        stop(depth_of(checks.layers()), &stops);
    }
}
