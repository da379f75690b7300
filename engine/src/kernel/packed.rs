//! Packed weights to f32, block by block.
//!
//! Definition: the layouts of ggml's `block_*` structs, little-endian. A block of 32 (or 256, the K
//! types) weights shares a scale `d`, some types a minimum too; K types have 6-bit scales of groups
//! inside the block. What the fast kernels do in registers has the bits of the plain version here.

use half::{bf16, f16};

use crate::checkpoint::DType;
use crate::kernel::avx512::Avx512;

/// Writes the weights of `bytes` to `out`. The lengths must belong together; what does not fill a whole
/// block on either side is left alone.
pub(crate) fn dequantize(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    let done = Avx512::detect().map_or(0, |cpu| cpu.unpack(dtype, bytes, out));
    let done_bytes = done / dtype.block_len() * dtype.block_bytes();
    plain(dtype, &bytes[done_bytes..], &mut out[done..]);
}

/// The plain version.
pub(super) fn plain(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        DType::F32 => blocks::<4, 1>(bytes, out, |b, y| y[0] = f32::from_le_bytes(*b)),
        DType::F16 => blocks::<2, 1>(bytes, out, |b, y| y[0] = f16::from_le_bytes(*b).to_f32()),
        DType::BF16 => blocks::<2, 1>(bytes, out, |b, y| y[0] = bf16::from_le_bytes(*b).to_f32()),
        DType::Q8_0 => blocks::<34, 32>(bytes, out, q8_0),
        DType::Q4_0 => blocks::<18, 32>(bytes, out, q4_0),
        DType::Q4_1 => blocks::<20, 32>(bytes, out, q4_1),
        DType::Q4K => blocks::<144, 256>(bytes, out, q4_k),
        DType::Q5K => blocks::<176, 256>(bytes, out, q5_k),
        DType::Q6K => blocks::<210, 256>(bytes, out, q6_k),
    }
}

fn blocks<const BYTES: usize, const LEN: usize>(
    bytes: &[u8],
    out: &mut [f32],
    one: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    for (block, values) in bytes.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        one(block, values);
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// `d`, then 32 signed bytes.
fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for (y, &q) in out.iter_mut().zip(&block[2..]) {
        *y = d * f32::from(q.cast_signed());
    }
}

/// `d`, then 16 bytes: low nibbles are weights 0..16, high nibbles 16..32; 8 stands for zero.
fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    let (low, high) = out.split_at_mut(16);
    for ((l, h), &q) in low.iter_mut().zip(high).zip(&block[2..]) {
        *l = (f32::from(q & 15) - 8.0) * d;
        *h = (f32::from(q >> 4) - 8.0) * d;
    }
}

/// `d` and the minimum, then nibbles as in `q4_0`.
fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, least) = (half_at(block, 0), half_at(block, 2));
    let (low, high) = out.split_at_mut(16);
    for ((l, h), &q) in low.iter_mut().zip(high).zip(&block[4..]) {
        *l = f32::from(q & 15) * d + least;
        *h = f32::from(q >> 4) * d + least;
    }
}

/// Scale and minimum of group `j` of 8: six bits each, the first four plain, the others spread.
pub(super) fn scale_and_min(packed: &[u8; 12], j: usize) -> (f32, f32) {
    let (scale, least) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (
            (packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4),
            (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4),
        )
    };
    (f32::from(scale), f32::from(least))
}

fn scales_of(block: &[u8]) -> &[u8; 12] {
    block[4..].first_chunk().unwrap_or(&[0; 12])
}

/// `d`, `dmin`, 12 bytes of scales, 128 bytes of nibbles: 32 bytes hold two groups of 32.
fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let scales = scales_of(block);
    for (pair, (y, q)) in out.chunks_exact_mut(64).zip(block[16..].chunks_exact(32)).enumerate() {
        let (low, high) = y.split_at_mut(32);
        let (scale, least) = scale_and_min(scales, 2 * pair);
        let (d1, m1) = (d * scale, dmin * least);
        let (scale, least) = scale_and_min(scales, 2 * pair + 1);
        let (d2, m2) = (d * scale, dmin * least);
        for ((l, h), &q) in low.iter_mut().zip(high).zip(q) {
            *l = d1 * f32::from(q & 15) - m1;
            *h = d2 * f32::from(q >> 4) - m2;
        }
    }
}

