//! Heat maps: a texture with one texel for each cell, words in cells that have room, a colour bar.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use egui::epaint::TextShape;
use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Color32, ColorImage, FontId, Mesh, Pos2, Rect, Shape, Stroke, StrokeKind,
    TextureHandle, TextureId, TextureOptions, pos2, vec2,
};
use egui_plot::{
    PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotPoint, PlotTransform, PlotUi,
};
use layerscope_engine::api::{Heat, Ink, Palette, Rgb, wants_dark_text};

use super::axes;
use crate::theme;

/// Texels along one side of a tile; every graphics card takes as many.
const TILE: usize = 1024;

/// Least width and height of a cell in which a word is written; two letters and an ellipsis are the least that says
/// anything.
const ROOM: [f32; 2] = [17.0, 12.0];

/// Steps of the colour bar: as many as the colour map has.
const STEPS: u16 = 256;

/// The tiles of one heat map that have been on screen.
#[derive(Default)]
pub(super) struct Textures {
    key: Option<Key>,
    tiles: BTreeMap<[usize; 2], TextureHandle>,
}

/// What the tiles were made of. Holding the values keeps their address from being given to others.
struct Key {
    values: Arc<[f32]>,
    shape: [usize; 2],
    range: (f32, f32),
    map: layerscope_engine::api::ColorMap,
    missing: Rgb,
}

impl Key {
    fn of(heat: &Heat, colors: Palette) -> Self {
        Self {
            values: Arc::clone(&heat.values),
            shape: [heat.columns, heat.rows],
            range: heat.range,
            map: heat.colors,
            missing: colors.missing,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let bits = |(low, high): (f32, f32)| (low.to_bits(), high.to_bits());
        Arc::ptr_eq(&self.values, &other.values)
            && self.shape == other.shape
            && bits(self.range) == bits(other.range)
            && self.map == other.map
            && self.missing == other.missing
    }
}

impl Textures {
    fn tile(&mut self, ctx: &egui::Context, heat: &Heat, colors: Palette, at: [usize; 2]) -> Tile {
        let columns = tile_range(at[0], heat.columns);
        let rows = tile_range(at[1], heat.rows);
        let texture = self.tiles.entry(at).or_insert_with(|| {
            // The first row of a texture is its top; the first row of a heat map is at the bottom.
            let cells = rows.clone().rev().flat_map(|row| {
                columns.clone().map(move |column| cell_color(heat, colors, column, row))
            });
            let pixels = cells.map(theme::color).collect();
            let image = ColorImage::new([columns.len(), rows.len()], pixels);
            ctx.load_texture("heat", image, TextureOptions::NEAREST)
        });
        Tile { texture: texture.id(), columns, rows }
    }
}

#[cfg(test)]
impl Textures {
    pub(super) fn first_id(&self) -> Option<TextureId> {
        self.tiles.values().next().map(TextureHandle::id)
    }
}

fn tile_range(at: usize, cells: usize) -> Range<usize> {
    let from = at.saturating_mul(TILE).min(cells);
    from..from.saturating_add(TILE).min(cells)
}

fn cell_color(heat: &Heat, colors: Palette, column: usize, row: usize) -> Rgb {
    let value = heat.values.get(row * heat.columns + column).copied().unwrap_or(f32::NAN);
    heat.color(value).unwrap_or(colors.missing)
}

struct Tile {
    texture: TextureId,
    columns: Range<usize>,
    rows: Range<usize>,
}

/// The cells of a heat map as one item of a plot.
pub(super) struct Cells<'a> {
    base: PlotItemBase,
    heat: &'a Heat,
    colors: Palette,
    tiles: Vec<Tile>,
    /// Words are an item of their own, over the lines that cross the cells.
    is_words: bool,
}

