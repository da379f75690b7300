//! A single .safetensors file with its config.json beside it; tokenizer.json beside it is read too.
//!
//! Must not know: sharded folders (`hf`).

pub(super) mod header;

use std::path::Path;
use std::sync::Arc;

use super::hf::bundle::{Beside, Bundle, Shard, exit_heads};
use super::{Checkpoint, Format, OpenError};

/// The format.
pub(crate) struct Safetensors;

/// For the registry.
pub(super) static FORMAT: Safetensors = Safetensors;

impl Format for Safetensors {
    fn name(&self) -> &'static str {
        "safetensors file with config.json beside it"
    }

    fn matches(&self, head: &[u8], path: &Path) -> bool {
        // The extension counts too, so that a cut file gets an answer about safetensors.
        let hinted = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
        header::begins(head) || hinted
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError> {
        // The header before the configuration: what is wrong with the chosen file itself is said first.
        let mut shards = vec![Shard::open(path, 0)?];
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let beside = Beside::read(folder)?;
        shards.extend(exit_heads(folder, &shards)?);
        Ok(Arc::new(Bundle::new(self.name(), path, beside, shards)?))
    }
}
