//! The checkpoint and the data set inside the binary. Made by `layerscope train default`.

use std::sync::Arc;

use crate::checkpoint::{self, Checkpoint, OpenError};

/// What the card of the embedded checkpoint says.
pub(crate) const NAME: &str = "Embedded default";

static CONFIG: &[u8] = include_bytes!("../../../assets/default/config.json");
#[expect(clippy::large_include_file, reason = "the program works with no other file")]
static WEIGHTS: &[u8] = include_bytes!("../../../assets/default/model.safetensors");
static TOKENIZER: &[u8] = include_bytes!("../../../assets/default/tokenizer.json");
static DATA: &[u8] = include_bytes!("../../../assets/default/data.jsonl");

/// The embedded checkpoint, through the same checks as any other.
pub(crate) fn checkpoint() -> Result<Arc<dyn Checkpoint>, OpenError> {
    checkpoint::open_embedded(NAME, CONFIG, WEIGHTS, TOKENIZER)
}

/// The embedded data set: JSON lines with the columns text, task and difficulty.
pub(crate) fn data() -> &'static [u8] {
    DATA
}
