//! Hot loops: each with its definition, a plain version, a fast version and a test between them.
//!
//! Must not know: files, models, threads of the app.

pub(crate) mod activation;
pub(crate) mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg_attr(not(target_arch = "x86_64"), path = "avx512_absent.rs")]
mod avx512;
#[cfg(feature = "bench")]
pub mod bench;
pub(crate) mod cap;
mod columns;
mod exp;
mod factor;
mod few;
pub(crate) mod full_attention;
pub(crate) mod gate;
pub(crate) mod geometry;
pub(crate) mod lanes;
pub(crate) mod layer_norm;
pub(crate) mod logits;
pub(crate) mod machine;
pub(crate) mod matmul;
pub(crate) mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
pub(crate) mod norm;
pub(crate) mod numerics;
pub(crate) mod packed;
pub(crate) mod readout;
pub(crate) mod rotary;
pub(crate) mod routing;
mod slivers;
mod step;
mod tally;

/// Rounds what was summed in f64, once.
#[expect(clippy::cast_possible_truncation, reason = "signals and streams are f32 by definition")]
pub(crate) fn rounded(value: f64) -> f32 {
    value as f32
}

/// Adds number by number.
pub(crate) fn add(to: &mut [f32], added: &[f32]) {
    for (to, &added) in to.iter_mut().zip(added) {
        *to += added;
    }
}
