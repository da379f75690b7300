use super::*;
use crate::checkpoint::{Bytes, DType};
use crate::job::CancelSwitch;
use crate::kernel::numerics::Numerics;
use proptest::prelude::*;
use std::sync::Arc;

fn matrix(values: &[f32], rows: usize, cols: usize) -> Matrix {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let len = raw.len();
    Matrix::new(Bytes::new(Arc::new(raw), 0..len).unwrap(), DType::F32, rows, cols).unwrap()
}

/// With 8 bits of mantissa, the nearest, of two the even one.
fn bf16(number: f64) -> f64 {
    f64::from(half::bf16::from_f64(number))
}

fn wave(count: usize, step: f32, size: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin() * size).collect()
}

struct Case {
    norm: Vec<f32>,
    head: Vec<f32>,
    bias: Vec<f32>,
    streams: Vec<Vec<f32>>,
    next: Vec<u32>,
    vocab: usize,
    cap: Option<f32>,
    is_normed: bool,
    numerics: Numerics,
}

impl Case {
    fn new(tokens: usize, depths: usize, width: usize, vocab: usize, size: f32) -> Self {
        let next =
            (0..tokens)
                .map(|t| {
                    if t + 1 == tokens {
                        NO_TOKEN
                    } else {
                        u32::try_from(t * 7919 % vocab).unwrap()
                    }
                })
                .collect();
        Self {
            norm: wave(width, 0.9, 1.5),
            head: wave(vocab * width, 0.618_034, size),
            bias: Vec::new(),
            streams: (0..depths)
                .map(|l| wave(tokens * width, 0.31 + l as f32 * 0.17, 1.0))
                .collect(),
            next,
            vocab,
            cap: None,
            is_normed: true,
            numerics: Numerics::F32,
        }
    }

    fn fast(&self) -> Readouts {
        let streams: Vec<&[f32]> = self.streams.iter().map(Vec::as_slice).collect();
        let depths: Vec<Depth> = (0_u16..).map(Depth).take(streams.len()).collect();
        self.read(&streams, &depths)
    }

    fn read(&self, streams: &[&[f32]], depths: &[Depth]) -> Readouts {
        let matrix = matrix(&self.head, self.vocab, self.norm.len()).with_numerics(self.numerics);
        let request = Request { depths, streams, next: &self.next, last_is_final: true };
        let bias = (!self.bias.is_empty()).then_some(self.bias.as_slice());
        let norm = Norm::Rms { weight: self.norm.clone(), eps: 1e-5 };
        let norm = self.is_normed.then_some(&norm);
        let head = Head { norm, matrix: &matrix, bias, cap: self.cap };
        readout(head, request, &Job::unattended()).unwrap()
    }

    /// Logits of one row, in f64, as the definitions say, of factors that go through `rounds` first.
    fn logits(&self, depth: usize, token: usize, rounds: fn(f64) -> f64) -> Vec<f64> {
        let width = self.norm.len();
        let row = &self.streams[depth][token * width..][..width];
        let mean = row.iter().map(|&h| f64::from(h).powi(2)).sum::<f64>() / width as f64;
        let scale = (mean + 1e-5).sqrt().recip();
        let normed = |(&h, &n): (&f32, &f32)| {
            let factor = if self.is_normed { scale * f64::from(n) } else { 1.0 };
            rounds(f64::from(h) * factor)
        };
        let logit = |w: &[f32]| -> f64 {
            let row = row.iter().zip(&self.norm).map(normed);
            row.zip(w).map(|(h, &w)| h * rounds(f64::from(w))).sum()
        };
        let capped = |z: f64| match self.cap.map(f64::from) {
            Some(cap) => cap * (z / cap).tanh(),
            None => z,
        };
        let bias = |id: usize| self.bias.get(id).map_or(0.0, |b| f64::from(*b));
        let rows = self.head.chunks(width).map(logit).enumerate();
        rows.map(|(id, z)| capped(z + bias(id))).collect()
    }

    /// ln p of one row.
    fn log_probs(&self, depth: usize, token: usize) -> Vec<f64> {
        let mut z = self.logits(depth, token, |z| z);
        if self.numerics == Numerics::Bf16 {
            let exact = z;
            z = self.logits(depth, token, bf16);
            for id in self.leading(token) {
                z[id] = exact[id];
            }
        }
        let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lse = max + z.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
        z.into_iter().map(|z| z - lse).collect()
    }

    /// Ids that are among the first five at some depth by rounded logits, and the true next one.
    fn leading(&self, token: usize) -> Vec<usize> {
        let tops = (0..self.streams.len()).flat_map(|depth| {
            let logits = self.logits(depth, token, bf16);
            let mut ids: Vec<usize> = (0..logits.len()).collect();
            ids.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
            ids.truncate(5);
            ids
        });
        tops.chain([self.next[token] as usize]).filter(|id| *id < self.vocab).collect()
    }

