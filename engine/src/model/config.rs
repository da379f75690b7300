//! Reading a configuration so that no key is passed over in silence.
//!
//! A key is read, or refused by name, or stands in a list of keys that change no number.

pub(crate) mod gguf;
pub(crate) mod hugging_face;
pub(crate) mod rope;

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::model::ModelError;

/// A configuration, and which of its keys somebody has looked at.
pub(crate) struct Config<'a> {
    map: &'a Map<String, Value>,
    /// Stands before every key in the map: "llama." in GGUF.
    scope: String,
    /// Stands before every key in a message: the scope, or "rope_scaling." in a nested object.
    prefix: String,
    seen: RefCell<BTreeSet<String>>,
}

/// Largest value of any size: far above every real model, and products of three stay inside 64 bits.
const LARGEST: u64 = 1 << 26;

impl<'a> Config<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, scope: String::new(), prefix: String::new(), seen: RefCell::default() }
    }

    /// The keys that begin with `scope`, without it; the others do not exist here.
    pub(crate) fn scoped(&self, scope: &str) -> Self {
        let (scope, prefix) = (format!("{}{scope}", self.scope), format!("{}{scope}", self.prefix));
        Self { map: self.map, scope, prefix, seen: RefCell::default() }
    }

    /// The object at `key`; `None` where it is absent or null.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let prefix = format!("{}{key}.", self.prefix);
                Ok(Some(Self { map, scope: String::new(), prefix, seen: RefCell::default() }))
            }
            Some(other) => Err(self.refuse(key, other, "an object")),
        }
    }

    /// The value at `key`; `None` where it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.seen.borrow_mut().insert(key.to_owned());
        self.value(key).filter(|value| !value.is_null())
    }

    /// Whether the key stands there, be it null.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(&format!("{}{key}", self.scope))
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        self.get(key)
            .map(|value| value.as_str().ok_or_else(|| self.refuse(key, value, "a text")))
            .transpose()
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        self.get(key)
            .map(|value| value.as_bool().ok_or_else(|| self.refuse(key, value, "true or false")))
            .transpose()
    }

    /// A finite number above zero.
    pub(crate) fn positive(&self, key: &str) -> Result<Option<f64>, ModelError> {
        self.get(key)
            .map(|value| {
                let number = value.as_f64().filter(|n| n.is_finite() && *n > 0.0);
                number.ok_or_else(|| self.refuse(key, value, "a finite number above 0"))
            })
            .transpose()
    }

    /// A size: `absent` where the key is not there, `None` where it is null.
    pub(crate) fn size_or(
        &self,
        key: &str,
        absent: Option<usize>,
    ) -> Result<Option<usize>, ModelError> {
        if self.has(key) { self.size(key) } else { Ok(absent) }
    }

    /// A size from 1 to `LARGEST`.
    pub(crate) fn size(&self, key: &str) -> Result<Option<usize>, ModelError> {
        self.get(key)
            .map(|value| {
                let size = value.as_u64().filter(|n| (1..=LARGEST).contains(n));
                size.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
                    self.refuse(key, value, &format!("a whole number from 1 to {LARGEST}"))
                })
            })
            .transpose()
    }

    pub(crate) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, ModelError> {
        value.ok_or_else(|| ModelError::MissingKey { key: format!("{}{key}", self.prefix) })
    }

    /// Refuses `key` unless it is absent, null or one of `allowed`.
    pub(crate) fn only(&self, key: &str, allowed: &[Value]) -> Result<(), ModelError> {
        match self.get(key) {
            Some(value) if !allowed.contains(value) => {
                let allowed: Vec<_> = allowed.iter().map(Value::to_string).collect();
                let allowed =
                    if allowed.is_empty() { "its absence".into() } else { allowed.join(" or ") };
                Err(self.refuse(key, value, &allowed))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn refuse(&self, key: &str, found: &Value, allowed: &str) -> ModelError {
        ModelError::UnsupportedValue {
            key: format!("{}{key}", self.prefix),
            found: short(found),
            allowed: allowed.to_owned(),
        }
    }

    /// Refuses the first key that nobody looked at and that `harmless` does not know. Null means absent.
    pub(crate) fn finish(&self, harmless: impl Fn(&str) -> bool) -> Result<(), ModelError> {
        let seen = self.seen.borrow();
        let unknown = self
            .map
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&self.scope)?, value)))
            .find(|(key, value)| !value.is_null() && !seen.contains(*key) && !harmless(key));
        match unknown {
            None => Ok(()),
            Some((key, value)) => Err(ModelError::UnknownKey {
                key: format!("{}{key}", self.prefix),
                found: short(value),
            }),
        }
    }
}

/// A value as JSON, cut so that a message stays a sentence.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        return text;
    }
    text.chars().take(59).chain(['…']).collect()
}
