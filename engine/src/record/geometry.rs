//! Size and direction of the stream. Definitions: `signal` (cosine, update, RMS).

use crate::model::Stream;

/// RMS of every row of one depth, and cosine and update towards the next.
pub(super) struct Geometry {
    /// NaN at depth L.
    pub(super) cos_next: Vec<f32>,
    /// NaN at depth L.
    pub(super) update: Vec<f32>,
    pub(super) rms: Vec<f32>,
}

/// Geometry of `here`, [tokens, width]; `next` is the stream of the next depth, `None` at depth L.
pub(super) fn geometry(here: &Stream, next: Option<&Stream>) -> Geometry {
    let width = here.width.max(1);
    let rows = || here.hidden.chunks(width);
    let rms = rows().map(|h| rounded((dot(h, h) / width as f64).sqrt())).collect();
    let Some(next) = next else {
        let absent = || vec![f32::NAN; rows().len()];
        return Geometry { cos_next: absent(), update: absent(), rms };
    };
    let (mut cos_next, mut update) = (Vec::new(), Vec::new());
    for (h, n) in rows().zip(next.hidden.chunks(width)) {
        let length = dot(h, h).sqrt();
        let cosine = dot(h, n) / (length * dot(n, n).sqrt());
        let moved: f64 =
            h.iter().zip(n).map(|(h, n)| (f64::from(*n) - f64::from(*h)).powi(2)).sum();
        // Rounding may leave -1 ..= 1 by a hair; `clamp` keeps a NaN.
        cos_next.push(rounded(cosine.clamp(-1.0, 1.0)));
        update.push(rounded(moved.sqrt() / length));
    }
    Geometry { cos_next, update, rms }
}

/// Sums are f64: entries of one stream differ by orders of magnitude.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Rounds what was summed in f64, once.
#[expect(clippy::cast_possible_truncation, reason = "signals are f32 by definition")]
fn rounded(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(hidden: &[f32]) -> Stream {
        Stream { hidden: hidden.to_vec(), width: 2 }
    }

    #[test]
    fn known_triangles_have_known_sides() {
        let here = stream(&[3.0, 4.0, 1.0, 0.0, 1.0, 1.0]);
        let next = stream(&[3.0, 4.0, 0.0, 2.0, -1.0, -1.0]);
        let found = geometry(&here, Some(&next));
        assert_eq!(found.rms, [12.5_f32.sqrt(), 0.5_f32.sqrt(), 1.0]);
        assert_eq!(found.cos_next[..2], [1.0, 0.0]);
        assert!((found.cos_next[2] + 1.0).abs() < 1e-6);
        assert_eq!(found.update, [0.0, 5.0_f32.sqrt(), 2.0]);
    }

    #[test]
    fn the_last_depth_has_no_next() {
        let last = geometry(&stream(&[1.0, 1.0]), None);
        assert!(last.cos_next[0].is_nan() && last.update[0].is_nan());
        assert_eq!(last.rms, [1.0]);
    }

    #[test]
    fn nothing_hides_a_nan_or_a_zero() {
        let zero = geometry(&stream(&[0.0, 0.0]), Some(&stream(&[0.0, 0.0])));
        assert!(zero.cos_next[0].is_nan() && zero.update[0].is_nan());
        let nan = geometry(&stream(&[f32::NAN, 0.0]), Some(&stream(&[1.0, 0.0])));
        assert!(nan.cos_next[0].is_nan() && nan.update[0].is_nan() && nan.rms[0].is_nan());
    }
}
