//! Llama and what is built exactly like it: Mistral without a window, SmolLM, TinyLlama.
//!
//! Pre-norm blocks of grouped-query attention and a gated feed-forward sublayer, RMS norms, rotary
//! positions, no biases. GGUF stores the rows of q and k so that rotary pairs are neighbours.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::kernel::attention::Heads;
use crate::kernel::rotary::{Pairs, Scaling};
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::decoder::{Names, Plan};
use crate::model::families::Family;

pub(crate) static FAMILY: Family = Family {
    name: "Llama",
    covers: &["Llama", "Mistral (no sliding window)", "SmolLM", "TinyLlama"],
    hugging_face: &[("llama", "LlamaForCausalLM"), ("mistral", "MistralForCausalLM")],
    gguf: &["llama"],
    plan_hf,
    plan_gguf,
};

static HF_NAMES: Names = Names {
    embedding: "model.embed_tokens.weight",
    final_norm: "model.norm.weight",
    head: "lm_head.weight",
    rope_divisors: None,
    block: "model.layers.",
    attn_norm: "input_layernorm.weight",
    q: "self_attn.q_proj.weight",
    k: "self_attn.k_proj.weight",
    v: "self_attn.v_proj.weight",
    o: "self_attn.o_proj.weight",
    ffn_norm: "post_attention_layernorm.weight",
    gate: "mlp.gate_proj.weight",
    up: "mlp.up_proj.weight",
    down: "mlp.down_proj.weight",
};

static GGUF_NAMES: Names = Names {
    embedding: "token_embd.weight",
    final_norm: "output_norm.weight",
    head: "output.weight",
    rope_divisors: Some("rope_freqs.weight"),
    block: "blk.",
    attn_norm: "attn_norm.weight",
    q: "attn_q.weight",
    k: "attn_k.weight",
    v: "attn_v.weight",
    o: "attn_output.weight",
    ffn_norm: "ffn_norm.weight",
    gate: "ffn_gate.weight",
    up: "ffn_up.weight",
    down: "ffn_down.weight",
};

/// Keys of config.json that change no number of a forward pass in evaluation: training, generation,
/// special tokens, book-keeping.
pub(super) const HARMLESS_HF: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "add_cross_attention",
    "attention_dropout",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "id2label",
    "initializer_range",
    "is_decoder",
    "is_llama_config",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "problem_type",
    "pruned_heads",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
];

fn plan_hf(config: &Config<'_>, _: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key: &str| config.size(key).and_then(|value| config.required(key, value));
    let width = size("hidden_size")?;
    let heads = size("num_attention_heads")?;
    let context = config.size("max_position_embeddings")?.unwrap_or(2048);
    refuse_other_networks(config, context)?;
    let (theta, scaling) = rope(config)?;
    let plan = Plan {
        family: FAMILY.name,
        names: &HF_NAMES,
        layers: size("num_hidden_layers")?,
        width,
        heads: Heads {
            count: heads,
            kv_count: config.size("num_key_value_heads")?.unwrap_or(heads),
            dim: head_dim(config, "head_dim", width, heads)?,
        },
        ffn_width: size("intermediate_size")?,
        vocab: size("vocab_size")?,
        context,
        norm_eps: rounded(config.positive("rms_norm_eps")?.unwrap_or(1e-6)),
        theta,
        scaling,
        pairs: Pairs::Halves,
        tied: config.flag("tie_word_embeddings")?.unwrap_or(false),
    };
    config.finish(|key| HARMLESS_HF.contains(&key) || key.starts_with("layerscope"))?;
    plan.checked()
}

/// Refuses by name what would make another network of this configuration.
fn refuse_other_networks(config: &Config<'_>, context: usize) -> Result<(), ModelError> {
    let number = |n: u32| [Value::from(n), Value::from(f64::from(n))];
    let off = [Value::Bool(false)];
    config.only("hidden_act", &["silu".into(), "swish".into()])?;
    config.only("attention_bias", &off)?;
    config.only("mlp_bias", &off)?;
    config.only("rope_interleaved", &off)?;
    config.only("is_encoder_decoder", &off)?;
    config.only("cross_attention_hidden_size", &[])?;
    config.only("quantization_config", &[])?;
    config.only("pretraining_tp", &number(1))?;
    config.only("partial_rotary_factor", &number(1))?;
    config.only("num_experts", &number(0))?;
    config.only("num_local_experts", &number(0))?;
    // Without effect unless a window is used, which is looked at next.
    config.get("max_window_layers");
    if let Some(value) = config.get("layer_types") {
        let all_full = value.as_array().is_some_and(|l| l.iter().all(|t| t == "full_attention"));
        if !all_full {
            return Err(config.refuse("layer_types", value, "full_attention"));
        }
    }
    let switched_off = config.flag("use_sliding_window")? == Some(false);
    // A Mistral configuration without the key means 4,096; null means none.
    let says_nothing =
        !config.has("sliding_window") && config.text("model_type")? == Some("mistral");
    let window = match config.size("sliding_window")? {
        None if says_nothing => Some(4096),
        window => window,
    };
    match window.filter(|window| !switched_off && *window < context) {
        None => Ok(()),
        Some(window) => Err(ModelError::UnsupportedValue {
            key: "sliding_window".to_owned(),
            found: format!("{window} (sliding window {window}, context {context})"),
            allowed: "null or a window as long as the context".to_owned(),
        }),
    }
}

fn head_dim(
    config: &Config<'_>,
    key: &str,
    width: usize,
    heads: usize,
) -> Result<usize, ModelError> {
    match config.size(key)? {
        Some(dim) => Ok(dim),
        None if width.is_multiple_of(heads) => Ok(width / heads),
        None => Err(ModelError::UnsupportedValue {
            key: "number of attention heads".to_owned(),
            found: heads.to_string(),
            allowed: format!("a divisor of the width {width}"),
        }),
    }
}

