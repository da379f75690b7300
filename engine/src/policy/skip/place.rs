//! Where in a text a set is skipped: everywhere, behind the prompt, or in the prompt only.

use super::plan::{Placed, Plan};
use super::set::Set;
use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs};

const WHERE: Choice = Choice {
    id: "skip-where",
    label: "Where",
    help: "Which tokens leave the set out; the others run all blocks",
};

/// Which tokens leave a set out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Everywhere,
    /// Prefill runs all blocks, decoding only the set.
    BehindPrompt,
    /// ShortGPT's generating variant; what later tokens read of skipped blocks says the missing-KV mode.
    PromptOnly,
}

const ALL: [Where; 3] = [Where::Everywhere, Where::BehindPrompt, Where::PromptOnly];

impl Where {
    fn option(self) -> ChoiceOption {
        match self {
            Self::Everywhere => ChoiceOption::new("everywhere", "Everywhere"),
            Self::BehindPrompt => ChoiceOption::new("behind-prompt", "Behind the prompt"),
            Self::PromptOnly => ChoiceOption::new("prompt-only", "In the prompt only"),
        }
    }
}

/// The card, with `usual` as its default.
pub(super) fn card(usual: Where) -> KnobCard {
    let others = ALL.into_iter().filter(|one| *one != usual);
    WHERE.card(std::iter::once(usual).chain(others).map(Where::option).collect())
}

/// The plan that leaves out what is not in `set` where the knob says so.
pub(super) fn plan(knobs: &Knobs, set: Set) -> Plan {
    let full = Set::full(set.layers());
    let chosen = ALL.into_iter().find(|one| knobs.choice(&WHERE) == Some(&*one.option().id));
    Plan::Placed(match chosen.unwrap_or(Where::Everywhere) {
        Where::Everywhere => Placed::everywhere(set),
        Where::BehindPrompt => Placed::new(full, vec![set]),
        Where::PromptOnly => Placed::new(set, vec![full]),
    })
}
