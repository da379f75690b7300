//! Knobs of the lens, and settings that it suggests.

use layerscope_engine::api::{self, COST_MODEL_KNOBS, KnobCard, KnobKind, Suggestion, Value};

use super::{beside, comparison, lens_card, places};
use crate::state::{Action, File, Lens, Side, State};

/// How the names of thresholds of single depths begin; more of them than `FEW` are folded away.
const OF_DEPTH: &str = "threshold-";
const FEW: usize = 4;

/// Knobs that stand together and may be folded away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    /// One threshold for each depth.
    Thresholds,
    /// What a modelled cost counts: seldom turned.
    CostModel,
}

/// In a wider pane a control would stand too far from its caption.
const WIDEST_CAPTION: f32 = 200.0;

/// In a wider pane a slider would be longer than a hand wants to drag.
const WIDEST: f32 = 460.0;

/// Knobs, and below them the buttons for all of them. Where there is no room for both the knobs scroll, and the buttons
/// stay in sight: however many knobs a lens has.
pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    // As high as they were drawn last: in a narrow pane they stand in two rows.
    let id = ui.scope_id().with("height of the buttons");
    let height = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or_default();
    let room = ui.available_height() - height;
    egui::ScrollArea::vertical().auto_shrink([false, true]).max_height(room).show(ui, |ui| {
        ui.set_max_width(ui.available_width().min(WIDEST));
        // Closer than elsewhere: the more knobs are in sight at once.
        ui.spacing_mut().item_spacing.y = 2.0;
        all(ui, state, &mut actions);
    });
    if !state.knob_cards.is_empty() {
        let shown = ui.scope(|ui| buttons(ui, state, &mut actions)).response.rect.height();
        let height = shown + ui.spacing().item_spacing.y;
        ui.data_mut(|data| data.insert_temp(id, height));
    }
    actions
}

/// What is done with all knobs at once.
fn buttons(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.horizontal_wrapped(|ui| {
        comparison::button(ui, state, actions);
        if ui.button("Reset knobs").clicked() {
            actions.push(Action::Lens(Lens::Reset));
        }
        copy_button(ui, state, actions);
    });
}

fn all(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    if let Some(card) = state.lens_card() {
        ui.horizontal(|ui| {
            lens(ui, state, actions);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                lens_card::button(ui, card);
            });
        });
        lens_card::question(ui, card);
    }
    beside::show(ui, state, actions);
    comparison::show(ui, state, actions);
    for cards in state.knob_cards.chunk_by(|a, b| group(a) == group(b)) {
        group_of_knobs(ui, state, cards, actions);
    }
    if state.knob_cards.is_empty() {
        ui.weak("The knobs appear with the first recording");
    }
    for suggestion in suggestions(state) {
        suggested(ui, suggestion, actions);
    }
}

/// A setting that the lens offers, and what it would bring; where there is none, why not.
fn suggested(ui: &mut egui::Ui, suggestion: &Suggestion, actions: &mut Vec<Action>) {
    ui.add_space(4.0);
    let is_offered = !suggestion.sets.is_empty();
    let button = egui::Button::new(&suggestion.label).wrap();
    let response = ui.add_enabled(is_offered, button);
    if response.clicked() {
        actions.push(Action::Lens(Lens::Follow(suggestion.sets.clone())));
    }
    response.on_hover_text(&suggestion.explanation).on_disabled_hover_text(&suggestion.explanation);
    // A number and its sign stay on one line.
    let words = suggestion.explanation.replace(" %", "\u{a0}%");
    ui.add(egui::Label::new(egui::RichText::new(words).small().weak()).wrap());
}

fn group(card: &KnobCard) -> Option<Group> {
    if card.id.starts_with(OF_DEPTH) {
        Some(Group::Thresholds)
    } else {
        COST_MODEL_KNOBS.contains(&card.id).then_some(Group::CostModel)
    }
}

