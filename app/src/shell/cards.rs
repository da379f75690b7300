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
                    ui.add(
                        egui::Label::new(egui::RichText::new(sentence(&problem.what)).strong())
                            .wrap(),
                    );
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

/// What the command line writes behind "error:" as a sentence of its own; a name at its head, such as `config.json`, is
/// left as it is spelt.
fn sentence(what: &str) -> String {
    let word = what.split(' ').next().unwrap_or_default();
    let is_word =
        word.trim_end_matches([':', ',']).chars().all(|letter| letter.is_ascii_lowercase());
    let mut letters = what.chars();
    match letters.next() {
        Some(first) if is_word => first.to_uppercase().chain(letters).collect(),
        _ => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_begins_with_a_capital_unless_a_name_begins_it() {
        let told = ["truncated: needs 8 bytes", "config.json has no field", "num_layers is 0", ""];
        let shown = ["Truncated: needs 8 bytes", "config.json has no field", "num_layers is 0", ""];
        assert_eq!(told.map(sentence), shown);
    }
}
