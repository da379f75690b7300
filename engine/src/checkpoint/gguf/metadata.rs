//! Keys and values of a GGUF header: small ones become JSON at once, long arrays stay where they are until somebody asks.
//!
//! Must not know: what a key means.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value};

use super::reader::Reader;
use crate::checkpoint::OpenError;

/// Most keys in use: about 60; a vocabulary is one key.
const MAX_KEYS: usize = 65_536;

/// The format's own limit for a key.
const MAX_KEY_BYTES: usize = 65_535;

/// Longest array. The largest vocabulary in use has 262,144 tokens and 0.5 M merges.
const MAX_ARRAY_LEN: usize = 4 << 20;

/// Arrays up to here are configuration (values per layer, rope sections) and become JSON.
const MAX_JSON_ARRAY_LEN: usize = 64;

/// All values that become JSON together. Chat templates, the longest in use, have 20 kB.
const MAX_JSON_BYTES: usize = 64 << 20;

/// Type of a value, in the file's numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    Array,
    U64,
    I64,
    F64,
}

impl Kind {
    fn read(reader: &mut Reader<'_>, key: &str) -> Result<Self, OpenError> {
        Ok(match reader.u32()? {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::Text,
            9 => Self::Array,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            other => {
                let field = format!("type of {key}");
                return Err(reader.wrong(field, other.to_string(), "0 to 12"));
            }
        })
    }

    /// Bytes of the shortest value.
    fn least_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::Text | Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Array => 12,
        }
    }
}

/// An array that was walked once, so that it is known to lie inside the file.
#[derive(Debug)]
struct Long {
    kind: Kind,
    len: usize,
    range: Range<usize>,
}

/// Every key of a file.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// Scalars and short arrays.
    pub(super) json: Map<String, Value>,
    long: BTreeMap<String, Long>,
    json_bytes: usize,
}

impl Metadata {
    /// Reads the number of keys where the reader stands.
    pub(super) fn count(reader: &mut Reader<'_>) -> Result<usize, OpenError> {
        // The shortest pair: length of an empty key, type, one byte.
        reader.count("number of keys", MAX_KEYS, 13)
    }

    /// Reads `count` pairs.
    pub(super) fn read(reader: &mut Reader<'_>, count: usize) -> Result<Self, OpenError> {
        let mut all = Self::default();
        for _ in 0..count {
            let key = reader.string("a key")?;
            if key.is_empty() || key.len() > MAX_KEY_BYTES {
                let allowed = format!("1 to {MAX_KEY_BYTES} bytes");
                return Err(reader.wrong(
                    "length of a key",
                    format!("{} bytes", key.len()),
                    allowed,
                ));
            }
            if all.json.contains_key(key) || all.long.contains_key(key) {
                return Err(reader.wrong(key, "there twice", "one value a key"));
            }
            let kind = Kind::read(reader, key)?;
            let before = reader.position();
            if kind == Kind::Array {
                all.read_array(reader, key)?;
            } else {
                let value = scalar(reader, key, kind)?;
                all.keep(reader, key, value, reader.position().saturating_sub(before))?;
            }
        }
        Ok(all)
    }

    fn keep(
        &mut self,
        reader: &Reader<'_>,
        key: &str,
        value: Value,
        bytes: usize,
    ) -> Result<(), OpenError> {
        self.json_bytes = self.json_bytes.saturating_add(bytes).saturating_add(key.len());
        if self.json_bytes > MAX_JSON_BYTES {
            let allowed = format!("{MAX_JSON_BYTES} bytes at most");
            return Err(reader.wrong("length of all values", "more", allowed));
        }
        self.json.insert(key.to_owned(), value);
        Ok(())
    }

