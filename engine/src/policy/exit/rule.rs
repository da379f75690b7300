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

/// The decision itself, in two halves: what a token shows, and whether that stops it.
pub(crate) trait ExitRule: Send + Sync + 'static {
    /// Memory of one token from depth to depth: patience counters, running sums; `()` for most.
    type State: Default + Clone + Send + 'static;
    /// What is compared.
    type Shown: Copy + Default;

    /// What a token shows at a depth, the same wherever the main knob stands. Asked once for each depth at which it may
    /// stop, in ascending order.
    fn look(
        &self,
        state: &mut Self::State,
        token: TokenSignals,
        place: Place,
        depth: Depth,
    ) -> Self::Shown;

    /// Whether a token that shows this at a depth stops there.
    fn stops(&self, shown: Self::Shown, depth: Depth) -> bool;

    /// Both halves.
    fn decides(
        &self,
        state: &mut Self::State,
        token: TokenSignals,
        place: Place,
        depth: Depth,
    ) -> bool {
        self.stops(self.look(state, token, place, depth), depth)
    }

    /// Whether any token can stop at a depth; where none can, asking leaves no state behind and is left out.
    fn may_stop(&self, depth: Depth) -> bool {
        let _ = depth;
        true
    }

    /// Orders rules that differ from this one in the main knob only: each stops a token wherever one of a larger number
    /// would; one of an infinite number never stops any.
    fn strictness(&self) -> f64;

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

    /// The rule for at most `MOST_AT_ONCE` settings that differ in its main knob only, to be replayed at once; where a setting
    /// has no rule, nothing stops.
    fn sweep(&self, settings: &[Knobs], fit: &Fit<'_>) -> Box<dyn Sweep>;
}

/// A rule whose knobs stand.
pub(crate) trait BuiltRule: Send + Sync {
    /// Exit depths of some rows, in their order. No look-up of a knob and no virtual call per token.
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[usize]) -> Vec<Depth>;

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

/// As many settings as a sweep has marks for.
pub(crate) const MOST_AT_ONCE: usize = 64;

/// Settings of one rule, replayed at once.
pub(crate) trait Sweep: Send + Sync {
    /// From the mildest to the strictest: the numbers of the settings, as they were given.
    fn order(&self) -> &[usize];

    /// Calls `stop` with the rows that stop at a depth at some settings, all of a depth together. Each row stops once at
    /// every setting.
    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, &[Stop]),
    );
}

/// A row that stops at some settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Its number among the rows that were asked for.
    pub(crate) at: usize,
    /// Places in the order of the sweep.
    pub(crate) settings: Range<usize>,
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

    fn sweep(&self, settings: &[Knobs], fit: &Fit<'_>) -> Box<dyn Sweep> {
        nested(settings.iter().map(|knobs| (self.build)(knobs, fit).ok()))
    }
}
