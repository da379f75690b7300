//! A folder of images becomes samples: the folder that an image lies in is its label.
//!
//! Images are decoded when they are run and never kept: only their places are known before. Must not know: models.

mod decode;
mod resize;

pub(crate) use resize::Filter;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dataset::{Data, DataError, LABEL, MOST_ROWS, Sequence, TextSample, within};
use crate::job::Job;

/// Endings of image files, in lower case.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Column of the fingerprint of an image's file, so that the recording's own covers what was run.
const SHA_256: &str = "sha256";

/// How an image becomes numbers: resized to a square, scaled, and normed channel by channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Preparation {
    /// Pixels of the square's side.
    pub(crate) side: usize,
    pub(crate) filter: Filter,
    /// Factor of a level 0..=255.
    pub(crate) scale: f64,
    /// `(level * scale - mean) / spread`, red, green, blue.
    pub(crate) mean: [f64; 3],
    pub(crate) spread: [f64; 3],
}

/// Whoever knows the numbers of images.
pub(crate) trait Pixels {
    /// Adds those of the images of some samples, each [3, side, side].
    fn add_pixels(
        &self,
        samples: (&Data, &[Sequence]),
        pixels: &mut Vec<f32>,
    ) -> Result<(), DataError>;
}

impl Pixels for Preparation {
    fn add_pixels(
        &self,
        (data, samples): (&Data, &[Sequence]),
        pixels: &mut Vec<f32>,
    ) -> Result<(), DataError> {
        for path in samples.iter().filter_map(|sequence| data.images.get(sequence.sample)) {
            pixels.extend(self.pixels(path)?);
        }
        Ok(())
    }
}

impl Preparation {
    /// The numbers of the image at `path`, [3, side, side].
    pub(crate) fn pixels(&self, path: &Path) -> Result<Vec<f32>, DataError> {
        let image = decode::decode(path)?.resized(self.side, self.filter);
        let channel = |c: usize| {
            let (mean, spread) = (self.mean[c], self.spread[c]);
            let levels = image.levels.iter().skip(c).step_by(3);
            levels.map(move |level| number((f64::from(*level) * self.scale - mean) / spread))
        };
        Ok((0..3).flat_map(channel).collect())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a network reads f32")]
fn number(value: f64) -> f32 {
    value as f32
}

/// Every image of a folder and of the folders in it, in the order of their names.
pub(crate) fn read_folder(folder: &Path, job: &Job) -> Result<Data, DataError> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        job.check()?;
        if path.is_dir() {
            let label = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let images = entries(&path)?.into_iter().filter(|path| is_image(path));
            files.extend(images.map(|path| (path, label.clone())));
        } else if is_image(&path) {
            files.push((path, None));
        }
        within("images", files.len() as u64, MOST_ROWS, folder)?;
    }
    let mut samples = Vec::new();
    for (done, (path, label)) in (0..).zip(&files) {
        job.progress("Reading images", "images", done, files.len() as u64)?;
        let text = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
        // The name of a file does not say what was run.
        let mut columns = BTreeMap::from([(SHA_256.to_owned(), decode::fingerprint(path)?)]);
        columns.extend(label.iter().map(|label| (LABEL.to_owned(), label.clone())));
        samples.push(TextSample { text, columns });
    }
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    let data = crate::dataset::data(name, samples, folder)?;
    let images = files.into_iter().map(|(path, _)| path).collect();
    Data { images, ..data }.labelled(None, folder)
}

/// Whether a folder looks like one of images: the first names in it, or in a folder in it, say so. Reads no file.
pub(crate) fn is_folder_of_images(folder: &Path) -> bool {
    const LOOKED_AT: usize = 64;
    let names = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.take(LOOKED_AT).map(|entry| entry.path()).collect()
    };
    let first = names(folder);
    let is_label = |path: &PathBuf| path.is_dir() && names(path).iter().any(|path| is_image(path));
    first.iter().any(|path| is_image(path)) || first.iter().any(is_label)
}

