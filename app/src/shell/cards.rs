//! Cards above the panes: what went wrong and what to do about it.

use crate::state::{Action, Layout, State};

/// More cards would push the figures out of the window.
const MOST_SHOWN: usize = 3;

/// Draws the newest problems.
pub(crate) fn show(ui: &mut egui::Ui, state: &State) -> Option<Action> {
    let mut action = None;
    let hidden = state.problems.len().saturating_sub(MOST_SHOWN);
    for (index, problem) in state.problems.iter().enumerate().skip(hidden) {
        let color = ui.visuals().error_fg_color;
        let frame = egui::Frame::group(ui.style()).stroke(egui::Stroke::new(1.0, color));
        frame.show(ui, |ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
                if ui.button("Dismiss").clicked() {
                    action = Some(Action::Layout(Layout::Dismiss(index)));
                }
                ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.add(egui::Label::new(egui::RichText::new(&problem.what).strong()).wrap());
                    if !problem.hint.is_empty() {
                        ui.add(egui::Label::new(&problem.hint).wrap());
                    }
                });
            });
        });
    }
    if hidden > 0 {
        ui.weak(format!("{hidden} older problems are behind these"));
    }
    action
}
