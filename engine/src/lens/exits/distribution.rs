//! How a signal is distributed at every depth, with the threshold across it.

use std::sync::Arc;

use rayon::prelude::*;

use super::Scene;
use crate::figure::{Axis, Direction, Figure, Ink, Mark};
use crate::policy::{Handle, Line};
use crate::recording::depth_of;
use crate::signal::Signal;

/// The shares that are drawn: bands 5-95 % and 25-75 %, and the median.
const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Quantiles of a signal over a slice.
pub(super) struct Quantiles {
    /// `[depth][share]`; NaN where no value is a number.
    depths: Vec<[f32; 5]>,
    /// Values that are not a number at the depths before the last.
    pub(super) num_unknown: usize,
}

impl Quantiles {
    /// Smallest and largest finite quantile; 0 and 1 if there is none or only one.
    pub(super) fn ends(&self) -> (f32, f32) {
        let finite = || self.depths.iter().flatten().copied().filter(|v| v.is_finite());
        let (low, high) = (finite().fold(f32::MAX, f32::min), finite().fold(f32::MIN, f32::max));
        if low < high { (low, high) } else { (0.0, 1.0) }
    }
}

/// The quantiles of a signal over the scene's slice: nearest rank, so each is a recorded value.
pub(super) fn quantiles(scene: &Scene<'_>, signal: Signal) -> Arc<Quantiles> {
    let (recording, slice) = (scene.recording, &scene.settings.slice);
    let name = format!("quantiles {} {}", signal.id(), slice.key());
    recording.cubes.memo.get(&name, || {
        let ranges = slice.ranges(recording);
        let num_tokens: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        let num_layers = recording.num_layers();
        let depths: Vec<([f32; 5], usize)> = (0..=num_layers)
            .into_par_iter()
            .map(|depth| {
                let column = recording.column(signal, depth_of(depth)).unwrap_or_default();
                let here = ranges.iter().filter_map(|range| column.get(range.clone())).flatten();
                let mut values: Vec<f32> = here.copied().filter(|v| !v.is_nan()).collect();
                (SHARES.map(|share| nearest_rank(&mut values, share)), num_tokens - values.len())
            })
            .collect();
        Quantiles {
            num_unknown: depths.iter().take(num_layers).map(|(_, num)| num).sum(),
            depths: depths.into_iter().map(|(quantiles, _)| quantiles).collect(),
        }
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length lies inside the length"
)]
fn nearest_rank(values: &mut [f32], share: f64) -> f32 {
    let rank = (share * values.len() as f64).ceil() as usize;
    let idx = rank.clamp(1, values.len().max(1)) - 1;
    if idx < values.len() {
        *values.select_nth_unstable_by(idx, f32::total_cmp).1
    } else {
        f32::NAN
    }
}

pub(super) fn figure(scene: &Scene<'_>) -> Figure {
    let signal = scene.settings.signal;
    let quantiles = quantiles(scene, signal);
    let depths = || quantiles.depths.iter().enumerate();
    let band = |label: &str, edges: fn(&[f32; 5]) -> (f32, f32)| Mark::Band {
        label: label.to_owned(),
        points: depths()
            .map(|(depth, q)| {
                let (low, high) = edges(q);
                [depth as f64, f64::from(low), f64::from(high)]
            })
            .collect(),
        ink: Ink::Series(0),
    };
    let median = depths().map(|(depth, [_, _, median, _, _])| [depth as f64, f64::from(*median)]);
    let mut marks = vec![
        band("5–95 %", |[low, _, _, _, high]| (*low, *high)),
        band("25–75 %", |[_, low, _, high, _]| (*low, *high)),
        Mark::Line { label: "Median".to_owned(), points: median.collect(), ink: Ink::Series(0) },
    ];
    if let Some(token) = scene.token {
        let points = scene.token_line(token, signal);
        let at_exit = points.get(scene.exit(token).index()).copied().into_iter().collect();
        marks.push(Mark::Line { label: scene.selected(), points, ink: Ink::Series(1) });
        let label = "Its exit".to_owned();
        marks.push(Mark::Points { label, points: at_exit, ink: Ink::Series(1) });
    }
    let label = signal.label_of(scene.recording.subject());
    let mut y = Axis::linear(label, signal.unit());
    let own = scene.settings.rule.thresholds();
    if scene.settings.rule.rule.card().signal == Some(signal) && !own.is_empty() {
        // A closed exit has a threshold that nothing reaches.
        let at = |threshold: f64| if threshold.abs() < 1e7 { threshold } else { f64::NAN };
        let points = own.iter().enumerate().map(|(depth, own)| [depth as f64, at(*own)]).collect();
        let label = "Threshold of each depth".to_owned();
        marks.push(Mark::Points { label, points, ink: Ink::Accent });
    }
    let line = scene.settings.rule.line.filter(|line| line.signal == signal);
    let own = scene.settings.rule.rule.card().signal == Some(signal);
    let thresholds = if own { scene.settings.rule.thresholds() } else { &[] };
    let handles = &scene.settings.rule.handles;
    if let Some(mark) = of_depths(thresholds, handles) {
        for Handle { range: (from, to), .. } in handles {
            let (low, high) = y.range.unwrap_or((*from, *to));
            y = y.with_range(low.min(*from), high.max(*to));
        }
        marks.push(mark);
    } else if let Some(Line { at, range, knob, .. }) = line {
        // The whole range of the threshold, so that the line can be dragged to both ends.
        y = y.with_range(range.0, range.1);
        marks.push(Mark::Rule {
            label: "Threshold line".to_owned(),
            direction: Direction::Horizontal,
            at,
            knob: Some(knob),
        });
    }
    Figure {
        id: "distribution",
        title: format!("{label} at every depth"),
        x: Axis::integer("Depth"),
        y,
        marks,
        picks: Vec::new(),
    }
}

/// The threshold at each depth, where they differ: with handles where each has a knob.
fn of_depths(thresholds: &[f64], handles: &[Handle]) -> Option<Mark> {
    let label = "Threshold of each depth".to_owned();
    if handles.is_empty() {
        let points: Vec<_> =
            thresholds.iter().enumerate().map(|(depth, at)| [depth as f64, *at]).collect();
        let ink = Ink::Accent;
        return (!points.is_empty()).then_some(Mark::Line { label, points, ink });
    }
    let at = |handle: &Handle| {
        let at = thresholds.get(handle.depth.index()).filter(|at| at.is_finite())?;
        Some(([f64::from(handle.depth.0), *at], handle.knob))
    };
    let (points, knobs): (Vec<_>, Vec<_>) = handles.iter().filter_map(at).unzip();
    (!points.is_empty()).then_some(Mark::Handles { label, points, knobs, ink: Ink::Accent })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Depth;

    #[test]
    fn each_threshold_that_has_a_knob_is_a_handle_at_its_depth() {
        let handle = |depth, knob| Handle { depth: Depth(depth), knob, range: (0.0, 1.0) };
        let handles =
            [handle(0, "threshold-0"), handle(1, "threshold-1"), handle(9, "threshold-9")];
        // Infinite: nothing stops there, so there is no place for a handle.
        let thresholds = [0.5, f64::INFINITY, 0.7];
        let Some(Mark::Handles { points, knobs, .. }) = of_depths(&thresholds, &handles) else {
            panic!()
        };
        assert_eq!((points, knobs), (vec![[0.0, 0.5]], vec!["threshold-0"]));
        let Some(Mark::Line { points, .. }) = of_depths(&thresholds, &[]) else { panic!() };
        assert_eq!(points.len(), 3);
        assert_eq!(of_depths(&[], &[]), None);
    }
}
