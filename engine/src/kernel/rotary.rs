//! Rotary positions.
//!
//! Definition: of the first `dims` numbers of a head (all of them, in most families), pair i of `dims / 2` is
//! turned by `position * f_i`, with `f_i = theta^(-2i / dims)`, changed by a scaling. Frequencies and angles
//! are rounded to f32 as PyTorch does it; sine and cosine are taken in f64.

use rayon::prelude::*;

use crate::kernel::rounded;

/// Which numbers of a head are turned, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turning {
    /// Numbers at the start of a head that are turned, an even number; the others stay.
    pub(crate) dims: usize,
    /// Base of the frequencies.
    pub(crate) theta: f64,
    pub(crate) scaling: Scaling,
    pub(crate) pairs: Pairs,
}

/// Which two numbers of a head make a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// i and i + dims / 2: Hugging Face.
    Halves,
    /// 2i and 2i + 1: llama.cpp, whose q and k rows are stored in that order.
    Interleaved,
}

/// How frequencies are stretched for longer texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scaling {
    /// Not at all.
    None,
    /// Every frequency is divided.
    Linear {
        /// By this.
        factor: f64,
    },
    /// Long waves are divided, short ones kept, the ones between blended (Llama 3.1).
    Llama3 {
        /// Divisor of long waves.
        factor: f64,
        /// Waves longer than `original / low` are long.
        low: f64,
        /// Waves shorter than `original / high` are short.
        high: f64,
        /// Context before scaling, in tokens.
        original: f64,
    },
}

/// Frequencies of one model.
#[derive(Debug, Clone)]
pub(crate) struct Rotary {
    frequencies: Vec<f32>,
    pairs: Pairs,
    head_dim: usize,
}

/// Cosines and sines, `[position][pair]`.
#[derive(Debug)]
pub(crate) struct Angles {
    turns: Vec<(f32, f32)>,
    per_position: usize,
    pairs: Pairs,
    head_dim: usize,
}

impl Rotary {
    /// `divisors`: one per pair, from checkpoints that store the scaling as numbers.
    pub(crate) fn new(head_dim: usize, turning: Turning, divisors: Option<&[f32]>) -> Self {
        let Turning { dims, theta, scaling, pairs } = turning;
        let frequencies = (0..dims / 2)
            .map(|i| {
                let plain = rounded(theta.powf(-2.0 * i as f64 / dims as f64));
                let divisor = divisors.and_then(|d| d.get(i)).copied().unwrap_or(1.0);
                rounded(scaled(f64::from(plain), scaling)) / divisor
            })
            .collect();
        Self { frequencies, pairs, head_dim }
    }

    /// Angles of positions `0..positions`.
    pub(crate) fn angles(&self, positions: usize) -> Angles {
        let per_position = self.frequencies.len().max(1);
        let mut turns = vec![(1.0, 0.0); positions * per_position];
        turns.par_chunks_mut(per_position).enumerate().for_each(|(position, row)| {
            for (turn, &frequency) in row.iter_mut().zip(&self.frequencies) {
                let (sin, cos) = f64::from(position as f32 * frequency).sin_cos();
                *turn = (rounded(cos), rounded(sin));
            }
        });
        Angles { turns, per_position, pairs: self.pairs, head_dim: self.head_dim }
    }
}

fn scaled(frequency: f64, scaling: Scaling) -> f64 {
    match scaling {
        Scaling::None => frequency,
        Scaling::Linear { factor } => frequency / factor,
        Scaling::Llama3 { factor, low, high, original } => {
            let wave = std::f64::consts::TAU / frequency;
            if wave < original / high {
                frequency
            } else if wave > original / low {
                frequency / factor
            } else {
                let kept = (original / wave - low) / (high - low);
                (1.0 - kept) * frequency / factor + kept * frequency
            }
        }
    }
}

impl Angles {
    /// How many positions there are angles for.
    pub(crate) fn positions(&self) -> usize {
        self.turns.len() / self.per_position
    }

    /// Turns every head of every row of `x` ([tokens, width]); row t stands at `positions[t]`.
    pub(crate) fn rotate(&self, x: &mut [f32], width: usize, positions: &[usize]) {
        let rows = x.par_chunks_mut(width.max(1)).zip(positions).with_min_len(16);
        rows.for_each(|(row, &position)| {
            let turns = &self.turns[position * self.per_position..][..self.per_position];
            for head in row.chunks_exact_mut(self.head_dim) {
                let (head, _stays) = head.split_at_mut(2 * self.per_position);
                match self.pairs {
                    Pairs::Halves => {
                        let (first, second) = head.split_at_mut(self.per_position);
                        for ((a, b), &turn) in first.iter_mut().zip(second).zip(turns) {
                            (*a, *b) = turned(*a, *b, turn);
                        }
                    }
                    Pairs::Interleaved => {
                        for (pair, &turn) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                            (pair[0], pair[1]) = turned(pair[0], pair[1], turn);
                        }
                    }
                }
            }
        });
    }
}

fn turned(a: f32, b: f32, (cos, sin): (f32, f32)) -> (f32, f32) {
    (a * cos - b * sin, b * cos + a * sin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turning(dims: usize, theta: f64, pairs: Pairs) -> Turning {
        Turning { dims, theta, scaling: Scaling::None, pairs }
    }

    fn rotated(pairs: Pairs, head: &[f32], position: usize) -> Vec<f32> {
        let rotary = Rotary::new(head.len(), turning(head.len(), 10000.0, pairs), None);
        let mut x = head.to_vec();
        rotary.angles(position + 1).rotate(&mut x, head.len(), &[position]);
        x
    }

    #[test]
    fn a_head_that_is_turned_in_part_keeps_the_rest() {
        for pairs in [Pairs::Halves, Pairs::Interleaved] {
            let rotary = Rotary::new(6, turning(4, 10000.0, pairs), None);
            let mut x: Vec<f32> = (1..=12_u8).map(f32::from).collect();
            rotary.angles(8).rotate(&mut x, 12, &[7]);
            assert_eq!((&x[4..6], &x[10..]), (&[5.0, 6.0][..], &[11.0, 12.0][..]));
            assert_eq!(x[..4], rotated(pairs, &[1.0, 2.0, 3.0, 4.0], 7));
            assert_eq!(x[6..10], rotated(pairs, &[7.0, 8.0, 9.0, 10.0], 7));
        }
    }

    #[test]
    fn both_pairings_are_the_same_rotation_of_reordered_rows() {
        let halves = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let interleaved = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        let (a, b) =
            (rotated(Pairs::Halves, &halves, 11), rotated(Pairs::Interleaved, &interleaved, 11));
        assert_eq!([a[0], a[3], a[1], a[4], a[2], a[5]], b[..]);
        assert_eq!(rotated(Pairs::Halves, &halves, 0), halves);
        let angle = 11.0_f64;
        assert!((f64::from(a[0]) - (angle.cos() - 4.0 * angle.sin())).abs() < 1e-5);
    }

    #[test]
    fn scaling_divides_long_waves_only() {
        let llama3 = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 32.0 };
        assert_eq!(scaled(1.0, llama3), 1.0);
        assert_eq!(scaled(0.01, llama3), 0.01 / 8.0);
        let between = scaled(0.4, llama3);
        assert!(between > 0.4 / 8.0 && between < 0.4);
        assert_eq!(scaled(0.5, Scaling::Linear { factor: 4.0 }), 0.125);
        let stored = Rotary::new(4, turning(4, 100.0, Pairs::Halves), Some(&[1.0, 4.0]));
        assert_eq!(stored.frequencies, [1.0, 0.025]);
    }
}
