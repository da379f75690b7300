//! The Exits lens.

use crate::knob::{KnobCard, Knobs};
use crate::lens::{Lens, LensCard, Selection, View};
use crate::recording::Recording;

/// Registry entry.
pub(super) static LENS: Exits = Exits;

/// Where could each token have stopped?
#[derive(Debug)]
pub(super) struct Exits;

static CARD: LensCard = LensCard {
    id: "exits",
    name: "Exits",
    question: "Where could each token have stopped?",
    source: "",
    modelled: "",
    unknown: "",
};

impl Lens for Exits {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, _recording: Option<&Recording>, _knobs: &Knobs) -> Vec<KnobCard> {
        Vec::new()
    }

    fn view(&self, _recording: &Recording, _knobs: &Knobs, _selection: Selection) -> View {
        View::default()
    }
}
