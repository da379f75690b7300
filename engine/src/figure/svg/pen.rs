//! Writes the elements of an SVG document, with coordinates of two decimals.

use crate::figure::svg::words::{FAMILY, escape};
use crate::figure::{Palette, Rgb, Size};

/// Where words stand relative to their point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text.
#[derive(Debug)]
pub(super) struct Words<'a> {
    text: &'a str,
    at: [f64; 2],
    size: f64,
    color: Rgb,
    anchor: Anchor,
    turn: f64,
    has_halo: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str, at: [f64; 2], size: f64, color: Rgb) -> Self {
        Self { text, at, size, color, anchor: Anchor::Start, turn: 0.0, has_halo: false }
    }

    pub(super) fn anchored(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    /// Turned clockwise about its point, in degrees.
    pub(super) fn turned(mut self, degrees: f64) -> Self {
        self.turn = degrees;
        self
    }

    /// With a rim of the ground's colour, readable above any mark.
    pub(super) fn with_halo(mut self) -> Self {
        self.has_halo = true;
        self
    }
}

/// The document so far. Rectangles are `[left, top, width, height]`.
pub(super) struct Pen {
    out: String,
    pub(super) palette: Palette,
}

impl Pen {
    pub(super) fn new(size: Size, palette: Palette) -> Self {
        let Size { width, height } = size;
        let out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}, sans-serif\" \
             xml:space=\"preserve\">\n"
        );
        Self { out, palette }
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    /// The title that screen readers read, and one line per pair.
    pub(super) fn metadata(&mut self, title: &str, provenance: &[(String, String)]) {
        self.add(&format!("<title>{}</title>\n", escape(title)));
        if provenance.is_empty() {
            return;
        }
        self.add("<metadata>\n");
        for (name, value) in provenance {
            self.add(&format!("{}: {}\n", escape(name), escape(value)));
        }
        self.add("</metadata>\n");
    }

    fn add(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A group of which only what lies in the rectangle is seen.
    pub(super) fn open_clip(&mut self, rect: [f64; 4]) {
        let rect = at_rect(rect);
        self.add(&format!("<clipPath id=\"plot\"><rect {rect}/></clipPath>\n"));
        self.add("<g clip-path=\"url(#plot)\">\n");
    }

    /// A group whose rectangles meet without seams.
    pub(super) fn open_crisp(&mut self) {
        self.add("<g shape-rendering=\"crispEdges\">\n");
    }

    /// Ends a group.
    pub(super) fn close(&mut self) {
        self.add("</g>\n");
    }

    pub(super) fn rect(&mut self, rect: [f64; 4], color: Rgb) {
        let line = format!("<rect {} fill=\"{}\"/>\n", at_rect(rect), hex(color));
        self.add(&line);
    }

    pub(super) fn frame(&mut self, rect: [f64; 4], color: Rgb) {
        let (rect, color) = (at_rect(rect), hex(color));
        self.add(&format!("<rect {rect} fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n"));
    }

    /// From x1, y1 to x2, y2; `dashes` as in SVG, empty for none.
    pub(super) fn line(&mut self, ends: [f64; 4], color: Rgb, thick: f64, dashes: &str) {
        let [x1, y1, x2, y2] = ends.map(coordinate);
        let (color, dashes) = (hex(color), dash_array(dashes));
        self.add(&format!(
            "<path d=\"M{x1} {y1}L{x2} {y2}\" stroke=\"{color}\" stroke-width=\"{thick}\"{dashes}/>\n"
        ));
    }

    /// Along a path, in a colour, a width and dashes as in SVG, empty for none; `told` is what a viewer shows under the
    /// pointer, empty for nothing.
    pub(super) fn curve(&mut self, path: &str, look: (Rgb, f64, &str), told: &str) {
        let (color, thick, dashes) = look;
        let (color, dashes) = (hex(color), dash_array(dashes));
        let end = if told.is_empty() {
            "/>".to_owned()
        } else {
            format!("><title>{}</title></path>", escape(told))
        };
        self.add(&format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{thick}\" \
             stroke-linejoin=\"round\" stroke-linecap=\"round\"{dashes}{end}\n"
        ));
    }

    pub(super) fn area(&mut self, path: &str, color: Rgb) {
        let color = hex(color);
        self.add(&format!("<path d=\"{path}\" fill=\"{color}\"/>\n"));
    }

    pub(super) fn band(&mut self, path: &str, color: Rgb) {
        let color = hex(color);
        self.add(&format!("<path d=\"{path}\" fill=\"{color}\" fill-opacity=\"0.25\"/>\n"));
    }

    pub(super) fn dot(&mut self, at: [f64; 2], radius: f64, color: Rgb) {
        let [x, y] = at.map(coordinate);
        let color = hex(color);
        self.add(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{color}\"/>\n"));
    }

    pub(super) fn words(&mut self, words: &Words<'_>) {
        if words.text.is_empty() {
            return;
        }
        let [x, y] = words.at.map(coordinate);
        let anchor = match words.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let turn = if words.turn == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({} {x} {y})\"", words.turn)
        };
        let halo = if words.has_halo {
            let ground = hex(self.palette.ground);
            format!(
                " stroke=\"{ground}\" stroke-width=\"3\" stroke-linejoin=\"round\" \
                 paint-order=\"stroke\""
            )
        } else {
            String::new()
        };
        let (size, color, text) = (words.size, hex(words.color), escape(words.text));
        self.add(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{color}\"{anchor}{turn}{halo}>{text}</text>\n"
        ));
    }
}

/// Two decimals, never "-0.00": the same text on every machine.
pub(super) fn coordinate(value: f64) -> String {
    format!("{:.2}", (value * 100.0).round() / 100.0 + 0.0)
}

fn dash_array(dashes: &str) -> String {
    if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") }
}

fn at_rect(rect: [f64; 4]) -> String {
    let [x, y, width, height] = rect.map(coordinate);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
