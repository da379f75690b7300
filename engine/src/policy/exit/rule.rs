//! What an exit rule is: one pure function with its own small state, the same for replay and live.

use std::ops::Range;

use super::about::{About, Checks, Fit};
use super::alone::alone;
use super::at_once::AtOnce;
use super::marks::runs;
use super::signals::{Place, TokenSignals};
use crate::knob::{KnobCard, Knobs};
use crate::recording::{Ladder, Recording, depth_of};
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

/// The decision itself: a token stops where it shows at least a limit.
pub(crate) trait ExitRule: Send + Sync + 'static {
    /// Memory of one token from depth to depth: patience counters, running sums; `()` for most.
    type State: Default + Clone + Send + 'static;

    /// What a token shows at a depth, the same wherever the main knob stands; NaN never stops. Asked once for each depth at
    /// which it may stop, in ascending order.
    fn look(&self, state: &mut Self::State, token: TokenSignals, place: Place, depth: Depth)
    -> f64;

    /// The least that stops a token at a depth. NaN where nothing does: then it is not asked there, and so a rule with a
    /// memory has it at all depths or at none.
    fn least(&self, depth: Depth) -> f64;

    /// What stops a token as well: that or less; NaN where nothing does. Only where `least` is a number.
    fn most(&self, depth: Depth) -> f64 {
        let _ = depth;
        f64::NAN
    }

    /// Whether a token stops at a depth.
    fn stops(
        &self,
        state: &mut Self::State,
        token: TokenSignals,
        place: Place,
        depth: Depth,
    ) -> bool {
        let shown = self.look(state, token, place, depth);
        reaches(shown, self.least(depth), self.most(depth))
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

/// The least number above another: at least that is more than this.
pub(super) fn above(number: f64) -> f64 {
    number.next_up()
}

/// Whether a number is at least one limit or at most another.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "a branch could not be foreseen by a processor")]
pub(super) fn reaches(shown: f64, least: f64, most: f64) -> bool {
    (shown >= least) | (shown <= most)
}

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

    /// The rule for at most `MOST_AT_ONCE` settings that differ in its main knob only, which rises, to be replayed at once; where
    /// a setting has no rule, nothing stops.
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
pub(crate) const MOST_AT_ONCE: u32 = u64::BITS;

/// Settings of one rule, replayed at once.
pub(crate) trait Sweep: Send + Sync {
    /// Calls `stop` with the rows that stop at a depth at some settings, all of a depth together. Each row stops once at
    /// every setting.
    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, Stops<'_>),
    );
}

/// Rows that stop at a depth.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stops<'a> {
    /// Each at settings that follow each other.
    Ranges(&'a [Stop]),
    /// Numbers of rows among those that were asked for, and of each the settings, one bit for each; there may be none.
    Marked(&'a [u32], &'a [u64]),
}

impl Stops<'_> {
    /// Calls `stop` with the number of each row, among those that were asked for, and settings that follow each other, as they
    /// were given.
    pub(crate) fn each(self, mut stop: impl FnMut(usize, Range<usize>)) {
        match self {
            Self::Ranges(stops) => {
                for Stop { at, settings } in stops {
                    stop(*at as usize, settings.start.into()..settings.end.into());
                }
            }
            Self::Marked(rows, marks) => {
                for (at, marks) in rows.iter().zip(marks) {
                    for settings in runs(*marks) {
                        stop(*at as usize, settings);
                    }
                }
            }
        }
    }

    /// Calls `stop` with the number of each row that stops at a setting.
    pub(crate) fn at(self, setting: usize, mut stop: impl FnMut(usize)) {
        match self {
            Self::Ranges(_) => self.each(|at, settings| {
                if settings.contains(&setting) {
                    stop(at);
                }
            }),
            Self::Marked(rows, marks) => {
                for (at, marks) in rows.iter().zip(marks) {
                    if marks >> setting & 1 == 1 {
                        stop(*at as usize);
                    }
                }
            }
        }
    }
}

/// A row that stops at some settings. There are millions of them: they are small.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// Its number among the rows that were asked for.
    at: u32,
    /// Their numbers, as they were given.
    settings: Range<u16>,
}

impl Stop {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a sweep has at most `RUNGS` settings")]
    pub(super) fn new(at: u32, settings: Range<usize>) -> Self {
        Self { at, settings: settings.start as u16..settings.end as u16 }
    }
}

/// Exit depths of rows, in their order, where there is one setting: `walk` says where they stop at it.
pub(super) fn exits_of(
    checks: &Checks,
    rows: &[usize],
    walk: impl FnOnce(&mut dyn FnMut(Depth, Stops<'_>)),
) -> Vec<Depth> {
    let mut exits = vec![depth_of(checks.layers()); rows.len()];
    walk(&mut |depth, stops| {
        stops.each(|at, _| {
            if let Some(exit) = exits.get_mut(at) {
                *exit = depth;
            }
        });
    });
    exits
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
        Box::new(AtOnce::new(settings.iter().map(|knobs| (self.build)(knobs, fit).ok()), fit))
    }
}
