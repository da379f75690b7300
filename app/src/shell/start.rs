//! Opens the window, or says in one sentence why there is none and what does the same job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use layerscope_engine::api::{Blame, Problem};

use super::frame::{Start, Window};

/// What the window loads when it starts; none of it is needed to build.
const PACKAGES: &str = "libxcursor1 libxi6 libx11-xcb1 libxkbcommon-x11-0 libgl1";

/// Opens the window; `path` is opened at once, what happens is written as JSON lines to `events`.
pub fn run(path: Option<PathBuf>, events: Option<PathBuf>, threads: usize) -> Result<(), Problem> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Layerscope")
        .with_app_id("layerscope")
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 480.0])
        .with_drag_and_drop(true);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    let config =
        directories::ProjectDirs::from("", "", "layerscope").map(|d| d.config_dir().to_owned());
    let start = Start { path, events, config, threads, asks_in_field: false };
    let has_begun = Arc::new(AtomicBool::new(false));
    let begun = Arc::clone(&has_begun);
    // winit panics where a library of the system is missing; that is one more way of having no display, and
    // its message would stand above ours.
    std::panic::set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(|| {
        eframe::run_native(
            "layerscope",
            options,
            Box::new(move |creation| {
                drop(std::panic::take_hook());
                begun.store(true, Ordering::Relaxed);
                Ok(Box::new(Window::new(&creation.egui_ctx, start)?))
            }),
        )
    }));
    drop(std::panic::take_hook());
    let reason = match done {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) if has_begun.load(Ordering::Relaxed) => {
            let what = error.to_string();
            return Err(Problem { what, hint: String::new(), blame: Blame::Engine });
        }
        Err(panic) if has_begun.load(Ordering::Relaxed) => std::panic::resume_unwind(panic),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => words(panic.as_ref()),
    };
    let reason = plain(&reason);
    Err(Problem {
        what: format!(
            "No display can be used ({reason}); `layerscope record` and `layerscope view` do the same work without \
             a window"
        ),
        hint: format!(
            "A bare Debian shows a window after `apt-get install --no-install-recommends {PACKAGES}`."
        ),
        blame: Blame::Engine,
    })
}

/// The first line without winit's source file in front, whose name says nothing to a person.
fn plain(reason: &str) -> &str {
    let line = reason.lines().next().unwrap_or_default();
    let said = line.rsplit_once(".rs:").and_then(|(_, rest)| rest.split_once(": "));
    said.map_or(line, |(_, said)| said).trim_end_matches('.')
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
