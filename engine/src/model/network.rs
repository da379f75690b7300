//! What a checkpoint holds, before its weights are in place: a configured decoder or a configured encoder.
//!
//! Must not know: which families exist.

use crate::kernel::attention::Heads;
use crate::model::decoder::{self, Decoder};
use crate::model::encoder::{self, Encoder};
use crate::model::weights::Weights;
use crate::model::{LayeredModel, ModelCard, ModelError, Point};
use crate::signal::{ReadBy, Subject};

/// A network without its weights.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    Decoder(decoder::Plan),
    Encoder(encoder::Plan),
}

/// What the card says about a network's sizes.
#[derive(Debug)]
pub(crate) struct Sizes {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) vocab: usize,
    pub(crate) heads: Heads,
    pub(crate) ffn_width: usize,
    pub(crate) context: usize,
    /// Of the images that it reads; `None` where it reads text.
    pub(crate) image_side: Option<usize>,
    pub(crate) subject: Subject,
    pub(crate) read_by: ReadBy,
    /// What reads out, in words.
    pub(crate) readout: String,
    /// What a readout chooses among.
    pub(crate) outputs: usize,
    /// Names of the classes; empty where it chooses among tokens.
    pub(crate) classes: Vec<String>,
    /// Positions that a token sees in each block; `None`: all that attention allows.
    pub(crate) windows: Vec<Option<usize>>,
    pub(crate) points: Vec<Point>,
    /// Weights of the matrices that a block multiplies with each token.
    pub(crate) block_weights: u64,
    /// The same of a readout.
    pub(crate) readout_weights: u64,
}

impl Network {
    pub(crate) fn family(&self) -> &'static str {
        match self {
            Self::Decoder(plan) => plan.family,
            Self::Encoder(plan) => plan.family,
        }
    }

    /// Names and shapes of every tensor that the network takes.
    pub(crate) fn tensors(&self, weights: &Weights<'_>) -> Vec<(String, Vec<usize>)> {
        match self {
            Self::Decoder(plan) => plan.tensors(weights),
            Self::Encoder(plan) => plan.tensors(),
        }
    }

    /// Whether a tensor counts as weights: divisors of rotary frequencies are a table.
    pub(crate) fn is_counted(&self, name: &str) -> bool {
        match self {
            Self::Decoder(plan) => plan.names.rope_divisors != Some(name),
            Self::Encoder(_) => true,
        }
    }

    /// Whether a tensor that nobody takes changes no number.
    pub(crate) fn is_spare(&self, name: &str) -> bool {
        match self {
            Self::Decoder(plan) => plan.is_spare(name),
            Self::Encoder(plan) => plan.is_spare(name),
        }
    }

    pub(crate) fn sizes(&self) -> Sizes {
        match self {
            Self::Decoder(plan) => Sizes {
                layers: plan.layers,
                width: plan.width,
                vocab: plan.vocab,
                heads: plan.heads,
                ffn_width: plan.ffn_width,
                context: plan.context,
                image_side: None,
                subject: Subject::Token,
                read_by: ReadBy::Head,
                readout: "language-model head".to_owned(),
                outputs: plan.vocab,
                classes: Vec::new(),
                windows: plan.windows.clone(),
                points: plan.points(),
                block_weights: plan.block_weights(),
                readout_weights: plan.width as u64 * plan.vocab as u64,
            },
            Self::Encoder(plan) => plan.sizes(),
        }
    }

    /// Takes every weight.
    pub(crate) fn build(
        self,
        card: ModelCard,
        weights: &mut Weights<'_>,
    ) -> Result<Box<dyn LayeredModel>, ModelError> {
        Ok(match self {
            Self::Decoder(plan) => Box::new(Decoder::new(plan, card, weights)?),
            Self::Encoder(plan) => Box::new(Encoder::new(plan, card, weights)?),
        })
    }
}
