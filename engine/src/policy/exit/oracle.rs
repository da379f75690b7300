//! The first depth whose first choice is the last one's: the upper bound of every rule, and no rule that could run. It
//! looks at the answer.

use super::about::{About, Checks, Fit};
use super::choose::LEAST_DEPTH;
use super::rule::{BuiltRule, LiveRule, RuleCard, RuleEntry, Stop, Stops, Sweep, exits_of};
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
        Box::new(LeastDepths(settings.iter().map(|knobs| knobs.integer(&LEAST_DEPTH)).collect()))
    }
}

struct Agreeing;

impl BuiltRule for Agreeing {
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[usize]) -> Vec<Depth> {
        exits_of(checks, rows, |stop| LeastDepths(vec![0]).stops(recording, checks, rows, stop))
    }

    fn live<'a>(&'a self, _: &'a Checks, _: Vec<Place>) -> Option<Box<dyn LiveRule + 'a>> {
        None
    }
}

/// Least depths, ascending: a row that agrees stops at all up to there at which it has not yet.
struct LeastDepths(Vec<i64>);

impl Sweep for LeastDepths {
    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, Stops<'_>),
    ) {
        let all = self.0.len();
        let agreement = recording.agreement();
        let mut stopped = vec![0; rows.len()];
        let mut stops = Vec::with_capacity(rows.len());
        for depth in checks.iter() {
            let reach = self.0.partition_point(|least| *least <= i64::from(depth.0));
            let agrees = agreement.at(depth.index());
            for ((at, row), stopped) in (0..).zip(rows).zip(&mut stopped) {
                if *stopped < reach && agrees(*row) {
                    stops.push(Stop::new(at, *stopped..reach));
                    *stopped = reach;
                }
            }
            stop(depth, Stops::Ranges(&stops));
            stops.clear();
        }
        let rest = (0..).zip(stopped).filter(|(_, stopped)| *stopped < all);
        stops.extend(rest.map(|(at, stopped)| Stop::new(at, stopped..all)));
        stop(depth_of(checks.layers()), Stops::Ranges(&stops));
    }
}
