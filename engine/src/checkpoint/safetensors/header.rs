//! The header of one safetensors file: bounded, checked by us, then by the safetensors library.
//!
//! Our own pass comes first because the library takes the last of two equal names, and says of a wrong tensor neither its
//! name nor its numbers. Must not know: folders, configurations.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::checkpoint::error::quoted;
use crate::checkpoint::{DType, OpenError, TensorInfo, limits};

/// Bytes of the length in front of the header.
const PREFIX: usize = 8;

/// Types of weights, as an error lists them.
const SUPPORTED: &str = "F32, F16, BF16";

/// Buffers that some tools store beside the weights whatever their type: networks compute them from the configuration.
const DERIVED: &[&str] = &["position_ids", "rotary_emb.inv_freq"];

/// Buffers that are derived or bookkeeping where they hold integers or truth values; as floats these names are weights.
const DERIVED_INTEGERS: &[&str] = &[
    "attention.bias",
    "attention.masked_bias",
    "attn.bias",
    "attn.masked_bias",
    "num_batches_tracked",
    "token_type_ids",
];

/// A validated header.
#[derive(Debug)]
pub(in crate::checkpoint) struct Header {
    /// Bytes from the start of the file to the first weight.
    pub(in crate::checkpoint) len: usize,
    /// Weights sorted by name; ranges count from the start of the file.
    pub(in crate::checkpoint) tensors: Vec<TensorInfo>,
    /// Names of the buffers that are no weights, sorted.
    pub(in crate::checkpoint) derived: Vec<String>,
    /// Notes of whoever wrote the file.
    pub(in crate::checkpoint) metadata: BTreeMap<String, String>,
}

/// Whether a file begins like a safetensors file: a possible length, then the start of a JSON object.
pub(super) fn begins(head: &[u8]) -> bool {
    header_len(head).is_some_and(|len| len <= limits::HEADER_BYTES as u64)
        && head.get(PREFIX) == Some(&b'{')
}

fn header_len(file: &[u8]) -> Option<u64> {
    file.first_chunk::<PREFIX>().map(|prefix| u64::from_le_bytes(*prefix))
}

impl Header {
    /// Reads the header of `file`, the bytes of a whole file; touches no weight.
    pub(in crate::checkpoint) fn read(
        file: &[u8],
        path: &Path,
        file_idx: usize,
    ) -> Result<Self, OpenError> {
        let found = file.len() as u64;
        let truncated = |needed| OpenError::Truncated { path: path.to_owned(), needed, found };
        let len = header_len(file).ok_or_else(|| truncated(PREFIX as u64))?;
        if len > limits::HEADER_BYTES as u64 {
            return Err(OpenError::TooMuch {
                path: path.to_owned(),
                what: "bytes of the safetensors header",
                found: len,
                allowed: limits::HEADER_BYTES as u64,
            });
        }
        // Bounded just now, so neither the cast nor the sum can overflow.
        let start = PREFIX.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        let json = file.get(PREFIX..start).ok_or_else(|| truncated(start as u64))?;
        let entries: Entries = serde_json::from_slice(json).map_err(|source| OpenError::Json {
            path: path.to_owned(),
            what: "the safetensors header",
            source,
        })?;
        let header = Self::check(entries, path, file_idx, start..file.len())?;
        // Everything that it looks for was found above; a second opinion costs a second pass over the header only.
        safetensors::SafeTensors::read_metadata(file)
            .map_err(|source| OpenError::Header { path: path.to_owned(), source })?;
        Ok(header)
    }

