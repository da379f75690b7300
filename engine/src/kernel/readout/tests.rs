use super::*;
use crate::checkpoint::{Bytes, DType};
use crate::job::CancelSwitch;
use proptest::prelude::*;
use std::sync::Arc;

fn matrix(values: &[f32], rows: usize, cols: usize) -> Matrix {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let len = raw.len();
    Matrix::new(Bytes::new(Arc::new(raw), 0..len).unwrap(), DType::F32, rows, cols).unwrap()
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
        }
    }

    fn fast(&self) -> Readouts {
        let matrix = matrix(&self.head, self.vocab, self.norm.len());
        let streams: Vec<&[f32]> = self.streams.iter().map(Vec::as_slice).collect();
        let request = Request { streams: &streams, next: &self.next, last_is_final: true };
        let bias = (!self.bias.is_empty()).then_some(self.bias.as_slice());
        let norm = Norm::Rms { weight: self.norm.clone(), eps: 1e-5 };
        let head = Head { norm: Some(&norm), matrix: &matrix, bias, cap: self.cap };
        readout(head, request, &Job::unattended()).unwrap()
    }

    /// ln p of one row, in f64, as the definitions say.
    fn log_probs(&self, depth: usize, token: usize) -> Vec<f64> {
        let width = self.norm.len();
        let row = &self.streams[depth][token * width..][..width];
        let mean = row.iter().map(|&h| f64::from(h).powi(2)).sum::<f64>() / width as f64;
        let scale = (mean + 1e-5).sqrt().recip();
        let logit = |w: &[f32]| -> f64 {
            let terms = row.iter().zip(&self.norm).zip(w);
            terms.map(|((&h, &n), &w)| f64::from(h) * scale * f64::from(n) * f64::from(w)).sum()
        };
        let capped = |z: f64| match self.cap.map(f64::from) {
            Some(cap) => cap * (z / cap).tanh(),
            None => z,
        };
        let bias = |id: usize| self.bias.get(id).map_or(0.0, |b| f64::from(*b));
        let rows = self.head.chunks(width).map(logit).enumerate();
        let z: Vec<f64> = rows.map(|(id, z)| capped(z + bias(id))).collect();
        let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lse = max + z.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
        z.into_iter().map(|z| z - lse).collect()
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
                let mut sorted: Vec<f64> = lp.iter().map(|l| l.exp()).collect();
                sorted.sort_by(|a, b| b.total_cmp(a));
                near("max", got.max_prob[at], sorted[0]);
                near("margin", got.margin[at], sorted[0] - sorted.get(1).unwrap_or(&0.0));
                near("entropy", got.entropy[at], -lp.iter().map(|l| l * l.exp()).sum::<f64>());
                let kl: f64 = last.iter().zip(&lp).map(|(a, b)| a.exp() * (a - b)).sum();
                near("kl", got.kl[at], kl);
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
                        let above = |by: f64| lp.iter().filter(|l| **l > own + by).count() as f32;
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
        (&all.nll, &one.nll),
    ] {
        let pairs = cells(all).into_iter().zip(one);
        pairs.for_each(|(all, one)| assert!((all - one).abs() < 1e-6, "{all} {one}"));
    }
    assert_eq!(cells(&all.rank), *one.rank);
    assert_eq!([0, 1, 2, 3].map(|depth| all.top_ids[depth * tokens]), *one.top_ids);
}

#[test]
fn a_cancelled_readout_ends_before_its_first_tile() {
    let switch = CancelSwitch::default();
    switch.cancel();
    let matrix = matrix(&[1.0; 4], 2, 2);
    let norm = Norm::Rms { weight: vec![1.0, 1.0], eps: 0.0 };
    let head = Head { norm: Some(&norm), matrix: &matrix, bias: None, cap: None };
    let request = Request { streams: &[&[1.0, 2.0]], next: &[0], last_is_final: true };
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
