//! The real binary on the command line.

use std::path::Path;
use std::process::{Command, Output};

/// Runs it to its end, where no window can open.
pub(crate) fn layerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .args(arguments)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}