/// As `q4_k` with a fifth bit: 32 bytes of them stand between scales and nibbles.
fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let scales = scales_of(block);
    let fifth = &block[16..48];
    for (pair, (y, q)) in out.chunks_exact_mut(64).zip(block[48..].chunks_exact(32)).enumerate() {
        let (low, high) = y.split_at_mut(32);
        let (scale, least) = scale_and_min(scales, 2 * pair);
        let (d1, m1) = (d * scale, dmin * least);
        let (scale, least) = scale_and_min(scales, 2 * pair + 1);
        let (d2, m2) = (d * scale, dmin * least);
        for (((l, h), &q), &bits) in low.iter_mut().zip(high).zip(q).zip(fifth) {
            let bits = bits >> (2 * pair);
            *l = d1 * f32::from((q & 15) | ((bits & 1) << 4)) - m1;
            *h = d2 * f32::from((q >> 4) | ((bits & 2) << 3)) - m2;
        }
    }
}

/// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed scales, `d`; 32 stands for zero.
fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let d = half_at(block, 208);
    for half in 0..2 {
        let low = &block[64 * half..][..64];
        let high = &block[128 + 32 * half..][..32];
        let scales = &block[192 + 8 * half..][..8];
        let y = &mut out[128 * half..][..128];
        for l in 0..32 {
            let group = l / 16;
            let mut put = |quarter: usize, nibble: u8| {
                let q = nibble | (((high[l] >> (2 * quarter)) & 3) << 4);
                let scale = f32::from(scales[group + 2 * quarter].cast_signed());
                y[l + 32 * quarter] = d * scale * (f32::from(q) - 32.0);
            };
            put(0, low[l] & 15);
            put(1, low[l + 32] & 15);
            put(2, low[l] >> 4);
            put(3, low[l + 32] >> 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    /// The reference is another implementation of the same layouts.
    fn agrees(ours: DType, theirs: GgmlDType) {
        let values: Vec<f32> = (0..1024)
            .map(|i| ((i * 7919 % 1009) as f32 / 500.0 - 1.0) * (1.0 + i as f32))
            .collect();
        let tensor = Tensor::from_vec(values, (2, 512), &Device::Cpu).unwrap();
        let packed = QTensor::quantize(&tensor, theirs).unwrap();
        let want: Vec<f32> =
            packed.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let mut got = vec![f32::NAN; 1024];
        dequantize(ours, &packed.data().unwrap(), &mut got);
        for (i, (g, w)) in got.iter().zip(&want).enumerate() {
            assert!((g - w).abs() <= 1e-5 * w.abs().max(1.0), "{} {i}: {g} {w}", ours.name());
        }
    }

    #[test]
    fn every_packed_type_unpacks_like_another_implementation() {
        agrees(DType::F32, GgmlDType::F32);
        agrees(DType::F16, GgmlDType::F16);
        agrees(DType::BF16, GgmlDType::BF16);
        agrees(DType::Q8_0, GgmlDType::Q8_0);
        agrees(DType::Q4_0, GgmlDType::Q4_0);
        agrees(DType::Q4_1, GgmlDType::Q4_1);
        agrees(DType::Q4K, GgmlDType::Q4K);
        agrees(DType::Q5K, GgmlDType::Q5K);
        agrees(DType::Q6K, GgmlDType::Q6K);
    }

    proptest! {
        #[test]
        fn fast_and_plain_unpacking_give_the_same_bits(raw in prop::collection::vec(any::<u8>(), 0..900)) {
            for dtype in DType::ALL {
                let len = raw.len() / dtype.block_bytes() * dtype.block_len();
                let (mut fast, mut slow) = (vec![7.0; len], vec![7.0; len]);
                dequantize(dtype, &raw, &mut fast);
                plain(dtype, &raw, &mut slow);
                for (at, (f, s)) in fast.iter().zip(&slow).enumerate() {
                    let same = f.to_bits() == s.to_bits() || (f.is_nan() && s.is_nan());
                    prop_assert!(same, "{} {at}: {f} {s}", dtype.name());
                }
            }
        }
    }

    #[test]
    fn half_a_block_is_left_alone() {
        let mut out = [7.0; 40];
        dequantize(DType::Q8_0, &[0; 50], &mut out);
        assert_eq!(&out[..32], &[0.0; 32]);
        assert_eq!(&out[32..], &[7.0; 8]);
    }
}
