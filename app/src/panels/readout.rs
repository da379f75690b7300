//! What is read out, and how exactly: in a small window of its own, so that the pane stays short.

use std::num::NonZeroU32;

use layerscope_engine::api::{Numerics, ReadAt, Subject};

use crate::state::{Action, Run, State};

/// Where a person begins who wants fewer rows.
const FIRST_N: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);
/// Of the small window.
const WIDTH: f32 = 230.0;

/// The button that opens it. What differs from the usual stands on the button.
pub(super) fn show(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let input = &state.session.input;
    let numerics = (input.numerics == Numerics::Bf16).then_some("bf16");
    let read_at = match input.read_at {
        ReadAt::Every => None,
        ReadAt::EveryNth(_) => Some("n-th"),
        ReadAt::Last => Some("last"),
    };
    let unusual: Vec<_> = numerics.into_iter().chain(read_at).collect();
    let text = if unusual.is_empty() {
        "Readout…".to_owned()
    } else {
        format!("Read: {}…", unusual.join(", "))
    };
    let button = ui.button(text);
    egui::Popup::from_toggle_button_response(&button)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(WIDTH);
            rounding(ui, state, actions);
            rows(ui, state, actions);
        });
    button.on_hover_text("Which tokens are read out, and how exactly");
}

/// How readouts round. What is chosen can always be taken back, whatever the machine.
fn rounding(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    const SAYS: &str = "Measured on text, probabilities move by up to 1e-2, entropy, NLL and KL by up to 2e-2 or \
                        2 %; the best token stays. Cosine, update and RMS stay exact.";
    let chosen = state.session.input.numerics;
    ui.weak("Precision");
    for (label, numerics) in [("Exact (f32)", Numerics::F32), ("Faster (bf16)", Numerics::Bf16)] {
        let why_not = state.why_no_bf16().filter(|_| numerics == Numerics::Bf16);
        let radio = egui::RadioButton::new(chosen == numerics, label);
        let mut radio = ui.add_enabled(why_not.is_none(), radio);
        if radio.clicked() {
            actions.push(Action::Run(Run::Numerics(numerics)));
        }
        if numerics == Numerics::Bf16 {
            radio = radio.on_hover_text(SAYS);
        }
        radio.on_disabled_hover_text(why_not.unwrap_or_default());
    }
}

/// Only where a row is a token: a model that reads whole samples reads each once.
fn rows(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    if state.model.as_ref().is_some_and(|model| model.subject == Subject::Sample) {
        return;
    }
    let read_at = state.session.input.read_at;
    let n = match read_at {
        ReadAt::EveryNth(n) => n,
        ReadAt::Every | ReadAt::Last => FIRST_N,
    };
    let mut chosen = read_at;
    ui.weak("Rows");
    ui.radio_value(&mut chosen, ReadAt::Every, label(ReadAt::Every));
    ui.horizontal(|ui| {
        let nth = ReadAt::EveryNth(n);
        ui.radio_value(&mut chosen, nth, label(nth))
            .on_hover_text("The first token of each sequence and every n-th after it");
        let mut number = n.get();
        let field = egui::DragValue::new(&mut number).range(1..=u32::MAX).prefix("n = ");
        let response = ui.add_enabled(chosen == nth, field);
        super::name(ui, &response, "n");
        if response.changed() {
            chosen = NonZeroU32::new(number).map_or(chosen, ReadAt::EveryNth);
        }
    });
    ui.radio_value(&mut chosen, ReadAt::Last, label(ReadAt::Last));
    ui.weak("All tokens run; fewer rows take less time and memory.");
    if chosen != read_at {
        actions.push(Action::Run(Run::ReadAt(chosen)));
    }
}

fn label(read_at: ReadAt) -> &'static str {
    match read_at {
        ReadAt::Every => "Every token",
        ReadAt::EveryNth(_) => "Every n-th",
        ReadAt::Last => "Last of each sequence",
    }
}
