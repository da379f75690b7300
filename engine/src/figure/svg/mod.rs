//! Figures as SVG: an own writer, so that the same figure is the same bytes on every machine.
//!
//! Must not know: files, lenses. The PNG of a figure is drawn from this document.

mod layout;
mod marks;
mod pen;
mod words;

use crate::figure::svg::layout::{Entry, Frame, Layout, Swatch};
use crate::figure::svg::pen::{Anchor, Pen, Words};
use crate::figure::{Figure, Heat, Palette, Scale};

pub(super) use words::FAMILY;

/// Size of a picture in the units of its SVG; its PNG has twice as many pixels each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Units across.
    pub width: u32,
    /// Units down.
    pub height: u32,
}

/// Colours of an exported picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Dark ink on white: for papers.
    #[default]
    Light,
    /// Light ink on black: for slides.
    Dark,
}

/// Font sizes and other lengths in units of the picture.
const TITLE_SIZE: f64 = 16.0;
const CAPTION_SIZE: f64 = 13.0;
const TICK_SIZE: f64 = 11.0;
/// Steps of a colour bar: more would not be seen.
const BAR_STEPS: u32 = 64;

/// A figure as an SVG document which carries `provenance`, pairs of name and value, in its metadata.
pub fn to_svg(
    figure: &Figure,
    size: Size,
    theme: Theme,
    provenance: &[(String, String)],
) -> String {
    let mut pen = Pen::new(size, Palette::of(theme));
    pen.metadata(&figure.title, provenance);
    let layout = Layout::new(figure, size);
    pen.rect([0.0, 0.0, f64::from(size.width), f64::from(size.height)], pen.palette.ground);
    title(&mut pen, figure, size);
    legend(&mut pen, &layout.legend);
    grid(&mut pen, figure, &layout);
    pen.open_clip(layout.frame.clip());
    for mark in &figure.marks {
        marks::draw(&mut pen, mark, &layout.frame);
    }
    for mark in &figure.marks {
        marks::cell_words(&mut pen, mark, &layout.frame);
    }
    pen.close();
    axes(&mut pen, figure, &layout);
    marks::labels(&mut pen, figure, &layout.frame);
    for (heat, left) in &layout.bars {
        color_bar(&mut pen, heat, *left, &layout.frame);
    }
    if !figure.has_data() {
        let [x, y, width, height] = layout.frame.area();
        let at = [x + width / 2.0, y + height / 2.0];
        let color = pen.palette.muted;
        pen.words(&Words::new("No data", at, TITLE_SIZE, color).anchored(Anchor::Middle));
    }
    pen.finish()
}

fn title(pen: &mut Pen, figure: &Figure, size: Size) {
    let room = f64::from(size.width) - 2.0 * layout::EDGE;
    let text = words::shorten(&figure.title, room, TITLE_SIZE);
    let color = pen.palette.text;
    pen.words(&Words::new(&text, [layout::EDGE, 26.0], TITLE_SIZE, color));
}

fn legend(pen: &mut Pen, entries: &[Entry]) {
    for (place, entry) in entries.iter().enumerate() {
        let [x, y] = entry.at;
        let color = entry.ink.map_or(pen.palette.missing, |ink| match entry.swatch {
            Swatch::Dot | Swatch::Box => pen.palette.fill(ink),
            Swatch::Line { .. } | Swatch::Band => pen.palette.ink(ink),
        });
        let middle = [x + layout::SWATCH / 2.0, y];
        match entry.swatch {
            Swatch::Line { has_markers } => {
                let dashes = entry.ink.map_or("", marks::dashes);
                pen.line([x, y, x + layout::SWATCH, y], color, 2.0, dashes);
                if let Some(ink) = entry.ink.filter(|_| has_markers) {
                    marks::marker(pen, middle, 3.0, ink);
                }
            }
            Swatch::Dot => {
                if let Some(ink) = entry.ink {
                    marks::marker(pen, middle, 4.0, ink);
                }
            }
            Swatch::Box => pen.rect([x + 3.0, y - 5.0, 10.0, 10.0], color),
            Swatch::Band => {
                // A narrower band lies on a wider one before it, which makes it darker.
                let is_under =
                    |other: &&Entry| other.swatch == entry.swatch && other.ink == entry.ink;
                for _ in entries.iter().take(place + 1).filter(is_under) {
                    pen.band(&format!("M{x:.2} {:.2}h16v10h-16z", y - 5.0), color);
                }
            }
        }
        let color = pen.palette.text;
        let at = [x + layout::SWATCH + 6.0, y + 4.0];
        pen.words(&Words::new(&entry.label, at, layout::LEGEND_SIZE, color));
    }
}

