//! Files that appear whole or not at all, and the folder that they share.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::recording::schema::CUBES;
use crate::recording::{MANIFEST, Manifest, RecordingError, TABLES, TOP5, UNFINISHED};

/// Behind the name of what is not whole yet.
const TEMPORARY: &str = ".tmp";

/// Where the bytes of `path` are written until they are whole.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
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

/// Gives what lies under its temporary name its own.
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

/// Waits until what lies under the temporary name of `path` is on the disk.
pub(super) fn sync_hidden(path: &Path) -> Result<(), RecordingError> {
    let hidden = temporary(path);
    let open = File::options().write(true).open(&hidden);
    open.and_then(|file| file.sync_all()).map_err(RecordingError::writing(&hidden))
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
    /// What a killed run left: replaced at once.
    Unfinished,
    /// A recording: kept until the new one is whole.
    Recording,
}

/// Makes the folder, or makes sure that nothing but an older recording lies in it.
pub(super) fn claim(folder: &Path) -> Result<Before, RecordingError> {
    let before = look(folder)?;
    if before == Before::Nothing {
        fs::create_dir_all(folder).map_err(RecordingError::writing(folder))?;
    }
    Ok(before)
}

/// Whether a recording could be written to `folder`. Leaves everything as it was.
pub(super) fn check(folder: &Path) -> Result<(), RecordingError> {
    let new: Vec<_> = folder.ancestors().take_while(|path| is_missing(path)).collect();
    claim(folder)?;
    // Permissions are too many things to ask for: the answer is a file.
    let probe = temporary(&folder.join(MANIFEST));
    let written = File::create(&probe).map_err(RecordingError::writing(folder));
    let removed = written.and_then(|_| remove(&probe));
    for made in new {
        // One that somebody else uses by now stays.
        drop(fs::remove_dir(made));
    }
    removed
}

fn is_missing(path: &Path) -> bool {
    // The parent of a relative name is "".
    !path.as_os_str().is_empty()
        && fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn look(folder: &Path) -> Result<Before, RecordingError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Before::Nothing),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(RecordingError::NotFolder { path: folder.to_owned() });
        }
        other => other.map_err(RecordingError::writing(folder))?,
    };
    let taken = |found| RecordingError::NotEmpty { found, path: folder.to_owned() };
    let mut is_empty = true;
    for entry in entries {
        let entry = entry.map_err(RecordingError::writing(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && name == UNFINISHED {
            if let Some(found) = foreign_in_parts(&entry.path())? {
                return Err(taken(format!("{name}/{found}")));
            }
        } else if !is_own_file(&entry) {
            return Err(taken(name));
        }
        is_empty = false;
    }
    if is_empty {
        return Ok(Before::Empty);
    }
    // Tables of ours by name only: somebody else's tokens.parquet.
    if !folder.join(MANIFEST).is_file() {
        return Err(taken("tables without manifest.json".to_owned()));
    }
    // A manifest that cannot be read may be that of a newer version: kept as long as a recording.
    let is_complete = Manifest::read(folder).map_or(true, |manifest| manifest.complete);
    Ok(if is_complete { Before::Recording } else { Before::Unfinished })
}

/// Whether this is a file of a recording, by its name.
fn is_own_file(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let own = name.strip_suffix(TEMPORARY).unwrap_or(&name);
    let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
    is_file && (own == MANIFEST || own == TOP5 || own == CUBES || TABLES.contains(&own))
}

/// Whether this is the folder of a part, by its name.
fn is_part(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let number = name.strip_suffix(TEMPORARY).unwrap_or(&name);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && entry.file_type().is_ok_and(|kind| kind.is_dir())
}

/// The first thing among the parts that no run wrote.
fn foreign_in_parts(parts: &Path) -> Result<Option<String>, RecordingError> {
    for part in entries(parts)? {
        if !is_part(&part) {
            return Ok(Some(part.file_name().to_string_lossy().into_owned()));
        }
        if let Some(other) = entries(&part.path())?.iter().find(|entry| !is_own_file(entry)) {
            return Ok(Some(other.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, RecordingError> {
    let failed = RecordingError::writing(folder);
    fs::read_dir(folder).and_then(Iterator::collect).map_err(failed)
}

/// The folder of a part of an unfinished recording.
pub(super) fn part(folder: &Path, number: usize) -> PathBuf {
    folder.join(UNFINISHED).join(format!("{number:04}"))
}

/// Removes every part that a run left, and nothing else.
pub(super) fn remove_parts(folder: &Path) -> Result<(), RecordingError> {
    let parts = folder.join(UNFINISHED);
    if is_missing(&parts) {
        return Ok(());
    }
    for part in entries(&parts)?.iter().filter(|entry| is_part(entry)) {
        for file in entries(&part.path())?.iter().filter(|entry| is_own_file(entry)) {
            remove(&file.path())?;
        }
        fs::remove_dir(part.path()).map_err(RecordingError::writing(&part.path()))?;
    }
    fs::remove_dir(&parts).map_err(RecordingError::writing(&parts))
}
