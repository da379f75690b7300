//! What is binned, how, and at which depth.

use super::bins::Binning;
use crate::knob::{Choice, ChoiceOption, Integer, KnobCard, Knobs};
use crate::lens::exits::slice_card;
use crate::policy::{About, Goal};
use crate::recording::Recording;

pub(super) const DEPTH: Integer = Integer {
    id: "at-depth",
    label: "Depth",
    help: "The depth whose readouts the diagram shows; the last is the model's own",
    default: u16::MAX as i64,
    min: 0,
    max: u16::MAX as i64,
};
const BINS: Integer = Integer {
    id: "bins",
    label: "Bins",
    help: "Into how many parts the probabilities are divided",
    default: 15,
    min: 10,
    max: 50,
};
const BINNING: Choice = Choice {
    id: "binning",
    label: "Binning",
    help: "Bins that are equally wide, or that hold equally many",
};
const WIDTH: &str = "width";
const MASS: &str = "mass";

/// How the knobs stand.
pub(super) struct Asked {
    pub(super) goal: Goal,
    pub(super) depth: usize,
    pub(super) bins: usize,
    pub(super) binning: Binning,
}

pub(super) fn cards(recording: Option<&Recording>) -> Vec<KnobCard> {
    let binnings =
        [ChoiceOption::new(WIDTH, "Equal width"), ChoiceOption::new(MASS, "Equal count")];
    vec![
        Goal::card(recording, Goal::OF_READOUTS),
        DEPTH.card(About::of(recording).most_layers()),
        BINS.card(BINS.max),
        BINNING.card(binnings.to_vec()),
        slice_card(recording),
    ]
}

impl Asked {
    /// Of knobs that the cards allow.
    pub(super) fn of(recording: &Recording, knobs: &Knobs) -> Self {
        let depth = usize::try_from(knobs.integer(&DEPTH)).unwrap_or(usize::MAX);
        let is_mass = knobs.choice(&BINNING) == Some(MASS);
        Self {
            goal: Goal::of(recording, knobs, Goal::OF_READOUTS),
            depth: depth.min(recording.num_layers()),
            bins: usize::try_from(knobs.integer(&BINS)).unwrap_or(1),
            binning: if is_mass { Binning::Mass } else { Binning::Width },
        }
    }
}
