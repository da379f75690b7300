//! What a person does with the checkpoint in the binary: everything runs for real.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use layerscope::shell::Window;

use super::drive::{Session, dropped, settle, until};

/// What the readings say about the mean exit depth.
fn mean_depth(window: &Harness<'_, Window>) -> String {
    let node = window.query_all_by_label_contains(" layers").find(|node| {
        let words = node.accesskit_node().label().or_else(|| node.value()).unwrap_or_default();
        words.ends_with(" layers")
    });
    let node = node.unwrap();
    node.accesskit_node().label().or_else(|| node.value()).unwrap()
}

/// The entry of the File menu, then a path in the field that it opens.
pub(crate) fn menu_with_path(window: &mut Harness<'_, Window>, entry: &str, path: &Path) {
    window.get_by_label("File").click();
    window.run();
    window.get_by_label_contains(entry).click();
    window.run();
    window.get_by_label("Path").type_text(path.to_str().unwrap());
    window.run();
    window.key_press(Key::Enter);
    settle(window);
}

fn turn_to(window: &mut Harness<'_, Window>, threshold: f64) {
    window.get_by_role_and_label(Role::Slider, "Threshold").set_value_accesskit(threshold);
    settle(window);
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(
                files(&path).into_iter().map(|(name, bytes)| {
                    (PathBuf::from(path.file_name().unwrap()).join(name), bytes)
                }),
            );
        } else {
            found.insert(path.file_name().unwrap().into(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn the_window_begins_with_a_view_of_the_embedded_checkpoint_and_then_rests() {
    let session = Session::new();
    let mut window = session.start(None);
    let recorded = session.last("recorded");
    let tokens = recorded["tokens"].as_u64().unwrap();
    assert!(tokens > 1000 && recorded["partial"] == false, "{recorded}");
    assert_eq!(session.last("viewed")["threshold"], 0.9);
    for text in
        ["Tokens that exit at each depth", "Threshold line", "Agreement with the full model"]
    {
        assert!(window.query_all_by_label(text).next().is_some(), "{text}");
    }
    // What the checkpoint was made to show comes first: its look-ups, not every token.
    assert_eq!(session.last("viewed")["knobs"]["slice"], "task:hops");
    assert!(window.query_by_label_contains(" rows").is_some());
    assert!(window.query_by_label(&format!("{tokens} rows")).is_none());
    assert!(window.query_by_label("Dismiss").is_none());
    window.remove_cursor();
    window.run();
    let hour = std::time::Duration::from_hours(1);
    assert!(window.output().viewport_output.values().all(|output| output.repaint_delay > hour));
}

#[test]
fn slider_typed_number_dragged_line_and_suggestion_turn_the_threshold_and_undo_takes_it_back() {
    let session = Session::new();
    let mut window = session.start(None);
    let at_start = mean_depth(&window);

    turn_to(&mut window, 0.4);
    assert_eq!(session.last("viewed")["threshold"], 0.4);
    let at_slider = mean_depth(&window);
    assert_ne!(at_slider, at_start);

    let is_number =
        |node: &egui_kittest::Node<'_>| node.accesskit_node().numeric_value() == Some(0.4);
    window.query_all_by_role(Role::SpinButton).find(is_number).unwrap().focus();
    window.run();
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.event(egui::Event::Text("0.6".to_owned()));
    window.run();
    window.key_press(Key::Enter);
    settle(&mut window);
    assert_eq!(session.last("viewed")["threshold"], 0.6);
    let at_typed = mean_depth(&window);
    assert!(at_typed != at_slider && at_typed != at_start);

    let from = window.get_by_label("Threshold line").rect().center();
    drag(&mut window, from, 40.0);
    let dragged = session.last("viewed")["threshold"].as_f64().unwrap();
    assert!(dragged < 0.6, "down is less: {dragged}");
    let at_dragged = mean_depth(&window);
    assert_ne!(at_dragged, at_typed);

    window.get_by_label_contains("Threshold for 99 %").click_accesskit();
    settle(&mut window);
    let suggested = session.last("viewed")["threshold"].as_f64().unwrap();
    assert!(suggested > dragged, "{suggested}");

    // One step for each, however many frames the drag took.
    for expected in [&at_dragged, &at_typed, &at_slider, &at_start] {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        settle(&mut window);
        assert_eq!(mean_depth(&window), *expected);
    }
}

fn drag(window: &mut Harness<'_, Window>, from: Pos2, down: f32) {
    window.hover_at(from);
    window.run();
    window.drag_at(from);
    window.run();
    for step in 1..=8_u8 {
        window.hover_at(from + vec2(0.0, down * f32::from(step) / 8.0));
        window.step();
    }
    window.drop_at(from + vec2(0.0, down));
    settle(window);
}

#[test]
fn a_slice_leaves_its_tokens_and_a_clicked_row_is_the_selected_token() {
    let session = Session::new();
    let mut window = session.start(None);
    let rows = |window: &Harness<'_, Window>| -> usize {
        let node = window.get_by_label_contains(" rows");
        let words = node.accesskit_node().label().or_else(|| node.value()).unwrap();
        words.trim_end_matches(" rows").parse().unwrap()
    };
    let all = rows(&window);
    window.get_by_role_and_label(Role::ComboBox, "Slice").click();
    window.run();
    window.get_by_label("difficulty: 2").click();
    settle(&mut window);
    assert_eq!(session.last("viewed")["knobs"]["slice"], "difficulty:2");
    assert!((1..all).contains(&rows(&window)), "{} of {all}", rows(&window));

    assert!(window.query_by_label("Selected token").is_none());
    window.query_all_by_label("<s>").next().unwrap().click();
    settle(&mut window);
    assert!(window.query_all_by_label("Selected token").next().is_some());
}

#[test]
fn only_the_last_of_each_sequence_is_read_out_where_that_is_chosen() {
    let session = Session::new();
    let mut window = session.start(None);
    let all = session.last("recorded")["tokens"].as_u64().unwrap();
    window.get_by_label("Readout…").click();
    window.run();
    window.get_by_label("Last of each sequence").click();
    window.run();
    window.get_by_role_and_label(Role::Button, "Record").click();
    until(&mut window, |_| session.last("recorded")["tokens"].as_u64() != Some(all));
    settle(&mut window);
    let last = session.last("recorded")["tokens"].as_u64().unwrap();
    assert!((2..all / 4).contains(&last), "{last} of {all}");
    assert!(window.query_by_label("With gaps").is_some());
}

#[test]
fn a_file_that_is_none_becomes_a_card_and_what_was_open_stays() {
    let session = Session::new();
    let mut window = session.start(None);
    let before = mean_depth(&window);
    session.write("thesis.pt", "three years of work");
    window.input_mut().dropped_files = vec![dropped(&session.path("thesis.pt"))];
    settle(&mut window);
    assert!(window.query_all_by_label_contains("thesis.pt").next().is_some());
    assert!(window.query_by_label("Dismiss").is_some());
    assert_eq!(mean_depth(&window), before);
    turn_to(&mut window, 0.5);
    assert_ne!(mean_depth(&window), before, "the old recording can still be worked with");
    window.get_by_label("Theme").click();
    window.run();
    assert_eq!(window.ctx.theme(), egui::Theme::Light);
}

#[test]
fn a_run_that_is_cancelled_keeps_what_it_has_and_says_so() {
    let session = Session::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/default/data.jsonl");
    session.write("long.jsonl", &fs::read_to_string(data).unwrap().repeat(40));
    let file = session.path("long.jsonl");
    let setup = serde_json::json!({
        "version": 1, "model": "embedded", "input": {"kind": "file", "file": file}
    });
    session.write("long.layerscope.json", &setup.to_string());
    let mut window = session.begin(Some(session.path("long.layerscope.json")));
    until(&mut window, |window| window.query_by_label_contains("tokens/s").is_some());
    window.key_press(Key::Escape);
    settle(&mut window);
    let recorded = session.last("recorded");
    assert_eq!(recorded["partial"], true, "{recorded}");
    assert!(recorded["tokens"].as_u64().unwrap() > 0);
    assert!(window.query_by_label("Partial").is_some());
    assert!(window.query_by_label_contains("Cancelled: the first").is_some());
    assert!(window.query_all_by_label("Tokens that exit at each depth").next().is_some());
}

#[test]
fn a_saved_recording_opens_without_a_model_and_the_command_line_writes_the_same_bytes() {
    let session = Session::new();
    let (recording, by_window, by_command) =
        (session.path("recording"), session.path("by-window"), session.path("by-command"));
    let mut window = session.start(None);
    turn_to(&mut window, 0.5);
    menu_with_path(&mut window, "Save recording…", &recording);
    assert_eq!(session.last("saved")["event"], "saved");
    menu_with_path(&mut window, "Export view…", &by_window);
    assert_eq!(session.last("exported")["event"], "exported");
    let shown = mean_depth(&window);

    let done = Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .arg("view")
        .arg(&recording)
        .args(["--set", "threshold=0.5", "--set", "slice=task:hops", "--out"])
        .arg(&by_command)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (from_window, from_command) = (files(&by_window), files(&by_command));
    assert!(from_window.len() > 8, "{:?}", from_window.keys());
    assert_eq!(from_window.keys().collect::<Vec<_>>(), from_command.keys().collect::<Vec<_>>(),);
    for (name, bytes) in &from_window {
        assert!(from_command[name] == *bytes, "{} differs", name.display());
    }

    let other = Session::new();
    let setup = serde_json::json!({
        "version": 1, "recording": recording, "knobs": {"slice": "task:hops"}
    });
    other.write("again.layerscope.json", &setup.to_string());
    let mut again = other.start(Some(other.path("again.layerscope.json")));
    assert!(again.query_by_label("No checkpoint").is_some());
    assert!(again.get_by_role_and_label(Role::Button, "Record").accesskit_node().is_disabled());
    turn_to(&mut again, 0.5);
    assert_eq!(mean_depth(&again), shown);
}
