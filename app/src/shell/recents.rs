//! What was opened lately: a small file in the platform's folder for settings. Never a reason to fail.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bridge::write_whole;

/// A menu with more is not read.
const MOST: usize = 12;

/// Paths, newest first.
#[derive(Debug, Default)]
pub(crate) struct Recents {
    file: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

impl Recents {
    /// Reads the list in the folder `config`; what is gone is left out.
    pub(crate) fn read(config: Option<PathBuf>) -> Self {
        let file = config.map(|folder| folder.join("recent.json"));
        let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok());
        let mut paths: Vec<PathBuf> =
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        paths.retain(|path| path.exists());
        paths.truncate(MOST);
        Self { file, paths }
    }

    /// Newest first.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Puts a path at the head and writes the list.
    pub(crate) fn add(&mut self, path: &Path) {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.paths.retain(|other| *other != path && other.exists());
        self.paths.insert(0, path);
        self.paths.truncate(MOST);
        if let Err(error) = self.write() {
            tracing::warn!("the list of recent files was not written: {error}");
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        write_whole(file, &serde_json::to_string_pretty(&self.paths)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_not_offered_again() {
        let folder = tempfile::tempdir().unwrap();
        let (stays, goes) = (folder.path().join("stays"), folder.path().join("goes"));
        for path in [&stays, &goes] {
            fs::write(path, "").unwrap();
        }
        let config = folder.path().join("settings");
        let mut recents = Recents::read(Some(config.clone()));
        recents.add(&stays);
        recents.add(&goes);
        fs::remove_file(&goes).unwrap();
        let again = Recents::read(Some(config));
        assert_eq!(again.paths(), [fs::canonicalize(stays).unwrap()]);
    }

    #[test]
    fn a_broken_list_is_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("recent.json"), "{").unwrap();
        assert!(Recents::read(Some(folder.path().to_owned())).paths().is_empty());
    }
}
