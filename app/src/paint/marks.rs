//! Marks of a figure as items of a plot.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use egui::{Align2, Color32, FontId, Rect, Shape, Stroke, vec2};
use egui_plot::{
    Bar, BarChart, FilledArea, HLine, Line, LineStyle, MarkerShape, PlotBounds, PlotGeometry,
    PlotItem, PlotItemBase, PlotPoint, PlotTransform, PlotUi, Points, VLine,
};
use layerscope_engine::api::{Direction, Figure, Ink, Mark, Palette, Round};

use super::lines::{Kind, Thinned, runs};
use super::{first_heat, heat};
use crate::theme;

/// More points than a thinned line has on any screen.
const MANY: usize = 16_384;

/// Turns the marks of one figure into items.
pub(super) struct Maker<'a, 'm> {
    pub(super) figure: &'a Figure,
    pub(super) colors: Palette,
    pub(super) textures: &'m mut BTreeMap<usize, heat::Textures>,
    pub(super) thinned: &'m mut Thinned,
}

impl<'a> Maker<'a, '_> {
    /// Adds every mark to `plot`, in the order of the figure.
    pub(super) fn add_all(&mut self, plot: &mut PlotUi<'a>) {
        let figure = self.figure;
        let bounds = plot.plot_bounds();
        let size = <[f32; 2]>::from(plot.response().rect.size());
        let per_column = plot.transform().dpos_dvalue_x().abs();
        let is_over_heat = first_heat(figure).is_some();
        // Steps from column to column would hide columns that are narrow.
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a screen")]
        let column = per_column as f32;
        let most_width = if is_over_heat { (column / 3.0).max(1.0) } else { f32::INFINITY };
        self.textures.retain(|at, _| matches!(figure.marks.get(*at), Some(Mark::Heat(_))));
        let mut words = Words::new(theme::color(self.colors.text));
        for (at, mark) in figure.marks.iter().enumerate() {
            match mark {
                Mark::Line { label, points, ink } => {
                    let points = self.thinned.points(at, Kind::Line, points, bounds, size);
                    let (color, wide) = (self.ink(*ink), width(*ink).min(most_width));
                    for run in runs(&points) {
                        if is_over_heat {
                            // An edge in the colour of the ground: the line shows on every cell.
                            let edge = theme::color(self.colors.ground);
                            let line = Line::new("", run.to_vec())
                                .color(edge)
                                .width(wide + most_width.min(2.0));
                            // Under the dashes only: between them another line is seen.
                            let line = line.style(style(*ink));
                            plot.line(line.allow_hover(false).allow_band(run.len() > MANY));
                        }
                        let line = Line::new(label, run.to_vec())
                            .color(color)
                            .width(wide)
                            // Bands slant steps; lines are thinned already, so only what could not be is left to them.
                            .allow_band(run.len() > MANY)
                            .allow_hover(!is_over_heat);
                        plot.line(line.style(style(*ink)));
                        if run.len() == 1 {
                            plot.points(Points::new(label, run.to_vec()).color(color).radius(2.0));
                        }
                    }
                }
                Mark::Bars { label, bars, width, ink } => {
                    let bars = bars.iter().filter(|bar| bar.iter().all(|value| value.is_finite()));
                    let color = theme::color(self.colors.fill(*ink));
                    let bar = |[x, height]: &[f64; 2]| {
                        Bar::new(*x, *height).width(*width).stroke(Stroke::NONE).fill(color)
                    };
                    let chart = BarChart::new(label, bars.map(bar).collect());
                    // The whole group around the pointer is read out instead of one bar.
                    plot.bar_chart(chart.color(color).allow_hover(false));
                }
                Mark::Points { label, points, ink } => {
                    let mut points = self.thinned.points(at, Kind::Points, points, bounds, size);
                    points.retain(|point| point.iter().all(|value| value.is_finite()));
                    let radius = match ink {
                        Ink::Accent => 5.0,
                        Ink::Series(_) | Ink::Other(_) | Ink::Muted => 3.5,
                        Ink::Faint => 2.0,
                    };
                    let (shape, larger) = marker(*ink);
                    plot.points(
                        Points::new(label, points)
                            .color(theme::color(self.colors.fill(*ink)))
                            .shape(shape)
                            .radius(radius * larger)
                            .allow_hover(!is_over_heat),
                    );
                }
                Mark::Heat(heat) => {
                    let textures = self.textures.entry(at).or_default();
                    plot.add(heat::Cells::new(heat, plot, textures, self.colors));
                }
                Mark::Band { label, points, ink } => self.band(plot, label, points, *ink),
                Mark::Rule { direction, at, knob: None, label } if at.is_finite() => {
                    let (far, color) = (bounds.max(), self.ink(Ink::Muted));
                    words.push(
                        match direction {
                            Direction::Horizontal => [far[0], *at],
                            Direction::Vertical => [*at, far[1]],
                        },
                        label,
                        match direction {
                            Direction::Horizontal => Align2::RIGHT_BOTTOM,
                            // A line would run through words that stand on it.
                            Direction::Vertical if *at > plot.plot_bounds().center().x => {
                                Align2::RIGHT_TOP
                            }
                            Direction::Vertical => Align2::LEFT_TOP,
                        },
                    );
                    let style = LineStyle::dashed_dense();
                    match direction {
                        Direction::Horizontal => plot.hline(
                            HLine::new("", *at).color(color).style(style).allow_hover(false),
                        ),
                        Direction::Vertical => plot.vline(
                            VLine::new("", *at).color(color).style(style).allow_hover(false),
                        ),
                    }
                }
                // One that can be dragged is drawn by `rule`, over everything.
                Mark::Rule { .. } => {}
                // The handles themselves, too.
                Mark::Handles { label, points, ink, .. } => {
                    for run in runs(points) {
                        let line = Line::new(label, run.to_vec()).color(self.ink(*ink)).width(1.5);
                        plot.line(line);
                    }
                }
                Mark::Text { at, text } => words.push(*at, text, Align2::CENTER_BOTTOM),
            }
        }
        for mark in &figure.marks {
            if let Mark::Heat(heat) = mark {
                plot.add(heat::Cells::words(heat, self.colors));
            }
        }
        plot.add(words);
    }

    fn ink(&self, ink: Ink) -> Color32 {
        theme::color(self.colors.ink(ink))
    }

    fn band(&self, plot: &mut PlotUi<'a>, label: &str, points: &[[f64; 3]], ink: Ink) {
        let fill = self.ink(ink).gamma_multiply(0.28);
        let gap = |point: &[f64; 3]| !point.iter().all(|value| value.is_finite());
        for run in points.split(gap) {
            if let [[x, low, high]] = run {
                let edge = vec![[*x, *low], [*x, *high]];
                plot.line(Line::new(label, edge).color(fill).width(4.0).allow_hover(false));
            } else if !run.is_empty() {
                let side = |side: usize| run.iter().map(|point| point[side]).collect::<Vec<_>>();
                let area = FilledArea::new(label, &side(0), &side(1), &side(2));
                plot.add(area.fill_color(fill).allow_hover(false));
            }
        }
    }
}

