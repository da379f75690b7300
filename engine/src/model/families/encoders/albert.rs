//! ALBERT: one block that is used at every layer, and embeddings that are projected to the width of the stream.

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::encoder::{Input, Masked, Names, Placement, Plan, Sharing, Words};
use crate::model::families::encoders::EncoderFamily;
use crate::model::families::encoders::shared::{self, HeadNames};

pub(super) static FAMILY: EncoderFamily = EncoderFamily {
    name: "ALBERT",
    covers: &["ALBERT"],
    hugging_face: &[
        ("albert", "AlbertModel"),
        ("albert", "AlbertForMaskedLM"),
        ("albert", "AlbertForPreTraining"),
        ("albert", "AlbertForSequenceClassification"),
    ],
    gguf: &[],
    plan_hf: plan,
    plan_gguf: None,
};

static NAMES: Names = Names {
    words: "embeddings.word_embeddings.weight",
    positions: "embeddings.position_embeddings.weight",
    segments: "embeddings.token_type_embeddings.weight",
    input_norm: "embeddings.LayerNorm",
    projection: "encoder.embedding_hidden_mapping_in",
    class_token: "",
    block: "encoder.albert_layer_groups.0.albert_layers.0.",
    q: "attention.query",
    k: "attention.key",
    v: "attention.value",
    o: "attention.dense",
    attn_norm: "attention.LayerNorm",
    up: "ffn",
    down: "ffn_output",
    ffn_norm: "full_layer_layer_norm",
    spare: &[
        "pooler",
        "classifier",
        "predictions",
        "predictions.decoder",
        "predictions.dense",
        "predictions.LayerNorm",
        "sop_classifier.classifier",
    ],
};

fn plan(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key| shared::size(config, key);
    let prefix = shared::prefix(checkpoint, "albert.", NAMES.words);
    let activation = shared::activation(config, "hidden_act", Activation::GeluTanh)?;
    config.only("num_hidden_groups", &[1.into()])?;
    config.only("inner_group_num", &[1.into()])?;
    // Of the network's first publication; nothing reads them.
    for key in [
        "down_scale_factor",
        "gap_size",
        "layers_to_keep",
        "net_structure_type",
        "num_memory_blocks",
    ] {
        config.get(key);
    }
    let head = shared::head(config, checkpoint, heads(prefix, activation))?;
    config.flag("tie_word_embeddings")?;
    let width = size("hidden_size")?;
    let embedding = config.size("embedding_size")?.unwrap_or(128);
    let plan = Plan {
        family: FAMILY.name,
        names: &NAMES,
        prefix,
        norm_spelling: shared::norm_spelling(checkpoint, &format!("{prefix}{}", NAMES.input_norm)),
        layers: size("num_hidden_layers")?,
        sharing: Sharing::One,
        width,
        num_heads: size("num_attention_heads")?,
        ffn_width: size("intermediate_size")?,
        norm_eps: rounded(config.positive("layer_norm_eps")?.unwrap_or(1e-12)),
        placement: Placement::After,
        activation,
        qkv_bias: true,
        input: Input::Words(Words {
            vocab: size("vocab_size")?,
            width: embedding,
            positions: size("max_position_embeddings")?,
            padding: None,
            segments: config.size("type_vocab_size")?.unwrap_or(2),
        }),
        head,
    };
    shared::finish(config)?;
    plan.checked()
}

fn heads(prefix: &str, activation: Activation) -> HeadNames {
    HeadNames {
        hidden: (format!("{prefix}pooler"), Activation::Tanh),
        classifier: "classifier",
        masked: Masked {
            dense: "predictions.dense",
            activation,
            norm: "predictions.LayerNorm",
            matrix: Some("predictions.decoder.weight"),
            bias: "predictions.bias",
        },
        decoder_bias: "predictions.decoder.bias",
    }
}
