//! The window: frame, menus, tiles, dialogs.

use std::path::PathBuf;

/// Opens the window; `path` is opened at once, what happens is written as JSON lines to `events`.
pub fn run(path: Option<PathBuf>, events: Option<PathBuf>) -> anyhow::Result<()> {
    anyhow::bail!("no window yet: {path:?} {events:?}")
}
