//! What is said about the place under the pointer.

use std::fmt::Write as _;

use egui_plot::{HoverPosition, PlotPoint};
use layerscope_engine::api::{Figure, Heat, Mark, Scale};

use super::{axes, first_heat};

/// The read-out of `figure` at `position`; `None` where there is nothing to say.
pub(super) fn text(figure: &Figure, position: &HoverPosition<'_>) -> Option<String> {
    match position {
        HoverPosition::NearDataPoint { plot_name, position, .. } => {
            let mut text = String::new();
            if !plot_name.is_empty() {
                line(&mut text, plot_name);
            }
            line(&mut text, &named(&figure.x, position.x));
            line(&mut text, &named(&figure.y, position.y));
            Some(text)
        }
        HoverPosition::Elsewhere { position } => {
            if let Some(heat) = first_heat(figure) {
                return heat.read_out(*position);
            }
            bars(figure, position.x)
        }
    }
}

fn named(axis: &layerscope_engine::api::Axis, value: f64) -> String {
    let unit = if axis.unit.is_empty() { String::new() } else { format!(" {}", axis.unit) };
    format!("{}: {}{unit}", axis.label, axes::value(axis, value))
}

fn line(text: &mut String, words: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(words);
}

/// Every bar that stands at `x`: on an axis of whole numbers or names, the whole group around it.
fn bars(figure: &Figure, x: f64) -> Option<String> {
    let mut text = String::new();
    for mark in &figure.marks {
        let Mark::Bars { label, bars, width, .. } = mark else {
            continue;
        };
        let stands_here = |centre: f64| match figure.x.scale {
            Scale::Linear => (centre - x).abs() <= width / 2.0,
            Scale::Integer | Scale::Category(_) => centre.round() == x.round(),
        };
        for [centre, height] in bars.iter().filter(|bar| stands_here(bar[0])) {
            if text.is_empty() {
                let at = if figure.x.scale == Scale::Linear { *centre } else { centre.round() };
                line(&mut text, &named(&figure.x, at));
            }
            let label = if label.is_empty() { &figure.y.label } else { label };
            let height = if height.is_nan() {
                "no value".to_owned()
            } else {
                format!("{} {}", axes::value(&figure.y, *height), figure.y.unit)
            };
            line(&mut text, &format!("{label}: {}", height.trim_end()));
        }
    }
    if !text.is_empty() && figure.x.scale != Scale::Linear {
        lines_at(figure, x.round(), &mut text);
    }
    (!text.is_empty()).then_some(text)
}

/// What the lines over a group of bars say there.
fn lines_at(figure: &Figure, x: f64, text: &mut String) {
    for mark in &figure.marks {
        let Mark::Line { label, points, .. } = mark else { continue };
        if let Some([_, y]) = points.iter().find(|[at, y]| *at == x && y.is_finite()) {
            let value = format!("{} {}", axes::value(&figure.y, *y), figure.y.unit);
            line(text, &format!("{label}: {}", value.trim_end()));
        }
    }
}

/// Places in a heat map.
pub(super) trait Cells {
    /// Column and row under a place of the figure.
    fn cell_at(&self, at: PlotPoint) -> Option<(usize, usize)>;
    /// The x of the centre of the column under a place.
    fn column_at(&self, at: PlotPoint) -> Option<usize>;
    /// What is said about the cell under a place.
    fn read_out(&self, at: PlotPoint) -> Option<String>;
}

impl Cells for Heat {
    fn cell_at(&self, at: PlotPoint) -> Option<(usize, usize)> {
        let column = axes::whole(at.x - self.origin[0]).filter(|at| *at < self.columns)?;
        let row = axes::whole(at.y - self.origin[1]).filter(|at| *at < self.rows)?;
        Some((column, row))
    }

    fn column_at(&self, at: PlotPoint) -> Option<usize> {
        let (column, _) = self.cell_at(at)?;
        axes::whole(self.origin[0] + column as f64)
    }

    fn read_out(&self, at: PlotPoint) -> Option<String> {
        let (column, row) = self.cell_at(at)?;
        let place = row * self.columns + column;
        if let Some(text) = self.hovers.get(place).filter(|text| !text.is_empty()) {
            return Some(text.clone());
        }
        let value = self.values.get(place)?;
        let mut text = format!("{}: ", self.label);
        if value.is_nan() {
            text.push_str("no value");
        } else {
            // Writing to a string cannot fail.
            write!(text, "{value:.4}").unwrap_or_default();
        }
        Some(text)
    }
}
