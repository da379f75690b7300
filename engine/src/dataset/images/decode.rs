//! PNG and JPEG files become red, green and blue levels; size before allocation.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::dataset::{DataError, within};

/// Most bytes of a file.
const MOST_BYTES: u64 = 256 << 20;
/// Most pixels of an image: 192 MB of levels.
const MOST_PIXELS: u64 = 64 << 20;

/// Levels [height, width, 3].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) levels: Vec<u8>,
}

/// SHA-256 (hex) of the file.
pub(super) fn fingerprint(path: &Path) -> Result<String, DataError> {
    Ok(crate::checkpoint::hex(&Sha256::digest(read(path)?)))
}

/// Reads one image. Transparency is left out; the content decides, not the ending.
pub(super) fn decode(path: &Path) -> Result<Image, DataError> {
    let bytes = read(path)?;
    // A decoder that gives up on a damaged file leaves nothing behind.
    let read = catch_unwind(AssertUnwindSafe(|| {
        if bytes.starts_with(b"\x89PNG") { png(&bytes, path) } else { jpeg(&bytes, path) }
    }));
    read.unwrap_or_else(|_| Err(broken(&"its decoder gave up", path)))
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |source| DataError::Io { path: path.to_owned(), source };
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(DataError::NoFile { path: path.to_owned() });
    }
    within("bytes of an image", meta.len(), MOST_BYTES, path)?;
    std::fs::read(path).map_err(failed)
}

fn broken(what: &impl ToString, path: &Path) -> DataError {
    DataError::Image { what: what.to_string(), path: path.to_owned() }
}

fn check_size(width: usize, height: usize, path: &Path) -> Result<(), DataError> {
    let pixels = (width as u64).saturating_mul(height as u64);
    within("pixels of an image", pixels, MOST_PIXELS, path)?;
    if pixels == 0 { Err(broken(&"it has no pixel", path)) } else { Ok(()) }
}

fn png(bytes: &[u8], path: &Path) -> Result<Image, DataError> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let failed = |error: png::DecodingError| broken(&error, path);
    let header = decoder.read_header_info().map_err(failed)?;
    let (width, height) = (header.width as usize, header.height as usize);
    check_size(width, height, path)?;
    let mut reader = decoder.read_info().map_err(failed)?;
    // At most four channels of what was just checked.
    let size = reader.output_buffer_size().ok_or_else(|| broken(&"it is too large", path))?;
    let mut levels = vec![0; size];
    let info = reader.next_frame(&mut levels).map_err(failed)?;
    levels.truncate(info.buffer_size());
    let channels = info.color_type.samples();
    let levels = match channels {
        1 | 2 => levels.chunks_exact(channels).flat_map(|p| [p[0]; 3]).collect(),
        _ => levels.chunks_exact(channels).flat_map(|p| [p[0], p[1], p[2]]).collect(),
    };
    whole(Image { width, height, levels }, path)
}

fn jpeg(bytes: &[u8], path: &Path) -> Result<Image, DataError> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| broken(&format!("{error:?}"), path))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| broken(&"it has no size", path))?;
    check_size(width, height, path)?;
    let levels = decoder.decode().map_err(|error| broken(&format!("{error:?}"), path))?;
    whole(Image { width, height, levels }, path)
}

/// A decoder that gives fewer levels than it promised would put pixels in wrong places.
fn whole(image: Image, path: &Path) -> Result<Image, DataError> {
    let (found, allowed) = (image.levels.len(), image.width * image.height * 3);
    if found == allowed {
        return Ok(image);
    }
    Err(broken(&format!("{found} levels instead of {allowed}"), path))
}
