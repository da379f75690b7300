//! The window with a made-up view: panes, knobs and readings as a person meets them.

use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::NodeT as _;
use egui_kittest::kittest::Queryable as _;
use layerscope_engine::api::{
    Axis, ChoiceOption, Figure, Ink, KnobCard, KnobKind, Mark, Numerics, Reading, ReadingKind,
    Suggestion, Value, View,
};

use super::{Start, Window};
use crate::state::InputKind;

fn knobs() -> Vec<KnobCard> {
    let options = vec![ChoiceOption::new("max-prob", "Max probability")];
    let rule = KnobKind::Choice { default: "max-prob".to_owned(), options };
    let threshold = KnobKind::Real { default: 0.9, min: 0.0, max: 1.0, step: 0.01 };
    let least = KnobKind::Integer { default: 0, min: 0, max: 8 };
    let card = |id, label, kind| KnobCard { id, label, help: "What it does", unit: "", kind };
    vec![
        card("rule", "Exit rule", rule),
        card("threshold", "Threshold", threshold),
        card("least-depth", "Least depth", least),
    ]
}

fn figure(id: &'static str, title: &str) -> Figure {
    let points = (0..=8).map(|x| [f64::from(x), f64::from(x * x)]).collect();
    Figure {
        id,
        title: title.to_owned(),
        x: Axis::integer("Depth"),
        y: Axis::linear("Entropy", "nats"),
        marks: vec![Mark::Line { label: String::new(), points, ink: Ink::Series(0) }],
        picks: Vec::new(),
    }
}

pub(super) fn view() -> View {
    let reading = |id, label: &str, value, unit, kind| Reading {
        id,
        label: label.to_owned(),
        value,
        unit,
        kind,
    };
    View {
        figures: vec![
            figure("grid", "Readout at every depth"),
            figure("exits", "Exits per depth"),
            figure("distribution", "Max probability per depth"),
            figure("trade-off", "Agreement against mean depth"),
            figure("nll", "NLL per depth"),
            figure("entropy", "Entropy per depth"),
        ],
        readings: vec![
            reading("agreement", "Agreement", Some(0.9871), "fraction", ReadingKind::Exact),
            reading("flops_saved", "FLOPs saved", Some(0.21), "fraction", ReadingKind::Modelled),
            reading("nll_exit", "NLL at exit", None, "nats", ReadingKind::Exact),
        ],
        suggestions: vec![Suggestion {
            id: "agreement-99",
            label: "Threshold for 99 % agreement".to_owned(),
            explanation: "0.84: 99.2 % of 600 tokens agree, at least 98.1 % with 95 % confidence"
                .to_owned(),
            sets: vec![("threshold", Value::Real(0.84))],
        }],
        ..View::default()
    }
}

pub(super) fn window() -> Harness<'static, Window> {
    let start = Start { path: Some("/nowhere".into()), ..Start::default() };
    let mut harness = Harness::builder()
        .with_size([1280.0, 800.0])
        // The engine's threads wake the window whenever they like.
        .with_max_steps(64)
        .build_eframe(|creation| Window::new(&creation.egui_ctx, start).unwrap());
    while !harness.state().is_quiet() {
        harness.step();
    }
    let state = &mut harness.state_mut().state;
    state.problems.clear();
    state.view = Some(Arc::new(view()));
    state.knob_cards = knobs();
    harness.run();
    harness
}

#[test]
fn every_figure_of_the_view_has_a_pane_with_its_title() {
    let harness = window();
    for figure in view().figures {
        assert!(harness.query_all_by_label(&figure.title).next().is_some(), "{}", figure.title);
    }
}

#[test]
fn a_slider_turns_its_knob_and_one_undo_takes_it_back() {
    let mut harness = window();
    harness
        .get_by_role_and_label(egui::accesskit::Role::Slider, "Threshold")
        .set_value_accesskit(0.5);
    harness.run();
    let value = |harness: &Harness<'_, Window>| {
        harness.state().state.session.knobs.get("threshold").cloned()
    };
    assert_eq!(value(&harness), Some(Value::Real(0.5)));
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
    harness.run();
    assert_eq!(value(&harness), None);
}

