//! Files come into memory here: weights are mapped, small files are read whole, both only after a look at their length.
//!
//! Must not know: what the bytes mean.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::OpenError;

/// Whoever keeps bytes alive: a mapped file or memory.
pub(super) type Owner = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The bytes of a file, mapped and not copied.
///
/// The map does not lock the file. Whoever overwrites it in place changes the weights under a running model, and whoever
/// shortens it ends the process at the next read of the lost part; programs that write a new file and rename it do neither.
pub(super) fn map(path: &Path) -> Result<Owner, OpenError> {
    let (file, len) = regular(path)?;
    // A map of no bytes is an error with no reason on some systems.
    if len == 0 {
        return Err(OpenError::Empty { path: path.to_owned() });
    }
    #[expect(unsafe_code, reason = "weights of 10 GB are only quick to open as a map of the file")]
    // SAFETY: the map is read only and outlives no slice of it (`Bytes` holds its owner). Nobody here writes the file;
    // that no other program does is the user's to keep, and is said above.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(OpenError::io(path))?;
    Ok(Arc::new(map))
}

/// The whole of a small file; `what` names it and its unit where it has more than `most` bytes.
pub(super) fn read(path: &Path, what: &'static str, most: u64) -> Result<Vec<u8>, OpenError> {
    let (file, found) = regular(path)?;
    let too_much = |found| OpenError::TooMuch { path: path.to_owned(), what, found, allowed: most };
    if found > most {
        return Err(too_much(found));
    }
    let bytes = first(file, path, most.saturating_add(1))?;
    // The file may have grown since.
    if bytes.len() as u64 > most {
        return Err(too_much(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Whether something is there; a folder that may not be looked into is an error and not an absence.
pub(super) fn exists(path: &Path) -> Result<bool, OpenError> {
    path.try_exists().map_err(OpenError::io(path))
}

/// At most `most` bytes from the start of a file.
pub(super) fn head(path: &Path, most: u64) -> Result<Vec<u8>, OpenError> {
    first(regular(path)?.0, path, most)
}

fn first(file: File, path: &Path, most: u64) -> Result<Vec<u8>, OpenError> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(OpenError::io(path))?;
    Ok(bytes)
}

/// An open file and its length. The kind is looked at before opening, since opening a pipe waits for a writer.
fn regular(path: &Path) -> Result<(File, u64), OpenError> {
    let kind = std::fs::metadata(path).map_err(OpenError::io(path))?;
    if !kind.is_file() {
        return Err(OpenError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(OpenError::io(path))?;
    let len = file.metadata().map_err(OpenError::io(path))?.len();
    Ok((file, len))
}

/// Memory of the program itself, and where in its owner it lies; copied only where it does not start on a multiple of 4,
/// as f32 needs.
pub(super) fn aligned(bytes: &'static [u8]) -> (Owner, Range<usize>) {
    const ALIGN: usize = 4;
    if bytes.as_ptr().addr().is_multiple_of(ALIGN) {
        return (Arc::new(bytes), 0..bytes.len());
    }
    let mut copy = vec![0; bytes.len() + ALIGN];
    let start = copy.as_ptr().align_offset(ALIGN).min(ALIGN);
    let place = start..start + bytes.len();
    if let Some(memory) = copy.get_mut(place.clone()) {
        memory.copy_from_slice(bytes);
    }
    (Arc::new(copy), place)
}
