//! Takes tensors from a checkpoint by name, and holds every tensor to account.
//!
//! A tensor that is missing, has another shape or that nobody takes is an error with its name.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::checkpoint::{Bytes, Checkpoint, TensorInfo};
use crate::kernel::matrix::Matrix;
use crate::model::ModelError;

/// Tensors of a checkpoint, and which of them were taken.
pub(crate) struct Weights<'a> {
    checkpoint: &'a dyn Checkpoint,
    taken: BTreeSet<String>,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(checkpoint: &'a dyn Checkpoint) -> Self {
        Self { checkpoint, taken: BTreeSet::new() }
    }

    /// Whether there is a tensor of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&'a TensorInfo> {
        // Sorted by name: a hostile header may have very many.
        let tensors = self.checkpoint.tensors();
        let at = tensors.binary_search_by(|tensor| tensor.name.as_str().cmp(name)).ok()?;
        tensors.get(at)
    }

    /// The header entry of a tensor that must be there with this shape.
    pub(crate) fn info(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<&'a TensorInfo, ModelError> {
        let missing = || ModelError::MissingTensor { name: name.to_owned() };
        let info = self.find(name).ok_or_else(missing)?;
        if info.shape != shape {
            return Err(ModelError::WrongShape {
                name: name.to_owned(),
                found: info.shape.clone(),
                allowed: shape.to_vec(),
            });
        }
        if let Some(&cols) = shape.last()
            && !cols.is_multiple_of(info.dtype.block_len())
        {
            return Err(layout(info, &format!("rows of {}-weight blocks", info.dtype.block_len())));
        }
        self.taken.insert(name.to_owned());
        Ok(info)
    }

    /// A matrix [rows, cols], where it lies.
    pub(crate) fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        cols: usize,
    ) -> Result<Matrix, ModelError> {
        self.matrix_of(name, &[rows, cols], rows, cols)
    }

    /// A matrix of whatever size the header says.
    pub(crate) fn linear(&mut self, name: &str) -> Result<Matrix, ModelError> {
        let (rows, cols) = self.sides(name)?;
        self.matrix(name, rows, cols)
    }

    /// A matrix of plain floats that is stored [in, out], laid out as [out, in].
    pub(crate) fn transposed(&mut self, name: &str) -> Result<Matrix, ModelError> {
        let (cols, rows) = self.sides(name)?;
        let info = self.info(name, &[cols, rows])?;
        let size = info.dtype.block_bytes();
        let bytes = self.checkpoint.bytes(info)?;
        let wrong = || layout(info, "a transposed matrix of plain floats");
        let whole = rows.checked_mul(cols).and_then(|count| count.checked_mul(size));
        if info.dtype.block_len() != 1 || bytes.is_empty() || whole != Some(bytes.len()) {
            return Err(wrong());
        }
        // Room to begin where a vector of f32 may begin.
        let mut turned = vec![0; bytes.len() + size];
        let start = turned.as_ptr().align_offset(size).min(size);
        for (row, element) in
            turned[start..].chunks_exact_mut(cols * size).zip((0..rows).map(|r| r * size))
        {
            for (to, from) in row.chunks_exact_mut(size).zip(bytes.chunks_exact(rows * size)) {
                to.copy_from_slice(&from[element..element + size]);
            }
        }
        let range = start..start + bytes.len();
        let bytes = Bytes::new(Arc::new(turned), range).ok_or_else(wrong)?;
        Matrix::new(bytes, info.dtype, rows, cols).ok_or_else(wrong)
    }

    /// The matrices of a tensor [matrices, rows, cols], each where it lies.
    pub(crate) fn stack(&mut self, name: &str) -> Result<Vec<Matrix>, ModelError> {
        let missing = || ModelError::MissingTensor { name: name.to_owned() };
        let shape = self.find(name).ok_or_else(missing)?.shape.clone();
        let info = self.info(name, &shape)?;
        let wrong = || layout(info, "a stack of matrices");
        let [count, rows, cols] = shape[..] else { return Err(wrong()) };
        let bytes = info.range.len() / count.max(1);
        let starts = (0..count).map(|number| info.range.start + number * bytes);
        starts
            .map(|start| {
                let part = TensorInfo { range: start..start + bytes, ..info.clone() };
                let bytes = self.checkpoint.bytes(&part)?;
                Matrix::new(bytes, info.dtype, rows, cols).ok_or_else(wrong)
            })
            .collect()
    }

    /// The two axes of a matrix.
    fn sides(&self, name: &str) -> Result<(usize, usize), ModelError> {
        let info =
            self.find(name).ok_or_else(|| ModelError::MissingTensor { name: name.to_owned() })?;
        match info.shape[..] {
            [first, second] => Ok((first, second)),
            _ => Err(layout(info, "a matrix")),
        }
    }

    /// A vector as f32: norm weights are small and read often.
    pub(crate) fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        let matrix = self.matrix_of(name, &[len], 1, len)?;
        let mut values = vec![0.0; len];
        matrix.copy_row(0, &mut values);
        Ok(values)
    }

    /// A tensor of `shape`, seen as [rows, cols].
    pub(crate) fn matrix_of(
        &mut self,
        name: &str,
        shape: &[usize],
        rows: usize,
        cols: usize,
    ) -> Result<Matrix, ModelError> {
        let info = self.info(name, shape)?;
        let bytes = self.checkpoint.bytes(info)?;
        Matrix::new(bytes, info.dtype, rows, cols)
            .ok_or_else(|| layout(info, &format!("{rows} rows of {cols} weights")))
    }

    /// Refuses the first tensor that nobody took and that is not known to change no number.
    pub(crate) fn finish(
        &self,
        family: &'static str,
        harmless: impl Fn(&str) -> bool,
    ) -> Result<(), ModelError> {
        let tensors = self.checkpoint.tensors().iter();
        let extra = tensors.map(|t| (t, &t.name)).find(|(_, name)| {
            !self.taken.contains(*name)
                && !name.ends_with(".rotary_emb.inv_freq")
                && !harmless(name)
        });
        match extra {
            None => Ok(()),
            Some((info, name)) => {
                Err(ModelError::ExtraTensor { name: name.clone(), found: described(info), family })
            }
        }
    }
}

fn described(info: &TensorInfo) -> String {
    format!("{} {:?}", info.dtype.name(), info.shape)
}

fn layout(info: &TensorInfo, allowed: &str) -> ModelError {
    ModelError::WrongLayout {
        name: info.name.clone(),
        found: described(info),
        allowed: allowed.to_owned(),
    }
}
