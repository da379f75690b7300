//! Recordings of the same data beside the one that is looked at.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

use std::path::Path;
use std::process::Command;

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use layerscope::shell::Window;

use super::drive::{Session, settle};
use super::embedded::menu_with_path;

fn layerscope(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_layerscope")).args(arguments).output().unwrap()
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn record(text: &str, folder: &Path) {
    let done = layerscope(&["record", "--text", text, "--out", words(folder)]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// How many recordings the list offers to remove.
fn num_beside(window: &Harness<'_, Window>) -> usize {
    window.query_all_by_label_contains("Remove ").count()
}

#[test]
fn a_recording_is_added_seen_removed_and_brought_back_and_a_session_has_it() {
    let session = Session::new();
    let [first, second, third] = ["first", "second", "third"].map(|name| session.path(name));
    record("Once upon a time there was a red house.", &first);
    record("Once upon a time there was a red house.", &second);
    record("Another text altogether.", &third);
    let setup = serde_json::json!({"version": 1, "recording": first, "lens": "cascade"});
    session.write("one.layerscope.json", &setup.to_string());
    let mut window = session.start(Some(session.path("one.layerscope.json")));
    assert_eq!(num_beside(&window), 0);
    assert!(window.query_by_label("Add a recording of another model").is_some());

    menu_with_path(&mut window, "Add a recording…", &second);
    assert_eq!(session.last("added")["path"], words(&second));
    assert_eq!(num_beside(&window), 1);
    let has_figure = |window: &Harness<'_, Window>, title: &str| {
        window.query_all_by_label_contains(title).next().is_some()
    };
    assert!(has_figure(&window, "against average cost"));

    // Other data is refused, and what stands there stays.
    menu_with_path(&mut window, "Add a recording…", &third);
    let said = session.last("failed");
    assert!(said["what"].as_str().unwrap().contains("cannot stand beside each other"), "{said}");
    assert_eq!(num_beside(&window), 1);

    menu_with_path(&mut window, "Save session…", &session.path("two.layerscope.json"));
    window.query_all_by_label_contains("Remove ").next().unwrap().click();
    settle(&mut window);
    assert_eq!(num_beside(&window), 0);
    assert!(!has_figure(&window, "against average cost"));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert_eq!(num_beside(&window), 1);

    let again = Session::new();
    let mut restored = again.start(Some(session.path("two.layerscope.json")));
    settle(&mut restored);
    assert_eq!(num_beside(&restored), 1);
    assert!(has_figure(&restored, "against average cost"));
}

#[test]
fn the_command_line_looks_at_several_recordings_and_refuses_what_does_not_fit() {
    let session = Session::new();
    let [first, second, third] = ["first", "second", "third"].map(|name| session.path(name));
    record("Once upon a time there was a red house.", &first);
    record("Once upon a time there was a red house.", &second);
    record("Another text altogether.", &third);
    let out = session.path("view");
    let with = |other: &Path, lens: &str| {
        let files = ["view", words(&first), "--with", words(other), "--out", words(&out)];
        layerscope(&[&files[..], &["--lens", lens][..]].concat())
    };
    let said = |done: &std::process::Output| String::from_utf8_lossy(&done.stderr).into_owned();
    let refused = with(&third, "cascade");
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("cannot stand beside each other"), "{}", said(&refused));
    let alone = with(&second, "exits");
    assert_eq!(alone.status.code(), Some(2));
    assert!(said(&alone).contains("looks at one recording; more than one is for: cascade"));
    assert!(!out.exists());

    let done = with(&second, "cascade");
    assert!(done.status.success(), "{}", said(&done));
    let json = std::fs::read(out.join("readings.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["provenance"]["beside"].as_array().unwrap().len(), 1);
    assert_eq!(json["knobs"]["half-width"], 0.1);
    assert!(out.join("metric-by-cost.svg").is_file() && out.join("policies.csv").is_file());
}
