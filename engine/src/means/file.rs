//! The file of class means. How it is read: `checkpoint/class_means.rs`.
//!
//! Written by hand and not by the safetensors library, whose metadata have no order: the same pass gives the same bytes.

use std::fs;
use std::path::Path;

use serde_json::{Map, json};

use super::{ClassMeans, MeansError};
use crate::checkpoint::class_means::{self, LABELS, MODEL, POOLING, in_file};
use crate::dataset::Data;
use crate::model::{ModelCard, mean_name};

/// Weights begin at a multiple of so many bytes.
const ALIGN: usize = 8;

/// Whether class means could be written to `path`: nothing stands there, or older ones.
pub(crate) fn check(path: &Path) -> Result<(), MeansError> {
    let wrap = |source| MeansError::Io { path: path.to_owned(), source };
    let is_there = path.try_exists().map_err(wrap)?;
    if is_there && !class_means::is_of_means(path).unwrap_or(false) {
        return Err(MeansError::Taken { path: path.to_owned() });
    }
    Ok(())
}

/// Writes the whole file under another name, then gives it its own.
pub(super) fn write(
    means: &ClassMeans,
    (card, data): (&ModelCard, &Data),
    path: &Path,
) -> Result<(), MeansError> {
    check(path)?;
    let bytes = bytes(means, (card, data))
        .map_err(|source| MeansError::Json { path: path.to_owned(), source })?;
    let wrap = |source| MeansError::Io { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, bytes).map_err(wrap)?;
    fs::rename(&part, path).inspect_err(|_| drop(fs::remove_file(&part))).map_err(wrap)
}

/// Length of the header, the header padded with spaces, the numbers of depth after depth.
fn bytes(
    means: &ClassMeans,
    (card, data): (&ModelCard, &Data),
) -> Result<Vec<u8>, serde_json::Error> {
    let notes = json!({
        in_file(POOLING): means.pooling.id(),
        in_file(LABELS): serde_json::to_string(&means.labels)?,
        in_file(MODEL): card.fingerprint,
        "counts": serde_json::to_string(&means.counts)?,
        "data": data.name,
        "model_name": card.name,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), notes);
    let mut end = 0;
    for (depth, rows) in means.means.iter().enumerate() {
        let start = end;
        end += size_of::<f32>() * rows.len();
        let entry = json!({
            "dtype": "F32",
            "shape": [means.labels.len(), means.width],
            "data_offsets": [start, end],
        });
        header.insert(mean_name(depth), entry);
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(ALIGN), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.reserve(header.len() + end);
    bytes.extend(header);
    bytes.extend(means.means.iter().flatten().flat_map(|number| number.to_le_bytes()));
    Ok(bytes)
}
