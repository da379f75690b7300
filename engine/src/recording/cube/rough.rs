//! Random recordings with what hurts counters: NaN, values exactly on a rung, zeros and ones.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::recording::{Recording, synthetic};
use crate::signal::{NO_TOKEN, Signal};

/// Like `synthetic`, made rough.
pub(crate) fn rough(num_tokens: usize, num_layers: usize, seed: u64) -> Recording {
    let mut recording = synthetic(num_tokens, num_layers, seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let top = (recording.manifest.vocab as f32).ln();
    for (signal, columns) in &mut recording.signals {
        let top = if *signal == Signal::Entropy { top } else { 1.0 };
        for value in columns.iter_mut().flatten() {
            *value = match rng.random_range(0..16) {
                0 => f32::NAN,
                1 => (*value / top * 1000.0).round() / 1000.0 * top,
                2 => 0.0,
                3 => top,
                _ => *value,
            };
        }
    }
    // A readout that is no number has no first choice, at the last depth as at any other.
    for id in recording.top1.iter_mut().flatten() {
        if rng.random_range(0..8) == 0 {
            *id = NO_TOKEN;
        }
    }
    recording
}