/// What lies in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |source| DataError::Io { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
        within("files of a folder", paths.len() as u64, MOST_ROWS, folder)?;
    }
    paths.sort();
    Ok(paths)
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    ENDINGS.contains(&ending.as_str()) && path.is_file()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn png(path: &Path, width: u32, height: u32, color: png::ColorType, levels: &[u8]) {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(levels).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn preparation(side: usize) -> Preparation {
        let (mean, spread) = ([0.5, 0.25, 0.0], [0.5, 0.5, 1.0]);
        Preparation { side, filter: Filter::Bilinear, scale: 1.0 / 255.0, mean, spread }
    }

    #[test]
    fn folders_are_labels_and_other_files_are_passed_over() {
        let home = tempfile::tempdir().unwrap();
        for name in ["dog/b.png", "cat/a.PNG", "z.png"] {
            png(&home.path().join(name), 1, 1, png::ColorType::Grayscale, &[7]);
        }
        fs::write(home.path().join("dog/readme.txt"), "no image").unwrap();
        assert!(is_folder_of_images(home.path()) && is_folder_of_images(&home.path().join("dog")));
        fs::create_dir(home.path().join("empty")).unwrap();
        assert!(!is_folder_of_images(&home.path().join("empty")));
        let data = read_folder(home.path(), &Job::unattended()).unwrap();
        let told: Vec<_> = data
            .samples
            .iter()
            .map(|s| (s.text.as_str(), s.columns.get("label").map(String::as_str)))
            .collect();
        assert_eq!(told, [("cat/a.PNG", Some("cat")), ("dog/b.png", Some("dog")), ("z.png", None)]);
        assert_eq!(data.label.as_deref(), Some("label"));
        assert_eq!(data.images.len(), 3);
        let prints: Vec<_> = data.samples.iter().map(|s| s.columns["sha256"].as_str()).collect();
        assert!(prints[0].len() == 64 && prints.iter().all(|print| *print == prints[0]));
        let empty = tempfile::tempdir().unwrap();
        let none = read_folder(empty.path(), &Job::unattended());
        assert!(matches!(none, Err(DataError::Empty { .. })));
    }

    #[test]
    fn numbers_stand_channel_by_channel() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.png");
        png(&path, 2, 1, png::ColorType::Rgb, &[255, 0, 51, 0, 255, 102]);
        let found = preparation(2).pixels(&path).unwrap();
        // Two columns as they are; the one row twice.
        let row = |a: f32, b: f32| [a, b, a, b];
        let want = [row(1.0, -1.0), row(-0.5, 1.5), row(0.2, 0.4)].concat();
        assert!(found.iter().zip(&want).all(|(f, w)| (f - w).abs() < 1e-6), "{found:?}");
        png(&path, 1, 1, png::ColorType::GrayscaleAlpha, &[255, 3]);
        assert_eq!(preparation(1).pixels(&path).unwrap(), [1.0, 1.5, 1.0]);
    }

    #[test]
    fn what_is_no_image_is_refused_with_its_path() {
        let home = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("a.png", &b"no image"[..]),
            ("b.jpg", b"no image"),
            ("c.jpeg", b"\xff\xd8\xff\xe0"),
            ("d.png", b""),
        ] {
            let path = home.path().join(name);
            fs::write(&path, bytes).unwrap();
            let error = preparation(4).pixels(&path).unwrap_err();
            assert!(error.to_string().ends_with(name), "{error}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused_before_it_is_believed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.png");
        png(&path, 1, 1, png::ColorType::Grayscale, &[7]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let crc = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        fs::write(&path, bytes).unwrap();
        let error = preparation(4).pixels(&path).unwrap_err().to_string();
        assert!(error.contains("pixels of an image: 4294967296 found"), "{error}");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc: u32, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
            })
        })
    }

    /// Pillow's levels of a resized photograph; two decoders of JPEG round differently.
    #[cfg(feature = "shared-checks")]
    #[test]
    fn shared_a_photograph_is_what_pillow_reads() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../shared/data/cifar10_jpg_sample/airplane/0000.jpg"
        );
        let known: [u8; 192] = [
            168, 181, 197, 181, 175, 193, 183, 164, 182, 185, 170, 182, 185, 173, 185, 186, 176,
            188, 197, 192, 202, 203, 202, 211, 167, 178, 195, 184, 171, 191, 185, 147, 166, 191,
            145, 162, 194, 153, 176, 188, 160, 181, 196, 189, 203, 199, 205, 214, 173, 184, 208,
            175, 179, 201, 173, 170, 188, 178, 171, 187, 180, 173, 190, 180, 176, 193, 194, 194,
            210, 196, 200, 214, 189, 196, 209, 162, 169, 182, 152, 156, 170, 188, 190, 205, 196,
            200, 217, 193, 198, 216, 194, 200, 218, 191, 198, 217, 205, 208, 219, 204, 205, 214,
            121, 119, 124, 112, 108, 112, 145, 144, 152, 164, 165, 177, 185, 189, 205, 189, 195,
            214, 188, 191, 206, 189, 191, 203, 141, 142, 152, 111, 112, 120, 128, 129, 142, 122,
            123, 139, 150, 151, 171, 173, 175, 197, 109, 107, 115, 105, 104, 111, 98, 99, 105, 94,
            95, 101, 98, 97, 105, 93, 94, 102, 92, 97, 105, 97, 105, 112, 71, 63, 59, 67, 61, 57,
            65, 63, 59, 68, 67, 64, 72, 67, 63, 64, 65, 57, 70, 82, 69, 72, 91, 76,
        ];
        let image = decode::decode(Path::new(path)).unwrap().resized(8, Filter::Bilinear);
        let off = image.levels.iter().zip(&known).map(|(a, b)| a.abs_diff(*b));
        assert_eq!(image.levels.len(), known.len());
        assert!(off.clone().all(|off| off <= 2), "{:?}", off.collect::<Vec<_>>());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(
            changes in proptest::collection::vec((0_usize..200, proptest::prelude::any::<u8>()), 1..6),
        ) {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("a.png");
            let levels: Vec<u8> = (0..=255).collect();
            png(&path, 16, 16, png::ColorType::Grayscale, &levels);
            let mut bytes = fs::read(&path).unwrap();
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at % len] = byte;
            }
            fs::write(&path, bytes).unwrap();
            drop(preparation(3).pixels(&path));
        }
    }
}
