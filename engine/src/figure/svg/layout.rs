//! Where everything around the marks stands: frame, numbers, legend, colour bars.

use crate::figure::extent::{Tick, ticks};
use crate::figure::svg::words::{shorten, width};
use crate::figure::svg::{CAPTION_SIZE, Size, TICK_SIZE};
use crate::figure::{Axis, Figure, Heat, Ink, Mark, OTHERS, Scale};

/// Room at the left and right edge of the picture.
pub(super) const EDGE: f64 = 16.0;
/// Width of the sign beside a name in the legend.
pub(super) const SWATCH: f64 = 16.0;
pub(super) const LEGEND_SIZE: f64 = 12.0;
pub(super) const BAR_WIDTH: f64 = 14.0;
const LEGEND_ROW: f64 = 18.0;
const BAR_GAP: f64 = 18.0;
/// Numbers closer than this run together.
const X_TICK_ROOM: f64 = 70.0;
const WHOLE_TICK_ROOM: f64 = 48.0;
const Y_TICK_ROOM: f64 = 45.0;
/// Names closer than this, one below the other or slanted, run together.
const NAME_ROOM: f64 = 14.0;
const LONGEST_NAME: f64 = 130.0;
const LONGEST_SLANTED: f64 = 80.0;
const LONGEST_ENTRY: f64 = 260.0;
/// Half of the largest marker.
const RIM: f64 = 6.0;
/// Farther from the picture no viewer needs to know where a point lies.
const FARTHEST: f64 = 1e5;

/// The area of the marks, in units of the picture, and what it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
    pub(super) spans: [(f64, f64); 2],
}

impl Frame {
    pub(super) fn x(&self, value: f64) -> f64 {
        let (from, to) = self.spans[0];
        let place = self.left + (value - from) / (to - from) * (self.right - self.left);
        place.clamp(-FARTHEST, FARTHEST)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        let (from, to) = self.spans[1];
        let place = self.bottom - (value - from) / (to - from) * (self.bottom - self.top);
        place.clamp(-FARTHEST, FARTHEST)
    }

    /// The area and a rim for markers that lie on its edge.
    pub(super) fn clip(&self) -> [f64; 4] {
        let [left, top, width, height] = self.area();
        [left - RIM, top - RIM, width + 2.0 * RIM, height + 2.0 * RIM]
    }

    /// Left, top, width, height.
    pub(super) fn area(&self) -> [f64; 4] {
        [self.left, self.top, self.right - self.left, self.bottom - self.top]
    }
}

/// What stands beside a name in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swatch {
    Line { has_markers: bool },
    Dot,
    Box,
    Band,
}

/// One name in the legend; without ink it explains the grey of missing values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) label: String,
    pub(super) swatch: Swatch,
    pub(super) ink: Option<Ink>,
    pub(super) at: [f64; 2],
}

pub(super) struct Layout<'a> {
    pub(super) frame: Frame,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    /// Whether the names along x are slanted.
    pub(super) is_slanted: bool,
    pub(super) legend: Vec<Entry>,
    /// Every different colour scale and the left edge of its bar.
    pub(super) bars: Vec<(&'a Heat, f64)>,
    /// Lower edge of the picture.
    pub(super) bottom_edge: f64,
}

impl<'a> Layout<'a> {
    pub(super) fn new(figure: &'a Figure, size: Size) -> Self {
        let (all_width, all_height) = (f64::from(size.width), f64::from(size.height));
        let spans = figure.spans();
        let legend = legend(figure, all_width);
        let rows = legend.last().map_or(0.0, |entry| entry.at[1] - 26.0);
        let top = 44.0 + rows;
        let flat_bottom = (all_height - 52.0).max(top + 1.0);
        let height = flat_bottom - top;

        let scales = scales(figure);
        let bar_rooms: f64 = scales.iter().map(|heat| BAR_GAP + bar_room(heat, height)).sum();
        let right = all_width - bar_rooms - if scales.is_empty() { 26.0 } else { EDGE };
        let y_ticks = y_ticks(&figure.y, spans[1], height);
        let widest = y_ticks.iter().map(|tick| width(&tick.label, TICK_SIZE)).fold(0.0, f64::max);
        let left = (EDGE + CAPTION_SIZE + 14.0 + widest).max(56.0);
        let right = right.max(left + 1.0);

        let (x_ticks, is_slanted) = x_ticks(&figure.x, spans[0], right - left);
        let bottom = if is_slanted {
            let longest =
                x_ticks.iter().map(|tick| width(&tick.label, TICK_SIZE)).fold(0.0, f64::max);
            (flat_bottom - longest * 0.71 + 4.0).max(top + 1.0)
        } else {
            flat_bottom
        };
        let mut next = right;
        let place = |heat| {
            let bar_left = next + BAR_GAP;
            next = bar_left + bar_room(heat, height);
            (heat, bar_left)
        };
        let bars = scales.into_iter().map(place).collect();
        let frame = Frame { left, top, right, bottom, spans };
        Self { frame, x_ticks, y_ticks, is_slanted, legend, bars, bottom_edge: all_height }
    }
}

