//! Figures for tests: one with every mark, one with a heat map, one without data.

use std::sync::Arc;

use crate::figure::{Axis, ColorMap, Direction, Figure, Heat, Ink, Mark};

/// Every mark except the heat map, which hides the others.
pub(crate) fn every_mark() -> Figure {
    let at = |f: fn(f64) -> f64| (0..=8).map(|i| [f64::from(i), f(f64::from(i))]).collect();
    let mut gap: Vec<[f64; 2]> = at(|x| 3.4 - 0.3 * x);
    gap[4][1] = f64::NAN;
    Figure {
        id: "every-mark",
        title: "KL (final ‖ depth) − every mark ≥ 1".to_owned(),
        x: Axis::integer("Depth"),
        y: Axis::linear("Entropy", "nats"),
        marks: vec![
            Mark::Band {
                label: "10 % to 90 %".to_owned(),
                points: (0..=8).map(|i| [f64::from(i), 1.0, 4.0 - 0.2 * f64::from(i)]).collect(),
                ink: Ink::Series(0),
            },
            Mark::Bars {
                label: "Exits, \"quoted\"".to_owned(),
                bars: at(|x| 0.1 * x),
                width: 0.6,
                ink: Ink::Series(1),
            },
            Mark::Line { label: "Median".to_owned(), points: gap, ink: Ink::Series(0) },
            Mark::Points { label: "hops".to_owned(), points: at(|_| 2.0), ink: Ink::Series(2) },
            Mark::Points { label: String::new(), points: vec![[7.9, 3.5]], ink: Ink::Accent },
            Mark::Rule {
                label: "Threshold 2.5".to_owned(),
                direction: Direction::Horizontal,
                at: 2.5,
                knob: Some("threshold"),
            },
            Mark::Rule {
                label: "Mean exit depth".to_owned(),
                direction: Direction::Vertical,
                at: 5.25,
                knob: None,
            },
            Mark::Text { at: [7.9, 3.5], text: "Present point & <more>".to_owned() },
            Mark::Handles {
                label: "Threshold of each depth".to_owned(),
                points: vec![[1.0, 3.0], [2.0, 2.8], [3.0, 2.7]],
                knobs: vec!["threshold-1", "threshold-2"],
                ink: Ink::Accent,
            },
            Mark::Line {
                label: "B: Median".to_owned(),
                points: at(|x| 3.0 - 0.2 * x),
                ink: Ink::Other(0),
            },
            Mark::Bars {
                label: "B: Exits".to_owned(),
                bars: at(|x| 0.05 * x),
                width: 0.3,
                ink: Ink::Other(1),
            },
        ],
        picks: Vec::new(),
    }
}

/// Depth by token with words, a missing value and a selected column.
pub(crate) fn heat() -> Figure {
    let tokens = ["The", " cat", " sat", " on", " the", " extraordinarily", " long", " mat", "\n"];
    let rows = 5;
    let columns = tokens.len();
    let mut values: Vec<f32> = (0..rows * columns).map(|i| i as f32 / 45.0).collect();
    values[20] = f32::NAN;
    let texts: Vec<String> =
        (0..rows * columns).map(|i| tokens[(i * 7) % columns].to_owned()).collect();
    Figure {
        id: "grid",
        title: "First choice at every depth".to_owned(),
        x: Axis::category("Token", tokens.map(str::to_owned).to_vec()),
        y: Axis::integer("Depth"),
        marks: vec![Mark::Heat(Heat {
            label: "Max probability".to_owned(),
            columns,
            rows,
            origin: [0.0, 0.0],
            values: Arc::from(values),
            range: (0.0, 1.0),
            colors: ColorMap::Sequential,
            texts: Arc::from(texts),
            hovers: Arc::from([]),
            selected_column: Some(3),
        })],
        picks: Vec::new(),
    }
}

/// Axes only.
pub(crate) fn empty() -> Figure {
    Figure {
        id: "empty",
        title: "Nothing".to_owned(),
        x: Axis::integer("Depth"),
        y: Axis::linear("Entropy", "nats"),
        marks: Vec::new(),
        picks: Vec::new(),
    }
}
