//! DistilBERT: BERT's blocks under other names, no segments, and no pooler.

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::encoder::{HeadPlan, Input, Masked, Names, Placement, Plan, Sharing, Words};
use crate::model::families::encoders::{EncoderFamily, shared};

pub(super) static FAMILY: EncoderFamily = EncoderFamily {
    name: "DistilBERT",
    covers: &["DistilBERT"],
    hugging_face: &[
        ("distilbert", "DistilBertModel"),
        ("distilbert", "DistilBertForMaskedLM"),
        ("distilbert", "DistilBertForSequenceClassification"),
    ],
    plan,
};

static NAMES: Names = Names {
    words: "embeddings.word_embeddings.weight",
    positions: "embeddings.position_embeddings.weight",
    segments: "",
    input_norm: "embeddings.LayerNorm",
    projection: "",
    class_token: "",
    block: "transformer.layer.",
    q: "attention.q_lin",
    k: "attention.k_lin",
    v: "attention.v_lin",
    o: "attention.out_lin",
    attn_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    ffn_norm: "output_layer_norm",
    spare: &[
        "vocab_transform",
        "vocab_layer_norm",
        "vocab_projector",
        "pre_classifier",
        "classifier",
    ],
};

fn plan(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key| shared::size(config, key);
    let prefix = shared::prefix(checkpoint, "distilbert.", NAMES.words);
    let activation = shared::activation(config, "activation", Activation::GeluErf)?;
    let width = size("dim")?;
    // How the table of positions was filled; it is stored either way.
    config.flag("sinusoidal_pos_embds")?;
    let head = head(config, checkpoint, activation)?;
    config.flag("tie_word_embeddings")?;
    let plan = Plan {
        family: FAMILY.name,
        names: &NAMES,
        prefix,
        norm_spelling: shared::norm_spelling(checkpoint, &format!("{prefix}{}", NAMES.input_norm)),
        layers: size("n_layers")?,
        sharing: Sharing::Own,
        width,
        num_heads: size("n_heads")?,
        ffn_width: size("hidden_dim")?,
        // Fixed in the network's definition.
        norm_eps: rounded(1e-12),
        placement: Placement::After,
        activation,
        qkv_bias: true,
        input: Input::Words(Words {
            vocab: size("vocab_size")?,
            width,
            positions: size("max_position_embeddings")?,
            padding: None,
            segments: 0,
        }),
        head,
    };
    shared::finish(config)?;
    plan.checked()
}

fn head(
    config: &Config<'_>,
    checkpoint: &dyn Checkpoint,
    activation: Activation,
) -> Result<HeadPlan, ModelError> {
    if let Some(exits) = shared::exits(checkpoint)? {
        return Ok(exits);
    }
    if shared::has(checkpoint, "classifier.weight") {
        let hidden = ("pre_classifier".to_owned(), Activation::Relu);
        return shared::classes(config, checkpoint, None, Some(hidden), "classifier");
    }
    if !shared::has(checkpoint, "vocab_transform.weight") {
        return Ok(HeadPlan::None);
    }
    let masked = Masked {
        dense: "vocab_transform",
        activation,
        norm: "vocab_layer_norm",
        matrix: None,
        bias: "vocab_projector.bias",
    };
    let (matrix, bias) = ("vocab_projector.weight", "vocab_projector.bias");
    shared::masked(config, checkpoint, masked, matrix, bias)
}
