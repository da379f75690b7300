//! The proofs of AVX-512 where there is none: they cannot exist, so nothing behind them is ever called.

use crate::checkpoint::DType;
use crate::kernel::columns::Columns;
use crate::kernel::machine::Work;
use crate::kernel::slivers::Slivers;

/// Proof of AVX-512.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Avx512 {}

/// Proof of AVX512-BF16.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Avx512Bf16 {}

#[expect(clippy::needless_pass_by_ref_mut, reason = "signatures of the machines that have it")]
#[expect(clippy::unused_self, reason = "signatures of the machines that have it")]
impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    pub(crate) fn run<W: Work>(self, _work: W) -> W::Output {
        match self {}
    }

    pub(crate) fn slivers(self, _x: &[f32], _width: usize) -> Slivers<f32> {
        match self {}
    }

    pub(crate) fn product(self, _x: &Slivers<f32>, _w: &[f32], _out: &mut Columns<'_>) {
        match self {}
    }

    pub(crate) fn unpack(self, _dtype: DType, _bytes: &[u8], _out: &mut [f32]) -> usize {
        match self {}
    }

    pub(crate) fn packed_dots(self, _dtype: DType, _rows: &[u8], _x: &[f32], _out: &mut [f32]) {
        match self {}
    }

    pub(crate) fn dots(self, _w: &[f32], _x: &[f32], _out: &mut [f32]) {
        match self {}
    }
}

impl Avx512Bf16 {
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    pub(crate) fn slivers(self, _x: &[f32], _width: usize) -> Slivers<u32> {
        match self {}
    }

    pub(crate) fn pairs(self, _w: &[f32], _width: usize, _pairs: &mut Vec<u32>) {
        match self {}
    }

    pub(crate) fn product(self, _x: &Slivers<u32>, _w: &[u32], _out: &mut Columns<'_>) {
        match self {}
    }
}
