//! manifest.json: what a recording is and where it came from.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::kernel::numerics::Numerics;
use crate::notes::Note;
use crate::recording::{Generation, MANIFEST, ReadAt, RecordingError, VERSION, files};
use crate::signal::{ReadBy, Signal, Subject};

/// Most bytes of manifest.json.
const MOST_BYTES: u64 = 4 << 20;
/// Most blocks.
const MOST_LAYERS: usize = 1024;
/// Most tokens of a recording: their numbers are 32 bits wide.
const MOST_TOKENS: u64 = u32::MAX as u64 - 1;
/// Most entries of a vocabulary; the largest in use is near 2^18.
const MOST_VOCAB: usize = 1 << 24;
/// Most sample columns.
const MOST_COLUMNS: usize = 1024;

/// Everything about a recording except its tables.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Manifest {
    /// Version of this layout; readers refuse what they do not know.
    pub version: u32,
    /// False while tables are being written and after a killed run.
    pub complete: bool,
    /// True when the run was cancelled or killed and only its first tokens are here.
    pub partial: bool,
    /// Rows that are here, tokens or samples; in the folder of a run that goes on: that are to be.
    pub tokens: u64,
    /// Number of blocks L.
    pub layers: usize,
    /// What a row is; tokens in recordings that do not say.
    #[serde(default)]
    pub subject: Subject,
    /// Which tokens were read out: the rows; every one in recordings that do not say.
    #[serde(default)]
    pub read_at: ReadAt,
    /// What turned states into probabilities; a head of the checkpoint in recordings that do not say.
    #[serde(default, skip_serializing_if = "ReadBy::is_head")]
    pub readout: ReadBy,
    /// What a readout chooses among: the vocabulary, or the classes.
    pub vocab: usize,
    /// How readouts were rounded; f32, which is exact, in recordings that do not say. Cosine, update and RMS are
    /// always f32.
    #[serde(default)]
    pub numerics: Numerics,
    /// Ids of the signals that are here.
    pub signals: Vec<String>,
    /// Names of the sample columns.
    pub columns: Vec<String>,
    /// Where it came from.
    pub provenance: Provenance,
    /// FLOPs of one block for one token or sample (modelled from shapes), `[layer]`; attention at the mean number of
    /// positions that a row of the whole recording attends to.
    pub flops_per_block: Vec<f64>,
    /// The same as a constant part and a part per attended position, `[layer]`, so that a slice can be priced with
    /// its own lengths; empty where the subject is not the next token, and in recordings of versions that did not
    /// store it.
    #[serde(default)]
    pub block_costs: Vec<BlockCost>,
    /// FLOPs of only the keys and values of one block for one token, which a run pays for a block that a token skipped
    /// where later tokens attend to it (modelled from shapes); absent where nothing attends to it later, and in
    /// recordings of versions that did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops_per_fill: Option<f64>,
    /// FLOPs of one readout (final norm + head) for one token or sample; modelled from shapes.
    pub flops_per_readout: f64,
    /// Wall seconds in each block over the whole run, `[layer]`; measured: of all tokens that ran, read out or not,
    /// a start that sequences share once.
    pub block_secs: Vec<f64>,
    /// How the model chose tokens itself; null where the whole text was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// What was done differently than asked.
    pub notes: Vec<Note>,
}

/// What one block costs for one token, in FLOPs; modelled from shapes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BlockCost {
    /// Whatever the token attends to.
    pub fixed: f64,
    /// For every position that the token attends to, its own among them.
    pub per_key: f64,
    /// Most positions that a token attends to; null: all up to its own.
    #[serde(default)]
    pub window: Option<usize>,
}

impl BlockCost {
    /// `fixed + keys * per_key`, for a token that attends to `keys` positions (or to so many in the mean).
    pub(crate) fn at(self, keys: f64) -> f64 {
        self.fixed + keys * self.per_key
    }
}

/// Where a recording came from; every exported file carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Provenance {
    /// Name of the checkpoint.
    pub model: String,
    /// Fingerprint of its header and weights (hex).
    pub model_fingerprint: String,
    /// Fingerprint of the tokenizer (hex).
    pub tokenizer_fingerprint: String,
    /// Name of the data: file name, "prompt" or "embedded".
    pub data: String,
    /// SHA-256 (hex) of exactly what was run: the token sequences after cutting and limiting, and their sample
    /// columns. Another limit, cut, tokenizer or column gives another one; so does a run that was cancelled.
    /// Empty in the manifest of a run that goes on or was killed; in a part of one of which not every token was read
    /// out it is that of the run up to the end of the part. The bytes: `recording/fingerprint.rs`.
    pub data_fingerprint: String,
    /// Version of Layerscope that recorded it.
    pub version: String,
}

