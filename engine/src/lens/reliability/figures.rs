//! The diagram of one depth, and the curves over all of them.

use super::Scene;
use super::bins::{Bin, Binning};
use super::depths::AtDepth;
use super::knobs::DEPTH;
use crate::figure::{Axis, Direction, Figure, Ink, Mark};
use crate::lens::exits::capital;

fn bins<'a>(scene: &'a Scene<'_>) -> &'a [Bin] {
    scene.here().map(|here| here.bins.as_slice()).unwrap_or_default()
}

/// What is right against how sure it is, bin by bin.
pub(super) fn diagram(scene: &Scene<'_>) -> Figure {
    let goal = scene.goal();
    let mut marks = Vec::new();
    if scene.asked.binning == Binning::Width {
        let bars = bins(scene).iter().filter_map(|bin| Some([middle(bin), bin.right()?]));
        marks.push(Mark::Bars {
            label: goal.to_owned(),
            bars: bars.collect(),
            width: 1.0 / scene.asked.bins as f64,
            ink: Ink::Series(0),
        });
    }
    let points = bins(scene).iter().filter_map(|bin| Some([bin.confidence()?, bin.right()?]));
    marks.extend([
        Mark::Line {
            label: "As often right as sure".to_owned(),
            points: vec![[0.0, 0.0], [1.0, 1.0]],
            ink: Ink::Muted,
        },
        Mark::Points {
            label: "Mean of a bin".to_owned(),
            points: points.collect(),
            ink: Ink::Series(1),
        },
    ]);
    Figure {
        id: "reliability",
        title: format!("{goal} by max probability at depth {}", scene.asked.depth),
        x: Axis::linear("Max probability", "").with_range(0.0, 1.0),
        y: Axis::linear(goal, "fraction").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}

/// How many rows each bin holds.
pub(super) fn counts(scene: &Scene<'_>) -> Figure {
    let rows = capital(scene.recording.subject().nouns());
    let is_width = scene.asked.binning == Binning::Width;
    let bars = bins(scene).iter().enumerate();
    let bars =
        bars.map(|(idx, bin)| [if is_width { middle(bin) } else { idx as f64 }, bin.num as f64]);
    let (x, width) = if is_width {
        let axis = Axis::linear("Max probability", "").with_range(0.0, 1.0);
        (axis, 1.0 / scene.asked.bins as f64)
    } else {
        (Axis::integer("Bin, from unsure to sure"), 0.84)
    };
    let bars =
        Mark::Bars { label: String::new(), bars: bars.collect(), width, ink: Ink::Series(0) };
    Figure {
        id: "bin-counts",
        title: format!("{rows} in each bin at depth {}", scene.asked.depth),
        x,
        y: Axis::integer(rows),
        marks: vec![bars],
        picks: Vec::new(),
    }
}

/// Calibration error, mean probability and share that is right, over the depths.
pub(super) fn errors(scene: &Scene<'_>) -> Figure {
    let line = |label: &str, of: fn(&AtDepth) -> Option<f64>, series| Mark::Line {
        label: label.to_owned(),
        points: over_depths(scene, |at| of(at).unwrap_or(f64::NAN)),
        ink: Ink::Series(series),
    };
    Figure {
        id: "calibration-error",
        title: "Calibration error at every depth".to_owned(),
        x: Axis::integer("Depth"),
        y: Axis::linear("Share", "fraction").with_range(0.0, 1.0),
        marks: vec![
            line("Calibration error (ECE)", AtDepth::error, 0),
            line("Mean max probability", AtDepth::confidence, 1),
            line(scene.goal(), AtDepth::right, 2),
            Mark::Rule {
                label: "Depth of the diagram".to_owned(),
                direction: Direction::Vertical,
                at: scene.asked.depth as f64,
                knob: Some(DEPTH.id),
            },
        ],
        picks: Vec::new(),
    }
}

/// Right here and wrong at the end, and the reverse, over the depths.
pub(super) fn overthinking(scene: &Scene<'_>) -> Figure {
    let known = scene.report.with_truth as f64;
    let line = |label: &str, of: fn(&AtDepth) -> u64, series| Mark::Line {
        label: label.to_owned(),
        points: over_depths(scene, |at| of(at) as f64 / known),
        ink: Ink::Series(series),
    };
    let rows = capital(scene.recording.subject().nouns());
    Figure {
        id: "overthinking",
        title: "Right here and wrong at the end, and the reverse".to_owned(),
        x: Axis::integer("Depth"),
        y: Axis::linear(rows, "fraction"),
        marks: vec![
            line("Right here, wrong at the end", |at| at.spoiled_later, 0),
            line("Wrong here, right at the end", |at| at.mended_later, 1),
        ],
        picks: Vec::new(),
    }
}

fn over_depths(scene: &Scene<'_>, value: impl Fn(&AtDepth) -> f64) -> Vec<[f64; 2]> {
    let depths = scene.report.depths.iter().enumerate();
    depths.map(|(depth, at)| [depth as f64, value(at)]).collect()
}

fn middle(bin: &Bin) -> f64 {
    f64::midpoint(bin.edges[0], bin.edges[1])
}
