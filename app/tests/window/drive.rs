//! A window in a folder of its own, without a display.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use layerscope::shell::{Start, Window};

/// Nothing that these tests wait for takes longer, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A folder with settings and files of one test.
pub(crate) struct Session(tempfile::TempDir);

impl Session {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A window that opened a file of the folder, or tried to.
    pub(crate) fn open(&self, name: &str) -> Harness<'static, Window> {
        self.start(Some(self.path(name)))
    }

    /// A window that has done what it does at its start.
    pub(crate) fn start(&self, path: Option<PathBuf>) -> Harness<'static, Window> {
        let mut window = self.begin(path);
        settle(&mut window);
        window
    }

    /// A window that has only just begun.
    pub(crate) fn begin(&self, path: Option<PathBuf>) -> Harness<'static, Window> {
        let start = Start {
            path,
            events: Some(self.path("events.jsonl")),
            config: Some(self.path("config")),
            asks_in_field: true,
            ..Start::default()
        };
        Harness::builder()
            .with_size([1280.0, 800.0])
            .with_max_steps(64)
            .build_eframe(|creation| Window::new(&creation.egui_ctx, start).unwrap())
    }

    /// What the window wrote to its log.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The newest line of this name in its log.
    pub(crate) fn last(&self, name: &str) -> serde_json::Value {
        self.events().into_iter().rfind(|line| line["event"] == name).unwrap_or_default()
    }
}

/// Lets the window go on until no job runs, no view is awaited and nothing moves.
pub(crate) fn settle(window: &mut Harness<'_, Window>) {
    let begun = Instant::now();
    loop {
        window.step();
        if window.state().is_quiet() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the window never came to rest");
        // Gives the engine's threads the processor; what is waited for is the state, never the time.
        std::thread::park_timeout(Duration::from_millis(2));
    }
    window.run();
}

/// Steps on until `is_so`; what is waited for is the state, never the time.
pub(crate) fn until(
    window: &mut Harness<'_, Window>,
    is_so: impl Fn(&Harness<'_, Window>) -> bool,
) {
    let begun = Instant::now();
    while !is_so(window) {
        assert!(begun.elapsed() < PATIENCE, "it never came to that");
        std::thread::park_timeout(Duration::from_millis(2));
        window.step();
    }
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        fs::read(&self.0).map_err(|error| error.to_string())
    }
}

/// A file that another program let go over the window.
pub(crate) fn dropped(path: &Path) -> egui::DroppedFileHandle {
    Arc::new(Dropped(path.to_owned()))
}
