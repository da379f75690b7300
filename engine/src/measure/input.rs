//! The tokens that are run.

use crate::checkpoint::{OpenError, Tokenizer};
use crate::measure::{Asked, MeasureError};
use crate::model::ModelCard;
use crate::signal::Subject;

/// How many tokens are usual.
const USUAL_TOKENS: usize = 256;
/// Words that small and large vocabularies know.
const BUILT_IN: &str = "The river had a stone bridge, and behind the bridge stood a small house. In the \
    morning the children walked over the bridge to the school, and in the evening they came back with wet \
    shoes and a story to tell. One day the water was high and brown. The old man who lived in the house saw \
    it, rang the bell, and nobody went to school that day. ";

/// Where the tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A short text, repeated as often as needed.
    BuiltIn,
    /// A text.
    Text(String),
    /// Ids of tokens.
    Ids(Vec<u32>),
}

impl Source {
    /// What a report calls it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in text, repeated",
            Self::Text(_) => "given text",
            Self::Ids(_) => "given ids",
        }
    }
}

/// So many ids as are asked for, or as are usual, from the beginning of the source.
pub(super) fn ids(
    asked: Asked<'_>,
    card: &ModelCard,
    tokenizer: &Tokenizer,
) -> Result<Vec<u32>, MeasureError> {
    let context = card.context;
    let steps = if card.subject == Subject::Token { asked.steps } else { 0 };
    let usual = USUAL_TOKENS.min(context.saturating_sub(steps)).max(1);
    let wanted = asked.tokens.unwrap_or(usual);
    if wanted > context {
        return Err(MeasureError::TooMany { asked: wanted, context });
    }
    let mut ids = match asked.source {
        Source::BuiltIn => repeated(wanted, tokenizer)?,
        Source::Text(text) => tokenizer.encode(text)?,
        Source::Ids(ids) => ids.clone(),
    };
    let found = ids.len();
    if found == 0 || wanted == 0 {
        return Err(MeasureError::NothingToRun);
    }
    if let Some(asked) = asked.tokens.filter(|asked| *asked > found) {
        return Err(MeasureError::TooFew { found, asked });
    }
    ids.truncate(wanted);
    Ok(ids)
}

/// At least so many ids, where the tokenizer makes any of the text.
fn repeated(wanted: usize, tokenizer: &Tokenizer) -> Result<Vec<u32>, OpenError> {
    let once = tokenizer.encode_bare(BUILT_IN)?.len();
    if once == 0 {
        return Ok(Vec::new());
    }
    // A text may have fewer tokens where it meets itself.
    tokenizer.encode(&BUILT_IN.repeat(wanted / once + 2))
}
