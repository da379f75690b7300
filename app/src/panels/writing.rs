//! How the checkpoint goes on with a text: the buttons, and what is set about it.
//!
//! What is set seldom stands in a small window of its own, so that the pane stays short.

use crate::state::{Action, Run, State, Writing};

/// Limits of the engine (`generate/sampler.rs`), as far as a hand that drags has a use for them.
const HIGHEST_TEMPERATURE: f64 = 5.0;
const HIGHEST_PENALTY: f64 = 5.0;
/// Where top-k stands when it is switched on.
const USUAL_TOP_K: u64 = 40;
/// Of the small window.
const SAMPLING_WIDTH: f32 = 230.0;
/// Above this the box of stop texts scrolls.
const STOP_ROWS: usize = 2;

/// The checkpoint goes on with the prompt, or with what it wrote last.
pub(super) fn buttons(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let buttons = [
        ("Generate", state.why_no_generation(), Run::Generate),
        ("Continue", state.why_no_more(), Run::Continue),
    ];
    for (label, why_not, action) in buttons {
        let button = ui.add_enabled(why_not.is_none(), egui::Button::new(label));
        if button.clicked() {
            actions.push(Action::Run(action));
        }
        let told = why_not.unwrap_or("The checkpoint goes on with the text, token by token");
        button.on_hover_text(told).on_disabled_hover_text(told);
    }
}

/// How it goes on.
pub(super) fn settings(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let before = &state.session.input.writing;
    let mut setup = before.clone();
    ui.horizontal_wrapped(|ui| {
        ui.label("Write");
        let field = egui::DragValue::new(&mut setup.most_tokens).range(1..=1_000_000);
        let response = ui.add(field.suffix(" tokens"));
        super::name(ui, &response, "Most new tokens");
        let button = ui.button("Sampling…");
        egui::Popup::from_toggle_button_response(&button)
            .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
            .show(|ui| sampling(ui, &mut setup));
        button.on_hover_text(summary(before));
        chat(ui, state, &mut setup);
    });
    if setup != *before {
        actions.push(Action::Run(Run::Writing(setup)));
    }
}

/// How tokens are chosen, for a person who has not opened the small window.
fn summary(setup: &Writing) -> String {
    if setup.temperature == 0.0 {
        return "How tokens are chosen; now always the most probable one".to_owned();
    }
    format!("How tokens are chosen; now drawn at temperature {:.2}", setup.temperature)
}

fn chat(ui: &mut egui::Ui, state: &State, setup: &mut Writing) {
    let why_not = state.why_no_chat();
    let mut is_chat = setup.is_chat && why_not.is_none();
    let field = ui.add_enabled(why_not.is_none(), egui::Checkbox::new(&mut is_chat, "Chat"));
    if field.changed() {
        setup.is_chat = is_chat;
    }
    super::name(ui, &field, "Chat template");
    field
        .on_hover_text("Put the prompt into the chat template of the checkpoint")
        .on_disabled_hover_text(why_not.unwrap_or_default());
}

fn sampling(ui: &mut egui::Ui, setup: &mut Writing) {
    ui.set_max_width(SAMPLING_WIDTH);
    egui::Grid::new("sampling").num_columns(2).show(ui, |ui| {
        ui.label("Temperature");
        let field = egui::DragValue::new(&mut setup.temperature).range(0.0..=HIGHEST_TEMPERATURE);
        let response = ui.add(field.speed(0.01).fixed_decimals(2));
        super::name(ui, &response, "Temperature");
        response.on_hover_text("0 takes the most probable token; more draws more freely");
        setup.temperature = shown(setup.temperature);
        ui.end_row();

        let is_drawn = setup.temperature > 0.0;
        ui.label("Top-k");
        drawn(ui, is_drawn, |ui| top_k(ui, &mut setup.top_k));
        ui.end_row();

        ui.label("Top-p");
        drawn(ui, is_drawn, |ui| {
            let field = egui::DragValue::new(&mut setup.top_p).range(0.01..=1.0);
            let response = ui.add(field.speed(0.005).fixed_decimals(2));
            super::name(ui, &response, "Top-p");
            response.on_hover_text(
                "Draw only from the most probable tokens that together reach this; 1: from all",
            );
        });
        setup.top_p = shown(setup.top_p);
        ui.end_row();

        ui.label("Seed");
        drawn(ui, is_drawn, |ui| {
            let response = ui.add(egui::DragValue::new(&mut setup.seed));
            super::name(ui, &response, "Seed");
            response.on_hover_text("The same seed draws the same text");
        });
        ui.end_row();

        ui.label("Repetition penalty");
        let field = egui::DragValue::new(&mut setup.repeat_penalty).range(0.1..=HIGHEST_PENALTY);
        let response = ui.add(field.speed(0.01).fixed_decimals(2));
        super::name(ui, &response, "Repetition penalty");
        response.on_hover_text("Makes tokens that are in the text already less likely; 1: not");
        setup.repeat_penalty = shown(setup.repeat_penalty);
        ui.end_row();
    });
    let field = egui::TextEdit::multiline(&mut setup.stops).desired_rows(STOP_ROWS);
    // A window of its own is as light as a field, so the field gets another ground.
    let field = field.background_color(ui.visuals().faint_bg_color);
    let field = field.hint_text("Texts to stop at, one per line").desired_width(f32::INFINITY);
    let response = ui.add(field);
    super::name(ui, &response, "Stop texts");
    response.on_hover_text("The text ends before the first of these; \\n is a new line");
}

fn top_k(ui: &mut egui::Ui, top_k: &mut Option<u64>) {
    ui.horizontal(|ui| {
        let mut is_on = top_k.is_some();
        let response = ui.checkbox(&mut is_on, "");
        super::name(ui, &response, "Limit to top-k");
        let mut k = top_k.unwrap_or(USUAL_TOP_K);
        let field = egui::DragValue::new(&mut k).range(1..=u64::MAX);
        let field = ui.add_enabled(is_on, field);
        super::name(ui, &field, "Top-k");
        field.on_hover_text("Draw only from so many of the most probable tokens");
        *top_k = is_on.then_some(k);
    });
}

/// What only counts where tokens are drawn; greyed out with the reason where they are not.
fn drawn(ui: &mut egui::Ui, is_drawn: bool, add: impl FnOnce(&mut egui::Ui)) {
    let all = ui.add_enabled_ui(is_drawn, add).response;
    if !is_drawn {
        all.on_hover_text("At temperature 0 nothing is drawn: the most probable token is taken");
    }
}

/// What is shown is what is used.
fn shown(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_the_number_that_is_shown() {
        assert_eq!([shown(0.304_999), shown(1.0), shown(0.1 + 0.2)], [0.3, 1.0, 0.3]);
    }

    #[test]
    fn the_button_says_whether_anything_is_drawn() {
        let warm = Writing { temperature: 0.8, ..Writing::default() };
        assert!(summary(&warm).ends_with("temperature 0.80"));
        assert!(summary(&Writing::default()).ends_with("the most probable one"));
    }
}
