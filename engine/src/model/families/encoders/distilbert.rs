//! DistilBERT: BERT's blocks under other names, no segments, and no pooler.

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::encoder::{Input, Masked, Names, Placement, Plan, Sharing, Words};
use crate::model::families::encoders::EncoderFamily;
use crate::model::families::encoders::shared::{self, HeadNames};

pub(super) static FAMILY: EncoderFamily = EncoderFamily {
    name: "DistilBERT",
    covers: &["DistilBERT"],
    hugging_face: &[
        ("distilbert", "DistilBertModel"),
        ("distilbert", "DistilBertForMaskedLM"),
        ("distilbert", "DistilBertForSequenceClassification"),
    ],
    gguf: &[],
    plan_hf: plan,
    plan_gguf: None,
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
    let head = shared::head(config, checkpoint, heads(activation))?;
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

fn heads(activation: Activation) -> HeadNames {
    HeadNames {
        hidden: ("pre_classifier".to_owned(), Activation::Relu),
        classifier: "classifier",
        masked: Masked {
            dense: "vocab_transform",
            activation,
            norm: "vocab_layer_norm",
            matrix: Some("vocab_projector.weight"),
            bias: "vocab_projector.bias",
        },
        decoder_bias: "vocab_projector.bias",
    }
}
