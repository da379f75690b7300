//! Two settings of the knobs, A and B, on the same plots.

use crate::state::{Action, Lens, Side, State};

/// The row above the knobs: which setting they are of, once there are two.
pub(super) fn show(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    if state.session.versus.is_none() {
        return;
    }
    let now = state.session.side();
    ui.horizontal_wrapped(|ui| {
        for (side, label, hint) in [
            (
                Side::A,
                "A",
                "Turn the knobs of A: full colours; its lines in the figures can be dragged",
            ),
            (Side::B, "B", "Turn the knobs of B: dashed lines and pale bars"),
        ] {
            let button =
                egui::Button::selectable(now == side, label).min_size(egui::vec2(34.0, 0.0));
            let response = ui.add(button);
            super::name(ui, &response, &format!("Setting {label}"));
            if response.on_hover_text(hint).clicked() {
                actions.push(Action::Lens(Lens::Edit(side)));
            }
        }
        if ui.button("Swap").on_hover_text("A becomes B and B becomes A").clicked() {
            actions.push(Action::Lens(Lens::Swap));
        }
        if ui.button("End comparison").on_hover_text("Only A stays").clicked() {
            actions.push(Action::Lens(Lens::EndComparison));
        }
    });
}

/// The button that begins it.
pub(super) fn button(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    if state.session.versus.is_some() {
        return;
    }
    let hint = "Keep this setting as B; then turn knobs and see both on the same plots";
    if ui.button("Compare with this").on_hover_text(hint).clicked() {
        actions.push(Action::Lens(Lens::Compare));
    }
}
