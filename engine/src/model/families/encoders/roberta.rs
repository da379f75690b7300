//! RoBERTa and XLM-RoBERTa: BERT's body with positions that count from the padding token's id + 1, one segment,
//! and heads of its own.

use crate::checkpoint::Checkpoint;
use crate::kernel::activation::Activation;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::encoder::{Masked, Names, Plan};
use crate::model::families::encoders::EncoderFamily;
use crate::model::families::encoders::bert::{self, Body};
use crate::model::families::encoders::shared::{self, HeadNames};

pub(super) static FAMILY: EncoderFamily = EncoderFamily {
    name: "RoBERTa",
    covers: &["RoBERTa", "XLM-RoBERTa"],
    hugging_face: &[
        ("roberta", "RobertaModel"),
        ("roberta", "RobertaForMaskedLM"),
        ("roberta", "RobertaForSequenceClassification"),
        ("xlm-roberta", "XLMRobertaModel"),
        ("xlm-roberta", "XLMRobertaForMaskedLM"),
        ("xlm-roberta", "XLMRobertaForSequenceClassification"),
    ],
    gguf: &[],
    plan_hf: plan,
    plan_gguf: None,
};

static NAMES: Names = Names {
    spare: &[
        "pooler.dense",
        "lm_head",
        "lm_head.decoder",
        "lm_head.dense",
        "lm_head.layer_norm",
        "classifier.dense",
        "classifier.out_proj",
    ],
    ..bert::NAMES
};

fn plan(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let head = shared::head(config, checkpoint, heads())?;
    // The id of RoBERTa's own vocabulary where the configuration does not say.
    let padding = match config.get("pad_token_id") {
        None => 1,
        Some(value) => {
            let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
            id.filter(|id| *id < 1 << 22)
                .ok_or_else(|| config.refuse("pad_token_id", value, "a token id"))?
        }
    };
    let body = Body {
        prefix: shared::prefix(checkpoint, "roberta.", NAMES.words),
        activation: shared::activation(config, "hidden_act", Activation::GeluErf)?,
        head,
        padding: Some(padding),
    };
    body.plan(FAMILY.name, &NAMES, config, checkpoint)
}

fn heads() -> HeadNames {
    HeadNames {
        hidden: ("classifier.dense".to_owned(), Activation::Tanh),
        classifier: "classifier.out_proj",
        masked: Masked {
            dense: "lm_head.dense",
            // Whatever the blocks use.
            activation: Activation::GeluErf,
            norm: "lm_head.layer_norm",
            matrix: Some("lm_head.decoder.weight"),
            bias: "lm_head.bias",
        },
        decoder_bias: "lm_head.decoder.bias",
    }
}
