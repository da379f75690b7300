//! Every product against sums in f64 over plainly unpacked weights.

use std::sync::Arc;

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::checkpoint::{Bytes, DType};
use crate::kernel::avx512::Avx512Bf16;
use crate::kernel::numerics::Numerics;

/// Numbers without a pattern, from -1 to 1.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(step).take(count).collect()
}

fn matrix_of(raw: Vec<u8>, dtype: DType, rows: usize, cols: usize) -> Matrix {
    let len = raw.len();
    Matrix::new(Bytes::new(Arc::new(raw), 0..len).unwrap(), dtype, rows, cols).unwrap()
}

fn f32_matrix(values: &[f32], cols: usize) -> Matrix {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    matrix_of(raw, DType::F32, values.len() / cols, cols)
}

/// A matrix of any type: floats are noise, packed weights any bits with scales that are small numbers.
fn some_matrix(dtype: DType, rows: usize, cols: usize) -> Matrix {
    let values = noise(rows * cols, 7);
    let raw: Vec<u8> = match dtype {
        DType::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::F16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        DType::BF16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        _ => {
            let count = rows * cols / dtype.block_len() * dtype.block_bytes();
            let mut raw: Vec<u8> = noise(count, 9).iter().map(|v| v.to_le_bytes()[1]).collect();
            let scales: &[usize] = match dtype {
                DType::Q4_1 | DType::Q4K | DType::Q5K => &[0, 2],
                DType::Q6K => &[208],
                _ => &[0],
            };
            for block in raw.chunks_exact_mut(dtype.block_bytes()) {
                for &at in scales {
                    block[at + 1] = 0x20 + (block[at + 1] & 3);
                }
            }
            raw
        }
    };
    matrix_of(raw, dtype, rows, cols)
}

fn unpacked(w: &Matrix) -> Vec<f32> {
    let mut all = vec![0.0; w.rows() * w.cols()];
    crate::kernel::packed::plain(w.dtype(), w.row_bytes(0..w.rows()), &mut all);
    all
}

/// Compares with the definition; a sum may be off by a part of what its terms add up to.
fn check(x: &[f32], w: &[f32], cols: usize, got: &[f32]) {
    let mut got = got.iter();
    for row in x.chunks(cols) {
        for weights in w.chunks(cols) {
            let terms = row.iter().zip(weights).map(|(&a, &b)| f64::from(a) * f64::from(b));
            let (want, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
            let got = f64::from(*got.next().unwrap());
            assert!((got - want).abs() <= 1e-6 * size + 1e-30, "{got} {want} of {size}");
        }
    }
    assert!(got.next().is_none());
}

fn cpus() -> Vec<Option<Avx512>> {
    let mut all = vec![None];
    all.extend(Avx512::detect().map(Some));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_product_is_what_its_definition_says(
        tokens in prop_oneof![1_usize..12, 12_usize..130],
        rows in 1_usize..90,
        cols in 1_usize..140,
    ) {
        for dtype in DType::ALL {
            let cols = cols.next_multiple_of(dtype.block_len());
            let (x, w) = (noise(tokens * cols, 3), some_matrix(dtype, rows, cols));
            for cpu in cpus() {
                let mut y = Vec::new();
                matmul_on(cpu, &x, &w, &mut y);
                check(&x, &unpacked(&w), cols, &y);
            }
        }
    }

    #[test]
    fn bf16_rounds_the_factors_and_nothing_else(
        tokens in 9_usize..70,
        rows in 1_usize..40,
        cols in 1_usize..140,
    ) {
        if Avx512Bf16::detect().is_some() {
            let (x, w) = (noise(tokens * cols, 3), noise(rows * cols, 7));
            let mut y = Vec::new();
            matmul(&x, &f32_matrix(&w, cols).with_numerics(Numerics::Bf16), &mut y);
            let round = |v: &[f32]| -> Vec<f32> {
                v.iter().map(|v| bf16::from_f32(*v).to_f32()).collect()
            };
            check(&round(&x), &round(&w), cols, &y);
        }
    }
}

#[test]
fn a_nan_stays_with_its_row_and_its_column() {
    for (tokens, numerics) in
        [(1, Numerics::F32), (3, Numerics::F32), (40, Numerics::F32), (40, Numerics::Bf16)]
    {
        let (rows, cols) = (21, 37);
        let (mut x, mut w) = (noise(tokens * cols, 1), noise(rows * cols, 2));
        w[10 * cols + 36] = f32::NAN;
        x[(tokens - 1) * cols + 3] = f32::NAN;
        for cpu in cpus() {
            let mut y = Vec::new();
            matmul_on(cpu, &x, &f32_matrix(&w, cols).with_numerics(numerics), &mut y);
            for (at, y) in y.iter().enumerate() {
                let bad = at % rows == 10 || at / rows == tokens - 1;
                assert_eq!(y.is_nan(), bad, "token {} output {}", at / rows, at % rows);
            }
        }
    }
}

#[test]
fn equal_rows_give_equal_bits_wherever_they_lie() {
    let cols = 100;
    let (x, w) = (noise(cols, 1).repeat(70), noise(cols, 2).repeat(45));
    for numerics in [Numerics::F32, Numerics::Bf16] {
        let mut y = Vec::new();
        matmul(&x, &f32_matrix(&w, cols).with_numerics(numerics), &mut y);
        if Avx512::detect().is_some() {
            assert!(y.iter().all(|v| v.to_bits() == y[0].to_bits()));
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (x, w) = (noise(50 * 64, 1), f32_matrix(&noise(300 * 64, 2), 64));
    let on = |threads: usize, tokens: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut y = Vec::new();
        pool.install(|| matmul(&x[..tokens * 64], &w, &mut y));
        y
    };
    for tokens in [1, 5, 50] {
        assert_eq!(on(1, tokens), on(3, tokens));
    }
}

#[test]
fn no_rows_give_no_numbers() {
    let mut y = vec![1.0];
    matmul(&[], &f32_matrix(&[1.0, 2.0], 2), &mut y);
    assert!(y.is_empty());
}

#[test]
#[should_panic(expected = "reaches")]
fn a_slice_that_is_too_short_never_reaches_the_library() {
    product(
        Target { data: &mut [0.0; 4], row: 2 },
        Strided { data: &[0.0; 3], row: 2, col: 1 },
        Strided { data: &[0.0; 4], row: 2, col: 1 },
        Dims { rows: 2, cols: 2, inner: 2 },
        Threads::One,
    );
}
