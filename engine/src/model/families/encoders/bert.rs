//! BERT and what is built exactly like it: MiniLM, and sentence encoders that keep BERT's body.
//!
//! Blocks with norms behind their sublayers, learned positions from 0, two segments.

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::encoder::{HeadPlan, Input, Masked, Names, Placement, Plan, Sharing, Words};
use crate::model::families::encoders::EncoderFamily;
use crate::model::families::encoders::shared::{self, HeadNames};

pub(super) static FAMILY: EncoderFamily = EncoderFamily {
    name: "BERT",
    covers: &["BERT", "MiniLM"],
    hugging_face: &[
        ("bert", "BertModel"),
        ("bert", "BertForMaskedLM"),
        ("bert", "BertForPreTraining"),
        ("bert", "BertForSequenceClassification"),
    ],
    plan,
};

pub(super) static NAMES: Names = Names {
    words: "embeddings.word_embeddings.weight",
    positions: "embeddings.position_embeddings.weight",
    segments: "embeddings.token_type_embeddings.weight",
    input_norm: "embeddings.LayerNorm",
    projection: "",
    class_token: "",
    block: "encoder.layer.",
    q: "attention.self.query",
    k: "attention.self.key",
    v: "attention.self.value",
    o: "attention.output.dense",
    attn_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    ffn_norm: "output.LayerNorm",
    spare: &[
        "pooler.dense",
        "classifier",
        "cls.predictions",
        "cls.predictions.decoder",
        "cls.predictions.transform.dense",
        "cls.predictions.transform.LayerNorm",
        "cls.seq_relationship",
    ],
};

fn plan(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let prefix = shared::prefix(checkpoint, "bert.", NAMES.words);
    let activation = shared::activation(config, "hidden_act", Activation::GeluErf)?;
    let head = shared::head(config, checkpoint, heads(prefix, activation))?;
    let body = Body { prefix, activation, head, padding: None };
    body.plan(FAMILY.name, &NAMES, config, checkpoint)
}

fn heads(prefix: &str, activation: Activation) -> HeadNames {
    HeadNames {
        hidden: (format!("{prefix}pooler.dense"), Activation::Tanh),
        classifier: "classifier",
        masked: Masked {
            dense: "cls.predictions.transform.dense",
            activation,
            norm: "cls.predictions.transform.LayerNorm",
            matrix: Some("cls.predictions.decoder.weight"),
            bias: "cls.predictions.bias",
        },
        decoder_bias: "cls.predictions.decoder.bias",
    }
}

/// What BERT and RoBERTa read alike; the rest stands here.
pub(super) struct Body {
    pub(super) prefix: &'static str,
    pub(super) activation: Activation,
    pub(super) head: HeadPlan,
    /// Positions count from this token's id + 1.
    pub(super) padding: Option<u32>,
}

impl Body {
    /// The plan; refuses every key that nobody knows.
    pub(super) fn plan(
        self,
        family: &'static str,
        names: &'static Names,
        config: &Config<'_>,
        checkpoint: &dyn Checkpoint,
    ) -> Result<Plan, ModelError> {
        let Self { prefix, activation, head, padding } = self;
        let size = |key| shared::size(config, key);
        let width = size("hidden_size")?;
        let norm_spelling =
            shared::norm_spelling(checkpoint, &format!("{prefix}{}", names.input_norm));
        // Without effect where no head is tied.
        config.flag("tie_word_embeddings")?;
        let plan = Plan {
            family,
            names,
            prefix,
            norm_spelling,
            layers: size("num_hidden_layers")?,
            sharing: Sharing::Own,
            width,
            num_heads: size("num_attention_heads")?,
            ffn_width: size("intermediate_size")?,
            norm_eps: rounded(config.positive("layer_norm_eps")?.unwrap_or(1e-12)),
            placement: Placement::After,
            activation,
            qkv_bias: true,
            input: Input::Words(Words {
                vocab: size("vocab_size")?,
                width,
                positions: size("max_position_embeddings")?,
                padding,
                segments: config.size("type_vocab_size")?.unwrap_or(2),
            }),
            head,
        };
        shared::finish(config)?;
        plan.checked()
    }
}
