//! The product as a person meets it: the real binary, a real window, the real file dialog.
//! Runs under `scripts/window-test`, which provides the display.
#![cfg(feature = "inspection")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod driver;

use std::collections::BTreeMap;
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
    window.click_slider("Least depth");
    window.settle();
    let last = window.last_event("viewed");
    assert!(last["knobs"]["least-depth"].as_u64().unwrap() > 0, "{last}");

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
    assert_eq!(readings["knobs"], last["knobs"], "the export is of another view");
    let grid = fs::read_to_string(export.join("grid.csv")).unwrap();
    let (agreement, mean_depth) = recounted(&grid, &readings["knobs"]);
    assert_eq!(value(&readings, "agreement"), agreement);
    assert_eq!(value(&readings, "mean_exit_depth"), mean_depth);

    window.key(egui::Key::Q, egui::Modifiers::COMMAND);
    assert!(window.ended_well());
}

fn value(readings: &serde_json::Value, id: &str) -> f64 {
    let all = readings["readings"].as_array().unwrap();
    all.iter().find(|reading| reading["id"] == id).unwrap()["value"].as_f64().unwrap()
}

/// Agreement and mean exit depth counted anew from the cells of the exported grid: a token stops at the first
/// depth from the least one on where its largest probability reaches the threshold, else at the last.
fn recounted(grid: &str, knobs: &serde_json::Value) -> (f64, f64) {
    let threshold = knobs["threshold"].as_f64().unwrap();
    let least = knobs["least-depth"].as_u64().unwrap();
    let mut tokens: BTreeMap<u64, BTreeMap<u64, (f64, String)>> = BTreeMap::new();
    for row in rows(grid).into_iter().filter(|row| row[1] == "heat") {
        let (token, depth) = (row[3].parse().unwrap(), row[4].parse().unwrap());
        let cell = (row[5].parse().unwrap(), row[6].clone());
        tokens.entry(token).or_default().insert(depth, cell);
    }
    let (mut agree, mut depths) = (0_u32, 0_u64);
    for cells in tokens.values() {
        let (last, (_, full)) = cells.last_key_value().unwrap();
        let stops = cells.range(least..).find(|(_, (largest, _))| *largest >= threshold);
        let depth = stops.map_or(*last, |(depth, _)| *depth);
        agree += u32::from(cells[&depth].1 == *full);
        depths += depth;
    }
    let count = tokens.len() as f64;
    (f64::from(agree) / count, depths as f64 / count)
}

/// Rows of a CSV file; cells may be quoted and hold line ends.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            _ => cell.push(letter),
        }
    }
    rows
}
