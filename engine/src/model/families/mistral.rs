//! Mistral: Llama whose queries may see only a window of the past.
//!
//! In GGUF it calls itself llama, without a word about a window.

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::{Config, hugging_face};
use crate::model::decoder::{Plan, names};
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "Mistral",
    covers: &["Mistral"],
    hugging_face: &[("mistral", "MistralForCausalLM")],
    gguf: &[],
    plan_hf,
    plan_gguf: None,
};

const DEFAULTS: Defaults = Defaults { kv_heads: Some(8), context: 131_072, ..hugging_face::LLAMA };

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let names = &names::HUGGING_FACE;
    let mut plan = hugging_face::decoder(config, checkpoint, FAMILY.name, names, DEFAULTS)?;
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    // A configuration without the key means 4,096; null means none.
    let window = config.size_or("sliding_window", Some(4096))?;
    plan.windows = hugging_face::same_window(config, plan.layers, window)?;
    hugging_face::finish(config)?;
    plan.checked()
}
