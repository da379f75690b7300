//! How the tokens of a recording were chosen, where the model chose some of them itself.

use std::collections::BTreeMap;

use crate::recording::Tokens;
use crate::signal::{NO_TOKEN, Signal};

/// How a token is chosen from logits.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sampling {
    /// Divides the logits; 0 takes the largest, of equals the one with the lowest id.
    pub temperature: f64,
    /// Only the k most probable tokens are drawn from; null: all.
    pub top_k: Option<u64>,
    /// Of those only as many, most probable first, as are needed to reach this probability; 1: all.
    pub top_p: f64,
    /// Positive logits of tokens that are in the text already are divided by this, negative ones multiplied; 1: not.
    pub repeat_penalty: f64,
    /// Of the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: None, top_p: 1.0, repeat_penalty: 1.0, seed: 0 }
    }
}

/// Where the tokens of a recording came from.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Generation {
    /// So many tokens at the start were given; the model chose the others.
    pub prompt_tokens: u64,
    /// Whether the prompt stands inside the chat template of the checkpoint.
    pub is_chat: bool,
    /// How the model chose, the last time.
    pub sampling: Sampling,
    /// Why there is no further token.
    pub ended: End,
}

impl Generation {
    /// The same where only the first `tokens` are here.
    pub(crate) fn within(self, tokens: u64) -> Self {
        Self { prompt_tokens: self.prompt_tokens.min(tokens), ..self }
    }
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The model chose a token that ends a text.
    EndOfText,
    /// As many tokens as asked for.
    MostTokens,
    /// A text at which it was to stop.
    StopText,
    /// No further position fits into the context of the model.
    ContextFull,
    /// The logits are not numbers, so nothing can be chosen.
    NoNumbers,
    /// A person cancelled, it was killed, or it still goes on.
    Cancelled,
}

impl End {
    /// For a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::EndOfText => "the model ended the text",
            Self::MostTokens => "as many tokens as asked for",
            Self::StopText => "a text to stop at",
            Self::ContextFull => "context is full",
            Self::NoNumbers => "the model's logits are not numbers",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Makes the last token the last: what followed it, if anything did, is not here, so nothing is said of it.
pub(crate) fn forget_next(tokens: &mut Tokens, signals: &mut BTreeMap<Signal, Vec<Vec<f32>>>) {
    if let Some(next) = tokens.next_ids.last_mut() {
        *next = NO_TOKEN;
    }
    for signal in [Signal::Nll, Signal::Rank] {
        for column in signals.get_mut(&signal).into_iter().flatten() {
            if let Some(value) = column.last_mut() {
                *value = f32::NAN;
            }
        }
    }
}
