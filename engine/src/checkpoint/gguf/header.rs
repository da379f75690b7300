//! The whole header of a GGUF file, validated: after this every tensor lies inside the file and none overlaps another.
//!
//! Must not know: networks, tokenizers.

use std::collections::BTreeSet;
use std::path::Path;

use super::metadata::Metadata;
use super::reader::Reader;
use crate::checkpoint::{DType, OpenError, TensorInfo};

/// Most tensors. The largest models in use have a few thousand.
const MAX_TENSORS: usize = 65_536;

/// Longest name of a tensor. ggml itself stops at 64 bytes.
const MAX_NAME_BYTES: usize = 1024;

/// Axes of a tensor; the format's own limit.
const MAX_AXES: u32 = 4;

/// Where no alignment is written (the format's own default).
const DEFAULT_ALIGNMENT: u64 = 32;

/// Coarsest alignment: a page.
const MAX_ALIGNMENT: u64 = 4096;

/// For messages.
const SUPPORTED: &str = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K, Q5_K, Q6_K";

/// A header that was checked.
#[derive(Debug)]
pub(super) struct Header {
    /// Keys and values.
    pub(super) metadata: Metadata,
    /// Sorted by name.
    pub(super) tensors: Vec<TensorInfo>,
    /// Bytes before the first tensor's.
    pub(super) len: usize,
}

impl Header {
    /// Reads and checks the header of `file`; touches no weight.
    pub(super) fn read(file: &[u8], path: &Path) -> Result<Self, OpenError> {
        let mut reader = Reader::new(file, path);
        let magic = reader.take(4)?;
        if magic != b"GGUF" {
            let found = format!("`{}`", magic.escape_ascii());
            return Err(reader.wrong("magic", found, "`GGUF`"));
        }
        read_version(&mut reader)?;
        // The shortest tensor: length of a name of one letter, number of axes, type, offset.
        let num_tensors = reader.count("number of tensors", MAX_TENSORS, 25)?;
        let num_keys = Metadata::count(&mut reader)?;
        let metadata = Metadata::read(&mut reader, num_keys)?;
        refuse_parts(&reader, &metadata)?;
        let alignment = read_alignment(&reader, &metadata)?;
        let mut raw = Vec::with_capacity(num_tensors);
        for _ in 0..num_tensors {
            raw.push(Raw::read(&mut reader)?);
        }
        let len = reader.position();
        // Cannot overflow: `len` is below the reader's limit.
        let data_start = (len as u64).next_multiple_of(alignment);
        let mut tensors = Vec::with_capacity(num_tensors);
        for tensor in raw {
            tensors.push(tensor.place(&reader, file.len(), data_start, alignment)?);
        }
        refuse_overlaps(&reader, &tensors)?;
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { metadata, tensors, len })
    }
}

fn read_version(reader: &mut Reader<'_>) -> Result<(), OpenError> {
    let version = reader.u32()?;
    let found = match version {
        2 | 3 => return Ok(()),
        _ if (1..=3).contains(&version.swap_bytes()) => {
            format!("{}, big-endian", version.swap_bytes())
        }
        other => other.to_string(),
    };
    Err(reader.wrong("GGUF version", found, "2 or 3, little-endian"))
}

fn refuse_parts(reader: &Reader<'_>, metadata: &Metadata) -> Result<(), OpenError> {
    match metadata.json.get("split.count") {
        Some(count) if count.as_u64().is_none_or(|count| count > 1) => {
            let allowed = "1: join the parts with `llama-gguf-split --merge` first";
            Err(reader.wrong("split.count", count.to_string(), allowed))
        }
        _ => Ok(()),
    }
}

fn read_alignment(reader: &Reader<'_>, metadata: &Metadata) -> Result<u64, OpenError> {
    const KEY: &str = "general.alignment";
    let Some(value) = metadata.json.get(KEY) else { return Ok(DEFAULT_ALIGNMENT) };
    value.as_u64().filter(|a| a.is_power_of_two() && *a <= MAX_ALIGNMENT).ok_or_else(|| {
        let allowed = format!("a power of two from 1 to {MAX_ALIGNMENT}");
        reader.wrong(KEY, value.to_string(), allowed)
    })
}

/// A tensor as the header says it, before its range is known.
struct Raw {
    name: String,
    shape: Vec<usize>,
    dtype: DType,
    bytes: u64,
    offset: u64,
}

