//! Figures on screen: the only room that knows both figures and egui_plot.
//!
//! Must not know: the engine's threads, the session.

mod axes;
mod heat;
mod hover;
mod legend;
mod lines;
mod marks;
mod rule;

use std::collections::BTreeMap;

use egui::{Id, Vec2, vec2};
use egui_plot::{Plot, PlotPoint, PlotUi};
use layerscope_engine::api::{Figure, Heat, Mark};

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
}

/// Textures and decimated lines of one pane, kept between frames.
#[derive(Default)]
pub(crate) struct Memory {
    textures: BTreeMap<usize, heat::Textures>,
    thinned: lines::Thinned,
    held: Option<rule::Held>,
    /// The cells that were shown last: others are shown whole, however far the last ones were zoomed.
    cells: Option<([f64; 2], usize, usize)>,
}

/// What comes out of the frame of a plot beside its picture.
struct Seen {
    is_whole: bool,
}

impl Memory {
    /// Draws `figure` into all of the room that `ui` has.
    pub(crate) fn show(&mut self, ui: &mut egui::Ui, figure: &Figure) -> Option<Touch> {
        if !figure.has_data() {
            ui.centered_and_justified(|ui| ui.weak("No data"));
            return None;
        }
        let heat = first_heat(figure);
        legend::show(ui, figure);
        let room = ui.available_size();
        let bar_width = if heat.is_some() { heat::bar_width(room) } else { 0.0 };
        let size = vec2(room.x - bar_width, room.y);
        let spans = self.held.as_ref().map_or_else(|| figure.spans(), |held| held.spans);

        let plot = self.plot(ui, figure, spans, size);
        let colors = theme::palette(ui);
        let (textures, thinned) = (&mut self.textures, &mut self.thinned);
        let shown = plot.show(ui, |plot| {
            zoom_by_wheel(plot, heat.is_some());
            let mut maker = marks::Maker { figure, colors, textures, thinned };
            maker.add_all(plot);
            Seen { is_whole: plot.auto_bounds().all() }
        });

        let response = shown.response;
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Image, ui.is_enabled(), &figure.title)
        });
        let transform = shown.transform;
        if let Some(heat) = heat {
            heat::bar(ui, heat, *transform.frame(), bar_width);
        }
        let turned = rule::show_all(ui, figure, &response, &transform, &mut self.held);
        if !shown.inner.is_whole {
            whole_button(ui, *transform.frame(), response.id);
        }
        turned.or_else(|| {
            let at = response.clicked().then(|| response.interact_pointer_pos()).flatten()?;
            let column = heat?.column_at(transform.value_from_position(at))?;
            Some(Touch::Column(column))
        })
    }

    /// An empty plot with axes, ready to be filled.
    fn plot<'a>(
        &mut self,
        ui: &egui::Ui,
        figure: &'a Figure,
        spans: [(f64, f64); 2],
        size: Vec2,
    ) -> Plot<'a> {
        let id = plot_id(ui, figure);
        let cells = first_heat(figure).map(|heat| (heat.origin, heat.columns, heat.rows));
        let has_moved = std::mem::replace(&mut self.cells, cells) != cells;
        let is_wanted = ui.data_mut(|data| data.remove_temp::<bool>(id.with(WHOLE))).is_some();
        let plot = Plot::new(figure.id)
            .id(id)
            .width(size.x)
            .height(size.y)
            .allow_scroll(false)
            .set_margin_fraction(Vec2::ZERO)
            .cursor_color(theme::color(theme::palette(ui).muted))
            .label_formatter(move |position| hover::text(figure, position));
        let mut plot = axes::dress(plot, ui, figure, spans, size);
        if first_heat(figure).is_some() {
            // All depths stay in view: only tokens are many.
            plot = plot.allow_zoom([true, false]).allow_drag([true, false]).allow_boxed_zoom(false);
        }
        if figure.x.label == "Depth" {
            let group = Id::unique("figures over depth");
            plot = plot.link_axis(group, [true, false]).link_cursor(group, [true, false]);
        }
        if has_moved || is_wanted { plot.reset() } else { plot }
    }
}

/// Key of the wish to see the whole figure again.
const WHOLE: &str = "whole";

fn plot_id(ui: &egui::Ui, figure: &Figure) -> Id {
    ui.make_persistent_id(("figure", figure.id))
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

/// A small button over a figure that is zoomed or moved.
fn whole_button(ui: &mut egui::Ui, frame: egui::Rect, plot: Id) {
    let corner = frame.left_top() + vec2(6.0, 6.0);
    let place = egui::Rect::from_min_size(corner, vec2(90.0, 20.0));
    let button = ui.put(place, egui::Button::new("Whole figure").small());
    let button = button.on_hover_text(
        "A double-click does the same. The wheel zooms, dragging moves, dragging with the right \
         button zooms to a box.",
    );
    if button.clicked() {
        ui.data_mut(|data| data.insert_temp(plot.with(WHOLE), true));
        ui.ctx().request_repaint();
    }
}

#[cfg(test)]
mod tests;