impl<'a> Cells<'a> {
    pub(super) fn new(
        heat: &'a Heat,
        plot: &PlotUi<'_>,
        textures: &mut Textures,
        colors: Palette,
    ) -> Self {
        let key = Key::of(heat, colors);
        if textures.key.as_ref() != Some(&key) {
            textures.tiles.clear();
            textures.key = Some(key);
        }
        let bounds = plot.plot_bounds();
        let tiles = |side: usize, cells: usize| {
            let seen = cells_between(heat, side, cells, bounds);
            // One more on either side: they come into view before the next frame knows.
            let first = (seen.start / TILE).saturating_sub(1);
            let last = (seen.end / TILE + 1).min(cells.saturating_sub(1) / TILE);
            first..=last
        };
        let across = tiles(0, heat.columns);
        let made = tiles(1, heat.rows)
            .flat_map(|row| across.clone().map(move |column| [column, row]))
            .map(|at| textures.tile(plot.ctx(), heat, colors, at))
            .collect();
        Self { base: PlotItemBase::new(String::new()), heat, colors, tiles: made, is_words: false }
    }

    /// What is written in the cells.
    pub(super) fn words(heat: &'a Heat, colors: Palette) -> Self {
        let base = PlotItemBase::new(String::new());
        Self { base, heat, colors, tiles: Vec::new(), is_words: true }
    }

    /// Where cells are on the screen.
    fn rect(&self, transform: &PlotTransform, columns: &Range<usize>, rows: &Range<usize>) -> Rect {
        let corner = |column: usize, row: usize| {
            let [x, y] = self.heat.origin;
            PlotPoint::new(x + column as f64 - 0.5, y + row as f64 - 0.5)
        };
        let one = transform.position_from_point(&corner(columns.start, rows.start));
        let other = transform.position_from_point(&corner(columns.end, rows.end));
        Rect::from_two_pos(one, other)
    }

    fn write_words(&self, ui: &egui::Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        let cell = self.rect(transform, &(0..1), &(0..1)).size();
        if self.heat.texts.is_empty() || cell.x < ROOM[0] || cell.y < ROOM[1] {
            return;
        }
        let size = (cell.y * 0.75).min(cell.x / 2.2).min(theme::FIGURE_TEXT);
        let font = FontId::proportional(size);
        let bounds = *transform.bounds();
        for row in cells_between(self.heat, 1, self.heat.rows, bounds) {
            for column in cells_between(self.heat, 0, self.heat.columns, bounds) {
                let Some(text) = self.heat.texts.get(row * self.heat.columns + column) else {
                    continue;
                };
                let ground = cell_color(self.heat, self.colors, column, row);
                let color = if wants_dark_text(ground) { Color32::BLACK } else { Color32::WHITE };
                let mut job = LayoutJob::simple_singleline(text.clone(), font.clone(), color);
                job.wrap = TextWrapping::truncate_at_width(cell.x - 2.0);
                let galley = ui.painter().layout_job(job);
                let center = self.rect(transform, &(column..column + 1), &(row..row + 1)).center();
                let place = Align2::CENTER_CENTER.anchor_size(center, galley.size());
                shapes.push(Shape::galley(place.min, galley, color));
            }
        }
    }
}

/// The columns (side 0) or rows (side 1) that `bounds` show.
fn cells_between(heat: &Heat, side: usize, cells: usize, bounds: PlotBounds) -> Range<usize> {
    let place = |at: f64| axes::whole((at - heat.origin[side]).max(0.0)).unwrap_or(0).min(cells);
    let first = place(bounds.min()[side]);
    first..place(bounds.max()[side]).saturating_add(1).clamp(first, cells.max(first))
}