impl Raw {
    fn read(reader: &mut Reader<'_>) -> Result<Self, OpenError> {
        let name = reader.string("name of a tensor")?;
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            let allowed = format!("1 to {MAX_NAME_BYTES} bytes");
            let found = format!("{} bytes", name.len());
            return Err(reader.wrong("length of a tensor's name", found, allowed));
        }
        let num_axes = reader.u32()?;
        if num_axes > MAX_AXES {
            let field = format!("number of axes of {name}");
            let allowed = format!("{MAX_AXES} at most");
            return Err(reader.wrong(field, num_axes.to_string(), allowed));
        }
        let mut axes = Vec::new();
        for _ in 0..num_axes {
            axes.push(reader.u64()?);
        }
        let dtype = read_dtype(reader, name)?;
        let (shape, bytes) = size(reader, name, &axes, dtype)?;
        let offset = reader.u64()?;
        Ok(Self { name: name.to_owned(), shape, dtype, bytes, offset })
    }

    /// Finds the bytes in the file.
    fn place(
        self,
        reader: &Reader<'_>,
        file_len: usize,
        data_start: u64,
        alignment: u64,
    ) -> Result<TensorInfo, OpenError> {
        if !self.offset.is_multiple_of(alignment) {
            let field = format!("offset of {}", self.name);
            let allowed = format!("a multiple of {alignment}");
            return Err(reader.wrong(field, self.offset.to_string(), allowed));
        }
        let start = data_start.saturating_add(self.offset);
        let end = start.saturating_add(self.bytes);
        // An empty tensor at the end of a file without padding needs no byte of it.
        let range = match (usize::try_from(start), usize::try_from(end)) {
            _ if self.bytes == 0 => 0..0,
            (Ok(start), Ok(end)) if end <= file_len => start..end,
            _ => return Err(reader.truncated(end)),
        };
        Ok(TensorInfo { name: self.name, shape: self.shape, dtype: self.dtype, file: 0, range })
    }
}

/// Shape with the slowest axis first, and length in bytes.
fn size(
    reader: &Reader<'_>,
    name: &str,
    axes: &[u64],
    dtype: DType,
) -> Result<(Vec<usize>, u64), OpenError> {
    let shape_text = axes.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
    let (block_len, block_bytes) = (dtype.block_len() as u64, dtype.block_bytes() as u64);
    let row_len = axes.first().copied().unwrap_or(1);
    if !row_len.is_multiple_of(block_len) {
        let field = format!("row length of {name} ({})", dtype.name());
        let allowed = format!("a multiple of {block_len}");
        return Err(reader.wrong(field, row_len.to_string(), allowed));
    }
    // Also with an axis of zero length no product of the others may overflow: readers multiply in any order.
    let elements = axes.iter().try_fold(1_u64, |product, axis| product.checked_mul((*axis).max(1)));
    let bytes = elements.and_then(|elements| elements.checked_mul(block_bytes));
    let shape = axes.iter().rev().map(|axis| usize::try_from(*axis).ok()).collect::<Option<_>>();
    let (Some(bytes), Some(shape)) = (bytes, shape) else {
        let allowed = "a tensor that fits into memory";
        return Err(reader.wrong(format!("shape of {name}"), shape_text, allowed));
    };
    let bytes = if axes.contains(&0) { 0 } else { bytes / block_len };
    Ok((shape, bytes))
}

fn read_dtype(reader: &mut Reader<'_>, name: &str) -> Result<DType, OpenError> {
    let code = reader.u32()?;
    let unsupported = match code {
        0 => return Ok(DType::F32),
        1 => return Ok(DType::F16),
        2 => return Ok(DType::Q4_0),
        3 => return Ok(DType::Q4_1),
        8 => return Ok(DType::Q8_0),
        12 => return Ok(DType::Q4K),
        13 => return Ok(DType::Q5K),
        14 => return Ok(DType::Q6K),
        30 => return Ok(DType::BF16),
        4 => "Q4_2",
        5 => "Q4_3",
        6 => "Q5_0",
        7 => "Q5_1",
        9 => "Q8_1",
        10 => "Q2_K",
        11 => "Q3_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        31 => "Q4_0_4_4",
        32 => "Q4_0_4_8",
        33 => "Q4_0_8_8",
        34 => "TQ1_0",
        35 => "TQ2_0",
        36 => "IQ4_NL_4_4",
        37 => "IQ4_NL_4_8",
        38 => "IQ4_NL_8_8",
        39 => "MXFP4",
        _ => "",
    };
    let found =
        if unsupported.is_empty() { format!("type {code}") } else { unsupported.to_owned() };
    Err(reader.unsupported(name, found, SUPPORTED))
}

fn refuse_overlaps(reader: &Reader<'_>, tensors: &[TensorInfo]) -> Result<(), OpenError> {
    let mut names = BTreeSet::new();
    for tensor in tensors {
        if !names.insert(tensor.name.as_str()) {
            let field = format!("tensor {}", tensor.name);
            return Err(reader.wrong(field, "there twice", "one tensor a name"));
        }
    }
    let mut placed: Vec<_> = tensors.iter().filter(|tensor| !tensor.range.is_empty()).collect();
    placed.sort_by_key(|tensor| tensor.range.start);
    for pair in placed.windows(2) {
        if let [one, next] = pair
            && next.range.start < one.range.end
        {
            let found = format!("inside the bytes of {}", one.name);
            return Err(reader.wrong(format!("tensor {}", next.name), found, "bytes of its own"));
        }
    }
    Ok(())
}