    fn check(
        Entries { mut entries, metadata }: Entries,
        path: &Path,
        file_idx: usize,
        data: Range<usize>,
    ) -> Result<Self, OpenError> {
        if entries.len() > limits::TENSORS {
            return Err(OpenError::TooMuch {
                path: path.to_owned(),
                what: "tensors",
                found: entries.len() as u64,
                allowed: limits::TENSORS as u64,
            });
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some([twice, _]) = entries.array_windows().find(|[a, b]| a.0 == b.0) {
            let tensor = quoted(&twice.0);
            return Err(OpenError::Duplicate { path: path.to_owned(), tensor });
        }
        let (tensors, derived) = (Vec::new(), Vec::new());
        let mut header = Self { len: data.start, tensors, derived, metadata };
        let mut ranges = Vec::with_capacity(entries.len());
        for (name, entry) in entries {
            let wrong = |what: &str, found: String, allowed: String| OpenError::Field {
                path: path.to_owned(),
                field: format!("{what} of the tensor `{}`", quoted(&name)),
                found,
                allowed,
            };
            if name.len() > limits::NAME_BYTES {
                let allowed = format!("at most {} bytes long", limits::NAME_BYTES);
                return Err(wrong("the name", format!("{} bytes long", name.len()), allowed));
            }
            let (shape, elements) = entry.shape(&wrong)?;
            let (begin, end) = entry.data_offsets;
            let (Some(len), Some(stop)) = (end.checked_sub(begin), place(data.start, end)) else {
                let found = format!("{begin}..{end}");
                return Err(wrong("the place", found, "a range of the file".to_owned()));
            };
            let Some(bits) = bits(&entry.dtype) else {
                return Err(OpenError::UnsupportedType {
                    path: path.to_owned(),
                    tensor: quoted(&name),
                    found: quoted(&entry.dtype),
                    allowed: SUPPORTED,
                });
            };
            if elements.checked_mul(bits) != len.checked_mul(8) {
                let allowed = format!("{elements} numbers of type {}", entry.dtype);
                return Err(wrong("the content", format!("{len} bytes"), allowed));
            }
            if stop > data.end {
                return Err(OpenError::Truncated {
                    path: path.to_owned(),
                    needed: stop as u64,
                    found: data.end as u64,
                });
            }
            // Not longer than the file, so both ends fit.
            let start = place(data.start, begin).unwrap_or(stop);
            ranges.push((start, stop, name.clone()));
            match weight_type(&name, &entry.dtype) {
                Kind::Derived => header.derived.push(name),
                Kind::Weight(dtype) => header.tensors.push(TensorInfo {
                    name,
                    shape,
                    dtype,
                    file: file_idx,
                    range: start..stop,
                }),
                Kind::Other => {
                    return Err(OpenError::UnsupportedType {
                        path: path.to_owned(),
                        tensor: name,
                        found: entry.dtype,
                        allowed: SUPPORTED,
                    });
                }
            }
        }
        gapless(ranges, path, data)?;
        Ok(header)
    }
}

/// Weights follow one another without hole or overlap from the end of the header to the end of the file.
fn gapless(
    mut ranges: Vec<(usize, usize, String)>,
    path: &Path,
    data: Range<usize>,
) -> Result<(), OpenError> {
    ranges.sort();
    let mut at = data.start;
    for (start, stop, name) in ranges {
        if start != at {
            return Err(OpenError::Field {
                path: path.to_owned(),
                field: format!("the start of the tensor `{}`", quoted(&name)),
                found: format!("byte {}", start - data.start),
                allowed: format!("byte {}, where the one before it ends", at - data.start),
            });
        }
        at = stop;
    }
    if at != data.end {
        return Err(OpenError::Field {
            path: path.to_owned(),
            field: "the length of the file".to_owned(),
            found: format!("{} bytes", data.end),
            allowed: format!("{at} bytes, where the last tensor ends"),
        });
    }
    Ok(())
}

fn place(start: usize, offset: u64) -> Option<usize> {
    start.checked_add(usize::try_from(offset).ok()?)
}

enum Kind {
    Weight(DType),
    Derived,
    Other,
}

fn weight_type(name: &str, dtype: &str) -> Kind {
    let is = |list: &[&str]| list.iter().any(|suffix| is_last(name, suffix));
    if is(DERIVED) {
        return Kind::Derived;
    }
    match dtype {
        "F32" => Kind::Weight(DType::F32),
        "F16" => Kind::Weight(DType::F16),
        "BF16" => Kind::Weight(DType::BF16),
        "BOOL" | "U8" | "I32" | "I64" if is(DERIVED_INTEGERS) => Kind::Derived,
        _ => Kind::Other,
    }
}

/// Whether `name` ends with the whole parts of `suffix`: `h.0.attn.bias` with `attn.bias`, but not `h.0.xattn.bias`.
fn is_last(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Bits of one number of every type that the format knows (safetensors 0.8, `Dtype`).
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ"
        | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "C64" | "F64" | "I64" | "U64" => 64,
        _ => return None,
    })
}

/// What a header says about one tensor, before any check.
#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl Entry {
    /// The shape and its product, which cannot overflow even where an axis is empty.
    fn shape(
        &self,
        wrong: &dyn Fn(&str, String, String) -> OpenError,
    ) -> Result<(Vec<usize>, u64), OpenError> {
        if self.shape.len() > limits::AXES {
            let allowed = format!("at most {} axes", limits::AXES);
            return Err(wrong("the shape", format!("{} axes", self.shape.len()), allowed));
        }
        let shown = || format!("{:?}", self.shape);
        let mut shape = Vec::with_capacity(self.shape.len());
        let mut bound = 1_u64;
        for &axis in &self.shape {
            let short = usize::try_from(axis).ok().filter(|_| axis <= limits::AXIS);
            let (Some(short), Some(product)) = (short, bound.checked_mul(axis.max(1))) else {
                let allowed = format!("axes up to {} with a product below 2^64", limits::AXIS);
                return Err(wrong("the shape", shown(), allowed));
            };
            shape.push(short);
            bound = product;
        }
        let elements = if self.shape.contains(&0) { 0 } else { bound };
        Ok((shape, elements))
    }
}

/// Every tensor of the header in the order of the file, equal names too, and the notes of whoever wrote it.
#[derive(Default)]
struct Entries {
    entries: Vec<(String, Entry)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut all = Entries::default();
        while let Some(name) = map.next_key::<String>()? {
            if name != "__metadata__" {
                all.entries.push((name, map.next_value()?));
                continue;
            }
            // Whatever else they are, texts are kept; the library says what it does not like.
            if let serde_json::Value::Object(notes) = map.next_value()? {
                let texts = notes.into_iter().filter_map(|(key, note)| match note {
                    serde_json::Value::String(note) => Some((key, note)),
                    _ => None,
                });
                all.metadata.extend(texts);
            }
        }
        Ok(all)
    }
}