/// Base and scaling, from `rope_theta` + `rope_scaling` or from the newer `rope_parameters`.
fn rope(config: &Config<'_>) -> Result<(f64, Scaling), ModelError> {
    let mut theta = config.positive("rope_theta")?;
    let mut scaling = None;
    for key in ["rope_scaling", "rope_parameters"] {
        let Some(rope) = config.object(key)? else { continue };
        if let Some(inner) = rope.positive("rope_theta")? {
            if theta.is_some_and(|outer| outer != inner) {
                let allowed = "the same as the other `rope_theta`";
                return Err(rope.refuse("rope_theta", &inner.into(), allowed));
            }
            theta = Some(inner);
        }
        rope.only("partial_rotary_factor", &[1.into(), 1.0.into()])?;
        let found = scaling_of(&rope)?;
        if scaling.is_some_and(|other| other != found) {
            return Err(ModelError::UnsupportedValue {
                key: "rope_parameters".to_owned(),
                found: "another scaling than `rope_scaling`".to_owned(),
                allowed: "the same scaling in both".to_owned(),
            });
        }
        scaling = Some(found);
        rope.finish(|_| false)?;
    }
    Ok((theta.unwrap_or(10000.0), scaling.unwrap_or(Scaling::None)))
}

fn scaling_of(rope: &Config<'_>) -> Result<Scaling, ModelError> {
    let number = |key: &str| rope.positive(key).and_then(|value| rope.required(key, value));
    let old_spelling = rope.text("type")?;
    match rope.text("rope_type")?.or(old_spelling) {
        None => rope.required("rope_type", None),
        Some("default") => Ok(Scaling::None),
        Some("linear") => Ok(Scaling::Linear { factor: number("factor")? }),
        Some("llama3") => {
            let (low, high) = (number("low_freq_factor")?, number("high_freq_factor")?);
            if high <= low {
                let allowed = format!("a number above low_freq_factor = {low}");
                return Err(rope.refuse("high_freq_factor", &high.into(), &allowed));
            }
            let original = number("original_max_position_embeddings")?;
            Ok(Scaling::Llama3 { factor: number("factor")?, low, high, original })
        }
        Some(other) => Err(rope.refuse("rope_type", &other.into(), "default, linear or llama3")),
    }
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key: &str| config.size(key).and_then(|value| config.required(key, value));
    let width = size("llama.embedding_length")?;
    let heads = size("llama.attention.head_count")?;
    let dim = head_dim(config, "llama.attention.key_length", width, heads)?;
    let context = size("llama.context_length")?;
    let same = [Value::from(dim)];
    config.only("llama.attention.value_length", &same)?;
    config.only("llama.rope.dimension_count", &same)?;
    let none = [Value::from(0)];
    config.only("llama.expert_count", &none)?;
    config.only("llama.expert_used_count", &none)?;
    config.only("llama.attention.causal", &[Value::Bool(true)])?;
    if let Some(value) = config.get("llama.attention.sliding_window")
        && value.as_u64().is_none_or(|window| window != 0 && window < context as u64)
    {
        let allowed = "none or a window as long as the context";
        return Err(config.refuse("llama.attention.sliding_window", value, allowed));
    }
    // The vocabulary is the embedding's: not every writer gives the key.
    let embedding = checkpoint.tensors().iter().find(|t| t.name == GGUF_NAMES.embedding);
    let rows = embedding.and_then(|tensor| tensor.shape.first()).copied();
    let missing = || ModelError::MissingTensor { name: GGUF_NAMES.embedding.to_owned() };
    let vocab = match config.size("llama.vocab_size")? {
        Some(vocab) => vocab,
        None => rows.ok_or_else(missing)?,
    };
    let plan = Plan {
        family: FAMILY.name,
        names: &GGUF_NAMES,
        layers: size("llama.block_count")?,
        width,
        heads: Heads {
            count: heads,
            kv_count: config.size("llama.attention.head_count_kv")?.unwrap_or(heads),
            dim,
        },
        ffn_width: size("llama.feed_forward_length")?,
        vocab,
        context,
        norm_eps: {
            let key = "llama.attention.layer_norm_rms_epsilon";
            rounded(config.required(key, config.positive(key)?)?)
        },
        theta: config.positive("llama.rope.freq_base")?.unwrap_or(10000.0),
        scaling: gguf_scaling(config)?,
        pairs: Pairs::Interleaved,
        tied: !checkpoint.tensors().iter().any(|tensor| tensor.name == GGUF_NAMES.head),
    };
    // Keys of other name spaces (general, tokenizer, quantize, split) say nothing about the network.
    config.finish(|key| !key.starts_with("llama."))?;
    plan.checked()
}

fn gguf_scaling(config: &Config<'_>) -> Result<Scaling, ModelError> {
    let kind = config.text("llama.rope.scaling.type")?;
    let old = config.positive("llama.rope.scale_linear")?;
    let factor = config.positive("llama.rope.scaling.factor")?.or(old);
    // Book-keeping of a fine-tuning; only yarn computes with it.
    config.get("llama.rope.scaling.original_context_length");
    config.get("llama.rope.scaling.finetuned");
    match (kind, factor) {
        (Some("none"), _) | (None | Some("linear"), None) => Ok(Scaling::None),
        (None | Some("linear"), Some(factor)) => Ok(Scaling::Linear { factor }),
        (Some(other), _) => {
            Err(config.refuse("llama.rope.scaling.type", &other.into(), "none or linear"))
        }
    }
}
