//! Recordings that no model made: plausible numbers from a seed, for tests of everything that reads them.

use std::collections::BTreeMap;

use crate::model::NO_TOKEN;
use crate::recording::{BlockCost, Manifest, Provenance, ReadAt, Recording, Sample, Tokens, Top5};
use crate::signal::{Signal, Subject};

const VOCAB: u32 = 64;
/// Tokens of every sequence but the last.
const SEQUENCE: usize = 16;
/// Above so many cells the five best are left out: 40 bytes each.
const MOST_TOP5: usize = 200_000;

/// `num_tokens` tokens through `num_layers` blocks. Confidence rises with depth, more slowly in samples of
/// higher difficulty; the columns are `task` and `difficulty`. The same seed gives the same recording.
pub(crate) fn synthetic(num_tokens: usize, num_layers: usize, seed: u64) -> Recording {
    let mut dice = Dice(seed);
    let (tokens, samples) = sequences(num_tokens, &mut dice);
    let mut signals: BTreeMap<Signal, Vec<Vec<f32>>> =
        Signal::ALL.iter().map(|s| (*s, Vec::with_capacity(num_layers + 1))).collect();
    let ease: Vec<f32> = tokens.sample.iter().map(|s| 4.0 - (s % 4) as f32 + dice.unit()).collect();
    let last: Vec<u32> =
        tokens.next_ids.iter().map(|next| dice.likely(0.6, *next % VOCAB)).collect();
    let mut top1 = Vec::new();
    let mut top5 = Vec::new();
    for depth in 0..=num_layers {
        let is_final = depth == num_layers;
        let far = (depth as f32 + 1.0) / (num_layers as f32 + 1.0);
        let mut columns: Vec<Vec<f32>> =
            Signal::ALL.iter().map(|_| Vec::with_capacity(num_tokens)).collect();
        let mut best = Vec::with_capacity(num_tokens);
        for token in 0..num_tokens {
            let floor = 1.0 / VOCAB as f32;
            let sure =
                floor + (0.999 - floor) * far.powf(3.0 / ease[token]) * dice.between(0.7, 1.0);
            let id = if is_final { last[token] } else { dice.likely(far * far, last[token]) };
            let next = tokens.next_ids[token];
            let (nll, rank) = match (next == NO_TOKEN, next == id) {
                (true, _) => (f32::NAN, f32::NAN),
                (false, true) => (-sure.ln(), 1.0),
                (false, false) => {
                    (-((1.0 - sure) * floor).ln(), 2.0 + (dice.id() % (VOCAB - 1)) as f32)
                }
            };
            let moved = |of: fn(f32, f32) -> f32| {
                let before = depth.checked_sub(1).and_then(|d| signals[&Signal::MaxProb].get(d));
                before.map_or(f32::NAN, |column| of(sure, column[token]))
            };
            let step = |value: f32| if is_final { f32::NAN } else { value };
            best.push(id);
            for (column, signal) in columns.iter_mut().zip(Signal::ALL) {
                column.push(match signal {
                    Signal::MaxProb => sure,
                    Signal::Margin => (sure - (1.0 - sure) * 0.5).max(0.0),
                    Signal::Entropy => (1.0 - sure) * (VOCAB as f32).ln(),
                    Signal::Kl if is_final => 0.0,
                    Signal::Kl => (1.0 - far) * dice.between(0.5, 2.0),
                    Signal::KlPrev => moved(|p, q| {
                        (p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln()).max(0.0)
                    }),
                    Signal::ProbStep => moved(|p, q| (p - q).abs() * std::f32::consts::SQRT_2),
                    Signal::Nll => nll,
                    Signal::Rank => rank,
                    Signal::CosNext => step(0.5 + 0.5 * far * dice.unit()),
                    Signal::Update => step((1.2 - far) * dice.between(0.2, 1.0)),
                    Signal::Rms => far * dice.between(0.8, 1.2),
                });
            }
        }
        if num_tokens.saturating_mul(num_layers + 1) <= MOST_TOP5 {
            let sure = columns[0].iter();
            top5.push(best.iter().zip(sure).map(|(id, p)| five(*id, *p)).collect());
        }
        top1.push(best);
        for (column, signal) in columns.into_iter().zip(Signal::ALL) {
            signals.entry(signal).or_default().push(column);
        }
    }
    let pieces = (0..VOCAB).map(|id| (id, format!(" w{id}"))).collect();
    let manifest = manifest(num_tokens, num_layers);
    Recording { manifest, tokens, samples, signals, top1, top5, pieces, cubes: Default::default() }
}

