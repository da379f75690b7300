//! manifest.json: what a recording is and where it came from.

use crate::notes::Note;

/// Everything about a recording except its tables.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Manifest {
    /// Version of this layout; readers refuse what they do not know.
    pub version: u32,
    /// False while tables are being written and after a killed run.
    pub complete: bool,
    /// True when the run was cancelled and only its first tokens are here.
    pub partial: bool,
    /// Tokens that are here.
    pub tokens: u64,
    /// Number of blocks L.
    pub layers: usize,
    /// Vocabulary size V.
    pub vocab: usize,
    /// Ids of the signals that are here.
    pub signals: Vec<String>,
    /// Names of the sample columns.
    pub columns: Vec<String>,
    /// Where it came from.
    pub provenance: Provenance,
    /// FLOPs of one block for one token (modelled from shapes), [layer]; attention over past keys at the mean length.
    pub flops_per_block: Vec<f64>,
    /// FLOPs of one readout (final norm + head) for one token; modelled from shapes.
    pub flops_per_readout: f64,
    /// Wall seconds in each block over the whole run, [layer]; measured.
    pub block_secs: Vec<f64>,
    /// What was done differently than asked.
    pub notes: Vec<Note>,
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
    /// SHA-256 of the text that was run (hex).
    pub data_fingerprint: String,
    /// Version of Layerscope that recorded it.
    pub version: String,
}
