//! Means over the slice at every depth, whatever the threshold.

use std::sync::Arc;

use rayon::prelude::*;

use super::Scene;
use crate::figure::{Axis, Figure, Ink, Mark};
use crate::lens::DataTable;
use crate::recording::{Tally, depth_of};
use crate::signal::Signal;

/// Means at one depth; NaN where nothing is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    agreement: f64,
    /// `None` where nothing is known to be true.
    pub(super) accuracy: Option<f64>,
    pub(super) nll: f64,
    max_prob: f64,
    entropy: f64,
    kl: f64,
}

/// `[depth]`, 0..=L.
pub(super) struct PerDepth(pub(super) Vec<Means>);

/// Means at every depth, 0..=L. The NLL is summed as the tally sums it, so at depth L both are equal to the bit.
pub(super) fn means(scene: &Scene<'_>) -> Arc<PerDepth> {
    let (recording, slice) = (scene.recording, &scene.settings.slice);
    recording.cubes.memo.get(&format!("means {}", slice.key()), || {
        let ranges = slice.ranges(recording);
        let mean = |signal: Signal, depth: usize| {
            let column = recording.column(signal, depth_of(depth)).unwrap_or_default();
            let here = ranges.iter().filter_map(|range| column.get(range.clone())).flatten();
            let (sum, num) = here
                .filter(|value| !value.is_nan())
                .fold((0.0, 0_u64), |(sum, num), value| (sum + f64::from(*value), num + 1));
            if num == 0 { f64::NAN } else { sum / num as f64 }
        };
        let depths = (0..=recording.num_layers()).into_par_iter();
        let means = depths
            .map(|depth| {
                let mut tally = Tally::empty(recording.num_layers() + 1);
                let rows = ranges.iter().cloned().flatten();
                tally.add(recording, rows.map(|row| (row, depth_of(depth))));
                Means {
                    agreement: tally.agreement().unwrap_or(f64::NAN),
                    accuracy: tally.accuracy(),
                    nll: tally.mean_nll().unwrap_or(f64::NAN),
                    max_prob: mean(Signal::MaxProb, depth),
                    entropy: mean(Signal::Entropy, depth),
                    kl: mean(Signal::Kl, depth),
                }
            })
            .collect();
        PerDepth(means)
    })
}

/// Name in the legend, the token's signal, the mean.
type NatsCurve = (&'static str, Signal, fn(&Means) -> f64);

/// NLL, entropy and KL at every depth.
pub(super) fn nats(scene: &Scene<'_>) -> Figure {
    let means = means(scene);
    let curves: [NatsCurve; 3] = [
        ("NLL", Signal::Nll, |m| m.nll),
        ("Entropy", Signal::Entropy, |m| m.entropy),
        ("KL (final || depth)", Signal::Kl, |m| m.kl),
    ];
    let mut marks = Vec::new();
    for (idx, (name, _, value)) in curves.iter().enumerate() {
        let points =
            means.0.iter().enumerate().map(|(depth, m)| [depth as f64, value(m)]).collect();
        marks.push(Mark::Line { label: (*name).to_owned(), points, ink: Ink::Series(idx) });
    }
    if let Some(token) = scene.token {
        for (idx, (name, signal, _)) in curves.iter().enumerate() {
            let points = scene.token_line(token, *signal);
            let label = format!("{name}, selected {}", scene.recording.subject().noun());
            marks.push(Mark::Points { label, points, ink: Ink::Series(idx) });
        }
    }
    Figure {
        id: "per-depth",
        title: "NLL, entropy and KL at every depth".to_owned(),
        x: Axis::integer("Depth"),
        y: Axis::linear(format!("Mean over {}", scene.recording.subject().nouns()), "nats"),
        marks,
        picks: Vec::new(),
    }
}

/// Share of tokens whose first choice at a depth is the full model's.
pub(super) fn agreement(scene: &Scene<'_>) -> Figure {
    let means = means(scene);
    let line = means.0.iter().enumerate().map(|(depth, m)| [depth as f64, m.agreement]).collect();
    let label = "Agreement".to_owned();
    let mut marks = vec![Mark::Line { label, points: line, ink: Ink::Series(0) }];
    if scene.has_labels() {
        let accuracy = |m: &Means| m.accuracy.unwrap_or(f64::NAN);
        let points = means.0.iter().enumerate().map(|(depth, m)| [depth as f64, accuracy(m)]);
        let (label, points) = ("Accuracy".to_owned(), points.collect());
        marks.push(Mark::Line { label, points, ink: Ink::Series(2) });
    }
    if let Some(token) = scene.token {
        let agrees = |depth| {
            let agrees = scene.recording.agrees(depth, token);
            agrees.map_or(f64::NAN, |agrees| f64::from(u8::from(agrees)))
        };
        let points = (0..=scene.num_layers()).map(|depth| [depth as f64, agrees(depth)]).collect();
        let label = scene.selected();
        marks.push(Mark::Points { label, points, ink: Ink::Series(1) });
    }
    let what = if scene.has_labels() { "Agreement and accuracy" } else { "Agreement" };
    Figure {
        id: "agreement",
        title: format!("{what} at every depth"),
        x: Axis::integer("Depth"),
        y: Axis::linear(what, "fraction").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}

/// The curves and the exits as numbers.
pub(super) fn table(scene: &Scene<'_>) -> DataTable {
    let means = means(scene);
    let rows = scene.tally.by_depth().zip(means.0.iter()).map(|((depth, exits), m)| {
        let depth = f64::from(depth.0);
        let mut row = vec![depth, exits as f64, m.agreement, m.nll, m.max_prob, m.entropy, m.kl];
        row.extend(scene.has_labels().then(|| m.accuracy.unwrap_or(f64::NAN)));
        row
    });
    let mut columns =
        vec!["depth", "exits", "agreement", "nll", "mean_max_prob", "mean_entropy", "mean_kl"];
    columns.extend(scene.has_labels().then_some("accuracy"));
    DataTable { id: "per_depth", columns, rows: rows.collect(), names: None }
}
