//! How a run writes: whole files under a temporary name, then a rename; tensors as safetensors.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::Tensor;
use safetensors::Dtype;
use safetensors::tensor::View;

use super::TrainError;

/// A tensor on its way into a file.
pub(crate) struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Stored {
    /// Plain bytes.
    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        Self { dtype: Dtype::U8, shape: vec![bytes.len()], bytes }
    }

    /// A tensor in f32.
    pub(crate) fn single(tensor: &Tensor) -> Result<Self, TrainError> {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok(Self { dtype: Dtype::F32, shape: tensor.dims().to_vec(), bytes })
    }

    /// A tensor rounded to f16.
    pub(crate) fn half(tensor: &Tensor) -> Result<Self, TrainError> {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        let rounded = values.iter().map(|value| half::f16::from_f32(*value));
        let bytes = rounded.flat_map(|value| value.to_le_bytes()).collect();
        Ok(Self { dtype: Dtype::F16, shape: tensor.dims().to_vec(), bytes })
    }
}

/// Writes tensors as one safetensors file.
pub(crate) fn write_tensors(
    path: &Path,
    tensors: BTreeMap<String, Stored>,
) -> Result<(), TrainError> {
    let bytes = safetensors::serialize(tensors, None)
        .map_err(|source| TrainError::Tensors { path: path.to_owned(), source })?;
    replace(path, &bytes)
}

/// Puts `bytes` where `path` says; a reader sees the old file or the new one, never half of one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let wrap = |source| TrainError::Io { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, bytes).map_err(wrap)?;
    fs::rename(&part, path).map_err(wrap)
}
