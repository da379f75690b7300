//! Figures as PNG, through the SVG and embedded fonts: the same picture where no font is installed.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::figure::svg::FAMILY;
use crate::figure::{Figure, Size, Theme, to_svg};

/// Pixels for each unit of the SVG: sharp in print and on dense screens.
const PIXELS_PER_UNIT: u32 = 2;

/// Why a picture could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the picture could not be drawn: {0}")]
pub struct PngError(pub String);

/// A figure as a PNG file in memory, with two pixels for each unit of `size`. Every pair of `provenance` becomes a
/// text chunk (iTXt) under its name.
pub fn to_png(
    figure: &Figure,
    size: Size,
    theme: Theme,
    provenance: &[(String, String)],
) -> Result<Vec<u8>, PngError> {
    let svg = to_svg(figure, size, theme, &[]);
    let tree = Tree::from_str(&svg, &options()).map_err(|error| PngError(error.to_string()))?;
    let pixels = |units: u32| units.checked_mul(PIXELS_PER_UNIT);
    let too_large = || PngError(format!("{} x {} is no size", size.width, size.height));
    let (width, height) = pixels(size.width).zip(pixels(size.height)).ok_or_else(too_large)?;
    let mut pixmap = Pixmap::new(width, height).ok_or_else(too_large)?;
    let scale = PIXELS_PER_UNIT as f32;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    encode(&pixmap, provenance).map_err(|error| PngError(error.to_string()))
}

fn options() -> Options<'static> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    // Stands in for letters that the first one lacks.
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    let fontdb = Arc::new(fonts);
    Options { font_family: FAMILY.to_owned(), fontdb, ..Options::default() }
}

fn encode(pixmap: &Pixmap, provenance: &[(String, String)]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    for (name, value) in provenance {
        encoder.add_itxt_chunk(name.clone(), value.clone())?;
    }
    // The ground covers the whole picture, so nothing is transparent.
    let colors: Vec<u8> = pixmap
        .pixels()
        .iter()
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
        .collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&colors)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::sampler;

    const SIZE: Size = Size { width: 400, height: 300 };

    fn png(figure: &Figure, theme: Theme) -> Vec<u8> {
        let provenance = [("model".to_owned(), "küche".to_owned())];
        to_png(figure, SIZE, theme, &provenance).unwrap()
    }

    #[test]
    fn the_same_figure_is_the_same_bytes_and_two_pixels_a_unit() {
        let figure = sampler::every_mark();
        let bytes = png(&figure, Theme::Light);
        assert_eq!(bytes, png(&figure, Theme::Light));
        let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (800, 600));
        let text = &info.utf8_text[0];
        assert_eq!((text.keyword.as_str(), text.get_text().unwrap().as_str()), ("model", "küche"));
    }

    #[test]
    fn words_and_themes_are_seen_without_a_font_of_the_system() {
        let mut figure = sampler::empty();
        let before = png(&figure, Theme::Light);
        assert_ne!(before, png(&figure, Theme::Dark));
        figure.title = "Another title ‖ − ≥".to_owned();
        assert_ne!(before, png(&figure, Theme::Light));
    }

    #[test]
    fn every_sign_of_labels_is_in_the_fonts() {
        let with_title = |title: &str| {
            let mut figure = sampler::empty();
            figure.title = title.to_owned();
            png(&figure, Theme::Light)
        };
        // No font has this one: what is drawn for it stands for every missing sign.
        let missing = with_title("\u{f5000}");
        for sign in "‖−≥≤…–·→↵λ²µé".chars() {
            assert_ne!(with_title(&sign.to_string()), missing, "{sign}");
        }
    }

    #[test]
    fn a_picture_without_area_is_refused() {
        let size = Size { width: 0, height: 10 };
        assert!(to_png(&sampler::empty(), size, Theme::Light, &[]).is_err());
        let size = Size { width: u32::MAX, height: 10 };
        assert!(to_png(&sampler::empty(), size, Theme::Light, &[]).is_err());
    }
}
