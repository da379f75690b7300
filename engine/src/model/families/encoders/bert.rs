//! BERT and what is built exactly like it: MiniLM, and sentence encoders that keep BERT's body.
//!
//! Blocks with norms behind their sublayers, learned positions from 0, two segments.

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::{Config, gguf};
use crate::model::encoder::{
    HeadPlan, Input, Masked, Names, NormSpelling, Placement, Plan, Sharing, Words,
};
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
    gguf: &["bert"],
    plan_hf: plan,
    plan_gguf: Some(plan_gguf),
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

/// As llama.cpp's converter calls them. It writes DistilBERT (without segments) and RoBERTa (positions without the rows
/// in front) as this architecture, too, and leaves every head away.
static GGUF_NAMES: Names = Names {
    words: "token_embd.weight",
    positions: "position_embd.weight",
    segments: "token_types.weight",
    input_norm: "token_embd_norm",
    projection: "",
    class_token: "",
    block: "blk.",
    q: "attn_q",
    k: "attn_k",
    v: "attn_v",
    o: "attn_output",
    attn_norm: "attn_output_norm",
    up: "ffn_up",
    down: "ffn_down",
    ffn_norm: "layer_output_norm",
    spare: &[],
};

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let size = |key| shared::size(config, key);
    let rows = |name: &str| shared::rows(checkpoint, name);
    let (width, num_heads) = (size("embedding_length")?, size("attention.head_count")?);
    config.only("attention.causal", &[false.into()])?;
    config.only("attention.head_count_kv", &[num_heads.into()])?;
    // How a sentence becomes one state: no readout of ours asks for it.
    config.get("pooling_type");
    let missing = || ModelError::MissingTensor { name: GGUF_NAMES.words.to_owned() };
    // The vocabulary is the embedding's: not every writer gives the key.
    let vocab =
        config.size("vocab_size")?.or_else(|| rows(GGUF_NAMES.words)).ok_or_else(missing)?;
    let key = "attention.layer_norm_epsilon";
    let plan = Plan {
        family: FAMILY.name,
        names: &GGUF_NAMES,
        prefix: "",
        norm_spelling: NormSpelling::WeightBias,
        layers: size("block_count")?,
        sharing: Sharing::Own,
        width,
        num_heads,
        ffn_width: size("feed_forward_length")?,
        norm_eps: rounded(config.required(key, config.positive(key)?)?),
        placement: Placement::After,
        // The file does not say; BERT's own is what its weights were trained with.
        activation: Activation::GeluErf,
        qkv_bias: true,
        input: Input::Words(Words {
            vocab,
            width,
            positions: size("context_length")?,
            padding: None,
            segments: rows(GGUF_NAMES.segments).unwrap_or(0),
        }),
        head: HeadPlan::None,
    };
    gguf::finish(config)?;
    plan.checked()
}