/// Neighbouring knobs of one group.
fn group_of_knobs(ui: &mut egui::Ui, state: &State, cards: &[KnobCard], actions: &mut Vec<Action>) {
    let mut knobs = |ui: &mut egui::Ui| {
        for card in cards {
            actions.extend(knob(ui, card, &state.knob_value(card)).map(Action::Lens));
        }
    };
    let (group, head, told) = match cards.first().and_then(group) {
        Some(group @ Group::Thresholds) if cards.len() > FEW => {
            let head = format!("{} thresholds, one for each depth", cards.len());
            (group, head, "The figure of the signal has a handle for each")
        }
        Some(group @ Group::CostModel) => {
            let is_usual = |card: &KnobCard| state.knob_value(card) == card.kind.default_value();
            let mark = if cards.iter().all(is_usual) { "" } else { " (changed)" };
            let head = format!("What the modelled cost counts{mark}");
            (group, head, "Readouts at the exits, and keys and values of skipped blocks")
        }
        Some(Group::Thresholds) | None => return knobs(ui),
    };
    let folded = egui::CollapsingHeader::new(head).id_salt(group).show(ui, knobs);
    folded.header_response.on_hover_text(told);
}

/// What the lens has found for the setting that the pane turns.
fn suggestions(state: &State) -> &[Suggestion] {
    let Some(view) = &state.view else { return &[] };
    match (state.session.side(), &view.versus) {
        (Side::B, Some(versus)) => &versus.suggestions,
        (Side::B, None) => &[],
        (Side::A, _) => &view.suggestions,
    }
}

fn copy_button(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let why_not = state.why_no_command_line();
    let button = ui.add_enabled(why_not.is_none(), egui::Button::new("Copy as command line"));
    if button.clicked() {
        actions.push(Action::File(File::CopyCommandLine));
    }
    button
        .on_hover_text("The command that writes these figures again goes to the clipboard")
        .on_disabled_hover_text(why_not.unwrap_or_default());
}

/// A choice of lenses, once there is more than one.
fn lens(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let lenses = api::lenses();
    if lenses.len() < 2 {
        return;
    }
    let shown = state.lens_card().map_or("", |card| card.name);
    let combo = egui::ComboBox::from_id_salt("lens").selected_text(shown).show_ui(ui, |ui| {
        for card in lenses {
            if ui.selectable_label(card.id == state.session.lens, card.name).clicked() {
                actions.push(Action::Lens(Lens::Choose(card.id.to_owned())));
            }
        }
    });
    super::name(ui, &combo.response, "Lens");
}

