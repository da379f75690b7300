//! The rule that the knobs of a lens or of a run choose, with how they stand.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::about::{About, Checks, Fit};
use super::rule::{BuiltRule, LiveRule, RuleEntry, Stops, Sweep};
use super::rungs::Rungs;
use super::signals::Place;
use super::{RULES, max_prob};
use crate::knob::{Choice, ChoiceOption, Integer, KnobCard, KnobKind, Knobs, PlacesKnob, Value};
use crate::policy::pieces::{Piece, pieces};
use crate::policy::split::{self, Side, Split};
use crate::recording::{Ladder, Recording, Slice, Tally, depth_of};
use crate::signal::{Depth, Signal};

pub(crate) const RULE: Choice =
    Choice { id: "rule", label: "Rule", help: "What a token must show in order to stop" };
/// The first depth at which a token may stop.
pub(crate) const LEAST_DEPTH: Integer = Integer {
    id: "least-depth",
    label: "Least depth",
    help: "No token stops before this many blocks have run",
    default: 0,
    min: 0,
    max: u16::MAX as i64,
};
/// The depths at which a token may stop at all.
pub(crate) const EXIT_AT: PlacesKnob = PlacesKnob {
    id: "exit-at",
    label: "Exits at depths",
    help: "The depths that have an exit: all, or numbers and ranges such as 4, 8, 12-15",
    has_parts: false,
    default: "all",
};

/// A rule with how its knobs stand for a recording.
pub(crate) struct Chosen {
    pub(crate) rule: &'static dyn RuleEntry,
    pub(crate) checks: Checks,
    /// The first depth at which a token may stop.
    pub(crate) least: Depth,
    /// Says how every knob stands; part of the name of what is remembered.
    pub(crate) key: String,
    /// The same without the knob that trades answers for depth.
    pub(crate) key_of_curve: String,
    /// Its threshold, where it compares one signal with one.
    pub(crate) line: Option<Line>,
    /// Its thresholds that have a knob for each depth.
    pub(crate) handles: Vec<Handle>,
    built: Result<Box<dyn BuiltRule>, String>,
    /// The cube that answers it, and the threshold in it.
    ladder: Option<(Ladder, f64)>,
}

/// The threshold of a rule, to be drawn across its signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    pub(crate) signal: Signal,
    pub(crate) at: f64,
    /// Smallest and largest threshold.
    pub(crate) range: (f64, f64),
    /// The knob that moves it.
    pub(crate) knob: &'static str,
}

/// The knob of the threshold at one depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Handle {
    pub(crate) depth: Depth,
    pub(crate) knob: &'static str,
    /// Where the knob stands; the threshold itself may be shifted.
    pub(crate) at: f64,
    /// Smallest and largest threshold.
    pub(crate) range: (f64, f64),
}

impl Handle {
    /// Of a real knob `threshold-<depth>` and its value; no other knob has one.
    fn of(card: &KnobCard, value: &Value) -> Option<Self> {
        let depth = card.id.strip_prefix("threshold-")?.parse().ok()?;
        match (&card.kind, value) {
            (KnobKind::Real { min, max, .. }, Value::Real(at)) => {
                let (knob, range) = (card.id, (*min, *max));
                Some(Self { depth: Depth(depth), knob, at: *at, range })
            }
            _ => None,
        }
    }
}

/// The cards of the rule and of its knobs.
pub(crate) fn cards(about: &About, knobs: &Knobs) -> Vec<KnobCard> {
    let rules = RULES
        .iter()
        .map(|rule| rule.card())
        .map(|card| ChoiceOption::new(card.id, card.label).explained(card.meaning, card.source));
    let rule = rule_or_default(knobs.choice(&RULE));
    let mut cards = vec![RULE.card(rules.collect())];
    cards.extend(cards_of(rule, about));
    cards
}

/// The cards of the knobs of one rule: its own, and those that every rule has.
pub(crate) fn cards_of(rule: &dyn RuleEntry, about: &About) -> Vec<KnobCard> {
    let mut cards = rule.knobs(about);
    if rule.card().is_fitted {
        cards.extend(split::cards());
    }
    cards.push(LEAST_DEPTH.card(about.most_layers()));
    cards.push(EXIT_AT.card(0, last_exit(about)));
    cards
}

/// The last depth before L.
fn last_exit(about: &About) -> u16 {
    about.last().0.saturating_sub(1)
}

/// A rule by its id; the first of the registry where it is not known or not chosen.
pub(crate) fn rule_or_default(id: Option<&str>) -> &'static dyn RuleEntry {
    id.and_then(<dyn RuleEntry>::find).unwrap_or(&max_prob::RULE)
}

impl dyn RuleEntry + '_ {
    /// A rule by its id.
    pub(crate) fn find(id: &str) -> Option<&'static dyn RuleEntry> {
        RULES.iter().copied().find(|rule| rule.card().id == id)
    }
}

