//! Kernels for x86-64 with AVX-512, and the proofs that this processor has it.
//!
//! A token exists only where its features were found, so its methods are safe for everybody. Every kernel
//! here has a plain version elsewhere, which its tests compare against.

mod dots;
mod lanes;
mod pack;
mod tile;
mod unpack;

use rayon::prelude::*;

use crate::checkpoint::DType;
use crate::kernel::columns::Columns;
use crate::kernel::machine::Work;
use crate::kernel::slivers::Slivers;

/// Proof of AVX-512 F, BW, DQ and VL, of fused multiply-add and of the count of bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

/// Proof of AVX512-BF16 on top.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512Bf16(());

#[expect(unsafe_code, reason = "the tokens stand for what the compiler cannot know")]
#[expect(clippy::unused_self, reason = "to have the token is what makes a call sound")]
impl Avx512 {
    /// `None` where the processor or the system lacks it.
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("popcnt");
        found.then_some(Self(()))
    }

    /// Runs `work`, of which everything that is inlined becomes AVX-512 code.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma,popcnt")]
        fn inside<W: Work>(work: W) -> W::Output {
            work.run::<lanes::Register>()
        }
        // SAFETY: the token proves the features.
        unsafe { inside(work) }
    }

    /// Rows of `x` ([rows, width]), 16 side by side.
    pub(crate) fn slivers(self, x: &[f32], width: usize) -> Slivers<f32> {
        // SAFETY: the token proves the features.
        Slivers::new(x, width, width, |rows, sliver| unsafe { pack::f32(rows, width, sliver) })
    }

    /// `out = x * w^T`, with `w` [out.cols(), width].
    pub(crate) fn product(self, x: &Slivers<f32>, w: &[f32], out: &mut Columns<'_>) {
        // SAFETY: the token proves the features.
        unsafe { tile::f32(x, w, out) }
    }

    /// Unpacks whole groups of 32 weights and returns how many weights that were.
    pub(crate) fn unpack(self, dtype: DType, bytes: &[u8], out: &mut [f32]) -> usize {
        // SAFETY: the token proves the features.
        unsafe { unpack::unpack(dtype, bytes, out) }
    }

    /// Dot products of `x` with packed rows, each as long as `x`, one for every number of `out`.
    pub(crate) fn packed_dots(self, dtype: DType, rows: &[u8], x: &[f32], out: &mut [f32]) {
        // SAFETY: the token proves the features.
        unsafe { dots::packed(dtype, rows, x, out) }
    }

    /// Dot products of `w` with the rows of `x`, one for every number of `out`.
    pub(crate) fn dots(self, w: &[f32], x: &[f32], out: &mut [f32]) {
        // SAFETY: the token proves the features.
        unsafe { dots::plain(w, x, out) }
    }
}

#[expect(unsafe_code, reason = "the tokens stand for what the compiler cannot know")]
#[expect(clippy::unused_self, reason = "to have the token is what makes a call sound")]
impl Avx512Bf16 {
    /// `None` where the processor or the system lacks it.
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512bf16") && Avx512::detect().is_some();
        found.then_some(Self(()))
    }

    /// Rows of `x` ([rows, width]) rounded to bf16, 16 side by side.
    pub(crate) fn slivers(self, x: &[f32], width: usize) -> Slivers<u32> {
        // SAFETY: the token proves the features.
        let pack = |rows: &[f32], sliver: &mut [_]| unsafe { pack::bf16(rows, width, sliver) };
        Slivers::new(x, width, width.div_ceil(2), pack)
    }

    /// Rows of `width` weights, rounded to pairs of bf16.
    pub(crate) fn pairs(self, w: &[f32], width: usize, pairs: &mut Vec<u32>) {
        let inner = width.div_ceil(2);
        pairs.resize(w.len() / width * inner, 0);
        w.par_chunks_exact(width)
            .zip(pairs.par_chunks_exact_mut(inner))
            .with_min_len(64)
            // SAFETY: the token proves the features.
            .for_each(|(row, pairs)| unsafe { pack::bf16_row(row, pairs) });
    }

    /// `out = x * w^T`, with `w` [out.cols(), x.inner()].
    pub(crate) fn product(self, x: &Slivers<u32>, w: &[u32], out: &mut Columns<'_>) {
        // SAFETY: the token proves the features.
        unsafe { tile::bf16(x, w, out) }
    }
}
