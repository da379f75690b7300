//! ViT: an encoder over the patches of an image, with norms in front of its sublayers.

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::encoder::{
    HeadPlan, Input, Names, NormSpelling, Patches, Placement, Plan, Sharing,
};
use crate::model::families::encoders::{EncoderFamily, shared};

pub(super) static FAMILY: EncoderFamily = EncoderFamily {
    name: "ViT",
    covers: &["ViT"],
    hugging_face: &[("vit", "ViTModel"), ("vit", "ViTForImageClassification")],
    gguf: &[],
    plan_hf: plan,
    plan_gguf: None,
};

static NAMES: Names = Names {
    words: "",
    positions: "embeddings.position_embeddings",
    segments: "",
    input_norm: "",
    projection: "embeddings.patch_embeddings.projection",
    class_token: "embeddings.cls_token",
    block: "encoder.layer.",
    q: "attention.attention.query",
    k: "attention.attention.key",
    v: "attention.attention.value",
    o: "attention.output.dense",
    attn_norm: "layernorm_before",
    up: "intermediate.dense",
    down: "output.dense",
    ffn_norm: "layernorm_after",
    spare: &["layernorm", "pooler.dense", "classifier"],
};

fn plan(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key| shared::size(config, key);
    let prefix = shared::prefix(checkpoint, "vit.", NAMES.class_token);
    let head = if let Some(exits) = shared::exits(checkpoint)? {
        exits
    } else if shared::has(checkpoint, "classifier.weight") {
        let norm = Some(format!("{prefix}layernorm"));
        shared::classes(config, checkpoint, norm, None, "classifier")?
    } else {
        HeadPlan::None
    };
    let plan = Plan {
        family: FAMILY.name,
        names: &NAMES,
        prefix,
        norm_spelling: NormSpelling::WeightBias,
        layers: size("num_hidden_layers")?,
        sharing: Sharing::Own,
        width: size("hidden_size")?,
        num_heads: size("num_attention_heads")?,
        ffn_width: size("intermediate_size")?,
        norm_eps: rounded(config.positive("layer_norm_eps")?.unwrap_or(1e-12)),
        placement: Placement::Before,
        activation: shared::activation(config, "hidden_act", Activation::GeluErf)?,
        qkv_bias: config.flag("qkv_bias")?.unwrap_or(true),
        input: Input::Patches(Patches {
            image: config.size("image_size")?.unwrap_or(224),
            patch: config.size("patch_size")?.unwrap_or(16),
            channels: config.size("num_channels")?.unwrap_or(3),
        }),
        head,
    };
    shared::finish(config)?;
    plan.checked()
}
