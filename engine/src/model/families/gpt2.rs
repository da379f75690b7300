//! GPT-2: learned positions, layer norms, biases everywhere, one tensor for q, k and v, a plain feed-forward
//! sublayer, a tied head.
//!
//! Hugging Face stores the matrices of blocks [in, out]; GGUF stores them [out, in].

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::kernel::attention::Heads;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::{Config, gguf, hugging_face};
use crate::model::decoder::names::{self, Mlp, Names, Qkv};
use crate::model::decoder::plan::{Biases, Stored};
use crate::model::decoder::{NormKind, Plan, Positions, Sizes};
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "GPT-2",
    covers: &["GPT-2"],
    hugging_face: &[("gpt2", "GPT2LMHeadModel")],
    gguf: &["gpt2"],
    plan_hf,
    plan_gguf: Some(plan_gguf),
};

const NAMES: Names = Names {
    embedding: "wte",
    final_norm: "ln_f",
    head: "lm_head",
    rope_divisors: None,
    block: "h.",
    attn_norm: Some("ln_1"),
    qkv: Qkv::Fused("attn.c_attn"),
    qk_norm: None,
    o: "attn.c_proj",
    attn_post_norm: None,
    ffn_norm: Some("ln_2"),
    mlp: Mlp::Plain { up: "mlp.c_fc", down: "mlp.c_proj" },
    ffn_post_norm: None,
    spare: &[".attn.bias", ".attn.masked_bias"],
};

const GGUF_NAMES: Names = Names {
    qkv: Qkv::Fused("attn_qkv"),
    mlp: Mlp::Plain { up: "ffn_up", down: "ffn_down" },
    ..names::GGUF
};

const BIASES: Biases = Biases { qkv: true, o: true, mlp: true };

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key: &str| config.size(key).and_then(|value| config.required(key, value));
    let (width, heads) = (size("n_embd")?, size("n_head")?);
    let context = config.size("n_positions")?.unwrap_or(1024);
    config.only("n_ctx", &[Value::from(context)])?;
    let sizes = Sizes {
        layers: size("n_layer")?,
        width,
        heads: Heads {
            count: heads,
            kv_count: heads,
            dim: hugging_face::shared_width(width, heads)?,
        },
        ffn_width: config.size("n_inner")?.unwrap_or(4 * width),
        vocab: size("vocab_size")?,
        context,
    };
    config.only("scale_attn_weights", &[Value::Bool(true)])?;
    config.only("scale_attn_by_inverse_layer_idx", &[Value::Bool(false)])?;
    let plan = Plan {
        prefix: hugging_face::prefix(checkpoint, &NAMES, &["transformer.", ""]),
        norm: NormKind::Layer,
        norm_eps: rounded(config.positive("layer_norm_epsilon")?.unwrap_or(1e-5)),
        positions: Positions::Learned("wpe"),
        activation: activation(config, "activation_function", "gelu_new")?,
        biases: BIASES,
        stored: Stored::Columns,
        tied: config.flag("tie_word_embeddings")?.unwrap_or(true),
        ..Plan::new(FAMILY.name, &NAMES, sizes)?
    };
    hugging_face::finish(config)?;
    plan.checked()
}

/// The activation of a plain feed-forward sublayer.
pub(super) fn activation(
    config: &Config<'_>,
    key: &str,
    absent: &str,
) -> Result<Activation, ModelError> {
    match config.text(key)?.unwrap_or(absent) {
        "gelu" => Ok(Activation::GeluErf),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => {
            Err(config.refuse(key, &other.into(), "gelu, gelu_new, gelu_pytorch_tanh or relu"))
        }
    }
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let key = "attention.layer_norm_epsilon";
    let plan = Plan {
        norm: NormKind::Layer,
        norm_eps: rounded(config.required(key, config.positive(key)?)?),
        positions: Positions::Learned("position_embd"),
        activation: Activation::GeluTanh,
        biases: BIASES,
        ..gguf::sizes(config, checkpoint, FAMILY.name, &GGUF_NAMES)?
    };
    gguf::finish(config)?;
    plan.checked()
}
