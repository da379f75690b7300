//! What is run: a prompt, a data file, or the data in the binary.

use layerscope_engine::api::{Cut, Numerics, Subject};

use crate::state::{Action, Ask, File, InputKind, Run, State};

/// Above this the box scrolls.
const PROMPT_ROWS: usize = 2;
/// Above this the generated text scrolls, in points.
const WRITTEN_HEIGHT: f32 = 120.0;

pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    let input = &state.session.input;
    let mut kind = input.kind;
    ui.horizontal_wrapped(|ui| {
        for (label, which) in [
            ("Built-in data", InputKind::Embedded),
            ("Text", InputKind::Prompt),
            ("Data file", InputKind::File),
        ] {
            if ui.radio_value(&mut kind, which, label).clicked() {
                actions.push(Action::Run(Run::Kind(which)));
            }
        }
    });
    if kind == InputKind::File {
        data_file(ui, state, &mut actions);
    } else {
        let mut prompt = input.prompt.clone();
        let edit = egui::TextEdit::multiline(&mut prompt)
            .hint_text("Type text to run through the checkpoint")
            .desired_rows(PROMPT_ROWS)
            .desired_width(f32::INFINITY);
        let response = ui.add(edit);
        super::name(ui, &response, "Prompt");
        if response.changed() {
            actions.push(Action::Run(Run::Prompt(prompt)));
        }
    }
    let why_not = state.why_no_run();
    ui.horizontal(|ui| {
        let button = ui.add_enabled(why_not.is_none(), egui::Button::new("Record"));
        if button.clicked() {
            actions.push(Action::Run(Run::Record));
        }
        if let Some(reason) = why_not {
            button.on_disabled_hover_text(reason);
        } else {
            button.on_hover_text("Run it through every layer (Ctrl+Enter)");
        }
        if kind == InputKind::Prompt {
            generate(ui, state, &mut actions);
        }
    });
    if kind == InputKind::Prompt {
        writing(ui, state, &mut actions);
    }
    ui.horizontal_wrapped(|ui| {
        limit(ui, state, &mut actions);
        numerics(ui, state, &mut actions);
    });
    if let Some(reason) = why_not {
        ui.weak(reason);
    }
    if kind == InputKind::Prompt && !state.written.is_empty() {
        egui::ScrollArea::vertical().max_height(WRITTEN_HEIGHT).stick_to_bottom(true).show(
            ui,
            |ui| {
                let response = ui.add(egui::Label::new(&state.written).wrap().selectable(true));
                super::name(ui, &response, "Generated text");
            },
        );
    }
    actions
}

/// The checkpoint goes on with the prompt, or with what it wrote last.
fn generate(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
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
fn writing(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let mut setup = state.session.input.writing.clone();
    ui.horizontal_wrapped(|ui| {
        ui.label("Write");
        let field = egui::DragValue::new(&mut setup.most_tokens).range(1..=1_000_000);
        let response = ui.add(field.suffix(" tokens"));
        super::name(ui, &response, "Most new tokens");
        let field = egui::DragValue::new(&mut setup.temperature).range(0.0..=5.0).speed(0.01);
        let response = ui.add(field.fixed_decimals(2).prefix("temperature "));
        super::name(ui, &response, "Temperature");
        response.on_hover_text("0 takes the most probable token");
    });
    if setup.temperature > 0.0 {
        // What is shown is what is used.
        setup.temperature = (setup.temperature * 100.0).round() / 100.0;
    }
    if setup != state.session.input.writing {
        actions.push(Action::Run(Run::Writing(setup)));
    }
}

fn data_file(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let input = &state.session.input;
    if ui.button("Choose data file…").clicked() {
        actions.push(Action::File(File::Ask(Ask::DataFile)));
    }
    let Some(path) = &input.file else {
        ui.weak("txt, jsonl, csv or tsv");
        return;
    };
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    ui.add(egui::Label::new(file.as_ref()).truncate()).on_hover_text(path.display().to_string());
    if state.columns.is_empty() {
        let mut cut = input.cut;
        ui.horizontal(|ui| {
            ui.radio_value(&mut cut, Cut::Line, "By line");
            ui.radio_value(&mut cut, Cut::Paragraph, "By paragraph");
        });
        if cut != input.cut {
            actions.push(Action::Run(Run::Cut(cut)));
        }
        return;
    }
    let shown = input.column.as_deref().unwrap_or("text");
    let combo = egui::ComboBox::from_id_salt("column").selected_text(shown).show_ui(ui, |ui| {
        for column in &state.columns {
            if ui.selectable_label(column == shown, column).clicked() {
                actions.push(Action::Run(Run::Column(Some(column.clone()))));
            }
        }
    });
    super::name(ui, &combo.response, "Text column");
    combo.response.on_hover_text("The column that holds the text; the others become slices");
    if state.model.as_ref().is_some_and(|model| model.subject == Subject::Sample) {
        label(ui, state, actions);
    }
}

/// Only where a model reads out whole samples: no other has a use for labels.
fn label(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    const BY_ITSELF: &str = "label, where there is one";
    let chosen = state.session.input.label.as_deref();
    let combo = egui::ComboBox::from_id_salt("label").selected_text(chosen.unwrap_or(BY_ITSELF));
    let combo = combo.show_ui(ui, |ui| {
        if ui.selectable_label(chosen.is_none(), BY_ITSELF).clicked() {
            actions.push(Action::Run(Run::Label(None)));
        }
        for column in &state.columns {
            if ui.selectable_label(chosen == Some(column), column).clicked() {
                actions.push(Action::Run(Run::Label(Some(column.clone()))));
            }
        }
    });
    super::name(ui, &combo.response, "Label column");
    combo.response.on_hover_text("The column that says what is true of each sample");
}

fn limit(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let limit = state.session.input.limit_tokens;
    let mut is_limited = limit.is_some();
    if ui.checkbox(&mut is_limited, "Stop after").changed() {
        actions.push(Action::Run(Run::Limit(is_limited.then_some(4096))));
    }
    let mut tokens = limit.unwrap_or(4096);
    let field = egui::DragValue::new(&mut tokens).range(1..=u64::MAX).speed(16).suffix(" tokens");
    let response = ui.add_enabled(is_limited, field);
    super::name(ui, &response, "Token limit");
    if response.changed() {
        actions.push(Action::Run(Run::Limit(Some(tokens))));
    }
}

/// How readouts round. What is chosen can always be taken back, whatever the machine.
fn numerics(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    const SAYS: &str = "How readouts are computed. Exact: f32. Faster: bf16; measured on text, probabilities move \
                        by up to 1e-2 and the best token differs for at most 1 % of tokens. Cosine, update and RMS \
                        stay exact.";
    let chosen = state.session.input.numerics;
    let why_not = state.why_no_bf16();
    let shown = match chosen {
        Numerics::F32 => "Exact",
        Numerics::Bf16 => "bf16",
    };
    let combo = egui::ComboBox::from_id_salt("numerics").width(0.0).selected_text(shown);
    let combo = combo.show_ui(ui, |ui| {
        for (label, numerics) in [("Exact (f32)", Numerics::F32), ("Faster (bf16)", Numerics::Bf16)]
        {
            let is_possible = numerics == Numerics::F32 || why_not.is_none();
            let item = egui::Button::selectable(chosen == numerics, label);
            let item = ui.add_enabled(is_possible, item);
            if item.clicked() {
                actions.push(Action::Run(Run::Numerics(numerics)));
            }
            item.on_disabled_hover_text(why_not.unwrap_or_default());
        }
    });
    super::name(ui, &combo.response, "Readout");
    combo.response.on_hover_text(SAYS);
}
