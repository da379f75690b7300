//! Which families of encoders exist. What their configurations and checkpoints share stands in `shared`.

mod albert;
mod bert;
mod distilbert;
mod roberta;
mod shared;
mod vit;

pub(super) use shared::{has, with_class_means};

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::encoder::Plan;

/// One family of encoders.
pub(crate) struct EncoderFamily {
    /// For people.
    pub(crate) name: &'static str,
    /// What people know that it covers.
    pub(crate) covers: &'static [&'static str],
    /// `model_type` and the architecture in config.json.
    pub(crate) hugging_face: &'static [(&'static str, &'static str)],
    /// `general.architecture` in GGUF.
    pub(crate) gguf: &'static [&'static str],
    /// Turns a config.json into a plan, or refuses what it cannot run.
    pub(crate) plan_hf: PlanOf,
    /// Turns the GGUF keys of its architecture into a plan, or refuses what it cannot run.
    pub(crate) plan_gguf: Option<PlanOf>,
}

/// Reads a plan from a configuration.
type PlanOf = fn(&Config<'_>, &dyn Checkpoint) -> Result<Plan, ModelError>;

/// Every family of encoders.
pub(crate) static ENCODERS: &[&EncoderFamily] =
    &[&bert::FAMILY, &roberta::FAMILY, &distilbert::FAMILY, &albert::FAMILY, &vit::FAMILY];
