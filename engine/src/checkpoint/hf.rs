//! A folder as the Hugging Face hub publishes it: config.json, weights in one file or in parts, tokenizer.json.
//!
//! Must not know: what the configuration means.

pub(super) mod bundle;
mod fingerprint;
mod index;

pub(super) use fingerprint::Fingerprint;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::bundle::{Beside, Bundle, Shard};
use super::{Checkpoint, Format, OpenError, map, pickle};

/// The whole of the weights.
const SINGLE: &str = "model.safetensors";

/// Which part holds which tensor.
const INDEX: &str = "model.safetensors.index.json";

/// The format.
pub(crate) struct HuggingFace;

/// For the registry.
pub(super) static FORMAT: HuggingFace = HuggingFace;

impl Format for HuggingFace {
    fn name(&self) -> &'static str {
        "Hugging Face folder"
    }

    fn matches(&self, head: &[u8], path: &Path) -> bool {
        head.is_empty() && path.is_dir()
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError> {
        let beside = Beside::read(path)?;
        let mut shards = if map::exists(&path.join(SINGLE))? {
            vec![Shard::open(&path.join(SINGLE), 0)?]
        } else if map::exists(&path.join(INDEX))? {
            index::open(&path.join(INDEX), path)?
        } else {
            return Err(match first_pickle(path)? {
                Some(pickle) => match pickle::FORMAT.open(&pickle) {
                    Err(refusal) => refusal,
                    Ok(_) => OpenError::NoWeights { path: path.to_owned() },
                },
                None => OpenError::NoWeights { path: path.to_owned() },
            });
        };
        shards.extend(bundle::exit_heads(path, &shards)?);
        Ok(Arc::new(Bundle::new(self.name(), path, beside, shards)?))
    }
}

/// The first file of a folder, by name, that promises a pickle of weights.
fn first_pickle(folder: &Path) -> Result<Option<PathBuf>, OpenError> {
    let found = names(folder)?.into_iter().map(|name| folder.join(name));
    // `training_args.bin` lies beside many weights and is none.
    let is_weights = |path: &PathBuf| {
        pickle::is_hinted(path)
            && path.is_file()
            && path.file_stem() != Some(OsStr::new("training_args"))
    };
    Ok(found.filter(is_weights).min())
}

/// Names of what lies in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>, OpenError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(OpenError::io(folder))? {
        names.push(entry.map_err(OpenError::io(folder))?.file_name());
    }
    names.sort();
    Ok(names)
}
