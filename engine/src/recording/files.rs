//! Files that appear whole or not at all, and the folder that they share.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::recording::schema::CUBES;
use crate::recording::{MANIFEST, RecordingError, TABLES, TOP5};

/// Where the bytes of `path` are written until they are whole.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Writes `bytes` under a temporary name, waits for the disk, renames.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), RecordingError> {
    let hidden = temporary(path);
    let mut file = File::create(&hidden).map_err(RecordingError::writing(&hidden))?;
    file.write_all(bytes).map_err(RecordingError::writing(&hidden))?;
    file.sync_all().map_err(RecordingError::writing(&hidden))?;
    drop(file);
    reveal(path)
}

/// Gives a file that lies under its temporary name its own.
pub(super) fn reveal(path: &Path) -> Result<(), RecordingError> {
    fs::rename(temporary(path), path).map_err(RecordingError::writing(path))
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove(path: &Path) -> Result<(), RecordingError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map_err(RecordingError::writing(path)),
    }
}

/// Waits until the names in a folder are on the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), RecordingError> {
    // Elsewhere a folder cannot be opened as a file.
    if cfg!(unix) {
        let open = File::open(folder).map_err(RecordingError::writing(folder))?;
        open.sync_all().map_err(RecordingError::writing(folder))?;
    }
    Ok(())
}

/// What stood at the place of a new recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing; the folder was made.
    Nothing,
    /// An empty folder.
    Empty,
    /// A recording that is replaced.
    Recording,
}

/// Makes the folder, or makes sure that nothing but an older recording lies in it.
pub(super) fn claim(folder: &Path) -> Result<Before, RecordingError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(RecordingError::writing(folder))?;
            return Ok(Before::Nothing);
        }
        other => other.map_err(RecordingError::writing(folder))?,
    };
    let mut is_empty = true;
    for entry in entries {
        let entry = entry.map_err(RecordingError::writing(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let own = name.strip_suffix(".tmp").unwrap_or(&name);
        if !is_file || (own != MANIFEST && own != TOP5 && own != CUBES && !TABLES.contains(&own)) {
            return Err(RecordingError::NotEmpty { found: name, path: folder.to_owned() });
        }
        is_empty = false;
    }
    if is_empty {
        return Ok(Before::Empty);
    }
    // Tables of ours by name only: somebody else's tokens.parquet.
    if !folder.join(MANIFEST).is_file() {
        let found = "tables without manifest.json".to_owned();
        return Err(RecordingError::NotEmpty { found, path: folder.to_owned() });
    }
    Ok(Before::Recording)
}
