//! Places of a figure that a click turns into settings of knobs.

use egui::{CursorIcon, Id, Rect, Role, Sense, Stroke, Vec2, WidgetInfo};
use egui_plot::{PlotPoint, PlotTransform};
use layerscope_engine::api::{Figure, Ink};

use super::Touch;
use crate::theme;

/// Pixels across a place that answer to the pointer.
const GRIP: f32 = 14.0;

/// Lets every place be seen under the pointer and clicked; the one that was clicked. The last of several that lie on
/// one another is on top, as its marker is.
pub(super) fn show_all(
    ui: &egui::Ui,
    figure: &Figure,
    plot: Id,
    transform: &PlotTransform,
) -> Option<Touch> {
    let mut picked = None;
    for (place, pick) in figure.picks.iter().enumerate() {
        let [x, y] = pick.at;
        let at = transform.position_from_point(&PlotPoint::new(x, y));
        if !(x.is_finite() && y.is_finite() && transform.frame().contains(at)) {
            continue;
        }
        let grip = Rect::from_center_size(at, Vec2::splat(GRIP));
        // With a drag, too: else the plot below would answer to the pointer with words of its own.
        let response = ui.interact(grip, plot.with(("pick", place)), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &pick.label));
        if response.hovered() || response.has_focus() {
            let ring = Stroke::new(2.0, theme::ink(ui, Ink::Accent));
            ui.painter().circle_stroke(at, GRIP / 2.0, ring);
        }
        if response.clicked() {
            picked = Some(Touch::Pick(place));
        }
        response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(&pick.label);
    }
    picked
}
