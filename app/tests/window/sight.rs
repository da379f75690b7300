//! What a person sees at once, without scrolling, in a window of 1280 x 800.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use layerscope::shell::Window;
use layerscope_engine::api::lenses;

use super::drive::{Session, settle};

/// Takes a lens from the choice above the knobs.
fn choose(window: &mut Harness<'_, Window>, lens: &str) {
    window.get_by_role_and_label(Role::ComboBox, "Lens").click();
    window.run();
    // The tab of the present one has its name, too.
    window.query_all_by_role_and_label(Role::Button, lens).last().unwrap().click();
    settle(window);
}

#[test]
fn in_every_lens_the_buttons_below_the_knobs_are_in_sight() {
    let session = Session::new();
    let mut window = session.start(None);
    for card in lenses() {
        choose(&mut window, card.name);
        assert!(window.query_by_label(card.question).is_some(), "{} is chosen", card.id);
        // The height of the buttons is known one frame after they were drawn.
        window.run();
        let status = window.get_by_label_contains("tokens recorded").rect();
        for label in ["Compare with this", "Reset knobs", "Copy as command line"] {
            let button = window.get_by_role_and_label(Role::Button, label).rect();
            assert!(
                button.top() > 0.0 && button.bottom() <= status.top(),
                "{}: {label} is at {button:?}",
                card.id
            );
        }
    }
}

#[test]
fn another_lens_has_its_usual_places_after_a_tab_was_chosen() {
    let session = Session::new();
    let mut window = session.start(None);
    let plot = |window: &Harness<'_, Window>, title: &str| {
        window.get_by_role_and_label(Role::Image, title).rect()
    };
    let before = plot(&window, "Tokens that exit at each depth");
    window.query_all_by_label_contains("Notes").next().unwrap().click();
    window.run();
    choose(&mut window, "Reliability");
    let after = plot(&window, "Tokens in each bin at depth 8");
    // But for the legend and the width of numbers.
    assert!((after.max - before.max).length() < 40.0, "{before:?} became {after:?}");
    assert!(window.query_all_by_label_contains("no such figure").next().is_none());
}