    /// How many logits are larger than that of `id` by more than `by`. Where products round, those that do not lead
    /// are held against the rounded one, unless it is among the first five.
    fn above(&self, (depth, token): (usize, usize), lp: &[f64], id: usize, by: f64) -> f32 {
        let larger = |z: &[f64], ids: &[usize]| ids.iter().filter(|i| z[**i] > z[id] + by).count();
        let all: Vec<usize> = (0..lp.len()).collect();
        if self.numerics == Numerics::F32 {
            return larger(lp, &all) as f32;
        }
        let mut leading = self.leading(token);
        leading.sort_unstable();
        leading.dedup();
        let others: Vec<usize> = all.into_iter().filter(|id| !leading.contains(id)).collect();
        let rounded = self.logits(depth, token, bf16);
        let first = larger(lp, &leading);
        (if first < 5 { first } else { first + larger(&rounded, &others) }) as f32
    }

    fn check(&self, got: &Readouts) {
        let (tokens, depths) = (self.next.len(), self.streams.len());
        let near = |what: &str, got: f32, want: f64| {
            assert!((f64::from(got) - want).abs() < 1e-4, "{what}: {got} {want}");
        };
        for token in 0..tokens {
            let last = self.log_probs(depths - 1, token);
            for depth in 0..depths {
                let at = depth * tokens + token;
                let lp = self.log_probs(depth, token);
                let mut ids: Vec<usize> = (0..lp.len()).collect();
                if self.numerics == Numerics::Bf16 {
                    ids = self.leading(token);
                    ids.sort_unstable();
                    ids.dedup();
                }
                let mut sorted: Vec<f64> = ids.into_iter().map(|id| lp[id].exp()).collect();
                sorted.sort_by(|a, b| b.total_cmp(a));
                near("max", got.max_prob[at], sorted[0]);
                near("margin", got.margin[at], sorted[0] - sorted.get(1).unwrap_or(&0.0));
                near("entropy", got.entropy[at], -lp.iter().map(|l| l * l.exp()).sum::<f64>());
                let kl: f64 = last.iter().zip(&lp).map(|(a, b)| a.exp() * (a - b)).sum();
                near("kl", got.kl[at], kl);
                let (kl_prev, step) = (got.kl_prev[at], got.prob_step[at]);
                if depth == 0 {
                    assert!(kl_prev.is_nan() && step.is_nan());
                } else {
                    let before = self.log_probs(depth - 1, token);
                    let pairs = || lp.iter().zip(&before);
                    near("kl_prev", kl_prev, pairs().map(|(a, b)| a.exp() * (a - b)).sum());
                    let squares = pairs().map(|(a, b)| (a.exp() - b.exp()).powi(2)).sum::<f64>();
                    near("prob_step", step, squares.sqrt());
                    assert!(kl_prev >= 0.0 && (0.0..=std::f32::consts::SQRT_2).contains(&step));
                }
                let tops = got.top_ids[at].iter().zip(&got.top_probs[at]);
                let known = tops.clone().zip(&sorted);
                for ((&id, &p), &want) in known {
                    near("top", p, want);
                    near("its id", p, lp[id as usize].exp());
                }
                let mut absent = tops.skip(sorted.len());
                assert!(absent.all(|(&id, p)| id == NO_TOKEN && p.is_nan()));
                match self.next[token] {
                    NO_TOKEN => assert!(got.nll[at].is_nan() && got.rank[at].is_nan()),
                    id => {
                        let own = lp[id as usize];
                        near("nll", got.nll[at], -own);
                        let above = |by: f64| self.above((depth, token), &lp, id as usize, by);
                        let rank = got.rank[at] - 1.0;
                        assert!(above(1e-4) <= rank && rank <= above(-1e-4), "rank {rank}");
                    }
                }
            }
            assert_eq!(got.kl[(depths - 1) * tokens + token], 0.0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn tiles_give_what_the_definitions_say(
        tokens in 1_usize..40, depths in 1_usize..6, width in 1_usize..12,
        vocab in prop_oneof![1_usize..9, 1000_usize..2100], size in 0.1_f32..12.0,
        cap in prop_oneof![Just(None), (0.5_f32..40.0).prop_map(Some)],
    ) {
        let mut case = Case::new(tokens, depths, width, vocab, size);
        case.cap = cap;
        case.check(&case.fast());
        case.bias = wave(vocab, 0.83, 2.0);
        case.check(&case.fast());
    }
}

#[test]
fn a_nan_in_a_stream_stays_with_its_token_and_depth() {
    let mut case = Case::new(3, 3, 4, 1500, 2.0);
    let clean = case.fast();
    case.streams[1][5] = f32::NAN;
    let got = case.fast();
    for at in 0..9 {
        if at == 4 {
            assert!(got.max_prob[at].is_nan() && got.kl[at].is_nan() && got.rank[at].is_nan());
            assert_eq!(got.top_ids[at], [NO_TOKEN; 5]);
        } else {
            assert_eq!(got.entropy[at], clean.entropy[at]);
            assert_eq!(got.kl[at], clean.kl[at]);
        }
        // Tokens 0 and 2 at depths 1 and 2: what token 1 lacks there.
        let has_step = at >= 3 && at % 3 != 1;
        assert_eq!(got.kl_prev[at].is_nan(), !has_step, "{at}");
        assert_eq!(got.prob_step[at].is_nan(), !has_step, "{at}");
        assert!(!has_step || got.kl_prev[at] == clean.kl_prev[at]);
    }
    case.streams[2][5] = f32::INFINITY;
    let got = case.fast();
    assert!(got.kl[7].is_nan() && got.kl[1].is_nan(), "no final readout, no KL");
    assert_eq!(got.entropy[1], clean.entropy[1]);
}

#[test]
fn of_equal_logits_the_smaller_id_comes_first_and_no_twin_ranks_higher() {
    let mut case = Case::new(2, 2, 4, 1030, 2.0);
    let row: Vec<f32> = case.head[..4].to_vec();
    for twin in case.head.chunks_mut(4) {
        twin.copy_from_slice(&row);
    }
    case.next = vec![1029, 3];
    let got = case.fast();
    for at in 0..4 {
        assert_eq!(got.top_ids[at], [0, 1, 2, 3, 4]);
        assert_eq!((got.rank[at], got.margin[at]), (1.0, 0.0));
        assert!((got.entropy[at] - 1030_f32.ln()).abs() < 1e-5);
    }
}

#[test]
fn a_few_tokens_have_the_numbers_that_they_have_among_many() {
    let mut case = Case::new(40, 4, 8, 9000, 2.0);
    case.bias = wave(9000, 0.83, 2.0);
    let all = case.fast();
    let (tokens, width) = (case.next.len(), case.norm.len());
    let cells = |numbers: &[f32]| [0, 1, 2, 3].map(|depth| numbers[depth * tokens]);
    case.streams.iter_mut().for_each(|stream| stream.truncate(width));
    case.next.truncate(1);
    let one = case.fast();
    case.check(&one);
    for (all, one) in [
        (&all.max_prob, &one.max_prob),
        (&all.entropy, &one.entropy),
        (&all.kl, &one.kl),
        (&all.kl_prev, &one.kl_prev),
        (&all.prob_step, &one.prob_step),
        (&all.nll, &one.nll),
    ] {
        let pairs = cells(all).into_iter().zip(one);
        pairs.for_each(|(all, one)| {
            assert_eq!(all.is_nan(), one.is_nan());
            assert!(all.is_nan() || (all - one).abs() < 1e-6, "{all} {one}");
        });
    }
    assert_eq!(cells(&all.rank), *one.rank);
    assert_eq!([0, 1, 2, 3].map(|depth| all.top_ids[depth * tokens]), *one.top_ids);
}

#[test]
fn a_depth_is_compared_with_the_depth_before_it_and_with_no_other() {
    let case = Case::new(5, 4, 6, 700, 2.0);
    let all = case.fast();
    let of = |depths: [usize; 3]| {
        let streams = depths.map(|depth| case.streams[depth].as_slice());
        case.read(&streams, &depths.map(|depth| Depth(u16::try_from(depth).unwrap())))
    };
    for (depths, followed) in [
        ([1, 2, 3], [false, true, true]),
        ([0, 1, 3], [false, true, false]),
        ([3, 2, 0], [false; 3]),
    ] {
        let got = of(depths);
        for (row, (depth, followed)) in depths.into_iter().zip(followed).enumerate() {
            for token in 0..5 {
                let (at, whole) = (row * 5 + token, depth * 5 + token);
                let found = [got.kl_prev[at], got.prob_step[at]];
                let want = [all.kl_prev[whole], all.prob_step[whole]];
                let same = found.map(f32::to_bits) == want.map(f32::to_bits);
                let absent = found.iter().all(|value| value.is_nan());
                assert!(if followed { same && !absent } else { absent }, "{depths:?} {depth}");
            }
        }
    }
}

#[test]
fn two_depths_that_say_nearly_the_same_keep_their_digits() {
    let mut case = Case::new(6, 4, 8, 3000, 1.5);
    case.streams[1] = case.streams[0].clone();
    case.streams[2] = case.streams[1].iter().map(|h| h * 1.001 + 1e-4).collect();
    // Sure of one token, and of none.
    let loud = |scale: f32| wave(48, 0.31, 1.0).into_iter().map(|h| h * scale).collect();
    let got = case.fast();
    case.check(&got);
    for token in 0..6 {
        assert_eq!((got.kl_prev[6 + token], got.prob_step[6 + token]), (0.0, 0.0));
        let (lp, before) = (case.log_probs(2, token), case.log_probs(1, token));
        let squares = lp.iter().zip(&before).map(|(a, b)| (a.exp() - b.exp()).powi(2)).sum::<f64>();
        let off = f64::from(got.prob_step[12 + token]) - squares.sqrt();
        assert!(off.abs() < 1e-6, "{off:e} of {}", squares.sqrt());
    }
    case.is_normed = false;
    case.streams = vec![loud(0.0), loud(30.0), loud(1e-3), loud(31.0)];
    case.check(&case.fast());
}

#[test]
fn readouts_in_bf16_say_of_two_depths_what_the_rounded_numbers_say() {
    if Numerics::Bf16.why_not().is_some() {
        println!("this processor has no AVX512-BF16: nothing to compare");
        return;
    }
    // Multiples of 1/16 up to 8: bf16 holds them, so that only the sums differ from the definitions.
    let coarse = |numbers: &mut Vec<f32>| {
        for number in numbers {
            *number = (*number * 16.0).round() / 16.0;
        }
    };
    for tokens in [1, 20] {
        let mut case = Case::new(tokens, 4, 8, 1500, 2.0);
        coarse(&mut case.head);
        case.streams.iter_mut().for_each(coarse);
        (case.is_normed, case.numerics) = (false, Numerics::Bf16);
        case.check(&case.fast());
    }
}

#[test]
fn where_products_round_the_ids_that_lead_are_exact() {
    if Numerics::Bf16.why_not().is_some() {
        println!("this processor has no AVX512-BF16: nothing to compare");
        return;
    }
    for (tokens, vocab, cap) in
        [(1, 700, None), (21, 1500, None), (20, 3, None), (5, 900, Some(9.0))]
    {
        let mut case = Case::new(tokens, 4, 8, vocab, 6.0);
        (case.is_normed, case.numerics, case.cap) = (false, Numerics::Bf16, cap);
        // No two rows alike, as those of a wave nearly are: of equal logits either could be fifth.
        let noise = |i: usize| ((i as f32 * 12.9898).sin() * 43758.547).fract();
        case.head = (0..case.head.len()).map(|i| noise(i) * 3.0).collect();
        let sharp = case.fast();
        case.check(&sharp);
        case.bias = wave(vocab, 0.83, 2.0);
        case.check(&case.fast());
        (case.bias, case.numerics) = (Vec::new(), Numerics::F32);
        let exact = case.fast();
        let firsts = |read: &Readouts| read.top_ids.iter().map(|ids| ids[0]).collect::<Vec<_>>();
        assert_eq!(firsts(&sharp), firsts(&exact));
        assert_ne!(sharp.max_prob, exact.max_prob, "it was not used");
    }
}

#[test]
fn a_cancelled_readout_ends_before_its_first_tile() {
    let switch = CancelSwitch::default();
    switch.cancel();
    let matrix = matrix(&[1.0; 4], 2, 2);
    let norm = Norm::Rms { weight: vec![1.0, 1.0], eps: 0.0 };
    let head = Head { norm: Some(&norm), matrix: &matrix, bias: None, cap: None };
    let streams: &[&[f32]] = &[&[1.0, 2.0]];
    let request = Request { depths: &[Depth(3)], streams, next: &[0], last_is_final: true };
    assert!(readout(head, request, &Job::new(switch, |_| {})).is_err());
}

#[test]
fn a_few_rows_at_one_depth_give_what_the_definitions_say() {
    for (tokens, vocab, cap) in
        [(1, 1500, None), (3, 5, Some(2.0)), (8, 1100, None), (9, 600, None)]
    {
        let mut case = Case::new(tokens, 1, 7, vocab, 3.0);
        case.cap = cap;
        case.check(&case.fast());
        case.bias = wave(vocab, 0.83, 2.0);
        case.check(&case.fast());
    }
    let mut case = Case::new(2, 1, 4, 700, 2.0);
    case.streams[0][5] = f32::NAN;
    let got = case.fast();
    assert!(got.max_prob[0].is_finite() && got.max_prob[1].is_nan());
    assert_eq!(got.top_ids[1], [NO_TOKEN; 5]);
}