impl PlotItem for Cells<'_> {
    fn shapes(&self, ui: &egui::Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        if self.is_words {
            self.write_words(ui, transform, shapes);
            return;
        }
        let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
        for tile in &self.tiles {
            let place = self.rect(transform, &tile.columns, &tile.rows);
            shapes.push(Shape::image(tile.texture, place, whole, Color32::WHITE));
        }
        if let Some(column) = self.heat.selected_column.filter(|at| *at < self.heat.columns) {
            let place = self.rect(transform, &(column..column + 1), &(0..self.heat.rows));
            let place = place.intersect(transform.frame().expand(4.0));
            let ground = Stroke::new(4.0, theme::color(self.colors.ground));
            let accent = Stroke::new(2.0, theme::color(self.colors.ink(Ink::Accent)));
            for stroke in [ground, accent] {
                shapes.push(Shape::rect_stroke(place, 0.0, stroke, StrokeKind::Middle));
            }
        }
    }

    fn initialize(&mut self, _x_range: RangeInclusive<f64>) {}

    fn color(&self) -> Color32 {
        Color32::TRANSPARENT
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

/// Pixels that the colour bar takes from a figure of this size; none where the figure itself is small.
pub(super) fn bar_width(room: egui::Vec2) -> f32 {
    if room.x < 260.0 || room.y < 120.0 { 0.0 } else { 70.0 }
}

/// The colour bar beside `frame`: colours, the numbers at its ends and middle, what they mean.
pub(super) fn bar(ui: &egui::Ui, heat: &Heat, frame: Rect, width: f32) {
    if width <= 0.0 {
        return;
    }
    let painter = ui.painter();
    let left = frame.right() + 10.0;
    let place = Rect::from_min_max(pos2(left, frame.top()), pos2(left + 12.0, frame.bottom()));
    let mut mesh = Mesh::default();
    for step in 0..STEPS {
        let part = |step: u16| f32::from(step) / f32::from(STEPS);
        let (low, high) = (part(step), part(step + 1));
        let y = |part: f32| egui::lerp(place.bottom()..=place.top(), part);
        let rect = Rect::from_min_max(pos2(left, y(high)), pos2(place.right(), y(low)));
        let color = heat.colors.color(f32::from(step) / f32::from(STEPS - 1));
        mesh.add_colored_rect(rect, theme::color(color));
    }
    painter.add(Shape::mesh(mesh));

    let muted = theme::ink(ui, Ink::Muted);
    let font = FontId::proportional(theme::FIGURE_TEXT);
    let (low, high) = (f64::from(heat.range.0), f64::from(heat.range.1));
    let ends = [
        (low, place.bottom(), Align2::LEFT_BOTTOM),
        (low + (high - low) / 2.0, place.center().y, Align2::LEFT_CENTER),
        (high, place.top(), Align2::LEFT_TOP),
    ];
    for (value, y, align) in ends {
        let text = axes::number(value, (high - low) / 10.0);
        painter.text(pos2(place.right() + 4.0, y), align, text, font.clone(), muted);
    }
    let mut job = LayoutJob::simple_singleline(heat.label.clone(), font, muted);
    job.wrap = TextWrapping::truncate_at_width(frame.height());
    let galley = painter.layout_job(job);
    let start = frame.center().y + galley.size().x / 2.0;
    let corner = pos2(frame.right() + width - galley.size().y - 2.0, start);
    let turn = -std::f32::consts::FRAC_PI_2;
    painter.add(TextShape::new(corner, galley, muted).with_angle(turn));
    let outline = Stroke::new(1.0, ui.visuals().widgets.noninteractive.bg_stroke.color);
    painter.rect_stroke(place.expand2(vec2(0.5, 0.5)), 0.0, outline, StrokeKind::Middle);
}

#[cfg(test)]
mod tests {
    use layerscope_engine::api::ColorMap;

    use super::*;

    fn heat(columns: usize, rows: usize) -> Heat {
        Heat {
            label: "Max probability".to_owned(),
            columns,
            rows,
            origin: [100.0, 0.0],
            values: vec![0.5; columns * rows].into(),
            range: (0.0, 1.0),
            colors: ColorMap::Sequential,
            texts: [].into(),
            hovers: [].into(),
            selected_column: None,
        }
    }

    #[test]
    fn only_cells_in_view_are_drawn() {
        let heat = heat(5000, 9);
        let bounds = PlotBounds::from_min_max([2100.0, -0.5], [2110.0, 8.5]);
        assert_eq!(cells_between(&heat, 0, heat.columns, bounds), 2000..2011);
        assert_eq!(cells_between(&heat, 1, heat.rows, bounds), 0..9);
        let elsewhere = PlotBounds::from_min_max([9000.0, -0.5], [9100.0, 8.5]);
        assert!(cells_between(&heat, 0, heat.columns, elsewhere).is_empty());
    }

    #[test]
    fn tiles_cover_every_cell_once() {
        let tiles: Vec<_> = (0..3).map(|at| tile_range(at, 2500)).collect();
        assert_eq!(tiles, [0..1024, 1024..2048, 2048..2500]);
    }

    #[test]
    fn a_heat_map_with_too_few_values_shows_them_as_missing() {
        let mut heat = heat(2, 2);
        heat.values = [0.5].into();
        let colors = Palette::of(layerscope_engine::api::Theme::Dark);
        assert_eq!(cell_color(&heat, colors, 1, 1), colors.missing);
    }
}
