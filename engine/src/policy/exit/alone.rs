//! Rules by which every token decides alone: replayed, at several settings at once, and in a forward pass.
//!
//! A recording is walked depth by depth: at each one the tokens that still run are asked, along its columns.

use std::ops::Range;

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

/// A token that has not stopped yet.
pub(super) struct Running<S> {
    /// Its number among the rows that are walked.
    pub(super) at: usize,
    pub(super) row: usize,
    pub(super) state: S,
}

/// All rows before the first depth.
pub(super) fn running<S: Default>(rows: &[Range<usize>]) -> Vec<Running<S>> {
    let rows = rows.iter().flat_map(Clone::clone).enumerate();
    rows.map(|(at, row)| Running { at, row, state: S::default() }).collect()
}

impl<R: ExitRule> BuiltRule for Alone<R> {
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[Range<usize>]) -> Vec<Depth> {
        let reader = Reader::new(recording);
        let mut running: Vec<Running<R::State>> = running(rows);
        let mut exits = vec![depth_of(checks.layers()); running.len()];
        for depth in checks.iter().filter(|depth| self.0.may_stop(*depth)) {
            let columns = reader.at(depth);
            running.retain_mut(|Running { at, row, state }| {
                let stops = self.0.stops(state, columns.signals(*row), reader.place(*row), depth);
                if let Some(exit) = exits.get_mut(*at).filter(|_| stops) {
                    *exit = depth;
                }
                !stops
            });
            if running.is_empty() {
                break;
            }
        }
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
                *stops = self.rule.stops(state, *signals, *place, depth);
            }
        }
    }
}

/// Settings of a rule from the mildest to the strictest; `None` where they have no such order.
pub(super) fn nested<R: ExitRule>(
    settings: impl Iterator<Item = Option<R>>,
) -> Option<Box<dyn Sweep>> {
    let known = settings.enumerate().map(|(number, rule)| {
        let rule = rule?;
        Some((rule.strictness()?, number, rule))
    });
    let mut known: Vec<(f64, usize, R)> = known.collect::<Option<_>>()?;
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (order, rules) = known.into_iter().map(|(_, number, rule)| (number, rule)).unzip();
    Some(Box::new(Nested { order, rules }))
}

/// Settings of one rule from the mildest to the strictest.
struct Nested<R> {
    /// Their numbers as they were given.
    order: Vec<usize>,
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
        rows: &[Range<usize>],
        stop: &mut dyn FnMut(Stop),
    ) {
        let (reader, all) = (Reader::new(recording), self.rules.len());
        // Beside the state, at how many settings a token has stopped: always the mildest.
        let mut running: Vec<Running<(R::State, usize)>> = running(rows);
        // Tokens that stop at some more settings, with their states before; the others are not branched on, which a
        // processor could not foresee.
        let mut hits = vec![(0, R::State::default()); running.len()];
        for depth in checks.iter() {
            let columns = reader.at(depth);
            let mut num_hits = 0;
            for (number, token) in running.iter_mut().enumerate() {
                let Running { row, state: (state, stopped), .. } = token;
                let (Some(rule), Some(hit)) = (self.rules.get(*stopped), hits.get_mut(num_hits))
                else {
                    continue;
                };
                *hit = (number, state.clone());
                let stops = rule.stops(state, columns.signals(*row), reader.place(*row), depth);
                num_hits += usize::from(stops);
            }
            let mut is_any_done = false;
            for (number, before) in hits.iter().take(num_hits) {
                let Some(token) = running.get_mut(*number) else { continue };
                let Running { at, row, state: (_, stopped) } = token;
                let (signals, place, from) = (columns.signals(*row), reader.place(*row), *stopped);
                *stopped += 1;
                let stricter = self.rules.get(*stopped..).unwrap_or_default();
                *stopped += R::num_stopping(stricter, before, signals, place, depth);
                stop(Stop { at: *at, row: *row, settings: from..*stopped, depth });
                is_any_done |= *stopped == all;
            }
            if is_any_done {
                running.retain(|token| token.state.1 < all);
            }
            if running.is_empty() {
                return;
            }
        }
        let depth = depth_of(checks.layers());
        for Running { at, row, state: (_, stopped) } in running {
            stop(Stop { at, row, settings: stopped..all, depth });
        }
    }
}
