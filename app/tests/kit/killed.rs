//! A run of the real binary that is killed in the middle.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Kills it as soon as `part` of what it leaves is on the disk.
pub(crate) fn killed_at(part: &Path, arguments: &[&str]) {
    let mut run = Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .args(arguments)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !part.exists() {
        assert!(run.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        thread::park_timeout(Duration::from_millis(10));
    }
    run.kill().unwrap();
    assert!(!run.wait().unwrap().success());
}
