//! What a lens is: its question, its sources, what is modelled and what it cannot know.

use layerscope_engine::api::LensCard;

/// Of the small window.
const WIDTH: f32 = 380.0;
const MOST_HEIGHT: f32 = 460.0;

/// The button that opens the card.
pub(super) fn button(ui: &mut egui::Ui, card: &LensCard) {
    let button = ui.button("?");
    super::name(ui, &button, "About this lens");
    egui::Popup::from_toggle_button_response(&button)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(WIDTH);
            egui::ScrollArea::vertical().max_height(MOST_HEIGHT).show(ui, |ui| page(ui, card));
        });
    button.on_hover_text("What this lens asks, models and cannot know");
}

/// What the lens asks; under the pointer where it comes from.
pub(super) fn question(ui: &mut egui::Ui, card: &LensCard) {
    ui.add(egui::Label::new(card.question).wrap()).on_hover_text(card.source);
}

fn page(ui: &mut egui::Ui, card: &LensCard) {
    ui.heading(card.name);
    ui.add(egui::Label::new(card.question).wrap());
    let nothing = "Nothing: every number is counted or computed from what was recorded";
    let modelled = if card.modelled.is_empty() { nothing } else { card.modelled };
    for (label, text) in [
        ("Source", card.source),
        ("What is modelled", modelled),
        ("What cannot be known here", card.unknown),
    ] {
        if !text.is_empty() {
            ui.add_space(4.0);
            ui.strong(label);
            ui.add(egui::Label::new(text).wrap());
        }
    }
    ui.add_space(4.0);
    ui.weak("Every reading says whether it is exact, an estimate, modelled or measured.");
}
