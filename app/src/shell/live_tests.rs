//! The Live pane as a person meets it.

use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::Window;
use super::tests::window;
use crate::state::LiveKind;

fn kind(harness: &Harness<'_, Window>) -> LiveKind {
    harness.state().state.session.live.kind
}

#[test]
fn what_is_set_in_the_live_pane_is_undone_and_redone() {
    let mut harness = window();
    harness.get_by_label("Live").click();
    harness.run();
    harness.get_by_label("Skips").click();
    harness.run();
    assert_eq!(kind(&harness), LiveKind::Skips);
    harness.get_by_label("Write").click();
    harness.run();
    assert!(harness.state().state.session.live.writes);
    for (is_written, expected) in [(false, LiveKind::Skips), (false, LiveKind::Exits)] {
        harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::Z);
        harness.run();
        assert_eq!(harness.state().state.session.live.writes, is_written);
        assert_eq!(kind(&harness), expected);
    }
    harness.state_mut().state.apply(crate::state::Action::Lens(crate::state::Lens::Redo));
    assert_eq!(kind(&harness), LiveKind::Skips);
}
