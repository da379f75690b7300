//! Gemma 2: norms before and after each sublayer, an embedding scaled by the root of the width, soft caps on
//! attention scores and final logits, windows on every other block.
//!
//! Hugging Face stores norm weights less one; GGUF stores them whole.

use crate::checkpoint::Checkpoint;
use crate::kernel::gate::Gate;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::{Config, gguf, hugging_face};
use crate::model::decoder::names::{self, Names};
use crate::model::decoder::plan::score_scale;
use crate::model::decoder::{NormKind, Plan};
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "Gemma 2",
    covers: &["Gemma 2"],
    hugging_face: &[("gemma2", "Gemma2ForCausalLM")],
    gguf: &["gemma2"],
    plan_hf,
    plan_gguf: Some(plan_gguf),
};

/// Names of every Gemma with four norms in a block.
pub(super) const NAMES: Names = Names {
    attn_post_norm: Some("post_attention_layernorm"),
    ffn_norm: Some("pre_feedforward_layernorm"),
    ffn_post_norm: Some("post_feedforward_layernorm"),
    ..names::HUGGING_FACE
};

/// The same in GGUF.
pub(super) const GGUF_NAMES: Names = Names {
    attn_post_norm: Some("post_attention_norm"),
    ffn_post_norm: Some("post_ffw_norm"),
    ..names::GGUF
};

pub(super) const DEFAULTS: Defaults = Defaults {
    kv_heads: Some(4),
    head_dim: Some(256),
    context: 8192,
    tied: true,
    ..hugging_face::LLAMA
};

/// The model of 27 billion weights scales scores by the width of all heads; GGUF has no key that says so.
const LAYERS_27B: usize = 46;

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let plan = hugging_face::decoder(config, checkpoint, FAMILY.name, &NAMES, DEFAULTS)?;
    let mut plan = gemma_hf(config, plan, (Some(50.0), Some(30.0)))?;
    let window = config.size_or("sliding_window", Some(4096))?;
    // A second spelling in early files, which transformers does not read.
    config.only("sliding_window_size", &[window.into()])?;
    let is_even = |layer: usize| layer.is_multiple_of(2);
    plan.windows = hugging_face::some_windows(config, plan.layers, window, is_even)?;
    hugging_face::finish(config)?;
    plan.checked()
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let plan = gguf::decoder(config, checkpoint, FAMILY.name, &GGUF_NAMES)?;
    let mut plan = gemma_gguf(plan, LAYERS_27B);
    plan.score_cap = Some(rounded(config.positive("attn_logit_softcapping")?.unwrap_or(50.0)));
    plan.logit_cap = Some(rounded(config.positive("final_logit_softcapping")?.unwrap_or(30.0)));
    // A file without the key means 4,096.
    let has_key = config.has("attention.sliding_window");
    let window = if has_key { gguf::window(config)? } else { Some(4096) };
    plan.windows =
        (0..plan.layers).map(|layer| window.filter(|_| layer.is_multiple_of(2))).collect();
    gguf::finish(config)?;
    plan.checked()
}

/// What all of them have in common beside their names. `caps`: of scores and logits, where a configuration does
/// not give them.
pub(super) fn gemma_hf(
    config: &Config<'_>,
    plan: Plan,
    caps: (Option<f64>, Option<f64>),
) -> Result<Plan, ModelError> {
    // Only the newer of these two keys counts in transformers; the older stands beside it in published files.
    let tanh = ["gelu_pytorch_tanh".into(), "gelu_new".into()];
    config.only("hidden_activation", &tanh)?;
    let [first, second] = tanh;
    config.only("hidden_act", &[first, second, "gelu".into()])?;
    let cap = |key: &str, absent: Option<f64>| match (config.has(key), absent) {
        (false, absent) => Ok(absent),
        (true, _) => config.positive(key),
    };
    let scale = config.positive("query_pre_attn_scalar")?.unwrap_or(256.0);
    Ok(Plan {
        norm: NormKind::RmsLessOne,
        gate: Gate::GeluTanh,
        embedding_scale: rounded((plan.width as f64).sqrt()),
        score_scale: score_scale(scale),
        score_cap: cap("attn_logit_softcapping", caps.0)?.map(rounded),
        logit_cap: cap("final_logit_softcapping", caps.1)?.map(rounded),
        ..plan
    })
}

/// The same from GGUF: a model with `layers_27b` blocks scales scores by its width over its heads.
pub(super) fn gemma_gguf(plan: Plan, layers_27b: usize) -> Plan {
    let per_head = plan.width as f64 / plan.heads.count as f64;
    let scale = if plan.layers == layers_27b { per_head } else { plan.heads.dim as f64 };
    Plan {
        gate: Gate::GeluTanh,
        embedding_scale: rounded((plan.width as f64).sqrt()),
        score_scale: score_scale(scale),
        ..plan
    }
}
