//! Drives the real binary in its real window: widgets are found by their accessible label, never by pixels.
//! The file dialog is another program's window; it gets real key presses.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use egui::accesskit::{Node, Rect, Role};
use egui_inspection::protocol::{Request, Response, read_handshake, read_message, write_message};

/// Nothing that a person waits for takes longer, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running window.
pub(crate) struct Window {
    child: Child,
    peer: TcpStream,
    events: PathBuf,
    seen_events: usize,
}

/// Gives other programs the processor for a moment; never stands for waiting until something holds.
fn breathe() {
    std::thread::park_timeout(Duration::from_millis(40));
}

/// Tries until `look` finds something.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        breathe();
    }
}

impl Window {
    /// Starts the binary with these arguments; `folder` holds its settings and the log of its events.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let events = folder.join("events.jsonl");
        let child = Command::new(env!("CARGO_BIN_EXE_layerscope"))
            .args(arguments)
            .arg("--events")
            .arg(&events)
            .env("EGUI_INSPECTION", &address)
            .env("HOME", folder)
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env("XDG_DATA_HOME", folder.join("data"))
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .spawn()
            .unwrap();
        let peer = until("the window's port", || TcpStream::connect(&address).ok());
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        read_handshake(&peer).unwrap();
        Self { child, peer, events, seen_events: 0 }
    }

    fn ask(&self, request: &Request) -> Response {
        write_message(&self.peer, request).unwrap();
        read_message(&self.peer).unwrap()
    }

    /// Every accessible node of the present frame.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        match self.ask(&Request::GetTree) {
            Response::Tree { accesskit, .. } => accesskit
                .map(|t| t.nodes.into_iter().map(|(_, node)| node).collect())
                .unwrap_or_default(),
            other => panic!("no tree: {other:?}"),
        }
    }

    /// Waits for a node whose label is (or begins with, where it ends in `…*`) `label`.
    pub(crate) fn node(&self, label: &str) -> Node {
        until(label, || {
            let matches = |text: Option<&str>| match label.strip_suffix('*') {
                Some(start) => text.is_some_and(|text| text.starts_with(start)),
                None => text == Some(label),
            };
            self.nodes().into_iter().find(|node| matches(node.label()) || matches(node.value()))
        })
    }

    fn apply(&self, events: Vec<egui::Event>) {
        let answer = self.ask(&Request::ApplyEvents { events });
        assert!(matches!(answer, Response::Done), "{answer:?}");
    }

    /// Clicks in the middle of a node.
    pub(crate) fn click(&self, label: &str) {
        self.click_at(middle(self.node(label).bounds().unwrap()));
    }

    /// Clicks in the middle of the slider of this name, not of its caption: that sets it half-way.
    pub(crate) fn click_slider(&self, label: &str) {
        let slider = until(label, || {
            let is_it = |node: &Node| node.role() == Role::Slider && node.label() == Some(label);
            self.nodes().into_iter().find(is_it)
        });
        self.click_at(middle(slider.bounds().unwrap()));
    }

    fn click_at(&self, at: egui::Pos2) {
        self.move_to(at);
        self.button(at, true);
        self.button(at, false);
    }

    fn move_to(&self, at: egui::Pos2) {
        self.apply(vec![egui::Event::PointerMoved(at)]);
    }

    fn button(&self, pos: egui::Pos2, pressed: bool) {
        let button = egui::PointerButton::Primary;
        let modifiers = egui::Modifiers::NONE;
        self.apply(vec![egui::Event::PointerButton { pos, button, pressed, modifiers }]);
    }

    /// Takes hold of a node in its middle and drags it in steps, as a hand does.
    pub(crate) fn drag(&self, label: &str, by: egui::Vec2) {
        let from = middle(self.node(label).bounds().unwrap());
        self.move_to(from);
        self.button(from, true);
        for step in 1..=8_u8 {
            self.move_to(from + by * (f32::from(step) / 8.0));
        }
        self.button(from + by, false);
    }

    /// Presses and lets go of a key.
    pub(crate) fn key(&self, key: egui::Key, modifiers: egui::Modifiers) {
        for pressed in [true, false] {
            let (physical_key, repeat) = (None, false);
            self.apply(vec![egui::Event::Key { key, physical_key, pressed, repeat, modifiers }]);
        }
    }

    /// Types into whatever has the keyboard.
    pub(crate) fn type_text(&self, text: &str) {
        self.apply(vec![egui::Event::Text(text.to_owned())]);
    }

    /// Sets the size of the window in points.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let answer = self.ask(&Request::Resize { width, height });
        assert!(matches!(answer, Response::Done), "{answer:?}");
        self.settle();
    }

    /// Waits until nothing moves any more.
    pub(crate) fn settle(&self) {
        let answer = self.ask(&Request::Settle { max_steps: 600 });
        assert!(matches!(answer, Response::Settled { .. }), "{answer:?}");
    }

    /// Writes what is on screen to `path`.
    pub(crate) fn screenshot(&self, path: &Path) {
        self.settle();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match self.ask(&Request::GetScreenshot { pixels_per_point: None }) {
            Response::Screenshot(png) => fs::write(path, png.bytes).unwrap(),
            other => panic!("no screenshot: {other:?}"),
        }
    }

    /// Everything that the window has told so far.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.events).unwrap()
    }

    /// The newest line of this name that follows what was waited for last.
    pub(crate) fn last_event(&mut self, name: &str) -> serde_json::Value {
        let mut last = self.event(name);
        while self.has_told(name) {
            last = self.event(name);
        }
        last
    }

    /// Waits for the next line of this name in the window's own log, and returns it.
    pub(crate) fn event(&mut self, name: &str) -> serde_json::Value {
        let path = self.events.clone();
        let mut seen = self.seen_events;
        let found = until(&format!("event {name}"), || {
            let text = fs::read_to_string(&path).ok()?;
            let lines: Vec<serde_json::Value> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let at = (seen..lines.len()).find(|at| lines[*at]["event"] == name)?;
            seen = at + 1;
            Some(lines[at].clone())
        });
        self.seen_events = seen;
        found
    }

    /// Waits for the system's file dialog, types `path` and confirms until the window tells `event`.
    pub(crate) fn answer_dialog(&mut self, path: &Path, event: &str) -> serde_json::Value {
        let dialog = until("the file dialog", || {
            let found = xdotool(&["search", "--onlyvisible", "--class", "^[Zz]enity$"])?;
            found.lines().next().map(str::to_owned)
        });
        let path = path.to_str().unwrap();
        until("the dialog's keyboard", || xdotool(&["windowactivate", "--sync", &dialog]));
        until("the answer of the dialog", || {
            // A slash opens the chooser's field for a path; what follows too fast is lost while it opens, and a
            // Return that comes before the path was looked up as well. So everything is done until it has worked.
            xdotool(&["key", "slash"])?;
            self.tells_within(event, 12);
            xdotool(&["key", "ctrl+a"])?;
            xdotool(&["type", "--delay", "6", path])?;
            for _ in 0..8 {
                if self.tells_within(event, 4) || !is_open(&dialog) {
                    return Some(());
                }
                xdotool(&["key", "Return"])?;
            }
            None
        });
        self.event(event)
    }

    /// Whether a line of this name is there that was not waited for yet.
    fn has_told(&self, name: &str) -> bool {
        let told = fs::read_to_string(&self.events).unwrap_or_default();
        let mut new = told.lines().skip(self.seen_events);
        new.any(|line| {
            serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["event"] == name)
        })
    }

    /// Whether the window tells `name` before so many short breaths are over.
    fn tells_within(&self, name: &str, breaths: u32) -> bool {
        (0..breaths).any(|_| {
            breathe();
            self.has_told(name)
        })
    }

    /// Waits for the window to close by itself; true if it ended well.
    pub(crate) fn ended_well(mut self) -> bool {
        until("the window to close", || self.child.try_wait().unwrap()).success()
    }
}

fn is_open(dialog: &str) -> bool {
    xdotool(&["getwindowname", dialog]).is_some()
}

impl Drop for Window {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn middle(bounds: Rect) -> egui::Pos2 {
    #[expect(clippy::cast_possible_truncation, reason = "screen coordinates fit")]
    let pos = egui::pos2(
        f64::midpoint(bounds.x0, bounds.x1) as f32,
        f64::midpoint(bounds.y0, bounds.y1) as f32,
    );
    pos
}

fn xdotool(arguments: &[&str]) -> Option<String> {
    let done = Command::new("xdotool").args(arguments).output().unwrap();
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}
