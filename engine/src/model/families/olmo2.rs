//! OLMo 2: Llama with norms on what the sublayers give instead of on what they read, and with norms on the whole
//! of q and k.

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::{Config, hugging_face};
use crate::model::decoder::Plan;
use crate::model::decoder::names::{self, Names, QkNorm};
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "OLMo 2",
    covers: &["OLMo 2"],
    hugging_face: &[("olmo2", "Olmo2ForCausalLM")],
    gguf: &[],
    plan_hf,
    plan_gguf: None,
};

const NAMES: Names = Names {
    attn_norm: None,
    qk_norm: Some(QkNorm::Whole { q: "self_attn.q_norm", k: "self_attn.k_norm" }),
    attn_post_norm: Some("post_attention_layernorm"),
    ffn_norm: None,
    ffn_post_norm: Some("post_feedforward_layernorm"),
    ..names::HUGGING_FACE
};

const DEFAULTS: Defaults = Defaults { norm_eps: 1e-5, ..hugging_face::LLAMA };

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let plan = hugging_face::decoder(config, checkpoint, FAMILY.name, &NAMES, DEFAULTS)?;
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    hugging_face::finish(config)?;
    plan.checked()
}
