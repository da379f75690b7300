//! How the tokens of a recording were chosen, where the model chose some of them itself.

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
    /// A person cancelled, or it still goes on.
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
