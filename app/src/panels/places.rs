//! A strip with one cell for each place of a set: a click puts the place in or takes it out, a drag paints.

use egui::{
    Align2, Color32, FontId, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, WidgetInfo,
    pos2, vec2,
};
use layerscope_engine::api::{Ink, KnobCard, Part, Places, wants_dark_text};

use crate::theme;

/// Width of a cell, at least and at most, and its height, in points.
const WIDTHS: (f32, f32) = (13.0, 24.0);
const HEIGHT: f32 = 18.0;
/// Between two cells.
const GAP: f32 = 2.0;
/// Above this the strip scrolls.
const MOST_HEIGHT: f32 = 122.0;
/// Narrower cells have no number.
const NUMBER_WIDTH: f32 = 17.0;

/// Which places there are, and whether one can be half in.
pub(super) struct Span {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) has_parts: bool,
}

/// Where the cells stand.
struct Grid {
    corner: Pos2,
    width: f32,
    columns: usize,
    first: u16,
    count: usize,
}

/// Draws the strip of the set `now`; the set as it was changed to, and whether the pointer still paints.
pub(super) fn show(
    ui: &mut egui::Ui,
    card: &KnobCard,
    span: &Span,
    now: &str,
) -> Option<(String, bool)> {
    let range = span.first..=span.last;
    let count = range.len();
    let places = Places::parse(now, range.clone(), span.has_parts)?;
    if count == 0 {
        return None;
    }
    let across = ui.available_width();
    let wished = across / count as f32 - GAP;
    let width = wished.clamp(WIDTHS.0, WIDTHS.1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cells of a pane")]
    let columns = ((across + GAP) / (width + GAP)).floor().max(1.0) as usize;
    let rows = count.div_ceil(columns);
    let mut changed = None;
    egui::ScrollArea::vertical()
        .id_salt((card.id, "places"))
        .max_height(MOST_HEIGHT)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            let size = vec2(across, rows as f32 * (HEIGHT + GAP));
            let (area, _) = ui.allocate_exact_size(size, Sense::hover());
            let grid = Grid { corner: area.min, width, columns, first: span.first, count };
            changed = cells(ui, card, span, &grid, &places);
        });
    changed.map(|(places, is_held)| (places.text(&range), is_held))
}

fn cells(
    ui: &egui::Ui,
    card: &KnobCard,
    span: &Span,
    grid: &Grid,
    places: &Places,
) -> Option<(Places, bool)> {
    let mut changed: Option<(Places, bool)> = None;
    // What a drag paints with: found at its first cell, kept until it ends.
    let brush = ui.scope_id().with((card.id, "brush"));
    for (index, place) in (span.first..=span.last).enumerate() {
        let rect = grid.cell(index);
        let id = ui.scope_id().with((card.id, place));
        let response = ui.interact(rect, id, Sense::click_and_drag());
        let part = places.part(place);
        response.widget_info(|| {
            let label = format!("{} {place}", card.label);
            WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), part.is_some(), label)
        });
        paint(ui, rect, place, part, &response);
        let next = next(part, span.has_parts);
        if response.clicked() {
            let mut places = places.clone();
            places.put(place, next);
            changed = Some((places, false));
        } else if response.drag_started() {
            ui.data_mut(|data| data.insert_temp(brush, next));
        }
        if response.dragged() || response.drag_stopped() {
            let paint = ui.data(|data| data.get_temp::<Option<Part>>(brush)).unwrap_or(next);
            let mut places = places.clone();
            if response.drag_started() {
                places.put(place, paint);
            }
            for place in grid.passed(ui) {
                places.put(place, paint);
            }
            changed = Some((places, !response.drag_stopped()));
        }
        response.on_hover_text(words(place, part, span.has_parts));
    }
    changed
}

impl Grid {
    fn cell(&self, index: usize) -> Rect {
        let (column, row) = (index % self.columns, index / self.columns);
        let step = vec2(self.width + GAP, HEIGHT + GAP);
        let corner = self.corner + vec2(column as f32 * step.x, row as f32 * step.y);
        Rect::from_min_size(corner, vec2(self.width, HEIGHT))
    }

    /// The place under a point, if there is one.
    fn place_at(&self, at: Pos2) -> Option<u16> {
        let from = at - self.corner;
        if from.x < 0.0 || from.y < 0.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let [column, row] =
            [from.x / (self.width + GAP), from.y / (HEIGHT + GAP)].map(|at| at as usize);
        let index = row.checked_mul(self.columns)?.checked_add(column)?;
        (column < self.columns && index < self.count).then_some(())?;
        self.first.checked_add(u16::try_from(index).ok()?)
    }

    /// The places that the pointer passed since the last frame: a quick hand leaves no hole.
    fn passed(&self, ui: &egui::Ui) -> Vec<u16> {
        let (at, moved) = ui.input(|input| (input.pointer.latest_pos(), input.pointer.delta()));
        let Some(at) = at else { return Vec::new() };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=256")]
        let steps = (moved.length() / (self.width / 2.0)).ceil().clamp(1.0, 256.0) as u16;
        let along = |step: u16| at - moved * (f32::from(step) / f32::from(steps));
        (0..=steps).filter_map(|step| self.place_at(along(step))).collect()
    }
}

/// What a click makes of a place.
fn next(part: Option<Part>, has_parts: bool) -> Option<Part> {
    match part {
        None => Some(Part::Whole),
        Some(Part::Whole) if has_parts => Some(Part::Attention),
        Some(Part::Attention) => Some(Part::FeedForward),
        Some(Part::Whole | Part::FeedForward) => None,
    }
}

fn words(place: u16, part: Option<Part>, has_parts: bool) -> String {
    let says = match part {
        None => "not in the set",
        Some(Part::Whole) if has_parts => "in the set, attention and feed-forward",
        Some(Part::Whole) => "in the set",
        Some(Part::Attention) => "in the set, attention only",
        Some(Part::FeedForward) => "in the set, feed-forward only",
    };
    format!("{place}: {says}. A click changes it, a drag paints.")
}

/// Full, empty, or the half of the part: attention runs before the feed-forward, so it is the left one.
fn paint(ui: &egui::Ui, rect: Rect, place: u16, part: Option<Part>, response: &Response) {
    let painter = ui.painter();
    let full = theme::palette(ui).ink(Ink::Series(0));
    let empty = ui.visuals().widgets.inactive.bg_fill;
    painter.rect_filled(rect, 2.0, empty);
    let middle = rect.center().x;
    let filled = match part {
        None => None,
        Some(Part::Whole) => Some(rect),
        Some(Part::Attention) => Some(Rect::from_min_max(rect.min, pos2(middle, rect.bottom()))),
        Some(Part::FeedForward) => Some(Rect::from_min_max(pos2(middle, rect.top()), rect.max)),
    };
    if let Some(filled) = filled {
        painter.rect_filled(filled, 2.0, theme::color(full));
    }
    if response.hovered() || response.has_focus() {
        let stroke = Stroke::new(1.5, ui.visuals().text_color());
        painter.rect_stroke(rect, 2.0, stroke, StrokeKind::Inside);
    }
    if rect.width() >= NUMBER_WIDTH {
        let color = match part {
            Some(Part::Whole) if wants_dark_text(full) => Color32::BLACK,
            Some(Part::Whole) => Color32::WHITE,
            _ => ui.visuals().text_color(),
        };
        let font = FontId::proportional(theme::FIGURE_TEXT - 1.0);
        painter.text(rect.center(), Align2::CENTER_CENTER, place, font, color);
    }
}
