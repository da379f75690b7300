//! What the keys of many decoders have in common in GGUF, as llama.cpp writes them.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::kernel::attention::Heads;
use crate::kernel::rotary::{Pairs, Scaling, Turning};
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::config::hugging_face::shared_width;
use crate::model::decoder::names::Mlp;
use crate::model::decoder::plan::Experts;
use crate::model::decoder::{Names, NormKind, Plan, Positions, Sizes};

/// A decoder that differs from Llama only in what its family changes afterwards. `config` is scoped to the
/// architecture. Every architecture but llama pairs rotary numbers by halves.
pub(crate) fn decoder(
    config: &Config<'_>,
    checkpoint: &dyn Checkpoint,
    family: &'static str,
    names: &'static Names,
) -> Result<Plan, ModelError> {
    let mut plan = sizes(config, checkpoint, family, names)?;
    let dim = plan.heads.dim;
    config.only("attention.value_length", &[Value::from(dim)])?;
    let key = "attention.layer_norm_rms_epsilon";
    plan.norm = NormKind::Rms;
    plan.norm_eps = rounded(config.required(key, config.positive(key)?)?);
    let turning = Turning {
        dims: config.size("rope.dimension_count")?.unwrap_or(dim),
        theta: config.positive("rope.freq_base")?.unwrap_or(10000.0),
        scaling: scaling(config)?,
        pairs: Pairs::Halves,
    };
    plan.positions = Positions::Rotary { turning, windowed: None };
    Ok(plan)
}

/// Sizes, experts and tying alone.
pub(crate) fn sizes(
    config: &Config<'_>,
    checkpoint: &dyn Checkpoint,
    family: &'static str,
    names: &'static Names,
) -> Result<Plan, ModelError> {
    let size = |key: &str| config.size(key).and_then(|value| config.required(key, value));
    let (width, heads) = (size("embedding_length")?, size("attention.head_count")?);
    let dim = match config.size("attention.key_length")? {
        Some(dim) => dim,
        None => shared_width(width, heads)?,
    };
    config.only("attention.causal", &[Value::Bool(true)])?;
    // The vocabulary is the embedding's: not every writer gives the key.
    let name = format!("{}.weight", names.embedding);
    let embedding = checkpoint.tensors().iter().find(|tensor| tensor.name == name);
    let rows = embedding.and_then(|tensor| tensor.shape.first()).copied();
    let vocab = match config.size("vocab_size")? {
        Some(vocab) => vocab,
        None => rows.ok_or(ModelError::MissingTensor { name })?,
    };
    let sizes = Sizes {
        layers: size("block_count")?,
        width,
        heads: Heads {
            count: heads,
            kv_count: config.size("attention.head_count_kv")?.unwrap_or(heads),
            dim,
        },
        ffn_width: size("feed_forward_length")?,
        vocab,
        context: size("context_length")?,
    };
    let mut plan = Plan::new(family, names, sizes)?;
    if matches!(names.mlp, Mlp::StackedExperts { .. }) {
        plan.experts = Experts { count: size("expert_count")?, used: size("expert_used_count")? };
    } else {
        let none = [Value::from(0)];
        config.only("expert_count", &none)?;
        config.only("expert_used_count", &none)?;
    }
    let head = format!("{}.weight", names.head);
    plan.tied = !checkpoint.tensors().iter().any(|tensor| tensor.name == head);
    Ok(plan)
}

/// Refuses a window that would be shorter than the context.
pub(crate) fn no_window(config: &Config<'_>, context: usize) -> Result<(), ModelError> {
    match window(config)? {
        Some(window) if window < context => Err(config.refuse(
            "attention.sliding_window",
            &window.into(),
            "none or a window as long as the context",
        )),
        _ => Ok(()),
    }
}

/// The window; none where it is absent or 0.
pub(crate) fn window(config: &Config<'_>) -> Result<Option<usize>, ModelError> {
    let key = "attention.sliding_window";
    match config.get(key) {
        Some(value) if value.as_u64() == Some(0) => Ok(None),
        _ => config.size(key),
    }
}

/// Refuses every key of the architecture that nobody has looked at. Other name spaces (general, tokenizer,
/// quantize, split) say nothing about the network.
pub(crate) fn finish(config: &Config<'_>) -> Result<(), ModelError> {
    config.finish(|_| false)
}

fn scaling(config: &Config<'_>) -> Result<Scaling, ModelError> {
    let kind = config.text("rope.scaling.type")?;
    let old = config.positive("rope.scale_linear")?;
    let factor = config.positive("rope.scaling.factor")?.or(old);
    // Book-keeping of a fine-tuning; only yarn and longrope compute with it.
    config.get("rope.scaling.original_context_length");
    config.get("rope.scaling.finetuned");
    match (kind, factor) {
        (Some("none"), _) | (None | Some("linear"), None) => Ok(Scaling::None),
        (None | Some("linear"), Some(factor)) => Ok(Scaling::Linear { factor }),
        (Some(other), _) => {
            Err(config.refuse("rope.scaling.type", &other.into(), "none or linear"))
        }
    }
}
