//! Where could each token have stopped? Exit rules replayed over what was recorded at every depth.
//!
//! # Question
//! At which depth would each token have stopped, what would that have saved, and which answers would change?
//! # Source
//! Every rule's file in `policy/exit` names its paper. Bound: Clopper and Pearson 1934.
//! # What it records
//! Signals of the readout (final norm and head) at every depth, for every token.
//! # What it shows
//! A grid of tokens and depths, exits by depth and by slice, the signal's distribution, the trade-off
//! between agreement and depth over all thresholds, curves per depth, and which blocks run.
//! # Knobs
//! rule and its own, calibration, split-seed, least-depth, exit-at, slice, signal, by, target, cost, exit-heads,
//! readout-price, skipped-keys.
//! # What is modelled
//! FLOPs saved: blocks not run, less the readouts that the rule needs; the formula stands in `policy/cost.rs`, and what it
//! counts can be chosen. Where measured time is chosen, time in blocks stands in the place of FLOPs.
//! # What cannot be known here
//! A token that stopped leaves no keys and values in the deeper blocks; later tokens of a real run
//! would read something else there. So exit depths, agreement and NLL at the exit are estimates. Where the
//! subject is a whole sample nothing reads what it leaves out, and all of them are exact.

mod curves;
mod distribution;
mod grid;
mod histogram;
mod knobs;
mod layers;
mod readings;
#[cfg(test)]
mod tests;
mod tokens;
mod trade_off;

use crate::knob::{KnobCard, Knobs};
use crate::lens::{Lens, LensCard, Selection, TokenColumns, View};
use crate::policy::{Chosen, Counts, Pricing};
use crate::recording::{Column, Recording, Slice, Tally, depth_of};
use crate::signal::{Depth, Signal, Subject};
pub(super) use knobs::{by_card, settings, slice_card};

/// Registry entry.
pub(super) static LENS: Exits = Exits;

/// Where could each token have stopped?
#[derive(Debug)]
pub(super) struct Exits;

static CARD: LensCard = LensCard {
    id: "exits",
    name: "Exits",
    question: "At which depth could each token have stopped, and which answers would change?",
    source: "Every rule names its own paper; bound: Clopper and Pearson 1934",
    modelled: "FLOPs saved: blocks that are not run, less one readout at every depth at which a token was checked, where the rule reads it out; keys and values of skipped blocks are left out; exits are those of the replay, attention costs what it does at the mean number of positions that tokens of the slice attend to (of the whole recording where an older version recorded it); which readouts are counted, what one costs and what fills skipped keys can be chosen, or measured time in blocks instead of FLOPs",
    unknown: "A token that stopped leaves no keys and values in the deeper blocks, and later tokens of a real run would read something else there: exit depths, agreement and NLL at the exit are estimates until a live run; exact where the subject is a whole sample, which leaves nothing out that another one reads",
};

/// How the knobs stand for a recording.
pub(super) struct Settings {
    /// The rule, with its knobs.
    pub(super) rule: Chosen,
    pub(super) slice: Slice,
    signal: Signal,
    pub(super) by: Option<Column>,
    target: f64,
    pricing: Pricing,
    /// Those that are allowed here.
    pub(super) knobs: Knobs,
}

/// All that the figures are drawn from.
struct Scene<'a> {
    recording: &'a Recording,
    settings: Settings,
    /// The selected token, if it exists.
    token: Option<usize>,
    tally: Tally,
    /// Tallies of the values of the `by` column inside the slice; empty without one.
    parts: Vec<(String, Tally)>,
}

impl Scene<'_> {
    fn num_layers(&self) -> usize {
        self.recording.num_layers()
    }

    /// Whether samples have labels, so that there is an accuracy beside the agreement.
    fn has_labels(&self) -> bool {
        self.recording.subject() == Subject::Sample && self.tally.with_truth > 0
    }

    /// Name of the compared column; empty without one.
    fn column(&self) -> &str {
        self.settings.by.as_ref().map_or("", |column| column.name.as_str())
    }

    /// "Selected token".
    fn selected(&self) -> String {
        format!("Selected {}", self.recording.subject().noun())
    }

    /// Exit depth of one token.
    fn exit(&self, token: usize) -> Depth {
        let exits = self.settings.rule.exits(self.recording, token..token.saturating_add(1));
        exits.first().copied().unwrap_or_else(|| depth_of(self.num_layers()))
    }

    /// A signal of the selected token over the depths; NaN where it is absent.
    fn token_line(&self, token: usize, signal: Signal) -> Vec<[f64; 2]> {
        (0..=self.num_layers())
            .map(|depth| {
                let column = self.recording.column(signal, depth_of(depth));
                let value = column.and_then(|c| c.get(token)).copied().unwrap_or(f32::NAN);
                [depth as f64, f64::from(value)]
            })
            .collect()
    }
}

/// "Token" of "token".
pub(super) fn capital(noun: &str) -> String {
    let mut letters = noun.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

impl Lens for Exits {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
        knobs::cards(recording, knobs)
    }

    fn view(&self, recording: &Recording, knobs: &Knobs, selection: Selection) -> View {
        let settings = settings(recording, knobs);
        let (trials, exits) = trade_off::curve(recording, &settings);
        let counts = Counts::new(recording, &settings.rule, exits);
        let parts = settings.by.iter().flat_map(|column| {
            let part = |value: &String| settings.slice.with(&column.name, value);
            column.values.iter().map(move |value| (value.clone(), part(value)))
        });
        let parts: Vec<(String, Tally)> = parts
            .map(|(value, slice)| (value, counts.of(&slice)))
            .filter(|(_, tally)| tally.num_tokens() > 0)
            .collect();
        // No sample has two values of a column. Where each has one, the parts are the whole.
        let sum = parts.iter().map(|(_, tally)| tally);
        let sum = sum.fold(Tally::empty(recording.num_layers() + 1), Tally::plus);
        let ranges = settings.slice.ranges(recording);
        let num: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        let whole = if sum.num_tokens() == num as u64 { sum } else { counts.of(&settings.slice) };
        let token = selection.token.filter(|token| *token < recording.num_tokens());
        let scene = Scene { recording, settings, token, tally: whole, parts };
        let figures = vec![
            grid::figure(&scene),
            histogram::exits(&scene),
            histogram::slices(&scene),
            distribution::figure(&scene),
            trade_off::figure(&scene, &trials),
            curves::nats(&scene),
            layers::figure(&scene),
            curves::agreement(&scene),
        ];
        View {
            figures,
            readings: readings::readings(&scene),
            tables: vec![curves::table(&scene), histogram::table(&scene)],
            notes: readings::notes(&scene),
            suggestions: vec![trade_off::suggestion(&scene, &trials)],
            versus: None,
        }
    }

    fn token_columns<'a>(&self, recording: &'a Recording, knobs: &Knobs) -> TokenColumns<'a> {
        tokens::columns(recording, &settings(recording, knobs))
    }
}
