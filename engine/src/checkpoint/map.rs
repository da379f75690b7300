//! Files mapped into memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::OpenError;

/// The bytes of a file, mapped and not copied.
pub(crate) fn map(path: &Path) -> Result<Arc<memmap2::Mmap>, OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
    // SAFETY: the map is read only.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
    Ok(Arc::new(map))
}