/// The same of `num_samples` samples, each a row with a label; every seventh has none.
#[cfg(test)]
pub(crate) fn synthetic_samples(num_samples: usize, num_layers: usize, seed: u64) -> Recording {
    let mut recording = synthetic(num_samples, num_layers, seed);
    let Recording { manifest, tokens, samples, signals, .. } = &mut recording;
    manifest.subject = Subject::Sample;
    let columns: Vec<_> =
        tokens.sample.iter().map(|s| samples[*s as usize].columns.clone()).collect();
    let sample = |(first_token, columns)| Sample { columns, first_token, num_tokens: 1 };
    *samples = columns.into_iter().enumerate().map(sample).collect();
    tokens.texts = (0..num_samples).map(|row| format!("text {row}")).collect();
    tokens.ids.fill(NO_TOKEN);
    tokens.position.fill(0);
    tokens.sample = (0_u32..).take(num_samples).collect();
    for (row, label) in tokens.next_ids.iter_mut().enumerate() {
        *label = if row % 7 == 3 { NO_TOKEN } else { (*label).min(VOCAB - 1) };
    }
    // What the label decides is absent where there is none.
    for signal in [Signal::Nll, Signal::Rank] {
        for column in signals.get_mut(&signal).into_iter().flatten() {
            for (value, label) in column.iter_mut().zip(&tokens.next_ids) {
                *value = if *label == NO_TOKEN { f32::NAN } else { value.max(1.0) };
            }
        }
    }
    recording
}

fn five(id: u32, sure: f32) -> Top5 {
    let rest = (1.0 - sure) / 8.0;
    let ids = [id, (id + 1) % VOCAB, (id + 2) % VOCAB, (id + 3) % VOCAB, (id + 4) % VOCAB];
    Top5 { ids, probs: [sure, rest, rest, rest, rest] }
}

fn sequences(num_tokens: usize, dice: &mut Dice) -> (Tokens, Vec<Sample>) {
    let mut tokens = Tokens::default();
    let mut samples = Vec::new();
    for first_token in (0..num_tokens).step_by(SEQUENCE) {
        let here = SEQUENCE.min(num_tokens - first_token);
        let sample = u32::try_from(samples.len()).unwrap_or(NO_TOKEN);
        let ids: Vec<_> = (0..here).map(|_| dice.id()).collect();
        tokens.next_ids.extend(ids.iter().skip(1).copied().chain([NO_TOKEN]));
        tokens.sample.extend(ids.iter().map(|_| sample));
        tokens.position.extend((0_u32..).take(here));
        tokens.ids.extend(ids);
        let task = if sample % 2 == 0 { "story" } else { "hops" };
        let columns = [("task", task.to_owned()), ("difficulty", (sample % 4 + 1).to_string())];
        let columns = columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        samples.push(Sample { columns, first_token, num_tokens: here });
    }
    (tokens, samples)
}

fn manifest(num_tokens: usize, num_layers: usize) -> Manifest {
    Manifest {
        version: 1,
        complete: true,
        partial: false,
        tokens: num_tokens as u64,
        layers: num_layers,
        subject: Subject::Token,
        read_at: ReadAt::Every,
        readout: Default::default(),
        vocab: 64,
        numerics: Default::default(),
        signals: Signal::ALL.iter().map(|s| s.id().to_owned()).collect(),
        columns: vec!["difficulty".to_owned(), "task".to_owned()],
        provenance: Provenance { model: "synthetic".to_owned(), ..Provenance::default() },
        // Tokens of whole sequences attend to 8.5 positions in the mean.
        flops_per_block: vec![1e6; num_layers],
        block_costs: vec![BlockCost { fixed: 915e3, per_key: 1e4, window: None }; num_layers],
        flops_per_fill: Some(1e5),
        flops_per_readout: 1e5,
        block_secs: vec![0.125; num_layers],
        generation: None,
        notes: Vec::new(),
    }
}

/// SplitMix64: small, seeded, good enough for pictures and tests.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f32 {
        (self.roll() >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    fn id(&mut self) -> u32 {
        u32::try_from(self.roll() % u64::from(VOCAB)).unwrap_or(0)
    }

    /// `id` with probability `p`, else any.
    fn likely(&mut self, p: f32, id: u32) -> u32 {
        if self.unit() < p { id } else { self.id() }
    }
}
