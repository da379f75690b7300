//! What counts as right where a rule is fitted: the full model's answer, or what is true.

use std::sync::Arc;

use super::about::{About, Fit};
use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs};
use crate::recording::{Agreement, Recording};
use crate::signal::Subject;

const TRUTH: Choice = Choice {
    id: "right",
    label: "What counts as right",
    help: "Against what answers are held on the calibration part",
};

/// What answers are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// The full model's first choice.
    FullModel,
    /// The next token, or the label.
    Data,
}

pub(super) fn card(about: &About) -> KnobCard {
    let data = match about.subject {
        Subject::Sample => "The label",
        Subject::Token | Subject::OwnToken => "The next token",
    };
    TRUTH.card(vec![
        ChoiceOption::new("full-model", "The full model's answer"),
        ChoiceOption::new("data", data),
    ])
}

impl Truth {
    pub(super) fn of(knobs: &Knobs) -> Self {
        if knobs.choice(&TRUTH) == Some("data") { Self::Data } else { Self::FullModel }
    }

    /// Whether it is known what is right for a row.
    pub(super) fn is_known(self, recording: &Recording, row: usize) -> bool {
        match self {
            Self::FullModel => recording.first_choice(recording.num_layers(), row).is_some(),
            Self::Data => recording.truth(row).is_some(),
        }
    }

    /// Which first choices are right.
    pub(super) fn right(self, recording: &Recording) -> Arc<Agreement> {
        match self {
            Self::FullModel => recording.agreement(),
            Self::Data => recording.rightness(),
        }
    }
}

/// Why nothing can be fitted where nothing is there to fit to.
pub(super) fn nothing_to_fit(fit: &Fit<'_>) -> String {
    let noun = fit.about.subject.noun();
    format!("the calibration part holds no {noun} of which it is known what is right")
}
