//! What marks the beginning and the end of a text, for whoever goes on with one.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

use crate::checkpoint::OpenError;
use crate::checkpoint::error::quoted;

/// Marks of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    /// A text is over behind each of these ids; empty where the checkpoint names none.
    pub(crate) ends: BTreeSet<u32>,
    /// As a chat template writes the first token of a text; empty without one.
    pub(crate) bos: String,
    /// The same of the last.
    pub(crate) eos: String,
}

/// The ids of a key that is absent, null, one id or a list of ids. `None` where it is absent or null.
pub(super) fn ids(
    config: &Map<String, Value>,
    key: &str,
    path: &Path,
) -> Result<Option<BTreeSet<u32>>, OpenError> {
    let wrong = |found: &Value| OpenError::Field {
        path: path.to_owned(),
        field: key.to_owned(),
        found: quoted(&found.to_string()),
        allowed: "a token id or a list of token ids".to_owned(),
    };
    let id = |value: &Value| {
        value.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| wrong(value))
    };
    match config.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => list.iter().map(id).collect::<Result<_, _>>().map(Some),
        Some(other) => id(other).map(|id| Some(BTreeSet::from([id]))),
    }
}

/// The spelling of a special token in tokenizer_config.json: a text, or an object with its `content`.
pub(super) fn spelling(config: &Map<String, Value>, key: &str) -> Option<String> {
    let value = config.get(key)?;
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
}