pub(super) fn knob(ui: &mut egui::Ui, card: &KnobCard, value: &Value) -> Option<Lens> {
    // What lies between 0 and 1 says so by itself.
    let caption = if card.unit.is_empty() || card.unit == "fraction" {
        card.label.to_owned()
    } else {
        format!("{} ({})", card.label, card.unit)
    };
    let row = ui.horizontal(|ui| {
        // Beside its control: so all knobs of a lens are in sight at once.
        let width = (ui.available_width() * 0.45).min(WIDEST_CAPTION);
        let size = egui::vec2(width, ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(size, egui::Layout::top_down(egui::Align::Min), |ui| {
            ui.set_min_width(width);
            ui.add(egui::Label::new(caption).wrap()).on_hover_text(card.help);
        });
        control(ui, card, value)
    });
    let below = below(ui, card, value);
    row.inner.or(below)
}

/// What a knob needs more room for than the row has: what a choice means, the cells of a set.
fn below(ui: &mut egui::Ui, card: &KnobCard, value: &Value) -> Option<Lens> {
    match (&card.kind, value) {
        (KnobKind::Choice { options, .. }, Value::Choice(now)) => {
            let chosen = options.iter().find(|option| option.id == *now);
            if let Some(option) = chosen.filter(|option| !option.help.is_empty()) {
                let words = egui::RichText::new(option.help).small().weak();
                let label = ui.add(egui::Label::new(words).wrap());
                if !option.source.is_empty() {
                    label.on_hover_text(option.source);
                }
            }
            None
        }
        (KnobKind::Places { first, last, has_parts, .. }, Value::Choice(now)) => {
            let span = places::Span { first: *first, last: *last, has_parts: *has_parts };
            let (text, is_held) = places::show(ui, card, &span, now)?;
            let (knob, value) = (card.id.to_owned(), Value::Choice(text));
            Some(Lens::Turn { knob, value, is_held })
        }
        _ => None,
    }
}

fn control(ui: &mut egui::Ui, card: &KnobCard, value: &Value) -> Option<Lens> {
    ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
    let turn = |value, is_held| Lens::Turn { knob: card.id.to_owned(), value, is_held };
    match (&card.kind, value) {
        (KnobKind::Real { min, max, step, .. }, Value::Real(now)) => {
            let mut at = *now;
            // Without steps of its own: the slider would move a typed number, or one of a session, by being shown.
            let slider = egui::Slider::new(&mut at, *min..=*max)
                .max_decimals(4)
                .clamping(egui::SliderClamping::Edits);
            let response = named(ui, slider, card);
            if at != *now && response.dragged() {
                at = stepped(at, *min, *max, *step);
            } else if at != *now && response.has_focus() {
                // A press of an arrow key moves by a pixel, which may be less than a step.
                let by = (at - *now).abs().max(*step);
                at = stepped(*now + by.copysign(at - *now), *min, *max, *step);
            }
            follow(&response, at != *now).map(|is_held| turn(Value::Real(at), is_held))
        }
        (KnobKind::Integer { min, max, .. }, Value::Integer(now)) => {
            let mut at = *now;
            let response = named(ui, egui::Slider::new(&mut at, *min..=*max), card);
            follow(&response, at != *now).map(|is_held| turn(Value::Integer(at), is_held))
        }
        (KnobKind::Choice { options, .. }, Value::Choice(now)) => {
            let shown = options.iter().find(|o| o.id == *now).map_or(now, |o| &o.label);
            let mut chosen = None;
            let combo = egui::ComboBox::from_id_salt(card.id)
                .selected_text(shown)
                .width(ui.available_width())
                .truncate()
                .show_ui(ui, |ui| {
                    for option in options {
                        let mut label = ui.selectable_label(option.id == *now, &option.label);
                        if !option.help.is_empty() {
                            label = label.on_hover_text(option.help);
                        }
                        if label.clicked() {
                            chosen = Some(turn(Value::Choice(option.id.clone()), false));
                        }
                    }
                });
            super::name(ui, &combo.response, card.label);
            // In a narrow pane the name of the option is cut.
            combo.response.on_hover_text(format!("{shown}\n{}", card.help));
            chosen
        }
        (KnobKind::Places { .. }, Value::Choice(now)) => {
            // Kept by the widget while it is typed; taken when it is left.
            let id = ui.scope_id().with(card.id);
            let mut text =
                ui.data(|data| data.get_temp::<String>(id)).unwrap_or_else(|| now.clone());
            let response =
                ui.add(egui::TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
            super::name(ui, &response, card.label);
            let response = response.on_hover_text(card.help);
            if response.has_focus() {
                ui.data_mut(|data| data.insert_temp(id, text));
                return None;
            }
            ui.data_mut(|data| data.remove_temp::<String>(id));
            (response.lost_focus() && text != *now).then(|| turn(Value::Choice(text), false))
        }
        // A value of another type never gets past the state.
        (
            KnobKind::Real { .. }
            | KnobKind::Integer { .. }
            | KnobKind::Choice { .. }
            | KnobKind::Places { .. },
            _,
        ) => None,
    }
}

/// The nearest slider position; a step that is no number leaves every position.
fn stepped(at: f64, min: f64, max: f64, step: f64) -> f64 {
    if !step.is_finite() || step <= 0.0 {
        return at;
    }
    (min + ((at - min) / step).round() * step).clamp(min, max)
}

fn named(ui: &mut egui::Ui, slider: egui::Slider<'_>, card: &KnobCard) -> egui::Response {
    let response = ui.add(slider);
    super::name(ui, &response, card.label);
    response.on_hover_text(card.help)
}

/// Whether the knob was turned or let go, and whether it is still held.
fn follow(response: &egui::Response, is_turned: bool) -> Option<bool> {
    let is_let_go = response.drag_stopped();
    (is_turned || is_let_go).then_some(response.dragged() && !is_let_go)
}
