//! Points that can be seen: gaps where a value is no number, no more points than pixels can show.

use std::collections::{BTreeMap, BTreeSet};

use egui_plot::PlotBounds;
use layerscope_engine::api::thin_line;

/// Below this, thinning costs more than drawing.
const FEW: usize = 4096;

/// What long lines came down to for the present view.
#[derive(Default)]
pub(super) struct Thinned {
    found: BTreeMap<usize, Found>,
}

struct Found {
    key: Key,
    points: Vec<[f64; 2]>,
}

#[derive(PartialEq)]
struct Key {
    fingerprint: u64,
    bounds: PlotBounds,
    size: [f32; 2],
}

/// How points are shown, hence what may be left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Segments between neighbours.
    Line,
    /// Loose markers.
    Points,
}

impl Thinned {
    /// What of `points`, the mark at `mark`, is to be drawn within `bounds` on `size` pixels.
    pub(super) fn points(
        &mut self,
        mark: usize,
        kind: Kind,
        points: &[[f64; 2]],
        bounds: PlotBounds,
        size: [f32; 2],
    ) -> Vec<[f64; 2]> {
        if points.len() <= FEW {
            return points.to_vec();
        }
        // The same address may hold other points in the next view: only their content tells them apart.
        let key = Key { fingerprint: fingerprint(points), bounds, size };
        if let Some(found) = self.found.get(&mark).filter(|found| found.key == key) {
            return found.points.clone();
        }
        let thinned = match kind {
            Kind::Line => {
                let (from, to) = (bounds.min()[0], bounds.max()[0]);
                thin_line(visible(points, from, to), from, to, pixels(size[0]))
            }
            Kind::Points => one_per_pixel(points, bounds, size),
        };
        self.found.insert(mark, Found { key, points: thinned.clone() });
        thinned
    }
}

/// Runs of points without a gap; a gap is a coordinate that is no finite number.
pub(super) fn runs(points: &[[f64; 2]]) -> impl Iterator<Item = &[[f64; 2]]> {
    points.split(|point| !point.iter().all(|value| value.is_finite())).filter(|run| !run.is_empty())
}

fn pixels(length: f32) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1..=16384")]
    let pixels = length.clamp(1.0, 16_384.0) as usize;
    pixels
}

/// FNV-1a over the bits, a word at a time.
fn fingerprint(points: &[[f64; 2]]) -> u64 {
    let words = points.iter().flatten().map(|value| value.to_bits());
    words.fold(0xcbf2_9ce4_8422_2325 ^ points.len() as u64, |hash, word| {
        (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    })
}

/// The part of a line that rises in x which lies in `from..=to`, with a neighbour on either side; else all of it.
fn visible(points: &[[f64; 2]], from: f64, to: f64) -> &[[f64; 2]] {
    let rises = points.windows(2).all(|pair| match pair {
        [a, b] => a[0] <= b[0],
        _ => true,
    });
    if !rises {
        return points;
    }
    let first = points.partition_point(|point| point[0] < from).saturating_sub(1);
    let last = points.partition_point(|point| point[0] <= to).saturating_add(1).min(points.len());
    points.get(first..last).unwrap_or(points)
}

/// One marker for each pixel that has any.
fn one_per_pixel(points: &[[f64; 2]], bounds: PlotBounds, size: [f32; 2]) -> Vec<[f64; 2]> {
    let cell = |value: f64, side: usize| {
        let (low, high) = (bounds.min()[side], bounds.max()[side]);
        let part = (value - low) / (high - low);
        (0.0..=1.0).contains(&part).then(|| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pixel")]
            let pixel = (part * pixels(size[side]) as f64) as u32;
            pixel
        })
    };
    let mut taken = BTreeSet::new();
    let is_new = |[x, y]: &&[f64; 2]| match (cell(*x, 0), cell(*y, 1)) {
        (Some(x), Some(y)) => taken.insert((x, y)),
        _ => false,
    };
    points.iter().filter(is_new).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(x: f64, y: f64) -> PlotBounds {
        PlotBounds::from_min_max([0.0, 0.0], [x, y])
    }

    #[test]
    fn a_long_line_comes_down_to_what_pixels_show_and_follows_its_content() {
        let mut points: Vec<_> = (0..100_000).map(|i| [f64::from(i), 0.0]).collect();
        points[70_000][1] = 1.0;
        let mut thinned = Thinned::default();
        let mut shown = |points: &[[f64; 2]], to: f64| {
            thinned.points(0, Kind::Line, points, bounds(to, 1.0), [200.0, 100.0])
        };
        let all = shown(&points, 1e5);
        assert!(all.len() <= 4 * 201, "{}", all.len());
        assert!(all.contains(&[70_000.0, 1.0]));
        let near = shown(&points, 1000.0);
        assert!(near.iter().all(|point| point[0] <= 1001.0));
        points[70_000][1] = 0.5;
        assert!(shown(&points, 1e5).contains(&[70_000.0, 0.5]));
    }

    #[test]
    fn a_cloud_keeps_one_marker_for_each_pixel() {
        let mut points = vec![[1.0, 1.0]; 10_000];
        points.push([9.0, 9.0]);
        points.push([99.0, 9.0]);
        let shown = one_per_pixel(&points, bounds(10.0, 10.0), [100.0, 100.0]);
        assert_eq!(shown, [[1.0, 1.0], [9.0, 9.0]]);
    }

    #[test]
    fn a_value_that_is_no_number_interrupts_a_line() {
        let points = [[0.0, 1.0], [1.0, f64::NAN], [2.0, 1.0], [3.0, f64::INFINITY]];
        let found: Vec<_> = runs(&points).collect();
        assert_eq!(found, [&[[0.0, 1.0]], &[[2.0, 1.0]]]);
    }
}