/// Reads the knobs. A value outside its range counts as not chosen.
pub(crate) fn choose(recording: &Recording, knobs: &Knobs) -> Chosen {
    let rule = rule_or_default(knobs.choice(&RULE));
    choose_rule(recording, rule, knobs)
}

/// What a rule is built in: how the knobs stand that every rule has.
struct Frame<'a> {
    recording: &'a Recording,
    about: About,
    cards: Vec<KnobCard>,
    /// The knobs that are allowed, as they stand.
    allowed: Knobs,
    /// The same by card.
    resolved: BTreeMap<&'static str, Value>,
    least: Depth,
    checks: Checks,
    /// Rows of the calibration part, for a rule that is fitted.
    rows: Vec<Range<usize>>,
    key: String,
    key_of_rows: String,
}

impl<'a> Frame<'a> {
    fn new(recording: &'a Recording, rule: &dyn RuleEntry, knobs: &Knobs) -> Self {
        let about = About::of(Some(recording));
        let cards = cards_of(rule, &about);
        let mut allowed = knobs.clone();
        allowed.keep_allowed(&cards);
        // What nobody chose is what the card says, which may lie nearer than the usual.
        let resolved = allowed.resolved(&cards);
        for (id, value) in &resolved {
            allowed.set(id, value.clone());
        }
        let least = usize::try_from(allowed.integer(&LEAST_DEPTH)).unwrap_or(0).min(about.layers);
        let least = depth_of(least);
        let exits = EXIT_AT.chosen(&allowed, 0, last_exit(&about));
        let may = |depth: Depth| depth >= least && exits.part(depth.0).is_some();
        let checks = Checks::new(about.layers, may);
        let split = Split::of(&allowed);
        let is_fitted = rule.card().is_fitted;
        let rows = if is_fitted { split.rows(recording, Side::Calibration) } else { Vec::new() };
        let key_of_rows = split.key();
        let key = format!("{key_of_rows} {least:?} {exits}");
        Self { recording, about, cards, allowed, resolved, least, checks, rows, key, key_of_rows }
    }

    fn fit(&self) -> Fit<'_> {
        let Self { recording, about, checks, rows, key, key_of_rows, .. } = self;
        Fit { about: *about, recording, checks, rows, key, key_of_rows }
    }
}

/// A rule at several values of its main knob, replayed at once.
pub(crate) struct Settings {
    checks: Checks,
    sweep: Box<dyn Sweep>,
}

impl Settings {
    /// Of at most `MOST_AT_ONCE` values, which rise.
    pub(crate) fn new(
        recording: &Recording,
        rule: &'static dyn RuleEntry,
        knobs: &Knobs,
        values: &[Value],
    ) -> Self {
        let main = rule.card().main;
        let mut knobs = knobs.clone();
        if main == LEAST_DEPTH.id {
            // The rule itself sees to that knob; all depths from the first one on are asked.
            knobs.set(main, Value::Integer(0));
        }
        let frame = Frame::new(recording, rule, &knobs);
        let turned = values.iter().map(|value| {
            let mut turned = frame.allowed.clone();
            turned.set(main, value.clone());
            turned
        });
        let sweep = rule.sweep(&turned.collect::<Vec<_>>(), &frame.fit());
        Self { checks: frame.checks, sweep }
    }

    /// Every rung of the ladder that answers a rule, from the mildest to the strictest, and its present threshold.
    pub(crate) fn rungs(chosen: &Chosen, (ladder, present): (Ladder, f64)) -> Self {
        Self { checks: chosen.checks.clone(), sweep: Box::new(Rungs::new(ladder, present)) }
    }

    /// Calls `stop` with the rows that stop at a depth for some values, all of a depth together.
    pub(crate) fn stops(
        &self,
        recording: &Recording,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, Stops<'_>),
    ) {
        self.sweep.stops(recording, &self.checks, rows, stop);
    }
}

/// The same for a rule that was chosen otherwise.
pub(crate) fn choose_rule(
    recording: &Recording,
    rule: &'static dyn RuleEntry,
    knobs: &Knobs,
) -> Chosen {
    let frame = Frame::new(recording, rule, knobs);
    let Frame { about, cards, allowed, resolved, .. } = &frame;
    let exits = EXIT_AT.chosen(allowed, 0, last_exit(about));
    let ladder = rule.ladder(about, allowed).filter(|_| exits.len() >= about.layers);
    let named = |without: &str| {
        let knobs = resolved.iter().filter(|(id, _)| **id != without);
        let knobs = knobs.map(|(id, value)| format!(" {id}={value:?}"));
        format!("{}{}", rule.card().id, knobs.collect::<String>())
    };
    let (key, key_of_curve) = (named(""), named(rule.card().main));
    let main = cards.iter().find(|card| card.id == rule.card().main);
    let line = main.zip(rule.card().signal).and_then(|(card, signal)| match card.kind {
        KnobKind::Real { min, max, .. } => {
            let typed = match resolved.get(card.id) {
                Some(Value::Real(value)) => Some(*value),
                _ => None,
            };
            let at = ladder.map(|(_, threshold)| threshold).or(typed)?;
            Some(Line { signal, at, range: (min, max), knob: card.id })
        }
        _ => None,
    });
    let built = rule.build(allowed, &frame.fit());
    let handle = |card: &KnobCard| Handle::of(card, resolved.get(card.id)?);
    let handles = cards.iter().filter_map(handle).collect();
    let Frame { least, checks, .. } = frame;
    Chosen { rule, checks, least, key, key_of_curve, line, handles, built, ladder }
}

