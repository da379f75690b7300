//! What a row must keep when it stops early.

use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs};
use crate::recording::Recording;
use crate::signal::NO_TOKEN;

const GOAL: Choice = Choice {
    id: "goal",
    label: "What counts",
    help: "What an early answer is judged by: the full model's answer, or the truth where it is known",
};

/// What a row must keep when it stops early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The full model's first choice.
    Agreement,
    /// The right first choice: the label, or the next token.
    Accuracy,
    /// The right first choice where the full model has it: what an early exit spoils.
    Kept,
}

impl Goal {
    const ALL: [Self; 3] = [Self::Agreement, Self::Accuracy, Self::Kept];

    /// As the knob stands; agreement where nothing is known to be true.
    pub(crate) fn of(recording: &Recording, knobs: &Knobs) -> Self {
        let chosen =
            knobs.choice(&GOAL).and_then(|id| Self::ALL.into_iter().find(|g| g.id() == id));
        chosen.filter(|_| has_truth(recording)).unwrap_or(Self::Agreement)
    }

    /// The knob, with what can be counted here.
    pub(crate) fn card(recording: Option<&Recording>) -> KnobCard {
        let may = |goal: &Self| *goal == Self::Agreement || recording.is_none_or(has_truth);
        let options = Self::ALL.into_iter().filter(may);
        GOAL.card(options.map(|goal| ChoiceOption::new(goal.id(), goal.label())).collect())
    }

    /// Kebab-case name.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Accuracy => "accuracy",
            Self::Kept => "kept",
        }
    }

    /// Sentence case, for axes and menus.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Agreement => "Agreement",
            Self::Accuracy => "Accuracy",
            Self::Kept => "Right answers not lost",
        }
    }

    /// Whether a row that exits at `depth` fails; `None` where it does not count: the full model has no answer, or
    /// nothing is known to be true. Whether it counts is the same at every depth.
    pub(crate) fn fails(self, recording: &Recording, depth: usize, row: usize) -> Option<bool> {
        match self {
            Self::Agreement => recording.agrees(depth, row).map(|agrees| !agrees),
            Self::Accuracy => recording.is_right(depth, row).map(|is_right| !is_right),
            Self::Kept => {
                let was_right = recording.is_right(recording.num_layers(), row)?;
                Some(was_right && recording.is_right(depth, row) == Some(false))
            }
        }
    }
}

/// Whether of any row it is known what is true.
pub(crate) fn has_truth(recording: &Recording) -> bool {
    *recording
        .cubes
        .memo
        .get("has truth", || recording.tokens.next_ids.iter().any(|id| *id != NO_TOKEN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::synthetic_samples;

    #[test]
    fn what_fails_is_what_the_recording_says() {
        let recording = synthetic_samples(200, 3, 1);
        for row in 0..200 {
            for depth in 0..=3 {
                let fails = |goal: Goal| goal.fails(&recording, depth, row);
                assert_eq!(fails(Goal::Agreement), recording.agrees(depth, row).map(|a| !a));
                let [right, full] = [depth, 3].map(|depth| recording.is_right(depth, row));
                assert_eq!(fails(Goal::Accuracy), right.map(|right| !right));
                assert_eq!(fails(Goal::Kept), right.zip(full).map(|(right, full)| full && !right));
            }
        }
    }
}
