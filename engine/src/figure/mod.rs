//! Drawings as data: axes with units, and marks.
//!
//! Four readers turn one value into a picture or a file: the window's painter, SVG, PNG and CSV.
//! Knows nothing of lenses, recordings or windows.

mod colors;
mod csv;
mod extent;
mod png;
#[cfg(test)]
pub(crate) mod sampler;
mod svg;
mod thin;

use std::sync::Arc;

use crate::knob::Value;

pub(crate) use colors::HUES;
pub use colors::{Palette, Rgb, wants_dark_text};
pub use csv::to_csv;
pub(crate) use csv::{cell, write as write_csv};
pub use extent::round_step;
pub use png::{PngError, to_png};
pub use svg::{Size, Theme, to_svg};
pub use thin::thin_line;

/// One drawing. Everything a reader needs is inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Stable, kebab-case; the name of the exported files.
    pub id: &'static str,
    /// Sentence case, no full stop.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Drawn in this order.
    pub marks: Vec<Mark>,
    /// Places that a click turns into settings of knobs.
    pub picks: Vec<Pick>,
}

/// A place in a figure that knows which knobs make it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// x and y.
    pub at: [f64; 2],
    /// What is shown while the pointer is over it.
    pub label: String,
    /// Knobs by id and the values that a click gives them.
    pub sets: Vec<(&'static str, Value)>,
}

/// One axis of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What is measured, sentence case.
    pub label: String,
    /// "nats", "ms"; empty where there is none.
    pub unit: &'static str,
    /// How positions on it read.
    pub scale: Scale,
    /// What must be visible; `None` fits the marks.
    pub range: Option<(f64, f64)>,
}

/// How positions on an axis read.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// Any real number.
    Linear,
    /// Whole numbers only, so no ticks between them: depths, tokens.
    Integer,
    /// Position i carries the i-th name.
    Category(Vec<String>),
}

impl Axis {
    /// An axis of real numbers.
    pub fn linear(label: impl Into<String>, unit: &'static str) -> Self {
        Self { label: label.into(), unit, scale: Scale::Linear, range: None }
    }

    /// An axis of whole numbers.
    pub fn integer(label: impl Into<String>) -> Self {
        Self { label: label.into(), unit: "", scale: Scale::Integer, range: None }
    }

    /// An axis of named positions 0, 1, 2, ...
    pub fn category(label: impl Into<String>, names: Vec<String>) -> Self {
        Self { label: label.into(), unit: "", scale: Scale::Category(names), range: None }
    }

    /// The same axis which always shows `from..=to`.
    pub fn with_range(mut self, from: f64, to: f64) -> Self {
        self.range = Some((from, to));
        self
    }

    /// Label and unit as they are written beside the axis: "Entropy (nats)".
    pub fn caption(&self) -> String {
        if self.unit.is_empty() {
            self.label.clone()
        } else {
            format!("{} ({})", self.label, self.unit)
        }
    }
}

/// A colour by meaning; each reader's theme gives it a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// The n-th series of a figure: a colour-blind-safe cycle of hues; those beyond it are told apart by `Ink::round`.
    Series(usize),
    /// The same series under another setting of the knobs: its hue, lines in dashes, areas paler.
    Other(usize),
    /// What a person can move or has chosen.
    Accent,
    /// Reference lines and text that stay in the background.
    Muted,
    /// One of many series that are only there to be compared with: thin and grey; the pointer says its name, and one
    /// entry of the legend, `OTHERS`, stands for all of them.
    Faint,
}

/// The name of all faint series in a legend.
pub const OTHERS: &str = "Others";

/// Which round of hues a series belongs to: lines and markers of each round have a form of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Solid lines, round markers.
    First,
    /// Dotted lines, square markers.
    Second,
    /// Dashed lines, markers on their corner; also for all series beyond.
    Third,
}

/// Which way a `Rule` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A vertical line at x = `at`.
    Vertical,
    /// A horizontal line at y = `at`.
    Horizontal,
}

/// What is drawn: a closed set on purpose, so that a new mark breaks every reader until it can draw it.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// Straight segments through the points; a NaN interrupts the line.
    Line {
        /// Name in the legend; empty for none.
        label: String,
        /// x and y.
        points: Vec<[f64; 2]>,
        /// Colour.
        ink: Ink,
    },
    /// One bar per entry from y = 0 to its height.
    Bars {
        /// Name in the legend.
        label: String,
        /// Centre x and height.
        bars: Vec<[f64; 2]>,
        /// Width of a bar in x units.
        width: f64,
        /// Colour.
        ink: Ink,
    },
    /// Loose markers.
    Points {
        /// Name in the legend.
        label: String,
        /// x and y.
        points: Vec<[f64; 2]>,
        /// Colour.
        ink: Ink,
    },
    /// A grid of coloured cells; cell (column c, row r) covers x in c-0.5..c+0.5, y in r-0.5..r+0.5, offset by `origin`.
    Heat(Heat),
    /// The area between two curves over the same x.
    Band {
        /// Name in the legend.
        label: String,
        /// x, lower and upper edge.
        points: Vec<[f64; 3]>,
        /// Colour.
        ink: Ink,
    },
    /// A line across the whole figure; draggable where it is bound to a knob.
    Rule {
        /// Text beside it.
        label: String,
        /// Which way it runs.
        direction: Direction,
        /// Where it stands, in axis units.
        at: f64,
        /// The knob that a drag turns, by its id; `None` for a fixed line.
        knob: Option<&'static str>,
    },
    /// Points on a line that can be dragged up and down, each bound to a knob of its own.
    Handles {
        /// Name in the legend.
        label: String,
        /// x and y.
        points: Vec<[f64; 2]>,
        /// The knob that a drag of each point turns, by its id.
        knobs: Vec<&'static str>,
        /// Colour.
        ink: Ink,
    },
    /// Words at a point.
    Text {
        /// x and y.
        at: [f64; 2],
        /// What is written.
        text: String,
    },
}

/// A grid of coloured cells. What does not change with a knob is shared, so that a view is cheap to make and a
/// painter can tell by the pointer that its texture still holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// What the colour means, with its unit: "Max probability".
    pub label: String,
    /// Cells in x direction.
    pub columns: usize,
    /// Cells in y direction; row 0 is at the bottom.
    pub rows: usize,
    /// Centre of cell (0, 0) in axis units.
    pub origin: [f64; 2],
    /// `rows * columns` values, row by row from the bottom; NaN is drawn in its own grey.
    pub values: Arc<[f32]>,
    /// Values at the two ends of the colour map.
    pub range: (f32, f32),
    /// The map.
    pub colors: ColorMap,
    /// What is written in each cell when there is room; same order as `values`, or empty.
    pub texts: Arc<[String]>,
    /// What is shown when the pointer is over a cell; same order as `values`, or empty.
    pub hovers: Arc<[String]>,
    /// One column drawn with a frame: the selected one.
    pub selected_column: Option<usize>,
}

/// How a value between the ends becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorMap {
    /// Dark to bright, for magnitudes (viridis).
    Sequential,
    /// Two hues around a middle, for signed values.
    Diverging,
}
