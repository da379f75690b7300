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
                (nearest_ranks(&mut values), num_tokens - values.len())
            })
            .collect();
        Quantiles {
            num_unknown: depths.iter().take(num_layers).map(|(_, num)| num).sum(),
            depths: depths.into_iter().map(|(quantiles, _)| quantiles).collect(),
        }
    })
}

/// The values at the shares; NaN where there are none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length lies inside the length"
)]
fn nearest_ranks(values: &mut [f32]) -> [f32; 5] {
    let num = values.len();
    let rank = |share: f64| ((share * num as f64).ceil() as usize).clamp(1, num.max(1)) - 1;
    let mut found = [f32::NAN; 5];
    select(values, (0, &SHARES.map(rank)), &mut found);
    found
}

/// Finds the middle one of ascending ranks, then the others on either side of it. So many values stand before these.
fn select(values: &mut [f32], (before, ranks): (usize, &[usize]), found: &mut [f32]) {
    let middle = ranks.len() / 2;
    let Some(rank) = ranks.get(middle).and_then(|rank| rank.checked_sub(before)) else { return };
    if rank >= values.len() {
        return;
    }
    let (low, nth, high) = values.select_nth_unstable_by(rank, f32::total_cmp);
    // Equal ranks are found with this one.
    found.fill(*nth);
    let (ranks_below, ranks_above) = (ranks.get(..middle), ranks.get(middle + 1..));
    let (below, above) = found.split_at_mut(middle);
    select(low, (before, ranks_below.unwrap_or_default()), below);
    let above = above.get_mut(1..).unwrap_or_default();
    select(high, (before + rank + 1, ranks_above.unwrap_or_default()), above);
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
    let rule = &scene.settings.rule;
    let line = rule.line.filter(|line| line.signal == signal && rule.refusal().is_none());
    let thresholds = if rule.signal() == Some(signal) { rule.thresholds() } else { &[] };
    if !thresholds.is_empty() {
        for Handle { range: (from, to), .. } in &rule.handles {
            let (low, high) = y.range.unwrap_or((*from, *to));
            y = y.with_range(low.min(*from), high.max(*to));
        }
        marks.extend(of_depths(thresholds, &rule.handles));
    } else if let Some(Line { at, range, knob, .. }) = line.filter(|_| rule.thresholds().is_empty())
    {
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

/// The thresholds of depths that differ: as handles where each has a knob, and where they stand when those are shifted.
fn of_depths(thresholds: &[f64], handles: &[Handle]) -> Vec<Mark> {
    // A closed exit has a threshold that nothing reaches.
    let known = |at: f64| if at.abs() < 1e7 { at } else { f64::NAN };
    let points =
        thresholds.iter().enumerate().map(|(depth, at)| [depth as f64, known(*at)]).collect();
    let label = "Threshold of each depth".to_owned();
    let held: Vec<_> =
        handles.iter().map(|handle| [f64::from(handle.depth.0), handle.at]).collect();
    if held.is_empty() {
        return vec![Mark::Points { label, points, ink: Ink::Accent }];
    }
    let knobs = handles.iter().map(|handle| handle.knob).collect();
    let is_shifted = held != points;
    let handles = Mark::Handles { label, points: held, knobs, ink: Ink::Accent };
    let label = "Where it stops, shifted".to_owned();
    let shifted = Mark::Points { label, points, ink: Ink::Series(3) };
    if is_shifted { vec![shifted, handles] } else { vec![handles] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Depth;

    #[test]
    fn each_threshold_that_has_a_knob_is_a_handle_where_its_knob_stands() {
        let handle = |depth, knob, at| Handle { depth: Depth(depth), knob, at, range: (0.0, 1.0) };
        let handles = [handle(0, "threshold-0", 0.5), handle(1, "threshold-1", 0.7)];
        let plain = of_depths(&[0.5, 0.7], &handles);
        let [Mark::Handles { points, knobs, .. }] = plain.as_slice() else { panic!("{plain:?}") };
        assert_eq!(points, &[[0.0, 0.5], [1.0, 0.7]]);
        assert_eq!(knobs, &["threshold-0", "threshold-1"]);
        // A drag says where the knob goes, not where the shifted threshold is.
        let shifted = of_depths(&[0.6, 0.8], &handles);
        let [Mark::Points { points: stops, .. }, Mark::Handles { points, .. }] = shifted.as_slice()
        else {
            panic!("{shifted:?}")
        };
        assert_eq!((stops[0], points[0]), ([0.0, 0.6], [0.0, 0.5]));
    }

    #[test]
    fn fitted_thresholds_are_markers_and_a_closed_exit_has_none() {
        let marks = of_depths(&[0.5, 1e8], &[]);
        let [Mark::Points { points, .. }] = marks.as_slice() else { panic!("{marks:?}") };
        assert_eq!(points[0], [0.0, 0.5]);
        assert!(points[1][1].is_nan());
    }
}
