//! The product as a person meets it: the real binary, a real window, the real file dialog.
//! Runs under `scripts/window-test`, which provides the display.
#![cfg(feature = "inspection")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod driver;

use std::fs;
use std::path::{Path, PathBuf};

use driver::Window;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn pictures() -> PathBuf {
    root().join("target/screenshots")
}

#[test]
fn a_person_opens_records_drags_exports_and_closes() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::start(folder.path(), &[]);
    window.event("first_frame");
    window.event("viewed");
    window.resize(1280, 800);
    window.screenshot(&pictures().join("embedded-dark.png"));
    if std::env::var("LAYERSCOPE_PICTURE").is_ok_and(|v| v == "--picture") {
        window.screenshot(&root().join("assets/window.png"));
    }

    // The checkpoint of the reference data where it is there, else the one that the repository ships.
    let reference = root().join("../shared/data/stories260K_hf/model.safetensors");
    let model = if reference.exists() {
        reference
    } else {
        root().join("assets/default/model.safetensors")
    };
    window.key(egui::Key::O, egui::Modifiers::COMMAND);
    window.answer_dialog(&fs::canonicalize(model).unwrap(), "opened");

    window.click("Prompt");
    window.key(egui::Key::A, egui::Modifiers::COMMAND);
    window.type_text("Once upon a time, there was a little girl named Lily. She loved to play.");
    window.key(egui::Key::Enter, egui::Modifiers::COMMAND);
    let recorded = window.event("recorded");
    assert!(recorded["tokens"].as_u64().unwrap() > 10, "{recorded}");
    let before = window.event("viewed");
    window.screenshot(&pictures().join("stories-dark.png"));

    window.drag("Threshold line", egui::vec2(0.0, 40.0));
    window.settle();
    let after = window.last_event("viewed");
    assert_ne!(
        before["threshold"],
        after["threshold"],
        "the drag moved nothing: {}",
        window.told()
    );
    window.settle();

    window.click("Theme");
    window.screenshot(&pictures().join("stories-light.png"));

    let export = folder.path().join("export");
    window.key(egui::Key::E, egui::Modifiers::COMMAND);
    window.answer_dialog(&export, "exported");
    for name in ["grid.svg", "grid.png", "grid.csv", "exits.svg", "trade-off.csv", "per_depth.csv"]
    {
        assert!(fs::metadata(export.join(name)).unwrap().len() > 0, "{name}");
    }
    let readings: serde_json::Value =
        serde_json::from_slice(&fs::read(export.join("readings.json")).unwrap()).unwrap();
    assert_eq!(readings["lens"], "exits");
    assert!(readings["knobs"]["threshold"].as_f64().unwrap() < 0.9, "the drag went down");

    window.key(egui::Key::Q, egui::Modifiers::COMMAND);
    assert!(window.ended_well());
}
