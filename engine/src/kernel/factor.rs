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

    /// `out = x * w^T` on the thread that calls; `w` is [out.cols(), width].
    pub(crate) fn times(&self, w: &[f32], out: &mut Columns<'_>) {
        match &self.form {
            Form::F32(cpu, x) => cpu.product(x, w, out),
            Form::Bf16(cpu, x) => cpu.product(x, w, self.width, out),
            Form::Rows(x) => {
                let width = self.width;
                let x = Strided { data: x, row: width, col: 1 };
                let w = Strided { data: w, row: 1, col: width };
                product_into(out, x, w, width, Threads::One);
            }
        }
    }
}
