//! Files and folders that appear under their names only when they are whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::export::ExportError;

/// A hidden sibling which is removed again unless it was put in its place.
#[derive(Debug)]
pub(super) struct Staging {
    target: PathBuf,
    draft: PathBuf,
    is_placed: bool,
}

impl Staging {
    /// For a folder: it and its missing parents are made.
    pub(super) fn folder(target: &Path) -> Result<Self, ExportError> {
        // A link to a folder means the folder.
        let target = fs::canonicalize(target).or_else(|_| std::path::absolute(target));
        let target = target.map_err(ExportError::io(Path::new("")))?;
        let staging = Self::beside(target)?;
        fs::create_dir_all(&staging.draft).map_err(ExportError::io(&staging.target))?;
        Ok(staging)
    }

    /// For a file; `write` fills it.
    pub(super) fn file(target: &Path, bytes: &[u8]) -> Result<(), ExportError> {
        let staging = Self::beside(target.to_owned())?;
        fs::write(&staging.draft, bytes).map_err(ExportError::io(target))?;
        staging.place()
    }

    fn beside(target: PathBuf) -> Result<Self, ExportError> {
        let Some(name) = target.file_name() else {
            return Err(ExportError::NoName { path: target });
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".layerscope-{}", std::process::id()));
        let draft = target.with_file_name(hidden);
        Ok(Self { target, draft, is_placed: false })
    }

    /// Where to write meanwhile.
    pub(super) fn draft(&self) -> &Path {
        &self.draft
    }

    /// Gives what was written its name, in place of what had it; on an error that one keeps it.
    pub(super) fn place(mut self) -> Result<(), ExportError> {
        let placed = if self.draft.is_dir() && self.target.exists() {
            self.swap()
        } else {
            fs::rename(&self.draft, &self.target)
        };
        placed.map_err(ExportError::io(&self.target))?;
        self.is_placed = true;
        Ok(())
    }

    /// A folder that is not empty cannot be replaced in one step.
    fn swap(&self) -> io::Result<()> {
        let mut old = self.draft.clone().into_os_string();
        old.push("-old");
        let old = PathBuf::from(old);
        fs::rename(&self.target, &old)?;
        if let Err(error) = fs::rename(&self.draft, &self.target) {
            fs::rename(&old, &self.target)?;
            return Err(error);
        }
        fs::remove_dir_all(&old)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.is_placed {
            return;
        }
        let removed = if self.draft.is_dir() {
            fs::remove_dir_all(&self.draft)
        } else {
            fs::remove_file(&self.draft)
        };
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.draft.display(), "a draft was left behind");
        }
    }
}
