//! Phi-3: Llama with one tensor for q, k and v and one for gate and up, and perhaps a window on every block.

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::rope::{RopeKeys, USUAL};
use crate::model::config::{Config, gguf, hugging_face};
use crate::model::decoder::Plan;
use crate::model::decoder::names::{self, Mlp, Names, Qkv};
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "Phi-3",
    covers: &["Phi-3"],
    hugging_face: &[("phi3", "Phi3ForCausalLM")],
    gguf: &["phi3"],
    plan_hf,
    plan_gguf: Some(plan_gguf),
};

const NAMES: Names = Names {
    qkv: Qkv::Fused("self_attn.qkv_proj"),
    mlp: Mlp::GatedFused { gate_up: "mlp.gate_up_proj", down: "mlp.down_proj" },
    ..names::HUGGING_FACE
};

const GGUF_NAMES: Names = Names {
    qkv: Qkv::Fused("attn_qkv"),
    mlp: Mlp::GatedFused { gate_up: "ffn_up", down: "ffn_down" },
    ..names::GGUF
};

const DEFAULTS: Defaults = Defaults {
    context: 4096,
    norm_eps: 1e-5,
    rope: RopeKeys { share: Some(("partial_rotary_factor", 1.0)), ..USUAL },
    ..hugging_face::LLAMA
};

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let mut plan = hugging_face::decoder(config, checkpoint, FAMILY.name, &NAMES, DEFAULTS)?;
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    let window = config.size("sliding_window")?;
    plan.windows = hugging_face::same_window(config, plan.layers, window)?;
    // Only longrope computes with it, which is refused with the other scalings.
    config.get("original_max_position_embeddings");
    hugging_face::finish(config)?;
    plan.checked()
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let mut plan = gguf::decoder(config, checkpoint, FAMILY.name, &GGUF_NAMES)?;
    plan.windows = vec![gguf::window(config)?; plan.layers];
    gguf::finish(config)?;
    plan.checked()
}