impl Manifest {
    /// Reads only manifest.json; works for folders that are not complete, too.
    pub(crate) fn read(folder: &Path) -> Result<Self, RecordingError> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            return Err(RecordingError::Missing { path: folder.to_owned() });
        }
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(RecordingError::reading(&path))?;
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(RecordingError::reading(&path))?;
        if bytes.len() as u64 > MOST_BYTES {
            let allowed = MOST_BYTES.to_string();
            return Err(RecordingError::field("bytes", &bytes.len(), allowed, &path));
        }
        Self::parse(&bytes, path)
    }

    fn parse(bytes: &[u8], path: PathBuf) -> Result<Self, RecordingError> {
        /// Read first: the other fields of a newer version may be anything.
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u64,
        }
        let found = match serde_json::from_slice(bytes) {
            Ok(Versioned { version }) => version,
            Err(source) => return Err(RecordingError::Json { source, path }),
        };
        if found != u64::from(VERSION) {
            return Err(RecordingError::Version { found, allowed: VERSION, path });
        }
        match serde_json::from_slice::<Self>(bytes) {
            Ok(manifest) => manifest.checked(&path),
            Err(source) => Err(RecordingError::Json { source, path }),
        }
    }

    pub(super) fn checked(self, path: &Path) -> Result<Self, RecordingError> {
        let within = |field: &str, found: u64, least: u64, most: u64| {
            if (least..=most).contains(&found) {
                return Ok(());
            }
            let range = format!("{least} to {most}");
            let allowed = if least == most { most.to_string() } else { range };
            Err(RecordingError::field(field, &found, allowed, path))
        };
        let (layers, columns) = (self.layers as u64, self.columns.len() as u64);
        within("tokens", self.tokens, 0, MOST_TOKENS)?;
        within("layers", layers, 0, MOST_LAYERS as u64)?;
        if self.subject == Subject::Sample && self.read_at.has_gaps() {
            let found = self.read_at.words();
            return Err(RecordingError::field("read_at", &found, "every", path));
        }
        if !self.readout.is_head() && self.subject != Subject::Sample {
            let found = self.readout.id();
            return Err(RecordingError::field(
                "readout",
                &found,
                "head, where rows are tokens",
                path,
            ));
        }
        within("vocab", self.vocab as u64, 1, MOST_VOCAB as u64)?;
        within("columns", columns, 0, MOST_COLUMNS as u64)?;
        within("flops_per_block", self.flops_per_block.len() as u64, layers, layers)?;
        if !self.block_costs.is_empty() {
            within("block_costs", self.block_costs.len() as u64, layers, layers)?;
        }
        within("block_secs", self.block_secs.len() as u64, layers, layers)?;
        if let Some(generation) = &self.generation {
            within("generation.prompt_tokens", generation.prompt_tokens, 0, self.tokens)?;
        }
        self.known_signals(path)?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.columns.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(RecordingError::field(
                "columns",
                &format!("`{twice}` twice"),
                "once",
                path,
            ));
        }
        Ok(self)
    }

    /// Whether slices can be priced with their own lengths.
    pub(crate) fn prices_keys(&self) -> bool {
        self.block_costs.len() == self.layers
    }

    /// The signals of this recording, in the order of tables.
    pub(super) fn known_signals(&self, path: &Path) -> Result<BTreeSet<Signal>, RecordingError> {
        let mut known = BTreeSet::new();
        for id in &self.signals {
            let signal = Signal::ALL.into_iter().find(|signal| signal.id() == id);
            let Some(signal) = signal else {
                let allowed = Signal::ALL.map(Signal::id).join(", ");
                return Err(RecordingError::field("signals", &format!("`{id}`"), allowed, path));
            };
            if !known.insert(signal) {
                return Err(RecordingError::field(
                    "signals",
                    &format!("`{id}` twice"),
                    "once",
                    path,
                ));
            }
        }
        Ok(known)
    }

    /// Replaces manifest.json in one step.
    pub(super) fn write(&self, folder: &Path) -> Result<(), RecordingError> {
        let path = folder.join(MANIFEST);
        files::replace(&path, &self.to_bytes(&path)?)
    }

    /// As it stands in the file `path`.
    pub(super) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, RecordingError> {
        let bytes = serde_json::to_vec_pretty(self).map(|mut bytes| {
            bytes.push(b'\n');
            bytes
        });
        bytes.map_err(|source| RecordingError::Json { source, path: path.to_owned() })
    }
}
