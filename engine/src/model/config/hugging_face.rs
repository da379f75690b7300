//! What the config.json of many decoders has in common.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::kernel::attention::Heads;
use crate::kernel::rotary::{Pairs, Turning};
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::config::rope::{RopeKeys, USUAL, rope};
use crate::model::decoder::{Names, NormKind, Plan, Positions, Sizes};

/// What a family means where config.json does not say it: the defaults of its class in transformers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults {
    /// `None`: as many as there are heads.
    pub(crate) kv_heads: Option<usize>,
    /// `None`: width / heads.
    pub(crate) head_dim: Option<usize>,
    pub(crate) context: usize,
    pub(crate) norm_eps: f64,
    pub(crate) tied: bool,
    pub(crate) rope: RopeKeys,
}

/// Those of Llama.
pub(crate) const LLAMA: Defaults = Defaults {
    kv_heads: None,
    head_dim: None,
    context: 2048,
    norm_eps: 1e-6,
    tied: false,
    rope: USUAL,
};

/// Keys that change no number of a forward pass in evaluation: training, generation, special tokens,
/// book-keeping.
pub(crate) const HARMLESS: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "_num_labels",
    "add_cross_attention",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "cache_implementation",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "eos_token_ids",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout",
    "hidden_dropout_prob",
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
    "output_router_logits",
    "output_scores",
    "pad_token_id",
    "prefix",
    "problem_type",
    "pruned_heads",
    "remove_invalid_values",
    "reorder_and_upcast_attn",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "sep_token_id",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
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

/// A decoder that differs from Llama only in what its family changes afterwards: sizes, norms, rotary positions
/// and tying under the keys that most families use.
pub(crate) fn decoder(
    config: &Config<'_>,
    checkpoint: &dyn Checkpoint,
    family: &'static str,
    names: &'static Names,
    defaults: Defaults,
) -> Result<Plan, ModelError> {
    let size = |key: &str| config.size(key).and_then(|value| config.required(key, value));
    let (width, heads) = (size("hidden_size")?, size("num_attention_heads")?);
    let dim = match config.size_or("head_dim", defaults.head_dim)? {
        Some(dim) => dim,
        None => shared_width(width, heads)?,
    };
    let kv_count = config.size_or("num_key_value_heads", defaults.kv_heads)?.unwrap_or(heads);
    let sizes = Sizes {
        layers: size("num_hidden_layers")?,
        width,
        heads: Heads { count: heads, kv_count, dim },
        ffn_width: size("intermediate_size")?,
        vocab: size("vocab_size")?,
        context: config.size("max_position_embeddings")?.unwrap_or(defaults.context),
    };
    config.only("attention_bias", &[Value::Bool(false)])?;
    config.only("mlp_bias", &[Value::Bool(false)])?;
    let rope = rope(config, defaults.rope)?;
    let mut plan = Plan::new(family, names, sizes)?;
    plan.prefix = prefix(checkpoint, names, &["model.", ""]);
    plan.norm = NormKind::Rms;
    plan.norm_eps = rounded(config.positive("rms_norm_eps")?.unwrap_or(defaults.norm_eps));
    plan.tied = config.flag("tie_word_embeddings")?.unwrap_or(defaults.tied);
    let (theta, scaling) = (rope.theta, rope.scaling);
    let turning = Turning { dims: share(dim, rope.share), theta, scaling, pairs: Pairs::Halves };
    plan.positions = Positions::Rotary { turning, windowed: None };
    Ok(plan)
}

/// Whole numbers of a head that are turned; rounded down as transformers does.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive share; `as` saturates, and what is larger than the head is refused with the plan"
)]
pub(crate) fn share(dim: usize, share: f64) -> usize {
    (dim as f64 * share) as usize
}

/// Width of a head where only the width of all is known.
pub(crate) fn shared_width(width: usize, heads: usize) -> Result<usize, ModelError> {
    if width.is_multiple_of(heads) {
        return Ok(width / heads);
    }
    Err(ModelError::UnsupportedValue {
        key: "number of attention heads".to_owned(),
        found: heads.to_string(),
        allowed: format!("a divisor of the width {width}"),
    })
}

/// What stands before the names of the body's tensors in this checkpoint, of `known`; the first where none fits.
pub(crate) fn prefix(
    checkpoint: &dyn Checkpoint,
    names: &Names,
    known: &'static [&'static str],
) -> &'static str {
    let tensors = checkpoint.tensors();
    let holds = |prefix: &&&str| {
        let name = format!("{prefix}{}.weight", names.embedding);
        tensors.binary_search_by(|tensor| tensor.name.cmp(&name)).is_ok()
    };
    let usual = known.first().copied().unwrap_or("");
    known.iter().find(holds).copied().unwrap_or(usual)
}

/// Refuses what would make another network under every family, and every key that nobody has looked at.
pub(crate) fn finish(config: &Config<'_>) -> Result<(), ModelError> {
    let off = [Value::Bool(false)];
    config.only("rope_interleaved", &off)?;
    config.only("is_encoder_decoder", &off)?;
    config.only("cross_attention_hidden_size", &[])?;
    config.only("quantization_config", &[])?;
    config.only("pretraining_tp", &[1.into(), 1.0.into()])?;
    config.only("num_experts", &[0.into(), 0.0.into()])?;
    config.finish(|key| HARMLESS.contains(&key) || key.starts_with("layerscope"))
}

/// A window on every block, or on none.
pub(crate) fn same_window(
    config: &Config<'_>,
    layers: usize,
    window: Option<usize>,
) -> Result<Vec<Option<usize>>, ModelError> {
    let allowed = if window.is_some() { "sliding_attention" } else { "full_attention" };
    if let Some(value) = config.get("layer_types") {
        let fits = value.as_array().is_some_and(|list| list.iter().all(|kind| kind == allowed));
        if !fits {
            return Err(config.refuse("layer_types", value, allowed));
        }
    }
    Ok(vec![window; layers])
}

/// A window on the blocks that `layer_types` names, or, where that is absent, on those of `rule`.
pub(crate) fn some_windows(
    config: &Config<'_>,
    layers: usize,
    window: Option<usize>,
    rule: impl Fn(usize) -> bool,
) -> Result<Vec<Option<usize>>, ModelError> {
    let Some(value) = config.get("layer_types") else {
        return Ok((0..layers).map(|layer| window.filter(|_| rule(layer))).collect());
    };
    let refused = || {
        let windows = if window.is_some() { " or sliding_attention" } else { "" };
        config.refuse("layer_types", value, &format!("full_attention{windows} for each block"))
    };
    let kinds = value.as_array().filter(|kinds| kinds.len() == layers).ok_or_else(refused)?;
    kinds
        .iter()
        .map(|kind| match (kind.as_str(), window) {
            (Some("full_attention"), _) => Ok(None),
            (Some("sliding_attention"), Some(window)) => Ok(Some(window)),
            _ => Err(refused()),
        })
        .collect()
}
