//! The first depth whose first choice is the last one's: the upper bound of every rule, and no rule that could run. It
//! looks at the answer.

use std::ops::Range;

use super::about::{About, Checks, Fit};
use super::rule::{BuiltRule, LiveRule, RuleCard, RuleEntry};
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
}

struct Agreeing;

impl BuiltRule for Agreeing {
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[Range<usize>]) -> Vec<Depth> {
        let mut running: Vec<(usize, usize)> =
            rows.iter().flat_map(Clone::clone).enumerate().collect();
        let mut exits = vec![depth_of(checks.layers()); running.len()];
        for depth in checks.iter() {
            running.retain(|(at, row)| {
                let agrees = recording.agrees(depth.index(), *row) == Some(true);
                if let Some(exit) = exits.get_mut(*at).filter(|_| agrees) {
                    *exit = depth;
                }
                !agrees
            });
        }
        exits
    }

    fn live<'a>(&'a self, _: &'a Checks, _: Vec<Place>) -> Option<Box<dyn LiveRule + 'a>> {
        None
    }
}