/// Lines behind the marks; a heat map would hide them.
fn grid(pen: &mut Pen, figure: &Figure, layout: &Layout<'_>) {
    if !layout.bars.is_empty() {
        return;
    }
    let [left, top, width, height] = layout.frame.area();
    let color = pen.palette.grid;
    if !matches!(figure.x.scale, Scale::Category(_)) {
        for tick in &layout.x_ticks {
            let x = layout.frame.x(tick.at);
            pen.line([x, top, x, top + height], color, 1.0, "");
        }
    }
    if !matches!(figure.y.scale, Scale::Category(_)) {
        for tick in &layout.y_ticks {
            let y = layout.frame.y(tick.at);
            pen.line([left, y, left + width, y], color, 1.0, "");
        }
    }
}

fn axes(pen: &mut Pen, figure: &Figure, layout: &Layout<'_>) {
    let Frame { left, top, right, bottom, .. } = layout.frame;
    let (muted, text) = (pen.palette.muted, pen.palette.text);
    pen.line([left, top, left, bottom], muted, 1.0, "");
    pen.line([left, bottom, right, bottom], muted, 1.0, "");
    for tick in &layout.x_ticks {
        let x = layout.frame.x(tick.at);
        pen.line([x, bottom, x, bottom + 4.0], muted, 1.0, "");
        let words = if layout.is_slanted {
            let at = [x + 4.0, bottom + 13.0];
            Words::new(&tick.label, at, TICK_SIZE, muted).anchored(Anchor::End).turned(-45.0)
        } else {
            let at = [x, bottom + 17.0];
            Words::new(&tick.label, at, TICK_SIZE, muted).anchored(Anchor::Middle)
        };
        pen.words(&words);
    }
    for tick in &layout.y_ticks {
        let y = layout.frame.y(tick.at);
        pen.line([left - 4.0, y, left, y], muted, 1.0, "");
        let at = [left - 7.0, y + 4.0];
        pen.words(&Words::new(&tick.label, at, TICK_SIZE, muted).anchored(Anchor::End));
    }
    let caption = words::shorten(&figure.x.caption(), right - left, CAPTION_SIZE);
    let at = [f64::midpoint(left, right), layout.bottom_edge - 12.0];
    pen.words(&Words::new(&caption, at, CAPTION_SIZE, text).anchored(Anchor::Middle));
    let caption = words::shorten(&figure.y.caption(), bottom - top, CAPTION_SIZE);
    let at = [layout::EDGE + 8.0, f64::midpoint(top, bottom)];
    pen.words(&Words::new(&caption, at, CAPTION_SIZE, text).anchored(Anchor::Middle).turned(-90.0));
}

fn color_bar(pen: &mut Pen, heat: &Heat, left: f64, frame: &Frame) {
    let height = frame.bottom - frame.top;
    pen.open_crisp();
    for step in 0..BAR_STEPS {
        let part = f64::from(step) / f64::from(BAR_STEPS);
        #[expect(clippy::cast_possible_truncation, reason = "0..1 fits any float")]
        let color = heat.colors.color(f64::from(step) as f32 / (BAR_STEPS - 1) as f32);
        let step_height = height / f64::from(BAR_STEPS);
        let y = frame.bottom - part * height - step_height;
        // Reaches below the step before it: no viewer's rounding opens a seam.
        let overlap = if step == 0 { 0.0 } else { marks::OVERLAP };
        pen.rect([left, y, layout::BAR_WIDTH, step_height + overlap], color);
    }
    pen.close();
    let (muted, text) = (pen.palette.muted, pen.palette.text);
    for (part, label) in layout::bar_ticks(heat, height) {
        let y = frame.bottom - part * height;
        let x = left + layout::BAR_WIDTH;
        pen.line([x, y, x + 4.0, y], muted, 1.0, "");
        pen.words(&Words::new(&label, [x + 7.0, y + 4.0], TICK_SIZE, muted));
    }
    let caption = words::shorten(&heat.label, height, CAPTION_SIZE);
    let x = left + layout::bar_room(heat, height) - 4.0;
    let at = [x, f64::midpoint(frame.top, frame.bottom)];
    pen.words(&Words::new(&caption, at, CAPTION_SIZE, text).anchored(Anchor::Middle).turned(-90.0));
}

#[cfg(test)]
mod tests;
