//! Rules by which every token decides alone: replayed, and in a forward pass.
//!
//! A recording is walked depth by depth: at each one the tokens that still run are asked, along its columns.

use super::about::Checks;
use super::rule::{BuiltRule, ExitRule, LiveRule, reaches};
use super::signals::{Place, Reader, TokenSignals};
use crate::recording::{Recording, depth_of};
use crate::signal::{Depth, Signal};

/// A rule by which every token decides alone.
pub(super) fn alone<R: ExitRule>(rule: R) -> impl BuiltRule {
    Alone(rule)
}

struct Alone<R>(R);

/// A row that has not stopped yet.
struct Running<S> {
    /// Its number among the rows that are walked.
    at: usize,
    row: usize,
    state: S,
}

impl<R: ExitRule> BuiltRule for Alone<R> {
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[usize]) -> Vec<Depth> {
        let (rule, reader) = (&self.0, Reader::new(recording));
        let mut exits = vec![depth_of(checks.layers()); rows.len()];
        let running = rows.iter().enumerate();
        let running =
            running.map(|(at, row)| Running { at, row: *row, state: R::State::default() });
        let mut running: Vec<Running<R::State>> = running.collect();
        for depth in checks.iter().filter(|depth| !rule.least(*depth).is_nan()) {
            let columns = reader.at(depth);
            let (least, most) = (rule.least(depth), rule.most(depth));
            running.retain_mut(|Running { at, row, state }| {
                let shown = rule.look(state, columns.signals(*row), reader.place(*row), depth);
                let stops = reaches(shown, least, most);
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
