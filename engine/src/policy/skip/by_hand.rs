//! What a person leaves out.

use super::place::{self, Where};
use super::rule::{Entry, SkipCard};
use super::set::Set;
use crate::knob::PlacesKnob;

const SKIP: PlacesKnob = PlacesKnob {
    id: "skip",
    label: "Skipped blocks",
    help: "Blocks that are left out; `a` behind a number: its attention only, `f`: its feed-forward sublayer only",
    has_parts: true,
    default: "none",
};

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "by-hand",
        label: "By hand",
        meaning: "Leaves out the blocks and sublayers that are named",
        source: "No paper: what a person wants to try",
        main: "",
    },
    knobs: |about| {
        vec![SKIP.card(0, about.last().0.saturating_sub(1)), place::card(Where::Everywhere)]
    },
    plan: |asked, _| {
        let last = asked.about.last().0.saturating_sub(1);
        let skipped = SKIP.chosen(asked.knobs, 0, last);
        let skipped = skipped.iter().map(|(layer, part)| (usize::from(layer), part));
        let set = Set::without(asked.about.layers, skipped);
        Ok(place::plan(asked.knobs, set).into())
    },
};