/// How the lines of an ink are broken.
pub(super) fn style(ink: Ink) -> LineStyle {
    match (ink, ink.round()) {
        (Ink::Other(_), _) => LineStyle::dashed_loose(),
        (_, Round::First) => LineStyle::Solid,
        (_, Round::Second) => LineStyle::dotted_dense(),
        (_, Round::Third) => LineStyle::Dashed { length: 4.0 },
    }
}

/// How wide the lines of an ink are, in points; of dotted ones the radius of a dot.
pub(super) fn width(ink: Ink) -> f32 {
    match (ink, ink.round()) {
        (Ink::Other(_), _) | (_, Round::First | Round::Third) => match ink {
            Ink::Muted => 1.3,
            Ink::Faint => 1.0,
            Ink::Series(_) | Ink::Other(_) | Ink::Accent => 2.0,
        },
        (_, Round::Second) => 1.4,
    }
}

/// The form of an ink's markers, and how much larger it is drawn so that all forms cover about the same area.
pub(super) fn marker(ink: Ink) -> (MarkerShape, f32) {
    match ink.round() {
        Round::First => (MarkerShape::Circle, 1.0),
        Round::Second => (MarkerShape::Square, 1.25),
        Round::Third => (MarkerShape::Diamond, 1.25),
    }
}

/// All words of a figure; those that would lie on others are left out until there is room.
struct Words<'a> {
    base: PlotItemBase,
    color: Color32,
    placed: Vec<([f64; 2], &'a str, Align2)>,
}

impl<'a> Words<'a> {
    fn new(color: Color32) -> Self {
        Self { base: PlotItemBase::new(String::new()), color, placed: Vec::new() }
    }

    fn push(&mut self, at: [f64; 2], text: &'a str, align: Align2) {
        if at.iter().all(|value| value.is_finite()) && !text.is_empty() {
            self.placed.push((at, text, align));
        }
    }
}

impl PlotItem for Words<'_> {
    fn shapes(&self, ui: &egui::Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        let mut taken: Vec<Rect> = Vec::new();
        let frame = *transform.frame();
        for ([x, y], text, align) in &self.placed {
            let at = transform.position_from_point(&PlotPoint::new(*x, *y));
            if !frame.contains(at) {
                continue;
            }
            let font = FontId::proportional(theme::FIGURE_TEXT);
            let galley = ui.painter().layout_no_wrap((*text).to_owned(), font, self.color);
            let gap = vec2(-4.0 * align.x().to_sign(), -2.0 * align.y().to_sign());
            let place = align.anchor_size(at + gap, galley.size());
            // Where there is no room over a line that ends at the right, its name stands below it and not on it.
            let is_below = *align == Align2::RIGHT_BOTTOM && place.top() < frame.top();
            let below = Align2::RIGHT_TOP.anchor_size(at + vec2(gap.x, 2.0), galley.size());
            let place = inside(if is_below { below } else { place }, frame);
            if taken.iter().any(|other| other.intersects(place)) {
                continue;
            }
            taken.push(place.expand2(vec2(0.5, 0.0)));
            shapes.push(Shape::galley(place.min, galley, self.color));
        }
    }

    fn initialize(&mut self, _x_range: RangeInclusive<f64>) {}

    fn color(&self) -> Color32 {
        self.color
    }

    fn geometry(&self) -> PlotGeometry<'_> {
        PlotGeometry::None
    }

    fn bounds(&self) -> PlotBounds {
        // The figure's spans hold them already.
        PlotBounds::NOTHING
    }

    fn base(&self) -> &PlotItemBase {
        &self.base
    }

    fn base_mut(&mut self) -> &mut PlotItemBase {
        &mut self.base
    }
}

/// `place` moved so that it lies in `frame`, as far as it fits.
fn inside(place: Rect, frame: Rect) -> Rect {
    let left = (frame.left() - place.left()).max(0.0);
    let right = (place.right() - frame.right()).max(0.0);
    let top = (frame.top() - place.top()).max(0.0);
    place.translate(vec2(left - right, top))
}
