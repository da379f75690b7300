//! Resizing as Pillow does it, to the level: the image processors of published checkpoints use that.
//!
//! Definition, for each axis by itself, first across, then down: output x has its centre at
//! `c = (x + 0.5) s` with `s` = input / output length; every input i with `|i + 0.5 - c| < r max(s, 1)` counts with
//! `f((i + 0.5 - c) / max(s, 1))`, divided by their sum. Weights are whole parts of 2^-22 and every pass is rounded
//! to a level, as in Pillow (`src/libImaging/Resample.c`).

use super::decode::Image;

/// Parts of one in a weight: levels and their sum stay inside 32 bits in Pillow.
const ONE: f64 = 4_194_304.0;
const BITS: u32 = 22;

/// What an input weighs at a distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// A triangle of radius 1.
    Bilinear,
    /// Keys' cubic with a = -0.5, radius 2.
    Bicubic,
}

impl Filter {
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn at(self, distance: f64) -> f64 {
        const A: f64 = -0.5;
        let x = distance.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Bicubic => 0.0,
        }
    }
}

/// The inputs of one output and their weights.
struct Window {
    first: usize,
    weights: Vec<i64>,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places inside an axis and parts of 2^-22, cut as the definition cuts them"
)]
fn windows(input: usize, output: usize, filter: Filter) -> Vec<Window> {
    let scale = input as f64 / output as f64;
    let wide = scale.max(1.0);
    let radius = filter.radius() * wide;
    let window = |x: usize| {
        let centre = (x as f64 + 0.5) * scale;
        let first = (centre - radius + 0.5).max(0.0) as usize;
        let end = ((centre + radius + 0.5) as usize).min(input);
        let weigh = |i: usize| filter.at((i as f64 - centre + 0.5) / wide);
        let weights: Vec<f64> = (first..end).map(weigh).collect();
        let sum: f64 = weights.iter().sum();
        let parts = weights.iter().map(|w| {
            let parts = w / sum * ONE;
            (if parts < 0.0 { parts - 0.5 } else { parts + 0.5 }) as i64
        });
        Window { first, weights: parts.collect() }
    };
    (0..output).map(window).collect()
}

impl Image {
    /// Squeezed or stretched to a square.
    pub(super) fn resized(self, side: usize, filter: Filter) -> Self {
        self.across(side, filter).down(side, filter)
    }

    fn across(self, side: usize, filter: Filter) -> Self {
        if self.width == side {
            return self;
        }
        let windows = windows(self.width, side, filter);
        let mut levels = Vec::with_capacity(side * self.height * 3);
        for row in self.levels.chunks_exact(self.width * 3) {
            for window in &windows {
                let inputs = row.chunks_exact(3).skip(window.first);
                levels.extend(mixed(&window.weights, inputs));
            }
        }
        Self { width: side, height: self.height, levels }
    }

    fn down(self, side: usize, filter: Filter) -> Self {
        if self.height == side {
            return self;
        }
        let row = self.width * 3;
        let mut levels = Vec::with_capacity(row * side);
        for window in windows(self.height, side, filter) {
            let rows: Vec<&[u8]> = self
                .levels
                .chunks_exact(row)
                .skip(window.first)
                .take(window.weights.len())
                .collect();
            for at in (0..row).step_by(3) {
                levels.extend(mixed(&window.weights, rows.iter().map(|row| &row[at..at + 3])));
            }
        }
        Self { width: self.width, height: side, levels }
    }
}

/// One pixel from its inputs.
fn mixed<'a>(weights: &[i64], inputs: impl Iterator<Item = &'a [u8]>) -> [u8; 3] {
    let mut sums = [1_i64 << (BITS - 1); 3];
    for (weight, pixel) in weights.iter().zip(inputs) {
        for (sum, level) in sums.iter_mut().zip(pixel) {
            *sum += weight * i64::from(*level);
        }
    }
    sums.map(|sum| u8::try_from((sum >> BITS).clamp(0, 255)).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Image {
        let level = |at: usize| u8::try_from(at * 37 % 251).unwrap();
        Image { width, height, levels: (0..width * height * 3).map(level).collect() }
    }

    #[test]
    fn the_same_size_changes_nothing_and_a_flat_image_stays_flat() {
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            assert_eq!(ramp(5, 5).resized(5, filter), ramp(5, 5));
            for (width, height) in [(1, 1), (3, 7), (40, 9)] {
                let flat = Image { width, height, levels: vec![201; width * height * 3] };
                let small = flat.resized(6, filter);
                assert_eq!(small, Image { width: 6, height: 6, levels: vec![201; 108] });
            }
        }
    }

    /// From Pillow 13.0.0: `Image.frombytes("RGB", size, bytes).resize((3, 3), resample).tobytes()`.
    #[test]
    fn levels_are_those_of_pillow() {
        for (size, filter, want) in PILLOW {
            assert_eq!(
                ramp(size.0, size.1).resized(3, *filter).levels,
                *want,
                "{size:?} {filter:?}"
            );
        }
    }

    type Known = ((usize, usize), Filter, [u8; 27]);
    const PILLOW: &[Known] = &[
        (
            (5, 4),
            Filter::Bilinear,
            [
                64, 101, 138, 140, 80, 117, 161, 155, 92, 128, 111, 148, 107, 116, 125, 153, 119,
                102, 115, 120, 157, 131, 112, 132, 145, 106, 111,
            ],
        ),
        (
            (5, 4),
            Filter::Bicubic,
            [
                57, 100, 137, 143, 77, 124, 164, 156, 89, 130, 107, 149, 105, 121, 125, 152, 118,
                101, 112, 121, 160, 136, 107, 125, 146, 109, 112,
            ],
        ),
        (
            (8, 8),
            Filter::Bilinear,
            [
                137, 94, 131, 148, 123, 98, 113, 150, 119, 99, 117, 154, 141, 112, 120, 136, 154,
                86, 103, 140, 156, 130, 106, 142, 159, 95, 107,
            ],
        ),
        (
            (8, 8),
            Filter::Bicubic,
            [
                137, 88, 131, 152, 126, 93, 107, 152, 123, 94, 117, 159, 144, 109, 119, 136, 162,
                80, 101, 146, 156, 127, 102, 146, 165, 90, 105,
            ],
        ),
        (
            (2, 2),
            Filter::Bilinear,
            [
                0, 37, 74, 56, 93, 130, 111, 148, 185, 111, 23, 60, 104, 79, 116, 97, 134, 171,
                222, 8, 45, 152, 64, 101, 82, 119, 156,
            ],
        ),
        (
            (2, 2),
            Filter::Bicubic,
            [
                0, 32, 69, 50, 95, 132, 121, 157, 194, 116, 16, 53, 104, 79, 116, 96, 141, 178,
                246, 0, 36, 158, 62, 99, 70, 124, 161,
            ],
        ),
        (
            (7, 3),
            Filter::Bilinear,
            [
                95, 78, 115, 141, 119, 97, 123, 160, 143, 119, 102, 139, 165, 84, 121, 147, 130,
                77, 89, 126, 163, 130, 108, 145, 171, 154, 101,
            ],
        ),
        (
            (7, 3),
            Filter::Bicubic,
            [
                90, 73, 118, 151, 119, 87, 120, 165, 148, 114, 105, 142, 175, 74, 118, 144, 135,
                76, 84, 129, 166, 130, 98, 142, 176, 159, 100,
            ],
        ),
    ];
}
