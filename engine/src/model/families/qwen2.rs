//! Qwen2 and Qwen2.5: Llama with biases on q, k and v, and perhaps windows on the later blocks.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::{Config, gguf, hugging_face};
use crate::model::decoder::plan::Biases;
use crate::model::decoder::{Plan, names};
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "Qwen2",
    covers: &["Qwen2", "Qwen2.5"],
    hugging_face: &[("qwen2", "Qwen2ForCausalLM")],
    gguf: &["qwen2"],
    plan_hf,
    plan_gguf: Some(plan_gguf),
};

const DEFAULTS: Defaults = Defaults { kv_heads: Some(32), context: 32_768, ..hugging_face::LLAMA };

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let names = &names::HUGGING_FACE;
    let mut plan = hugging_face::decoder(config, checkpoint, FAMILY.name, names, DEFAULTS)?;
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    config.only("use_mrope", &[Value::Bool(false)])?;
    plan.windows = late_windows(config, plan.layers)?;
    plan.biases = Biases { qkv: true, ..Biases::default() };
    hugging_face::finish(config)?;
    plan.checked()
}

/// Windows from block `max_window_layers` on, if they are used at all.
pub(super) fn late_windows(
    config: &Config<'_>,
    layers: usize,
) -> Result<Vec<Option<usize>>, ModelError> {
    let is_used = config.flag("use_sliding_window")?.unwrap_or(false);
    let window = config.size_or("sliding_window", Some(4096))?.filter(|_| is_used);
    let first = match config.get("max_window_layers") {
        // The number of blocks before the first window may be 0.
        Some(value) if value.as_u64() == Some(0) => 0,
        _ => config.size("max_window_layers")?.unwrap_or(28),
    };
    hugging_face::some_windows(config, layers, window, |layer| layer >= first)
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let mut plan = gguf::decoder(config, checkpoint, FAMILY.name, &names::GGUF)?;
    gguf::no_window(config, plan.context)?;
    plan.biases = Biases { qkv: true, ..Biases::default() };
    gguf::finish(config)?;
    plan.checked()
}