fn y_ticks(axis: &Axis, span: (f64, f64), height: f64) -> Vec<Tick> {
    let found = ticks(axis, span, count(height / Y_TICK_ROOM));
    if !matches!(axis.scale, Scale::Category(_)) {
        return found;
    }
    let slot = height / (span.1 - span.0);
    let mut found = every(found, NAME_ROOM / slot);
    for tick in &mut found {
        tick.label = shorten(&tick.label, LONGEST_NAME, TICK_SIZE);
    }
    found
}

fn x_ticks(axis: &Axis, span: (f64, f64), all_width: f64) -> (Vec<Tick>, bool) {
    let room = if axis.scale == Scale::Integer { WHOLE_TICK_ROOM } else { X_TICK_ROOM };
    let found = ticks(axis, span, count(all_width / room));
    if !matches!(axis.scale, Scale::Category(_)) {
        return (found, false);
    }
    let slot = all_width / (span.1 - span.0);
    let widest = found.iter().map(|tick| width(&tick.label, TICK_SIZE)).fold(0.0, f64::max);
    if widest + 8.0 <= slot {
        return (found, false);
    }
    let mut found = every(found, NAME_ROOM / slot);
    for tick in &mut found {
        tick.label = shorten(&tick.label, LONGEST_SLANTED, TICK_SIZE);
    }
    (found, true)
}

/// Only every n-th name, with n not smaller than `least`.
fn every(ticks: Vec<Tick>, least: f64) -> Vec<Tick> {
    ticks.into_iter().step_by(count(least.ceil())).collect()
}

fn count(value: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let count = value.clamp(1.0, 1e6) as usize;
    count
}

fn legend(figure: &Figure, all_width: f64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = [EDGE, 46.0];
    let mut named: Vec<_> = figure.marks.iter().filter_map(named).collect();
    // What is only there to be compared with comes last.
    named.sort_by_key(|(_, _, ink)| *ink == Some(Ink::Faint));
    for (label, swatch, ink) in named {
        let label = shorten(label, LONGEST_ENTRY, LEGEND_SIZE);
        // A line and its markers under one name are one series.
        let known = entries.iter_mut().find(|entry| entry.label == label && entry.ink == ink);
        if let Some(known) = known {
            if let (Swatch::Line { has_markers }, Swatch::Dot) = (&mut known.swatch, swatch) {
                *has_markers = true;
            }
            continue;
        }
        let wide = SWATCH + 6.0 + width(&label, LEGEND_SIZE) + 16.0;
        if at[0] > EDGE && at[0] + wide > all_width {
            at = [EDGE, at[1] + LEGEND_ROW];
        }
        entries.push(Entry { label, swatch, ink, at });
        at[0] += wide;
    }
    entries
}

fn named(mark: &Mark) -> Option<(&str, Swatch, Option<Ink>)> {
    let line = Swatch::Line { has_markers: false };
    let (label, swatch, ink) = match mark {
        Mark::Line { ink: ink @ Ink::Faint, .. } => (OTHERS, line, Some(*ink)),
        Mark::Points { ink: ink @ Ink::Faint, .. } => (OTHERS, Swatch::Dot, Some(*ink)),
        Mark::Line { label, ink, .. } | Mark::Handles { label, ink, .. } => {
            (label.as_str(), line, Some(*ink))
        }
        Mark::Bars { label, ink, .. } => (label.as_str(), Swatch::Box, Some(*ink)),
        Mark::Points { label, ink, .. } => (label.as_str(), Swatch::Dot, Some(*ink)),
        Mark::Band { label, ink, .. } => (label.as_str(), Swatch::Band, Some(*ink)),
        Mark::Heat(heat) if heat.values.iter().any(|value| value.is_nan()) => {
            ("No value", Swatch::Box, None)
        }
        // Their words stand beside them.
        Mark::Heat(_) | Mark::Rule { .. } | Mark::Text { .. } => return None,
    };
    (!label.is_empty()).then_some((label, swatch, ink))
}

fn scales(figure: &Figure) -> Vec<&Heat> {
    let mut scales: Vec<&Heat> = Vec::new();
    for mark in &figure.marks {
        if let Mark::Heat(heat) = mark
            && heat.columns > 0
            && heat.rows > 0
            && !scales.iter().any(|other| is_same_scale(heat, other))
        {
            scales.push(heat);
        }
    }
    scales
}

fn is_same_scale(a: &Heat, b: &Heat) -> bool {
    a.label == b.label && a.range == b.range && a.colors == b.colors
}

/// Places on a colour bar, 0 at its foot and 1 at its head, and their numbers.
pub(super) fn bar_ticks(heat: &Heat, height: f64) -> Vec<(f64, String)> {
    let (low, high) = (f64::from(heat.range.0), f64::from(heat.range.1));
    if !low.is_finite() || !high.is_finite() {
        return Vec::new();
    }
    if high <= low {
        return vec![(0.5, low.to_string().replace('-', "−"))];
    }
    let found = ticks(&Axis::linear("", ""), (low, high), count(height / Y_TICK_ROOM));
    found.into_iter().map(|tick| ((tick.at - low) / (high - low), tick.label)).collect()
}

/// Width of a colour bar with its numbers and caption.
pub(super) fn bar_room(heat: &Heat, height: f64) -> f64 {
    let numbers = bar_ticks(heat, height);
    let widest = numbers.iter().map(|(_, label)| width(label, TICK_SIZE)).fold(0.0, f64::max);
    BAR_WIDTH + 7.0 + widest + 8.0 + CAPTION_SIZE
}
