//! What a rule decided: which sublayers each token runs.

use super::set::Set;
use super::similarity::Similarity;
use crate::policy::exit::Place;

/// What a rule decided.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan {
    /// Where a token stands says what it runs.
    Placed(Placed),
    /// What a token shows in a block says which later feed-forward sublayers it runs; attention always runs.
    Similarity(Similarity),
}

/// Sets by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// What tokens of the prompt run.
    pub(crate) prompt: Set,
    /// What the token so many steps behind the prompt runs; those behind the last run what the last does. Never empty.
    behind: Vec<Set>,
}

impl Placed {
    /// The same set everywhere.
    pub(crate) fn everywhere(set: Set) -> Self {
        Self { prompt: set.clone(), behind: vec![set] }
    }

    /// `prompt` for the prompt, then one set per step; where there is no step the prompt's set goes on.
    pub(crate) fn new(prompt: Set, behind: Vec<Set>) -> Self {
        if behind.is_empty() { Self::everywhere(prompt) } else { Self { prompt, behind } }
    }

    /// What a token runs.
    pub(crate) fn at(&self, place: Place) -> &Set {
        if place.is_prompt {
            return &self.prompt;
        }
        let step = usize::try_from(place.step).unwrap_or(usize::MAX);
        self.behind.get(step).or_else(|| self.behind.last()).unwrap_or(&self.prompt)
    }

    /// Whether the attention of executed sets only shrinks along the positions, so that no missing key is ever read.
    pub(crate) fn is_nested(&self) -> bool {
        let all: Vec<&Set> = std::iter::once(&self.prompt).chain(&self.behind).collect();
        all.windows(2).all(|pair| pair[1].attends_within(pair[0]))
    }

    /// What tokens that leave anything out run, where that is one set; those of which nothing is left out do not count.
    pub(crate) fn left_out(&self) -> Option<&Set> {
        let mut sets = std::iter::once(&self.prompt).chain(&self.behind).filter(|s| !s.is_full());
        let first = sets.next()?;
        sets.all(|set| set == first).then_some(first)
    }

    /// The set, where it is one for all.
    pub(crate) fn one(&self) -> Option<&Set> {
        self.behind.iter().all(|set| *set == self.prompt).then_some(&self.prompt)
    }

    /// What the last tokens run.
    pub(crate) fn last(&self) -> &Set {
        self.behind.last().unwrap_or(&self.prompt)
    }
}

impl Plan {
    /// The same set everywhere.
    pub(crate) fn everywhere(set: Set) -> Self {
        Self::Placed(Placed::everywhere(set))
    }

    /// Whether no missing key is ever read.
    pub(crate) fn is_nested(&self) -> bool {
        match self {
            Self::Placed(placed) => placed.is_nested(),
            Self::Similarity(_) => true,
        }
    }
}
