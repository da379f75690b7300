//! GPT-NeoX and Pythia: attention and feed-forward sublayer read the same stream, rotary positions on a part of
//! each head, layer norms, biases everywhere, one tensor for q, k and v that is interleaved by head.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::kernel::attention::Heads;
use crate::kernel::rotary::{Pairs, Turning};
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::rope::{RopeKeys, rope};
use crate::model::config::{Config, hugging_face};
use crate::model::decoder::names::{Mlp, Names, Qkv};
use crate::model::decoder::plan::{Biases, Residual};
use crate::model::decoder::{NormKind, Plan, Positions, Sizes};
use crate::model::families::{Family, gpt2};

pub(crate) static FAMILY: Family = Family {
    name: "GPT-NeoX",
    covers: &["GPT-NeoX", "Pythia"],
    hugging_face: &[("gpt_neox", "GPTNeoXForCausalLM")],
    gguf: &[],
    plan_hf,
    plan_gguf: None,
};

const NAMES: Names = Names {
    embedding: "embed_in",
    final_norm: "final_layer_norm",
    head: "embed_out",
    rope_divisors: None,
    block: "layers.",
    attn_norm: Some("input_layernorm"),
    qkv: Qkv::FusedByHead("attention.query_key_value"),
    qk_norm: None,
    o: "attention.dense",
    attn_post_norm: None,
    ffn_norm: Some("post_attention_layernorm"),
    mlp: Mlp::Plain { up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h" },
    ffn_post_norm: None,
    spare: &[".attention.bias", ".attention.masked_bias"],
};

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key: &str| config.size(key).and_then(|value| config.required(key, value));
    let (width, heads) = (size("hidden_size")?, size("num_attention_heads")?);
    let dim = hugging_face::shared_width(width, heads)?;
    let sizes = Sizes {
        layers: size("num_hidden_layers")?,
        width,
        heads: Heads { count: heads, kv_count: heads, dim },
        ffn_width: size("intermediate_size")?,
        vocab: size("vocab_size")?,
        context: config.size("max_position_embeddings")?.unwrap_or(2048),
    };
    let keys = RopeKeys {
        // Newer files have the names that most families use.
        theta: if config.has("rotary_emb_base") { "rotary_emb_base" } else { "rope_theta" },
        default_theta: 10000.0,
        share: Some(if config.has("rotary_pct") {
            ("rotary_pct", 0.25)
        } else {
            ("partial_rotary_factor", 0.25)
        }),
        is_by_kind: false,
    };
    let rope = rope(config, keys)?;
    let dims = hugging_face::share(dim, rope.share);
    let (theta, scaling, pairs) = (rope.theta, rope.scaling, Pairs::Halves);
    let turning = Turning { dims, theta, scaling, pairs };
    let is_parallel = config.flag("use_parallel_residual")?.unwrap_or(true);
    config.only("attention_bias", &[Value::Bool(true)])?;
    let plan = Plan {
        prefix: hugging_face::prefix(checkpoint, &NAMES, &["gpt_neox.", ""]),
        norm: NormKind::Layer,
        norm_eps: rounded(config.positive("layer_norm_eps")?.unwrap_or(1e-5)),
        residual: if is_parallel { Residual::Parallel } else { Residual::Sequential },
        positions: Positions::Rotary { turning, windowed: None },
        activation: gpt2::activation(config, "hidden_act", "gelu")?,
        biases: Biases { qkv: true, o: true, mlp: true },
        tied: config.flag("tie_word_embeddings")?.unwrap_or(false),
        ..Plan::new(FAMILY.name, &NAMES, sizes)?
    };
    hugging_face::finish(config)?;
    plan.checked()
}
