//! The first depth whose first choice is the last one's: the upper bound of every rule, and no rule that could run. It
//! looks at the answer.

use super::about::{About, Checks, Fit};
use super::alone::Running;
use super::choose::LEAST_DEPTH;
use super::rule::{BuiltRule, LiveRule, RuleCard, RuleEntry, Stop, Sweep};
use super::signals::Place;
use crate::knob::{KnobCard, Knobs};
use crate::recording::{Ladder, Recording, depth_of};
use crate::signal::{Depth, Signal};

/// Registry entry.
pub(super) static RULE: Oracle = Oracle {
    card: RuleCard {
        id: "oracle",
        label: "Oracle (upper bound)",
        meaning: "Stops at the first depth that answers as the full model does; it knows that answer, so nothing can run it",
        source: "Schuster et al. 2022 (CALM), local oracle; `oracle_tok_consistency` of its code",
        signal: None,
        needs: &[Signal::MaxProb],
        reads_out: false,
        is_fitted: false,
        main: "least-depth",
    },
};

/// The rule and, since it has no knobs, all there is of it.
#[derive(Debug)]
pub(super) struct Oracle {
    card: RuleCard,
}

impl RuleEntry for Oracle {
    fn card(&self) -> &RuleCard {
        &self.card
    }

    fn knobs(&self, _about: &About) -> Vec<KnobCard> {
        Vec::new()
    }

    fn ladder(&self, _about: &About, _knobs: &Knobs) -> Option<(Ladder, f64)> {
        None
    }

    fn build(&self, _knobs: &Knobs, _fit: &Fit<'_>) -> Result<Box<dyn BuiltRule>, String> {
        Ok(Box::new(Agreeing))
    }

    fn sweep(&self, settings: &[Knobs], _fit: &Fit<'_>) -> Box<dyn Sweep> {
        let least = settings.iter().map(|knobs| knobs.integer(&LEAST_DEPTH));
        let mut least: Vec<(i64, usize)> = least.zip(0..).collect();
        least.sort_unstable();
        let (least, order) = least.into_iter().unzip();
        Box::new(LeastDepths { least, order })
    }
}

struct Agreeing;

impl BuiltRule for Agreeing {
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[usize]) -> Vec<Depth> {
        let mut exits = vec![Depth(0); rows.len()];
        let mut running = Running::new(rows.len());
        for depth in checks.iter() {
            running.retain(|at| {
                let (Some(row), Some(exit)) = (rows.get(at), exits.get_mut(at)) else {
                    return false;
                };
                // As if it stopped: what runs on is overwritten.
                *exit = depth;
                recording.agrees(depth.index(), *row) != Some(true)
            });
        }
        running.end_at(depth_of(checks.layers()), &mut exits);
        exits
    }

    fn live<'a>(&'a self, _: &'a Checks, _: Vec<Place>) -> Option<Box<dyn LiveRule + 'a>> {
        None
    }
}

/// Least depths, ascending: a row that agrees stops at all up to there at which it has not yet.
struct LeastDepths {
    least: Vec<i64>,
    order: Vec<usize>,
}

impl Sweep for LeastDepths {
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
        let all = self.least.len();
        let mut stopped = vec![0; rows.len()];
        let mut stops = Vec::with_capacity(rows.len());
        for depth in checks.iter() {
            let reach = self.least.partition_point(|least| *least <= i64::from(depth.0));
            for (at, (row, stopped)) in rows.iter().zip(&mut stopped).enumerate() {
                if *stopped < reach && recording.agrees(depth.index(), *row) == Some(true) {
                    stops.push(Stop { at, settings: *stopped..reach });
                    *stopped = reach;
                }
            }
            stop(depth, &stops);
            stops.clear();
        }
        let rest = stopped.into_iter().enumerate().filter(|(_, stopped)| *stopped < all);
        stops.extend(rest.map(|(at, stopped)| Stop { at, settings: stopped..all }));
        stop(depth_of(checks.layers()), &stops);
    }
}