impl Chosen {
    /// Why the rule cannot decide anything here; then nothing stops.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.built.as_ref().err().map(String::as_str)
    }

    /// Exit depths of the tokens of a range.
    pub(crate) fn exits(&self, recording: &Recording, tokens: Range<usize>) -> Vec<Depth> {
        self.exits_of(recording, &tokens.collect::<Vec<_>>())
    }

    /// Exit depths of a few rows, in their order, on one thread.
    pub(crate) fn exits_of(&self, recording: &Recording, rows: &[usize]) -> Vec<Depth> {
        if let Ok(built) = &self.built {
            return built.exits(recording, &self.checks, rows);
        }
        vec![depth_of(self.checks.layers()); rows.len()]
    }

    /// Exit depth of every token.
    pub(crate) fn all_exits(&self, recording: &Recording) -> Vec<Depth> {
        let all = 0..recording.num_tokens();
        let pieces = pieces(std::slice::from_ref(&all));
        let exits = pieces.par_iter().map(|piece| self.exits_of(recording, &piece.rows));
        exits.collect::<Vec<_>>().concat()
    }

    /// The rule in a forward pass of one sequence.
    pub(crate) fn live(&self, places: Vec<Place>) -> Option<Box<dyn LiveRule + '_>> {
        self.built.as_ref().ok()?.live(&self.checks, places)
    }

    /// What is compared at each depth; empty where it is the same at all of them.
    pub(crate) fn thresholds(&self) -> &[f64] {
        self.built.as_ref().map_or(&[], |built| built.thresholds())
    }

    /// The signal that its thresholds are of.
    pub(crate) fn signal(&self) -> Option<Signal> {
        let own = self.built.as_ref().ok().and_then(|built| built.signal());
        own.or_else(|| self.rule.card().signal)
    }

    /// The cube that answers every threshold, and the present one in it.
    pub(crate) fn ladder(&self) -> Option<(Ladder, f64)> {
        self.ladder
    }
}

/// Counts for slices of a recording: from the cube and, between its rungs, from what the threshold moves; by a replay,
/// made once, where neither is at hand. All three are exact.
pub(crate) struct Counts<'a> {
    recording: &'a Recording,
    chosen: &'a Chosen,
    exits: OnceCell<Arc<Exits>>,
}

/// Exit depth of every token.
struct Exits(Vec<Depth>);

impl<'a> Counts<'a> {
    /// `exits`: of every token, where they are known.
    pub(crate) fn new(
        recording: &'a Recording,
        chosen: &'a Chosen,
        exits: Option<Vec<Depth>>,
    ) -> Self {
        let counts = Self { recording, chosen, exits: OnceCell::new() };
        if let Some(exits) = exits {
            counts.exits.get_or_init(|| counts.newest(|| exits));
        }
        counts
    }

    /// Exit depth of every token.
    fn exits(&self) -> &[Depth] {
        let exits = || self.newest(|| self.chosen.all_exits(self.recording));
        &self.exits.get_or_init(exits).0
    }

    /// They stay while only the figures change.
    fn newest(&self, make: impl FnOnce() -> Vec<Depth>) -> Arc<Exits> {
        self.recording.cubes.memo.newest("exits", &self.chosen.key, || Exits(make()))
    }

    /// What happens to the tokens of a slice.
    pub(crate) fn of(&self, slice: &Slice) -> Tally {
        let counted = self.chosen.ladder.and_then(|(ladder, threshold)| {
            let least = self.chosen.least;
            if !self.recording.is_worth_cubes(ladder, least, threshold) {
                return None;
            }
            match ladder.rung(threshold) {
                Some(rung) => Some(self.recording.tally_at(ladder, least, slice, rung)),
                None => self.recording.tally_between(ladder, least, slice, threshold),
            }
        });
        counted.unwrap_or_else(|| self.by_replay(slice))
    }

    pub(super) fn by_replay(&self, slice: &Slice) -> Tally {
        let exits = self.exits();
        let empty = || Tally::empty(self.recording.num_layers() + 1);
        let pieces = pieces(&slice.ranges(self.recording));
        let count = |mut tally: Tally, piece: &Piece| {
            let exit = |row: &usize| Some((*row, *exits.get(*row)?));
            tally.add(self.recording, piece.rows.iter().filter_map(exit));
            tally
        };
        let tallies = pieces.par_iter().fold(empty, count);
        tallies.reduce(empty, |sum, part| sum.plus(&part))
    }
}
