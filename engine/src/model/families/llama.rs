//! Llama and what is built exactly like it: SmolLM, TinyLlama.
//!
//! Pre-norm blocks of grouped-query attention and a gated feed-forward sublayer, RMS norms, rotary
//! positions, no biases. GGUF stores the rows of q and k so that rotary pairs are neighbours.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::kernel::rotary::Pairs;
use crate::model::ModelError;
use crate::model::config::{Config, gguf, hugging_face};
use crate::model::decoder::{Plan, Positions, names};
use crate::model::families::{Family, mixtral};

pub(crate) static FAMILY: Family = Family {
    name: "Llama",
    covers: &["Llama", "SmolLM", "TinyLlama"],
    hugging_face: &[("llama", "LlamaForCausalLM")],
    gguf: &["llama"],
    plan_hf,
    plan_gguf: Some(plan_gguf),
};

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let (names, defaults) = (&names::HUGGING_FACE, hugging_face::LLAMA);
    let mut plan = hugging_face::decoder(config, checkpoint, FAMILY.name, names, defaults)?;
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    config.only("num_local_experts", &[0.into(), 0.0.into()])?;
    // Without effect unless a window is used, which is looked at next.
    config.get("max_window_layers");
    let is_switched_off = config.flag("use_sliding_window")? == Some(false);
    let window = config.size("sliding_window")?.filter(|w| !is_switched_off && *w < plan.context);
    if let Some(window) = window {
        return Err(ModelError::UnsupportedValue {
            key: "sliding_window".to_owned(),
            found: format!("{window} (sliding window {window}, context {})", plan.context),
            allowed: "null or a window as long as the context".to_owned(),
        });
    }
    plan.windows = hugging_face::same_window(config, plan.layers, None)?;
    hugging_face::finish(config)?;
    plan.checked()
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    // Mixtral, too, calls itself llama here.
    let has_experts = config.get("expert_count").is_some_and(|count| count != 0);
    let (name, names) = if has_experts {
        (mixtral::FAMILY.name, &mixtral::GGUF_NAMES)
    } else {
        (FAMILY.name, &names::GGUF)
    };
    let mut plan = gguf::decoder(config, checkpoint, name, names)?;
    gguf::no_window(config, plan.context)?;
    config.only("rope.dimension_count", &[Value::from(plan.heads.dim)])?;
    if let Positions::Rotary { turning, .. } = &mut plan.positions {
        turning.pairs = Pairs::Interleaved;
    }
    gguf::finish(config)?;
    plan.checked()
}
