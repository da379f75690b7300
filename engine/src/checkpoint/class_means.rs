//! Class means: a safetensors file that joins a checkpoint and holds, for every depth L from 0, the mean state of each
//! class: `mean.L` [classes, width]. Its metadata say which state of a sample was averaged and what the classes are called.
//!
//! Must not know: how means are made, how they read out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::quoted;
use super::hf::Fingerprint;
use super::hf::bundle::Shard;
use super::{Bytes, Checkpoint, Marks, OpenError, TensorInfo, Tokenizer, limits, map};

/// Joins a checkpoint where it lies beside one.
pub(crate) const FILE: &str = "class-means.safetensors";

/// What a joined checkpoint calls the notes of the file; inside the file they stand without the first word.
pub(crate) const POOLING: &str = "class_means.pooling";
/// A JSON list of names, in the order of the rows.
pub(crate) const LABELS: &str = "class_means.labels";
/// Fingerprint of the checkpoint that the means were made with; a file without it is taken at its word.
pub(crate) const MODEL: &str = "class_means.model";
/// In front of the notes of the file.
const OURS: &str = "class_means.";

/// [`TensorInfo::file`] of its tensors: no checkpoint has so many parts.
const PART: usize = usize::MAX;

/// Which class means join a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClassMeansFrom {
    /// Those that lie in its folder, if there are any.
    #[default]
    Beside,
    /// Those of this file.
    File(PathBuf),
    /// None, whatever lies in its folder: as means are made.
    Nowhere,
}

/// The key of a note as it stands in the file.
pub(crate) fn in_file(key: &str) -> &str {
    key.strip_prefix(OURS).unwrap_or(key)
}

/// Whether a file says of itself that it holds class means, so that new ones may take its place.
pub(crate) fn is_of_means(path: &Path) -> Result<bool, OpenError> {
    let shard = Shard::open(path, PART)?;
    let named = |key| shard.header.metadata.contains_key(in_file(key));
    Ok(named(MODEL) && named(POOLING) && shard.header.tensors.iter().all(is_mean))
}

fn is_mean(tensor: &TensorInfo) -> bool {
    tensor.name.starts_with("mean.")
}

/// `checkpoint` with the class means that belong to it.
pub(super) fn join(
    checkpoint: Arc<dyn Checkpoint>,
    from: &ClassMeansFrom,
) -> Result<Arc<dyn Checkpoint>, OpenError> {
    let path = match (from, checkpoint.folder()) {
        (ClassMeansFrom::File(path), _) => path.clone(),
        (ClassMeansFrom::Beside, Some(folder)) => {
            let path = folder.join(FILE);
            // A file that is opened by itself does not join itself.
            if path == checkpoint.path() || !map::exists(&path)? {
                return Ok(checkpoint);
            }
            path
        }
        (ClassMeansFrom::Beside, None) | (ClassMeansFrom::Nowhere, _) => return Ok(checkpoint),
    };
    Ok(Arc::new(Joined::new(checkpoint, &path)?))
}

/// A checkpoint and its class means.
struct Joined {
    inner: Arc<dyn Checkpoint>,
    means: Shard,
    tensors: Vec<TensorInfo>,
}

impl Joined {
    fn new(inner: Arc<dyn Checkpoint>, path: &Path) -> Result<Self, OpenError> {
        let means = Shard::open(path, PART)?;
        let own = &means.header.tensors;
        if let Some(other) = own.iter().find(|tensor| !is_mean(tensor)) {
            return Err(OpenError::Field {
                path: path.to_owned(),
                field: "a tensor of the class means".to_owned(),
                found: format!("`{}`", quoted(&other.name)),
                allowed: "mean.0, mean.1 and so on".to_owned(),
            });
        }
        let count = inner.tensors().len().saturating_add(own.len());
        if own.is_empty() || count > limits::TENSORS {
            return Err(OpenError::Field {
                path: path.to_owned(),
                field: "the number of class means".to_owned(),
                found: own.len().to_string(),
                allowed: format!("1 to {}", limits::TENSORS.saturating_sub(inner.tensors().len())),
            });
        }
        if let Some(found) = means.header.metadata.get(in_file(MODEL)) {
            let allowed = inner.fingerprint()?;
            if *found != allowed {
                return Err(OpenError::OtherMeans { path: path.to_owned() });
            }
        }
        let mut tensors = [inner.tensors(), own].concat();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some([twice, _]) = tensors.array_windows().find(|[a, b]| a.name == b.name) {
            let tensor = quoted(&twice.name);
            return Err(OpenError::Duplicate { path: path.to_owned(), tensor });
        }
        Ok(Self { inner, means, tensors })
    }
}

impl Checkpoint for Joined {
    fn format(&self) -> &'static str {
        self.inner.format()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn config(&self) -> &Map<String, Value> {
        self.inner.config()
    }

    fn metadata(&self, key: &str) -> Option<&str> {
        match key.strip_prefix(OURS) {
            Some(own) => self.means.header.metadata.get(own).map(String::as_str),
            None => self.inner.metadata(key),
        }
    }

    fn bytes(&self, tensor: &TensorInfo) -> Result<Bytes, OpenError> {
        if tensor.file == PART { self.means.bytes(tensor) } else { self.inner.bytes(tensor) }
    }

    fn tokenizer(&self) -> Result<Option<Tokenizer>, OpenError> {
        self.inner.tokenizer()
    }

    fn preprocessor(&self) -> Result<Option<Map<String, Value>>, OpenError> {
        self.inner.preprocessor()
    }

    fn chat_template(&self) -> Option<String> {
        self.inner.chat_template()
    }

    fn marks(&self, tokenizer: &Tokenizer) -> Result<Marks, OpenError> {
        self.inner.marks(tokenizer)
    }

    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes().saturating_add(self.means.file().len() as u64)
    }

    /// Other means are another readout, and so another network.
    fn fingerprint(&self) -> Result<String, OpenError> {
        let mut fingerprint = Fingerprint::default();
        fingerprint.whole(self.inner.fingerprint()?.as_bytes());
        self.means.add_to(&mut fingerprint);
        Ok(fingerprint.finish())
    }
}
