//! The knobs pane as a person meets it: what a rule means, sets of places, two settings beside each other.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Pos2, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use layerscope_engine::api::{
    ChoiceOption, KnobCard, KnobKind, Pick, Reading, ReadingKind, Suggestion, Value, Versus, View,
};

use super::Window;
use super::tests::{view, window};
use crate::state::Side;

fn rule() -> KnobCard {
    let option = ChoiceOption::new("max-prob", "Max probability")
        .explained("Stops where it is sure", "A paper, section 3");
    let kind = KnobKind::Choice { default: "max-prob".to_owned(), options: vec![option] };
    KnobCard { id: "rule", label: "Rule", help: "", unit: "", kind }
}

fn places(last: u16, has_parts: bool) -> KnobCard {
    let kind = KnobKind::Places { default: "all".to_owned(), first: 0, last, has_parts };
    KnobCard { id: "exit-at", label: "Exits at depths", help: "", unit: "", kind }
}

fn with(cards: Vec<KnobCard>) -> Harness<'static, Window> {
    let mut harness = window();
    harness.state_mut().state.knob_cards = cards;
    harness.run();
    harness
}

fn chosen(harness: &Harness<'_, Window>) -> Option<String> {
    match harness.state().state.session.knobs.get("exit-at") {
        Some(Value::Choice(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Without a recording every turn asks the lens for its usual cards; the test's own are put back.
fn again(harness: &mut Harness<'_, Window>, card: KnobCard) {
    harness.state_mut().state.knob_cards = vec![card];
    harness.run();
}

fn cell(harness: &Harness<'_, Window>, place: u16) -> Rect {
    harness.get_by_role_and_label(Role::CheckBox, &format!("Exits at depths {place}")).rect()
}

#[test]
fn below_the_rule_stands_what_it_means_and_under_the_pointer_where_it_comes_from() {
    let mut harness = with(vec![rule()]);
    let meaning = harness.get_by_label("Stops where it is sure").rect().center();
    assert!(harness.query_by_label("A paper, section 3").is_none());
    harness.hover_at(meaning);
    harness.run();
    assert!(harness.query_by_label("A paper, section 3").is_some());
}

#[test]
fn a_number_between_two_slider_positions_is_not_moved_by_being_shown() {
    let kind = KnobKind::Real { default: 0.9, min: 0.0, max: 7.0, step: 0.4 };
    let card = KnobCard { id: "threshold", label: "Threshold", help: "", unit: "", kind };
    let mut harness = window();
    let typed = Value::Real(1.234_567_8);
    harness.state_mut().state.session.knobs.set("threshold", typed.clone());
    again(&mut harness, card);
    assert_eq!(harness.state().state.session.knobs.get("threshold"), Some(&typed));
    assert_eq!(harness.state().state.undo_state(), (false, false));
    harness.get_by_role_and_label(Role::Slider, "Threshold").focus();
    harness.run();
    harness.key_press(Key::ArrowRight);
    harness.run();
    let moved = harness.state().state.session.knobs.get("threshold").cloned();
    assert_eq!(moved, Some(Value::Real(1.6)), "an arrow key goes to slider positions");
}

#[test]
fn a_click_takes_a_place_out_of_its_set_and_puts_it_in_again() {
    let mut harness = with(vec![places(9, false)]);
    harness.get_by_role_and_label(Role::CheckBox, "Exits at depths 4").click();
    harness.run();
    assert_eq!(chosen(&harness).as_deref(), Some("0-3, 5-9"));
    again(&mut harness, places(9, false));
    let four = harness.get_by_role_and_label(Role::CheckBox, "Exits at depths 4");
    four.focus();
    harness.run();
    harness.key_press(Key::Space);
    harness.run();
    assert_eq!(chosen(&harness).as_deref(), Some("all"), "from the keyboard");
}

#[test]
fn a_place_with_parts_goes_through_them() {
    let mut harness = with(vec![places(3, true)]);
    harness.state_mut().state.session.knobs.set("exit-at", Value::Choice("none".to_owned()));
    for expected in ["2", "2a", "2f", "none"] {
        again(&mut harness, places(3, true));
        harness.get_by_role_and_label(Role::CheckBox, "Exits at depths 2").click();
        harness.run();
        assert_eq!(chosen(&harness).as_deref(), Some(expected));
    }
}

#[test]
fn a_drag_paints_what_its_first_cell_became_and_is_one_step_back() {
    let mut harness = with(vec![places(9, false)]);
    let (from, to) = (cell(&harness, 2).center(), cell(&harness, 6).center());
    harness.hover_at(from);
    harness.run();
    harness.drag_at(from);
    harness.run();
    // A quick hand: one frame from the first cell to the last.
    harness.hover_at(to);
    harness.step();
    again(&mut harness, places(9, false));
    harness.drop_at(to);
    harness.run();
    assert_eq!(chosen(&harness).as_deref(), Some("0-1, 7-9"));
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::Z);
    harness.run();
    assert_eq!(chosen(&harness), None);
}

#[test]
fn a_thousand_places_wrap_inside_the_pane() {
    let harness = with(vec![places(1023, false)]);
    let (first, last) = (cell(&harness, 0), cell(&harness, 1023));
    assert!(last.top() > first.bottom());
    let pane = harness.get_by_role_and_label(Role::TextInput, "Exits at depths").rect();
    for place in 0..=1023 {
        assert!(cell(&harness, place).right() <= pane.right() + 1.0, "{place}");
    }
}

fn compared() -> View {
    let reading = |value| Reading {
        id: "agreement",
        label: "Agreement".to_owned(),
        value,
        unit: "fraction",
        kind: ReadingKind::Exact,
    };
    let versus = Versus { readings: vec![reading(Some(0.75))], ..Versus::default() };
    View { readings: vec![reading(Some(0.5))], versus: Some(versus), ..view() }
}

#[test]
fn two_settings_have_tabs_and_their_readings_stand_side_by_side() {
    let mut harness = window();
    assert!(harness.query_by_label("Setting A").is_none());
    harness.get_by_label("Compare with this").click();
    harness.run();
    harness.state_mut().state.view = Some(Arc::new(compared()));
    harness.run();
    let place = |label: &str| -> Pos2 { harness.get_by_label(label).rect().center() };
    let (a, b) = (place("50.00 %"), place("75.00 %"));
    assert!(a.x < b.x && (a.y - b.y).abs() < 1.0, "{a:?} {b:?}");
    harness.get_by_label("Setting B").click();
    harness.run();
    assert_eq!(harness.state().state.session.side(), Side::B);
    assert!(harness.query_by_label("Threshold for 99 % agreement").is_none(), "it is A's");
    harness.get_by_label("End comparison").click();
    harness.run();
    assert!(harness.query_by_label("Setting A").is_none());
}

#[test]
fn a_place_in_a_figure_that_knows_its_knobs_sets_them() {
    let mut harness = window();
    let mut view = view();
    let (label, sets) = ("Entropy at 1.2", vec![("threshold", Value::Real(0.3))]);
    view.figures[0].picks = vec![Pick { at: [4.0, 16.0], label: label.to_owned(), sets }];
    harness.state_mut().state.view = Some(Arc::new(view));
    harness.run();
    let pick = harness.get_by_role_and_label(Role::Button, label);
    let at = pick.rect().center();
    harness.hover_at(at);
    harness.run();
    assert!(harness.query_all_by_label(label).count() >= 2, "its words are shown");
    harness.get_by_role_and_label(Role::Button, label).click();
    harness.run();
    let value = harness.state().state.session.knobs.get("threshold").cloned();
    assert_eq!(value, Some(Value::Real(0.3)));
}

#[test]
fn the_card_of_a_lens_says_what_cannot_be_known() {
    let mut harness = window();
    assert!(harness.query_by_label_contains("leaves no keys and values").is_none());
    harness.get_by_label("About this lens").click();
    harness.run();
    assert!(harness.query_by_label_contains("leaves no keys and values").is_some());
    let card = harness.get_by_label("What is modelled").rect();
    assert!(card.left() >= 0.0 && card.right() <= 1280.0);
}

#[test]
fn without_a_recording_there_is_no_command_line_to_copy() {
    let harness = window();
    let button = harness.get_by_role_and_label(Role::Button, "Copy as command line");
    assert!(button.accesskit_node().is_disabled());
}

#[test]
fn what_a_modelled_cost_counts_is_folded_away_and_says_when_it_is_changed() {
    let kind = KnobKind::Real { default: 1.0, min: 0.0, max: 4.0, step: 0.01 };
    let (label, help, unit) = ("Price of a readout", "", "");
    let price = KnobCard { id: "readout-price", label, help, unit, kind };
    let mut harness = with(vec![price.clone()]);
    let is_seen = |harness: &Harness<'_, Window>| {
        harness.query_by_role_and_label(Role::Slider, label).is_some()
    };
    assert!(!is_seen(&harness));
    harness.get_by_label("What the modelled cost counts").click();
    harness.run();
    assert!(is_seen(&harness));
    harness.state_mut().state.session.knobs.set("readout-price", Value::Real(0.5));
    again(&mut harness, price);
    assert!(harness.query_by_label("What the modelled cost counts (changed)").is_some());
}

#[test]
fn the_buttons_for_all_knobs_are_in_sight_however_many_knobs_a_lens_has() {
    let kind = || KnobKind::Real { default: 0.5, min: 0.0, max: 1.0, step: 0.1 };
    let card = |id| KnobCard { id, label: "Knob", help: "", unit: "", kind: kind() };
    let harness = with(vec![card("knob"); 40]);
    let knobs: Vec<Rect> =
        harness.get_all_by_role_and_label(Role::Slider, "Knob").map(|knob| knob.rect()).collect();
    let last = knobs.iter().map(Rect::bottom).fold(0.0, f32::max);
    assert!(last > 800.0, "so many knobs have to scroll, the last one ends at {last}");
    for label in ["Compare with this", "Reset knobs", "Copy as command line"] {
        let button = harness.get_by_role_and_label(Role::Button, label).rect();
        assert!(button.top() > 0.0 && button.bottom() < 800.0, "{label} is at {button:?}");
    }
}

#[test]
fn a_setting_that_cannot_be_had_is_greyed_out_and_says_why() {
    let suggestion = |label: &str, sets| Suggestion {
        id: "suggested",
        label: label.to_owned(),
        explanation: format!("why {label}"),
        sets,
    };
    let mut harness = with(vec![rule()]);
    let offered = suggestion("This one", vec![("threshold", Value::Real(0.5))]);
    let suggestions = vec![offered, suggestion("Nothing cheaper", Vec::new())];
    let view = View { suggestions, ..View::default() };
    harness.state_mut().state.view = Some(Arc::new(view));
    harness.run();
    let is_off =
        |label| harness.get_by_role_and_label(Role::Button, label).accesskit_node().is_disabled();
    assert_eq!([is_off("This one"), is_off("Nothing cheaper")], [false, true]);
    assert!(harness.query_by_label("why Nothing cheaper").is_some());
}
