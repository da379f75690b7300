//! Why a checkpoint could not be opened.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use super::limits;

/// Why a checkpoint could not be opened. The path stands last, so that a narrow window cuts it and not the reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The file system said no.
    #[error("cannot read: {}: {}", reason(source), path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: IoError,
    },
    /// A pipe, a socket or a device.
    #[error("neither a file nor a folder: {}", path.display())]
    NotAFile {
        /// What was opened.
        path: PathBuf,
    },
    /// A file of no bytes.
    #[error("the file is empty: {}", path.display())]
    Empty {
        /// What was opened.
        path: PathBuf,
    },
    /// No format knows these bytes.
    #[error("not a checkpoint, but {found}: {}", path.display())]
    NotACheckpoint {
        /// What was opened.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
        /// Names of the formats that open.
        formats: String,
    },
    /// A text file of Git LFS stands where the weights should be.
    #[error("a Git LFS pointer instead of the weights: {}", path.display())]
    LfsPointer {
        /// What was opened.
        path: PathBuf,
    },
    /// A pickle, which is a program and not data.
    #[error("a {found} is not opened, because reading it runs code that is stored in it: {}", path.display())]
    Pickle {
        /// What was opened.
        path: PathBuf,
        /// How it is packed.
        found: &'static str,
    },
    /// There are weights but no configuration.
    #[error("there is no config.json in the folder: {}", path.display())]
    NoConfig {
        /// The folder.
        path: PathBuf,
    },
    /// There is a configuration but no weights.
    #[error("there are no weights in the folder, neither model.safetensors nor model.safetensors.index.json: {}", path.display())]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// More than a limit allows.
    #[error("{what}: {found}, but at most {allowed} are read: {}", path.display())]
    TooMuch {
        /// What was read.
        path: PathBuf,
        /// What is counted, with its unit.
        what: &'static str,
        /// How many the file has.
        found: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// The file ends before what its header promises.
    #[error("truncated: needs {needed} bytes, has {found}: {}", path.display())]
    Truncated {
        /// What was read.
        path: PathBuf,
        /// Bytes that the header asks for.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Text that should be JSON.
    #[error("{what} is not what it should be ({source}): {}", path.display())]
    Json {
        /// What was read.
        path: PathBuf,
        /// Which part of it.
        what: &'static str,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A header that our own checks accept and the safetensors library refuses.
    #[error("the header is refused ({source}): {}", path.display())]
    Header {
        /// What was read.
        path: PathBuf,
        /// What the library said.
        source: safetensors::SafeTensorError,
    },
    /// A value of the header that cannot be.
    #[error("{field} is {found}; allowed: {allowed}: {}", path.display())]
    Field {
        /// What was read.
        path: PathBuf,
        /// Which value.
        field: String,
        /// What it says.
        found: String,
        /// What it may say.
        allowed: String,
    },
    /// Two tensors of one name.
    #[error("the tensor `{tensor}` is there twice: {}", path.display())]
    Duplicate {
        /// Where the second one is.
        path: PathBuf,
        /// Its name.
        tensor: String,
    },
    /// Class means of other states than this checkpoint has.
    #[error("the class means were made with another checkpoint, or before its weights, configuration or exit heads changed: {}", path.display())]
    OtherMeans {
        /// Where they are.
        path: PathBuf,
    },
    /// A tensor is stored in a way that is not supported.
    #[error("tensor {tensor} is stored as {found}; supported: {allowed}: {}", path.display())]
    UnsupportedType {
        /// What was read.
        path: PathBuf,
        /// Which tensor.
        tensor: String,
        /// How it is stored.
        found: String,
        /// What is supported.
        allowed: &'static str,
    },
    /// The index names a file that is not there.
    #[error("the part `{shard}` is missing, which the index names: {}", path.display())]
    MissingShard {
        /// The index.
        path: PathBuf,
        /// The file's name.
        shard: String,
    },
    /// A file of the series lies there that the index does not name.
    #[error("the part `{shard}` is there, but the index does not name it: {}", path.display())]
    ExtraShard {
        /// The index.
        path: PathBuf,
        /// The file's name.
        shard: String,
    },
    /// The index promises a tensor that its file does not have.
    #[error("the tensor `{tensor}` is not in the part `{shard}`, where the index has it: {}", path.display())]
    NotInShard {
        /// The index.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The file's name.
        shard: String,
    },
    /// A file has a tensor that the index does not promise there.
    #[error("the tensor `{tensor}` is in the part `{shard}`, but the index does not have it there: {}", path.display())]
    NotInIndex {
        /// The index.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The file's name.
        shard: String,
    },
    /// The tokenizer cannot be built or used.
    #[error("tokenizer: {what}: {}", path.display())]
    Tokenizer {
        /// What was read.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl OpenError {
    /// For `map_err`: the system's answer about a path.
    pub(super) fn io(path: &Path) -> impl FnOnce(IoError) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// One sentence: what a person can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::NotFound => "Check the spelling; it may have been moved or renamed.",
                ErrorKind::PermissionDenied => "Ask its owner for the right to read it.",
                _ => "Check that the disk is connected and that the file can be read elsewhere.",
            }
            .to_owned(),
            Self::NotAFile { .. } => "Choose a file or a folder.".to_owned(),
            Self::NotACheckpoint { formats, .. } => format!("Formats that open: {formats}."),
            Self::LfsPointer { .. } => {
                "Run `git lfs pull` in the repository that it came from.".to_owned()
            }
            Self::Pickle { path, .. } => convert(path),
            Self::NoConfig { .. } => {
                "Put the model's config.json beside the weights, or choose the folder that has both; \
                 a .gguf file opens by itself."
                    .to_owned()
            }
            Self::NoWeights { .. } => {
                "Download the model's .safetensors files into the folder; a .gguf file opens by itself."
                    .to_owned()
            }
            Self::Empty { .. } | Self::Truncated { .. } => {
                "The download may have been cut off: fetch the file again.".to_owned()
            }
            Self::TooMuch { .. }
            | Self::Json { .. }
            | Self::Header { .. }
            | Self::Field { .. }
            | Self::Duplicate { .. } => {
                "The file is damaged or was not written by a common tool: fetch it again or write it anew."
                    .to_owned()
            }
            Self::OtherMeans { .. } => {
                "Make them again with `layerscope means`, or take the file out of the folder."
                    .to_owned()
            }
            Self::UnsupportedType { .. } => {
                "Choose another file of the same model, or convert the weights to a supported type."
                    .to_owned()
            }
            Self::MissingShard { .. } => {
                "Download every part of the model into the same folder.".to_owned()
            }
            Self::ExtraShard { .. } | Self::NotInShard { .. } | Self::NotInIndex { .. } => {
                "The index and the parts come from different versions: download them together."
                    .to_owned()
            }
            Self::Tokenizer { .. } => {
                "Take tokenizer.json or the .gguf file from the model's original source.".to_owned()
            }
        }
    }
}

/// What the system said, in words for the common cases.
pub(crate) fn reason(source: &IoError) -> String {
    match source.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "a file stands where a folder should be".to_owned()
        }
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => source.to_string(),
    }
}

/// The command that turns a pickle into safetensors. `weights_only` keeps Python from running what is stored in it;
/// copies, because tied tensors share memory and `save_file` refuses that.
fn convert(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    // The name stands inside quotes of Python inside quotes of a shell; a name that would end them is not repeated.
    let plain = |c: char| c.is_alphanumeric() || "._- ".contains(c);
    let name = if !name.is_empty() && name.chars().all(plain) { &*name } else { "FILE" };
    format!(
        "Convert it once: python -c \"import torch; from safetensors.torch import save_file; \
         s = torch.load('{name}', map_location='cpu', weights_only=True); s = s.get('state_dict', s); \
         save_file({{k: v.clone().contiguous() for k, v in s.items()}}, 'model.safetensors')\""
    )
}

/// A text from a file as an error may repeat it: short, on one line, without control characters.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(limits::QUOTED_CHARS)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(limits::QUOTED_CHARS).is_some() {
        short.push('…');
    }
    short
}
