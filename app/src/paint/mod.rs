//! Figures on screen: the only room that knows both figures and egui_plot.
//!
//! Must not know: the engine's threads, the session.

mod axes;
mod heat;
mod hover;
mod legend;
mod lines;
mod marks;
mod picks;
mod rule;

use std::collections::BTreeMap;

use egui::{Id, Vec2, vec2};
use egui_plot::{Plot, PlotPoint, PlotUi};
use layerscope_engine::api::{Figure, Heat, Ink, Mark};

use crate::theme;
use hover::Cells as _;

/// What a person did in a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Touch {
    /// Dragged a rule that is bound to a knob.
    Turn {
        /// Id of the knob.
        knob: &'static str,
        /// Where the rule is now, in axis units.
        value: f64,
        /// Whether the finger is still down: everything until it lifts is one undo step.
        is_held: bool,
    },
    /// Clicked a column of a heat map: the x of its centre, a token index in the grid.
    Column(usize),
    /// Clicked a place that knows its settings, by its number in the figure.
    Pick(usize),
}

/// Textures and decimated lines of one pane, kept between frames.
#[derive(Default)]
pub(crate) struct Memory {
    textures: BTreeMap<usize, heat::Textures>,
    thinned: lines::Thinned,
    held: Option<rule::Held>,
    /// The cells that were shown last: others are shown whole, however far the last ones were zoomed.
    cells: Option<([f64; 2], usize, usize)>,
    is_whole_wanted: bool,
}

/// Room around a plot: captions and numbers at the end of an axis stick out.
const INSET: Vec2 = vec2(5.0, 7.0);
const INSET_RIGHT: f32 = 9.0;

impl Memory {
    /// Draws `figure` into all of the room that `ui` has.
    pub(crate) fn show(&mut self, ui: &mut egui::Ui, figure: &Figure) -> Option<Touch> {
        if !figure.has_data() {
            ui.centered_and_justified(|ui| ui.weak("No data"));
            return None;
        }
        let room = ui.available_rect_before_wrap();
        let inner = egui::Rect::from_min_max(room.min + INSET, room.max - vec2(INSET_RIGHT, 0.0));
        let inside = egui::UiBuilder::new().max_rect(inner).id_salt(("figure", figure.id));
        let touch = self.show_inside(&mut ui.new_child(inside), figure);
        ui.advance_cursor_after_rect(room);
        touch
    }

    fn show_inside(&mut self, ui: &mut egui::Ui, figure: &Figure) -> Option<Touch> {
        let id = ui.make_persistent_id("plot");
        let heat = first_heat(figure);
        legend::show(ui, figure);
        let room = ui.available_size();
        let bar_width = if heat.is_some() { heat::bar_width(room) } else { 0.0 };
        let size = vec2(room.x - bar_width, room.y);
        let plot = self.plot(ui, id, figure, size);
        let colors = theme::palette(ui);
        let (textures, thinned) = (&mut self.textures, &mut self.thinned);
        let shown = plot.show(ui, |plot| {
            zoom_by_wheel(plot, heat.is_some());
            marks::Maker { figure, colors, textures, thinned }.add_all(plot);
            plot.auto_bounds().all()
        });

        let (is_whole, response, transform) = (shown.inner, shown.response, shown.transform);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Image, ui.is_enabled(), &figure.title)
        });
        if let Some(heat) = heat {
            heat::bar(ui, heat, *transform.frame(), bar_width);
        }
        let turned = rule::show_all(ui, figure, id, &transform, &mut self.held);
        if !is_whole && whole_button(ui, *transform.frame()) {
            self.is_whole_wanted = true;
            ui.request_repaint();
        }
        let picked = picks::show_all(ui, figure, id, &transform);
        turned.or(picked).or_else(|| {
            let at = response.clicked().then(|| response.interact_pointer_pos()).flatten()?;
            let column = heat?.column_at(transform.value_from_position(at))?;
            Some(Touch::Column(column))
        })
    }

    /// An empty plot with axes, ready to be filled.
    fn plot<'a>(&mut self, ui: &egui::Ui, id: Id, figure: &'a Figure, size: Vec2) -> Plot<'a> {
        let spans = self.held.as_ref().map_or_else(|| figure.spans(), |held| held.spans);
        let plot = Plot::new(figure.id)
            .id(id)
            .width(size.x)
            .height(size.y)
            .allow_scroll(false)
            .set_margin_fraction(Vec2::ZERO)
            .show_y(false)
            .cursor_color(theme::ink(ui, Ink::Muted).gamma_multiply(0.5))
            .label_formatter(move |position| hover::text(figure, position));
        let mut plot = axes::dress(plot, ui, figure, spans, size);
        let cells = first_heat(figure).map(|heat| (heat.origin, heat.columns, heat.rows));
        if cells.is_some() {
            // All depths stay in view: only tokens are many.
            plot = plot.allow_zoom([true, false]).allow_drag([true, false]).allow_boxed_zoom(false);
        }
        if figure.x.label == "Depth" {
            let group = Id::unique("figures over depth");
            plot = plot.link_axis(group, [true, false]).link_cursor(group, [true, false]);
        }
        let has_moved = std::mem::replace(&mut self.cells, cells) != cells;
        let is_wanted = std::mem::take(&mut self.is_whole_wanted);
        if has_moved || is_wanted { plot.reset() } else { plot }
    }
}

fn first_heat(figure: &Figure) -> Option<&Heat> {
    figure.marks.iter().find_map(|mark| if let Mark::Heat(heat) = mark { Some(heat) } else { None })
}

/// The wheel zooms around the pointer: sideways only where rows must stay in view.
fn zoom_by_wheel(plot: &mut PlotUi<'_>, is_sideways: bool) {
    if !plot.response().contains_pointer() {
        return;
    }
    let turned = plot.ctx().input(|input| input.smooth_scroll_delta.y);
    if turned == 0.0 {
        return;
    }
    let factor = (turned / 200.0).exp();
    let center = plot.pointer_coordinate().unwrap_or_else(|| plot.plot_bounds().center());
    let factor = if is_sideways { vec2(factor, 1.0) } else { Vec2::splat(factor) };
    plot.zoom_bounds(factor, PlotPoint::new(center.x, center.y));
}

/// A small button over a figure that is zoomed or moved; whether it was clicked.
fn whole_button(ui: &mut egui::Ui, frame: egui::Rect) -> bool {
    let place = egui::Rect::from_min_size(frame.min + vec2(6.0, 6.0), vec2(96.0, 22.0));
    let button = ui.put(place, egui::Button::new("Whole figure"));
    let hint = "A double-click does the same. The wheel zooms, dragging moves, dragging with the \
                right button zooms to a box.";
    button.on_hover_text(hint).clicked()
}

#[cfg(test)]
mod tests;
