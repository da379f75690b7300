//! The left factor of a product of many rows, in the form that this machine multiplies fastest.

use crate::kernel::avx512::{Avx512, Avx512Bf16};
use crate::kernel::columns::Columns;
use crate::kernel::matmul::{Strided, Threads, product_into};
use crate::kernel::numerics::Numerics;
use crate::kernel::slivers::Slivers;

/// Rows that will meet many tiles of weights.
#[derive(Debug)]
pub(crate) struct Factor<'a> {
    form: Form<'a>,
    /// Numbers of one row.
    width: usize,
}

/// Weights as a factor meets them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Met<'w> {
    F32(&'w [f32]),
    /// Pairs of bf16.
    Bf16(&'w [u32]),
}

#[derive(Debug)]
enum Form<'a> {
    /// As they came; the `gemm` crate packs them itself.
    Rows(&'a [f32]),
    F32(Avx512, Slivers<f32>),
    Bf16(Avx512Bf16, Slivers<u32>),
}

impl<'a> Factor<'a> {
    /// `x` is [rows, width].
    pub(crate) fn new(cpu: Option<Avx512>, x: &'a [f32], width: usize, numerics: Numerics) -> Self {
        let form = match (cpu, numerics) {
            (None, _) => Form::Rows(x),
            (Some(cpu), Numerics::F32) => Form::F32(cpu, cpu.slivers(x, width)),
            (Some(cpu), Numerics::Bf16) => match Avx512Bf16::detect() {
                None => Form::F32(cpu, cpu.slivers(x, width)),
                Some(cpu) => Form::Bf16(cpu, cpu.slivers(x, width)),
            },
        };
        Self { form, width }
    }

    /// Rows of weights, each `width` long, in the form that this factor and all of its kind meet.
    pub(crate) fn met<'w>(&self, w: &'w [f32], scratch: &'w mut Vec<u32>) -> Met<'w> {
        match &self.form {
            Form::F32(..) | Form::Rows(_) => Met::F32(w),
            Form::Bf16(cpu, _) => {
                cpu.pairs(w, self.width, scratch);
                Met::Bf16(scratch)
            }
        }
    }

    /// `out = x * w^T` on the thread that calls; `w` has `out.cols()` rows and was made by a factor of this kind.
    pub(crate) fn times(&self, w: Met<'_>, out: &mut Columns<'_>) {
        match (&self.form, w) {
            (Form::F32(cpu, x), Met::F32(w)) => cpu.product(x, w, out),
            (Form::Bf16(cpu, x), Met::Bf16(w)) => cpu.product(x, w, out),
            (Form::F32(..) | Form::Rows(_), Met::Bf16(_)) | (Form::Bf16(..), Met::F32(_)) => {
                unreachable!("weights were made for a factor of another kind")
            }
            (Form::Rows(x), Met::F32(w)) => {
                let width = self.width;
                let x = Strided { data: x, row: width, col: 1 };
                let w = Strided { data: w, row: 1, col: width };
                product_into(out, x, w, width, Threads::One);
            }
        }
    }
}
