//! Mixtral: Llama with several gated feed-forward sublayers (experts), of which a router takes some for each
//! token.
//!
//! The router's probabilities are a softmax over all experts; the weights of those taken are their
//! probabilities over their sum.

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::rope::{RopeKeys, USUAL};
use crate::model::config::{Config, hugging_face};
use crate::model::decoder::Plan;
use crate::model::decoder::names::{self, Mlp, Names};
use crate::model::decoder::plan::Experts;
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "Mixtral",
    covers: &["Mixtral"],
    hugging_face: &[("mixtral", "MixtralForCausalLM")],
    gguf: &[],
    plan_hf,
    plan_gguf: None,
};

const NAMES: Names = Names {
    mlp: Mlp::Experts {
        router: "block_sparse_moe.gate",
        expert: "block_sparse_moe.experts.",
        gate: "w1",
        up: "w3",
        down: "w2",
    },
    ..names::HUGGING_FACE
};

/// The same in GGUF, where the architecture is llama.
pub(super) const GGUF_NAMES: Names = Names {
    mlp: Mlp::StackedExperts {
        router: "ffn_gate_inp",
        gate: "ffn_gate_exps",
        up: "ffn_up_exps",
        down: "ffn_down_exps",
    },
    ..names::GGUF
};

const DEFAULTS: Defaults = Defaults {
    kv_heads: Some(8),
    context: 131_072,
    norm_eps: 1e-5,
    rope: RopeKeys { default_theta: 1e6, ..USUAL },
    ..hugging_face::LLAMA
};

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let mut plan = hugging_face::decoder(config, checkpoint, FAMILY.name, &NAMES, DEFAULTS)?;
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    let window = config.size("sliding_window")?;
    plan.windows = hugging_face::same_window(config, plan.layers, window)?;
    plan.experts = Experts {
        count: config.size("num_local_experts")?.unwrap_or(8),
        used: config.size("num_experts_per_tok")?.unwrap_or(2),
    };
    hugging_face::finish(config)?;
    plan.checked()
}
