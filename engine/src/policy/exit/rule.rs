//! What an exit rule is: one pure function with its own small state, the same for replay and live.

use std::ops::Range;

use super::about::{About, Checks, Fit};
use super::alone::{alone, nested};
use super::signals::{Place, TokenSignals};
use crate::knob::{KnobCard, Knobs};
use crate::recording::{Ladder, Recording};
use crate::signal::{Depth, Signal};

/// What a rule is, for menus, panels and the guide.
#[derive(Debug)]
pub(crate) struct RuleCard {
    /// Stable, kebab-case.
    pub(crate) id: &'static str,
    /// Sentence case, for menus.
    pub(crate) label: &'static str,
    /// One line: when a token stops.
    pub(crate) meaning: &'static str,
    /// Paper, section, or code.
    pub(crate) source: &'static str,
    /// What it compares, for plots; `None` where it compares nothing.
    pub(crate) signal: Option<Signal>,
    /// Without these nothing ever stops.
    pub(crate) needs: &'static [Signal],
    /// Whether a check needs a readout; if not, only the answer does.
    pub(crate) reads_out: bool,
    /// Whether something in it is found on the calibration part of the recording.
    pub(crate) is_fitted: bool,
    /// The knob that trades answers for depth.
    pub(crate) main: &'static str,
}

/// The decision itself.
pub(crate) trait ExitRule: Send + Sync + 'static {
    /// Memory of one token from depth to depth: patience counters, running sums; `()` for most.
    type State: Default + Clone + Send + 'static;

    /// Whether the token stops here. Asked once for each depth at which it may stop, in ascending order.
    fn stops(
        &self,
        state: &mut Self::State,
        token: TokenSignals,
        place: Place,
        depth: Depth,
    ) -> bool;

    /// Whether any token can stop at a depth; where none can, asking leaves no state behind and is left out.
    fn may_stop(&self, depth: Depth) -> bool {
        let _ = depth;
        true
    }

    /// Orders rules that differ from this one in the main knob only: each stops a token wherever one of a larger number
    /// would, and leaves the same state behind. `None` where they are not so.
    fn strictness(&self) -> Option<f64> {
        None
    }

    /// How many of such rules, from the mildest to the strictest, stop a token of this state. To be written where they can
    /// be told apart by one number of the token.
    fn num_stopping(
        rules: &[Self],
        state: &Self::State,
        token: TokenSignals,
        place: Place,
        depth: Depth,
    ) -> usize
    where
        Self: Sized,
    {
        // Whichever is asked, the state behind it is the same.
        let stops = |rule: &&Self| rule.stops(&mut state.clone(), token, place, depth);
        rules.iter().take_while(stops).count()
    }

    /// What is compared at each depth, `[depth]`; empty where it is the same at all of them.
    fn thresholds(&self) -> &[f64] {
        &[]
    }

    /// What is compared, where the knobs choose it and so the card cannot say it.
    fn signal(&self) -> Option<Signal> {
        None
    }
}

/// The cube that answers a rule, and where its threshold stands in it.
pub(super) type OnLadder = fn(&About, &Knobs) -> (Ladder, f64);

/// All that a rule's file declares, where tokens decide alone.
pub(crate) struct Entry<R> {
    pub(super) card: RuleCard,
    /// Its own knobs.
    pub(super) knobs: fn(&About) -> Vec<KnobCard>,
    /// The cube that answers it, and the threshold in it.
    pub(super) ladder: Option<OnLadder>,
    /// The rule for how the knobs stand, or why there is none.
    pub(super) build: fn(&Knobs, &Fit<'_>) -> Result<R, String>,
}

/// A rule as others see it, whatever its state.
pub(crate) trait RuleEntry: Sync {
    /// What it is.
    fn card(&self) -> &RuleCard;
    /// Its own knobs; those that every rule has stand in `choose`.
    fn knobs(&self, about: &About) -> Vec<KnobCard>;
    /// The cube that answers it while a token may stop everywhere, and the threshold in it.
    fn ladder(&self, about: &About, knobs: &Knobs) -> Option<(Ladder, f64)>;
    /// The rule for how the knobs stand, or why there is none here.
    fn build(&self, knobs: &Knobs, fit: &Fit<'_>) -> Result<Box<dyn BuiltRule>, String>;

    /// The rule for settings that differ in its main knob only, to be replayed at once; `None` where these are not such
    /// that a stricter one stops no token where a milder one does not.
    fn sweep(&self, settings: &[Knobs], fit: &Fit<'_>) -> Option<Box<dyn Sweep>> {
        let _ = (settings, fit);
        None
    }
}

/// A rule whose knobs stand.
pub(crate) trait BuiltRule: Send + Sync {
    /// Exit depths of some rows, in their order. No look-up of a knob and no virtual call per token.
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[Range<usize>]) -> Vec<Depth>;

    /// The same rule in a forward pass, for one sequence whose tokens stand at `places`; `None` where it needs what only
    /// a finished run knows.
    fn live<'a>(&'a self, checks: &'a Checks, places: Vec<Place>)
    -> Option<Box<dyn LiveRule + 'a>>;

    /// What is compared at each depth, `[depth]`; empty where it is the same at all of them.
    fn thresholds(&self) -> &[f64] {
        &[]
    }

    /// What is compared, where the knobs choose it and so the card cannot say it.
    fn signal(&self) -> Option<Signal> {
        None
    }
}

/// Settings of one rule, replayed at once.
pub(crate) trait Sweep: Send + Sync {
    /// From the mildest to the strictest: the numbers of the settings, as they were given.
    fn order(&self) -> &[usize];

    /// Calls `stop` for every row and every depth at which it stops at some settings.
    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[Range<usize>],
        stop: &mut dyn FnMut(Stop),
    );
}

/// Where a row stops at some settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Its number among the rows that were asked for.
    pub(crate) at: usize,
    pub(crate) row: usize,
    /// Places in the order of the sweep.
    pub(crate) settings: Range<usize>,
    pub(crate) depth: Depth,
}

/// A rule in a forward pass of one sequence.
pub(crate) trait LiveRule: Send {
    /// Asked once for each depth below L in ascending order, with the tokens (numbers in the sequence, ascending) that
    /// still run and their signals. Sets those of `stops` that stop here.
    fn step(
        &mut self,
        depth: Depth,
        tokens: &[usize],
        signals: &[TokenSignals],
        stops: &mut [bool],
    );
}

impl<R: ExitRule> RuleEntry for Entry<R> {
    fn card(&self) -> &RuleCard {
        &self.card
    }

    fn knobs(&self, about: &About) -> Vec<KnobCard> {
        (self.knobs)(about)
    }

    fn ladder(&self, about: &About, knobs: &Knobs) -> Option<(Ladder, f64)> {
        self.ladder.map(|ladder| ladder(about, knobs))
    }

    fn build(&self, knobs: &Knobs, fit: &Fit<'_>) -> Result<Box<dyn BuiltRule>, String> {
        Ok(Box::new(alone((self.build)(knobs, fit)?)))
    }

    fn sweep(&self, settings: &[Knobs], fit: &Fit<'_>) -> Option<Box<dyn Sweep>> {
        nested(settings.iter().map(|knobs| (self.build)(knobs, fit).ok()))
    }
}
