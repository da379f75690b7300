//! PyTorch's own files, which are never opened: a pickle is a program, and reading it runs it.
//!
//! They are known here so that a person learns why, and how to convert them.

use std::path::Path;
use std::sync::Arc;

use super::{Checkpoint, Format, OpenError, limits, map};

/// The kind of file that is refused.
pub(crate) struct Pickle;

/// For the registry.
pub(super) static FORMAT: Pickle = Pickle;

/// Extensions under which PyTorch's files are published.
const EXTENSIONS: &[&str] = &["pt", "bin", "th", "pth", "ckpt", "pkl"];

impl Format for Pickle {
    fn name(&self) -> &'static str {
        "PyTorch pickle"
    }

    fn refuses(&self) -> bool {
        true
    }

    fn matches(&self, head: &[u8], path: &Path) -> bool {
        content(head).is_some() || is_hinted(path)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn Checkpoint>, OpenError> {
        let head = map::head(path, limits::HEAD_BYTES)?;
        let found = content(&head).unwrap_or("PyTorch file");
        Err(OpenError::Pickle { path: path.to_owned(), found })
    }
}

/// Whether a name promises a pickle.
pub(super) fn is_hinted(path: &Path) -> bool {
    path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// What the first bytes are, if they are a pickle.
fn content(head: &[u8]) -> Option<&'static str> {
    let has = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    match head {
        // A zip archive; PyTorch's has NAME/data.pkl as its first entry.
        [b'P', b'K', 3, 4, ..] if has(b"data.pkl") => Some("PyTorch archive with a pickle inside"),
        // The opcode PROTO with a protocol that Python writes.
        [0x80, 2..=5, ..] => Some("Python pickle"),
        _ => None,
    }
}