#[test]
fn a_suggestion_turns_its_knobs() {
    let mut harness = window();
    harness.get_by_label("Threshold for 99 % agreement").click();
    harness.run();
    let value = harness.state().state.session.knobs.get("threshold").cloned();
    assert_eq!(value, Some(Value::Real(0.84)));
}

#[test]
fn readings_say_how_they_came_about_and_absent_ones_are_a_dash() {
    let harness = window();
    for text in ["98.71 %", "21.00 %", "modelled", "—"] {
        assert!(harness.query_all_by_label(text).next().is_some(), "{text}");
    }
}

#[test]
fn the_panes_stay_where_they_were_put_in_a_session() {
    let mut harness = window();
    harness.get_by_label("Model").click();
    harness.run();
    let layout = harness.state().state.session.layout.clone();
    assert!(layout.is_some(), "choosing a tab is part of the layout");
    harness.get_by_label("View").click();
    harness.run();
    harness.get_by_label("Reset layout").click();
    harness.run();
    assert!(harness.state().state.session.layout.is_none());
}

/// The Input pane with a person's text, as the state says.
fn asking(change: impl FnOnce(&mut crate::state::State)) -> Harness<'static, Window> {
    let mut harness = window();
    change(&mut harness.state_mut().state);
    harness.run();
    harness
}

#[test]
fn no_row_of_the_input_is_cut_whatever_is_run() {
    let kinds = [InputKind::Embedded, InputKind::Prompt, InputKind::File, InputKind::Images];
    let choices = [(Numerics::F32, "Readout…"), (Numerics::Bf16, "Read: bf16…")];
    for (kind, (numerics, label)) in kinds.into_iter().flat_map(|kind| choices.map(|c| (kind, c))) {
        let harness = asking(|state| {
            state.session.input.kind = kind;
            state.session.input.numerics = numerics;
            state.session.input.file = Some("/a/very/long/path/of/a/file.csv".into());
            state.columns = vec!["text".to_owned(), "kind".to_owned()];
        });
        let row = harness.get_by_label(label).rect();
        let below = harness.get_by_label("Exits").rect();
        assert!(row.bottom() + 6.0 <= below.top(), "{kind:?}: {row:?} {below:?}");
    }
}

#[test]
fn sampling_opens_beside_the_button_and_draws_only_above_temperature_zero() {
    let mut harness = asking(|state| state.session.input.kind = InputKind::Prompt);
    assert!(harness.query_by_label("Temperature").is_none());
    harness.get_by_label("Sampling…").click();
    harness.run();
    let is_off = |harness: &Harness<'_, Window>, label: &str| {
        let mut found = harness.query_all_by_label(label);
        found.any(|node| node.accesskit_node().is_disabled())
    };
    for label in ["Top-p", "Seed", "Limit to top-k"] {
        assert!(is_off(&harness, label), "{label}");
    }
    assert!(!is_off(&harness, "Repetition penalty"));
    harness.state_mut().state.session.input.writing.temperature = 0.8;
    harness.run();
    for label in ["Top-p", "Seed", "Limit to top-k"] {
        assert!(!is_off(&harness, label), "{label}");
    }
    harness.get_by_label("Limit to top-k").click();
    harness.run();
    assert_eq!(harness.state().state.session.input.writing.top_k, Some(40));
    assert!(is_off(&harness, "Chat template"), "nothing is open that has one");
}

#[test]
fn readouts_in_bf16_are_chosen_where_the_machine_has_them() {
    let mut harness = asking(|_| {});
    harness.get_by_label("Readout…").click();
    harness.run();
    let faster = harness.get_by_label("Faster (bf16)");
    assert_eq!(faster.accesskit_node().is_disabled(), Numerics::Bf16.why_not().is_some());
    faster.click();
    harness.run();
    let chosen = harness.state().state.session.input.numerics;
    assert_eq!(chosen == Numerics::Bf16, Numerics::Bf16.why_not().is_none());
}
