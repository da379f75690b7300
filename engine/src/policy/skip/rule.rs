//! What a skip rule is.

use super::plan::Plan;
use super::set::Set;
use crate::knob::{KnobCard, Knobs};
use crate::model::ModelError;
use crate::policy::exit::About;
use crate::recording::Recording;

/// What a rule is, for menus, panels and the guide.
#[derive(Debug)]
pub(crate) struct SkipCard {
    /// Stable, kebab-case.
    pub(crate) id: &'static str,
    /// Sentence case, for menus.
    pub(crate) label: &'static str,
    /// One line: what is skipped.
    pub(crate) meaning: &'static str,
    /// Paper, section, or code.
    pub(crate) source: &'static str,
    /// The knob that trades answers for cost, where every position of it is cheap to plan; empty for none.
    pub(crate) main: &'static str,
}

/// Registry entry: all that a rule's file declares.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) card: SkipCard,
    /// Its own knobs.
    pub(super) knobs: fn(&About) -> Vec<KnobCard>,
    /// The plan for how the knobs stand.
    pub(super) plan: fn(&Asked<'_>, &mut dyn Measure) -> Result<Planned, Unplanned>,
}

impl Entry {
    /// Its own knobs, with the ranges of a usual model.
    pub(crate) fn usual_knobs(&self) -> Vec<KnobCard> {
        (self.knobs)(&About::of(None))
    }
}

/// What a rule plans for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) about: About,
    pub(crate) recording: &'a Recording,
    /// Every knob of the rule has a value here.
    pub(crate) knobs: &'a Knobs,
}

/// What a rule may have measured on the open model, with texts of the recording.
pub(crate) trait Measure {
    /// `[l][n - 1]`: mean angle, as a share of a half turn, between the streams at depths l and l + n of the last token of
    /// each text; NaN where there is none.
    fn angles(&mut self) -> Result<&[Vec<f64>], ModelError>;

    /// Share of positions at which the model that runs only `draft` has the full model's first choice; one parallel
    /// pass. `number` of `most` such passes.
    fn matching(&mut self, draft: &Set, number: u64, most: u64) -> Result<f64, ModelError>;
}

/// What a rule decided and what it saw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// What the decision rests on, to be drawn.
    pub(crate) evidence: Option<Evidence>,
}

/// Curves that a decision rests on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evidence {
    pub(crate) title: &'static str,
    /// What x counts.
    pub(crate) x: &'static str,
    /// What y is, and its unit.
    pub(crate) y: (&'static str, &'static str),
    /// Name and points.
    pub(crate) lines: Vec<(&'static str, Vec<[f64; 2]>)>,
    /// x of what was chosen.
    pub(crate) chosen: Vec<f64>,
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum Unplanned {
    /// The rule cannot decide here.
    Refused(String),
    /// The model said no, or a person cancelled.
    Stopped(ModelError),
}

impl From<ModelError> for Unplanned {
    fn from(error: ModelError) -> Self {
        Self::Stopped(error)
    }
}

impl From<Plan> for Planned {
    fn from(plan: Plan) -> Self {
        Self { plan, evidence: None }
    }
}
