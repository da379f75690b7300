//! What `benches/matmul.rs` measures: a product as it is, beside the way without kernels of our own.

use std::sync::Arc;
use std::time::Instant;

use crate::checkpoint::{Bytes, DType};
use crate::kernel::matmul::{Dims, Strided, Target, Threads, matmul, product};
use crate::kernel::matrix::Matrix;
use crate::kernel::numerics::Numerics;

/// Bytes of weights through which a measurement of one row walks, so that they come from memory and not
/// from a cache.
const COLD: usize = 256 << 20;

/// Every type of weights that a product is timed for.
pub const TYPES: [&str; 10] =
    ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q5_K", "Q6_K", "F32 in bf16"];

/// Median seconds of one product.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// All weights to f32, tile by tile, then the `gemm` crate.
    pub library_secs: f64,
    /// `matmul`.
    pub own_secs: f64,
    /// Bytes of the weights.
    pub weight_bytes: usize,
}

/// Times `rows` x [outputs, inner], both ways by turns; `None` where the type has no such rows.
pub fn times(name: &str, [rows, outputs, inner]: [usize; 3], repeats: usize) -> Option<Timing> {
    let (dtype, numerics) = match name {
        "F32" => (DType::F32, Numerics::F32),
        "F16" => (DType::F16, Numerics::F32),
        "BF16" => (DType::BF16, Numerics::F32),
        "Q8_0" => (DType::Q8_0, Numerics::F32),
        "Q4_0" => (DType::Q4_0, Numerics::F32),
        "Q4_1" => (DType::Q4_1, Numerics::F32),
        "Q4_K" => (DType::Q4K, Numerics::F32),
        "Q5_K" => (DType::Q5K, Numerics::F32),
        "Q6_K" => (DType::Q6K, Numerics::F32),
        "F32 in bf16" => (DType::F32, Numerics::Bf16),
        _ => return None,
    };
    let weight_bytes = outputs * inner / dtype.block_len() * dtype.block_bytes();
    let copies = if rows == 1 { (COLD / weight_bytes).clamp(1, 64) } else { 2 };
    // As f16, bf16 and f32 all of these are small normal numbers.
    let raw: Vec<u8> = (0x2c_u8..0x31).cycle().take(weight_bytes).collect();
    let all: Option<Vec<_>> = (0..copies)
        .map(|_| {
            let bytes = Bytes::new(Arc::new(raw.clone()), 0..weight_bytes)?;
            Some(Matrix::new(bytes, dtype, outputs, inner)?.with_numerics(numerics))
        })
        .collect();
    let all = all?;
    let x: Vec<f32> = (0..rows * inner).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut y = Vec::new();
    let (mut library, mut own) = (Vec::new(), Vec::new());
    let mut turn = all.iter().cycle();
    for _ in 0..=repeats {
        library.push(secs(turn.next()?, |w| by_library(&x, w, &mut y)));
        own.push(secs(turn.next()?, |w| matmul(&x, w, &mut y)));
    }
    let (library_secs, own_secs) = (median(library), median(own));
    Some(Timing { library_secs, own_secs, weight_bytes })
}

fn secs(w: &Matrix, run: impl FnOnce(&Matrix)) -> f64 {
    let begin = Instant::now();
    run(w);
    begin.elapsed().as_secs_f64()
}

fn median(mut secs: Vec<f64>) -> f64 {
    secs.sort_by(f64::total_cmp);
    secs.get(secs.len() / 2).copied().unwrap_or(f64::NAN)
}

/// 256 rows of weights at a time are unpacked and multiplied by all threads.
fn by_library(x: &[f32], w: &Matrix, y: &mut Vec<f32>) {
    let (inner, outputs) = (w.cols(), w.rows());
    let rows = x.len() / inner;
    y.resize(rows * outputs, 0.0);
    let tile_rows = if w.dtype() == DType::F32 { outputs } else { 256 };
    let mut scratch = Vec::new();
    for start in (0..outputs).step_by(tile_rows) {
        let end = outputs.min(start + tile_rows);
        product(
            Target { data: &mut y[start..], row: outputs },
            Strided { data: x, row: inner, col: 1 },
            Strided { data: w.shared_tile(start..end, &mut scratch), row: 1, col: inner },
            Dims { rows, cols: end - start, inner },
            Threads::All,
        );
    }
}