    fn read_array(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), OpenError> {
        let kind = Kind::read(reader, key)?;
        if kind == Kind::Array {
            return Err(reader.wrong(key, "an array of arrays", "an array of plain values"));
        }
        let len = reader.count(&format!("length of {key}"), MAX_ARRAY_LEN, kind.least_bytes())?;
        let start = reader.position();
        if len <= MAX_JSON_ARRAY_LEN {
            let values = (0..len).map(|_| scalar(reader, key, kind)).collect::<Result<_, _>>()?;
            let bytes = reader.position().saturating_sub(start);
            self.keep(reader, key, Value::Array(values), bytes)?;
        } else if kind == Kind::Text {
            for _ in 0..len {
                reader.string_bytes(key)?;
            }
        } else {
            // Cannot overflow: 4 M values of at most 8 bytes.
            reader.take(kind.least_bytes() * len as u64)?;
        }
        // Short arrays are found in both places: whoever wants a vocabulary asks for it whatever its length.
        let range = start..reader.position();
        self.long.insert(key.to_owned(), Long { kind, len, range });
        Ok(())
    }

    /// The value of a key that is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.json.get(key)?.as_str()
    }

    /// An array of text; `None` if the key is missing.
    pub(super) fn texts<'a>(
        &self,
        file: &'a [u8],
        path: &'a Path,
        key: &str,
    ) -> Result<Option<Vec<&'a str>>, OpenError> {
        let Some((mut reader, long)) = self.array(file, path, key) else { return Ok(None) };
        if long.kind != Kind::Text {
            return Err(reader.wrong(key, format!("{:?}", long.kind), "an array of text"));
        }
        (0..long.len).map(|_| reader.string(key)).collect::<Result<_, _>>().map(Some)
    }

    /// An array of numbers; `None` if the key is missing.
    pub(super) fn numbers(
        &self,
        file: &[u8],
        path: &Path,
        key: &str,
    ) -> Result<Option<Vec<f64>>, OpenError> {
        let Some((mut reader, long)) = self.array(file, path, key) else { return Ok(None) };
        let number = |_| {
            let value = scalar(&mut reader, key, long.kind)?;
            let wrong = |reader: &Reader<'_>| reader.wrong(key, value.to_string(), "numbers");
            value.as_f64().ok_or_else(|| wrong(&reader))
        };
        (0..long.len).map(number).collect::<Result<_, _>>().map(Some)
    }

    fn array<'a, 'b>(
        &'b self,
        file: &'a [u8],
        path: &'a Path,
        key: &str,
    ) -> Option<(Reader<'a>, &'b Long)> {
        let long = self.long.get(key)?;
        let bytes = file.get(..long.range.end)?;
        let mut reader = Reader::new(bytes, path);
        reader.take(long.range.start as u64).ok()?;
        Some((reader, long))
    }
}

/// One plain value. Numbers that JSON does not have (NaN, infinity) become text, so that they are seen and not computed with.
fn scalar(reader: &mut Reader<'_>, key: &str, kind: Kind) -> Result<Value, OpenError> {
    let float = |x: f64| {
        serde_json::Number::from_f64(x).map_or_else(|| Value::String(x.to_string()), Value::Number)
    };
    Ok(match kind {
        Kind::U8 => u8::from_le_bytes(reader.array()?).into(),
        Kind::I8 => i8::from_le_bytes(reader.array()?).into(),
        Kind::U16 => u16::from_le_bytes(reader.array()?).into(),
        Kind::I16 => i16::from_le_bytes(reader.array()?).into(),
        Kind::U32 => reader.u32()?.into(),
        Kind::I32 => i32::from_le_bytes(reader.array()?).into(),
        Kind::F32 => float(f32::from_le_bytes(reader.array()?).into()),
        Kind::U64 => reader.u64()?.into(),
        Kind::I64 => i64::from_le_bytes(reader.array()?).into(),
        Kind::F64 => float(f64::from_le_bytes(reader.array()?)),
        Kind::Text => reader.string(key)?.into(),
        Kind::Bool => match u8::from_le_bytes(reader.array()?) {
            0 => false.into(),
            1 => true.into(),
            other => return Err(reader.wrong(key, other.to_string(), "0 or 1")),
        },
        Kind::Array => return Err(reader.wrong(key, "an array of arrays", "plain values")),
    })
}
