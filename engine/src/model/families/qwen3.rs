//! Qwen3: Llama with norms on q and k, head by head, and perhaps windows on the later blocks.

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::{Config, gguf, hugging_face};
use crate::model::decoder::Plan;
use crate::model::decoder::names::{self, Names};
use crate::model::families::{Family, qwen2};

pub(crate) static FAMILY: Family = Family {
    name: "Qwen3",
    covers: &["Qwen3"],
    hugging_face: &[("qwen3", "Qwen3ForCausalLM")],
    gguf: &["qwen3"],
    plan_hf,
    plan_gguf: Some(plan_gguf),
};

const NAMES: Names = Names { qk_norm: Some(names::HUGGING_FACE_QK), ..names::HUGGING_FACE };

const GGUF_NAMES: Names = Names { qk_norm: Some(names::GGUF_QK), ..names::GGUF };

const DEFAULTS: Defaults =
    Defaults { kv_heads: Some(32), head_dim: Some(128), context: 32_768, ..hugging_face::LLAMA };

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let mut plan = hugging_face::decoder(config, checkpoint, FAMILY.name, &NAMES, DEFAULTS)?;
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    plan.windows = qwen2::late_windows(config, plan.layers)?;
    hugging_face::finish(config)?;
    plan.checked()
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let plan = gguf::decoder(config, checkpoint, FAMILY.name, &GGUF_NAMES)?;
    gguf::no_window(config, plan.context)?;
    gguf::finish(config)?;
    plan.checked()
}
