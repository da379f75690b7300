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
    /// What an exit can be judged by.
    pub(crate) const OF_EXITS: &[Self] = &[Self::Agreement, Self::Accuracy, Self::Kept];
    /// What the readout of every depth can be judged by.
    pub(crate) const OF_READOUTS: &[Self] = &[Self::Accuracy, Self::Agreement];

    /// As the knob stands among `goals`; the first that can be counted where it does not.
    pub(crate) fn of(recording: &Recording, knobs: &Knobs, goals: &[Self]) -> Self {
        let mut counted = goals.iter().copied().filter(|goal| goal.is_counted(Some(recording)));
        let first = counted.clone().next().unwrap_or(Self::Agreement);
        counted.find(|goal| Some(goal.id()) == knobs.choice(&GOAL)).unwrap_or(first)
    }

    /// The knob, with those of `goals` that can be counted here; the first is the default.
    pub(crate) fn card(recording: Option<&Recording>, goals: &[Self]) -> KnobCard {
        let options = goals.iter().filter(|goal| goal.is_counted(recording));
        GOAL.card(options.map(|goal| ChoiceOption::new(goal.id(), goal.label())).collect())
    }

    fn is_counted(self, recording: Option<&Recording>) -> bool {
        self == Self::Agreement || recording.is_none_or(has_truth)
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
