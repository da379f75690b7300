//! The whole window with a real engine and without a display: what a person clicks, types and reads.
#![cfg(feature = "window")]

mod beside;
mod drive;
mod embedded;
mod sight;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use drive::{Session, dropped};

#[test]
fn a_path_that_does_not_open_is_a_card_that_can_be_dismissed() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    assert!(window.query_by_label_contains("missing.gguf").is_some());
    window.get_by_label("Dismiss").click();
    window.run();
    assert!(window.query_by_label("Dismiss").is_none());
    assert!(window.query_by_label("Open the embedded checkpoint").is_some());
}

#[test]
fn a_session_of_another_version_is_refused_with_its_name() {
    let session = Session::new();
    session.write("new.layerscope.json", r#"{"version": 99}"#);
    let window = session.open("new.layerscope.json");
    assert!(window.query_by_label_contains("version 99").is_some());
    assert!(window.query_by_label_contains("new.layerscope.json").is_some());
}

#[test]
fn a_dropped_file_reaches_the_engine_and_several_open_the_first() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    window.get_by_label("Dismiss").click();
    window.run();
    session.write("thesis.pt", "three years of work");
    let paths = ["thesis.pt", "other.gguf"].map(|name| session.path(name));
    window.input_mut().dropped_files = paths.iter().map(|path| dropped(path)).collect();
    drive::settle(&mut window);
    assert!(window.query_all_by_label_contains("thesis.pt").next().is_some());
    assert!(window.query_by_label_contains("other.gguf").is_none());
}

#[test]
fn a_dropped_folder_of_images_is_data_and_says_which_checkpoint_it_waits_for() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    window.get_by_label("Dismiss").click();
    window.run();
    std::fs::create_dir_all(session.path("pets/cat")).unwrap();
    session.write("pets/cat/1.png", "only its name is looked at");
    window.input_mut().dropped_files = vec![dropped(&session.path("pets"))];
    drive::settle(&mut window);
    assert!(window.query_by_label_contains("no checkpoint that reads images").is_some());
    // A checkpoint that lies beside images is one.
    session.write("pets/config.json", "{}");
    window.input_mut().dropped_files = vec![dropped(&session.path("pets"))];
    drive::settle(&mut window);
    assert!(window.query_all_by_label_contains("pets").next().is_some(), "opening it failed");
}

#[test]
fn without_a_checkpoint_record_is_disabled_and_says_why() {
    let session = Session::new();
    let window = session.open("missing.gguf");
    assert!(window.get_by_role_and_label(Role::Button, "Record").accesskit_node().is_disabled());
    assert!(window.query_by_label_contains("open one first").is_some());
}

#[test]
fn typing_a_prompt_makes_it_the_input() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    let prompt = window.get_by_label("Prompt");
    prompt.focus();
    prompt.type_text("Once upon a time");
    window.run();
    assert_eq!(window.get_by_label("Prompt").value().as_deref(), Some("Once upon a time"));
    let text = window.get_by_role_and_label(Role::RadioButton, "Text");
    assert_eq!(text.accesskit_node().toggled(), Some(egui::accesskit::Toggled::True));
}

#[test]
fn the_run_key_is_not_typed_into_the_prompt_and_says_why_nothing_runs() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    window.get_by_label("Prompt").focus();
    window.run();
    window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    window.run();
    assert_eq!(window.get_by_label("Prompt").value().unwrap_or_default(), "");
    assert!(window.query_all_by_label_contains("open one first").count() >= 2);
}

#[test]
fn the_theme_button_goes_from_dark_to_light_and_back() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    assert_eq!(window.ctx.theme(), egui::Theme::Dark);
    for theme in [egui::Theme::Light, egui::Theme::Dark] {
        window.get_by_label("Theme").click();
        window.run();
        assert_eq!(window.ctx.theme(), theme);
    }
}

#[test]
fn a_path_can_be_typed_where_no_dialog_exists() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    window.get_by_label("Dismiss").click();
    window.run();
    window.get_by_label("File").click();
    window.run();
    window.get_by_label("Open path…").click();
    window.run();
    window.get_by_label("Path").type_text("/nowhere/typed.gguf");
    window.run();
    window.key_press(Key::Enter);
    drive::settle(&mut window);
    assert!(window.query_by_label("OK").is_none());
    assert!(window.query_by_label_contains("typed.gguf").is_some());
}

#[test]
fn help_lists_the_keys_and_closes() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    window.get_by_label("Help").click();
    window.run();
    window.get_by_label("Keyboard shortcuts").click();
    window.run();
    assert!(window.query_by_label("Cancel what is running").is_some());
    window.get_by_label("Close").click();
    window.run();
    assert!(window.query_by_label("Cancel what is running").is_none());
}

#[test]
fn a_window_that_waits_for_nothing_draws_nothing() {
    let session = Session::new();
    let mut window = session.open("missing.gguf");
    window.remove_cursor();
    window.run();
    let hour = std::time::Duration::from_hours(1);
    assert!(window.output().viewport_output.values().all(|output| output.repaint_delay > hour));
}

#[test]
fn the_log_of_events_tells_the_first_frame_and_the_failure() {
    let session = Session::new();
    drop(session.open("missing.gguf"));
    let events = session.events();
    for event in ["first_frame", "failed"] {
        assert!(events.iter().any(|line| line["event"] == event), "{event}: {events:?}");
    }
}
