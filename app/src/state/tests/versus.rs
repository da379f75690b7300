//! Two settings of the knobs: each is turned alone, and everything can be taken back.

use super::*;

/// A state that compares and knows one knob; without a recording nothing is dropped.
fn comparing() -> State {
    let mut state = State { knob_cards: vec![threshold()], ..State::default() };
    state.apply(turn(0.5, false));
    state.apply(Action::Lens(Lens::Compare));
    state
}

fn thresholds(state: &State) -> [Option<f64>; 2] {
    let of = |knobs: Option<&Knobs>| match knobs?.get("threshold") {
        Some(Value::Real(value)) => Some(*value),
        _ => None,
    };
    [of(Some(&state.session.knobs)), of(state.session.versus.as_ref())]
}

#[test]
fn a_comparison_begins_alike_and_each_side_is_turned_alone() {
    let mut state = comparing();
    assert_eq!(thresholds(&state), [Some(0.5), Some(0.5)]);
    assert_eq!(state.session.side(), Side::A);
    state.knob_cards = vec![threshold()];
    state.apply(turn(0.4, false));
    state.apply(Action::Lens(Lens::Edit(Side::B)));
    state.knob_cards = vec![threshold()];
    state.apply(turn(0.9, false));
    assert_eq!(thresholds(&state), [Some(0.4), Some(0.9)]);
    state.apply(Action::Lens(Lens::Follow(vec![("threshold", Value::Real(0.7))])));
    assert_eq!(thresholds(&state), [Some(0.4), Some(0.7)]);
    state.apply(Action::Lens(Lens::Swap));
    assert_eq!(thresholds(&state), [Some(0.7), Some(0.4)]);
    state.apply(Action::Lens(Lens::Reset));
    assert_eq!(thresholds(&state), [Some(0.7), None]);
    state.apply(Action::Lens(Lens::EndComparison));
    assert_eq!((thresholds(&state), state.session.side()), ([Some(0.7), None], Side::A));
    assert!(state.session.versus.is_none());
}

#[test]
fn undo_and_redo_walk_through_a_comparison() {
    let mut state = comparing();
    state.apply(Action::Lens(Lens::Edit(Side::B)));
    state.knob_cards = vec![threshold()];
    state.apply(turn(0.9, false));
    state.apply(Action::Lens(Lens::Swap));
    state.apply(Action::Lens(Lens::EndComparison));
    let seen = |state: &State| (thresholds(state), state.session.versus.is_some());
    let steps = [
        ([Some(0.9), None], false),
        ([Some(0.9), Some(0.5)], true),
        ([Some(0.5), Some(0.9)], true),
        ([Some(0.5), Some(0.5)], true),
        ([Some(0.5), None], false),
        ([None, None], false),
    ];
    for (number, step) in steps.iter().enumerate() {
        assert_eq!(seen(&state), *step, "after {number} steps back");
        state.apply(Action::Lens(Lens::Undo));
    }
    for step in steps.iter().rev() {
        assert_eq!(seen(&state), *step);
        state.apply(Action::Lens(Lens::Redo));
    }
}

#[test]
fn what_is_dragged_in_a_figure_is_a_whichever_side_is_edited() {
    let mut state = comparing();
    state.apply(Action::Lens(Lens::Edit(Side::B)));
    state.apply(Action::Lens(Lens::Drag { knob: "threshold", value: 0.3, is_held: false }));
    assert_eq!(thresholds(&state), [Some(0.3), Some(0.5)]);
    assert_eq!(state.session.side(), Side::A);
}

#[test]
fn a_session_keeps_its_comparison_and_an_old_one_has_none() {
    let mut state = comparing();
    state.apply(Action::Lens(Lens::Edit(Side::B)));
    let text = serde_json::to_string(&state.session).unwrap();
    assert_eq!(Session::from_json(&text).unwrap(), state.session);
    let old = Session::from_json(r#"{"version": 1, "side": "b"}"#).unwrap();
    assert_eq!((old.versus.is_some(), old.side()), (false, Side::A));
}
