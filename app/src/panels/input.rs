//! What is run: a prompt, a data file, the data in the binary, or a folder of images.

use std::path::Path;

use layerscope_engine::api::{Cut, Subject};

use super::writing;
use crate::state::{Action, Ask, File, InputKind, Run, State};

/// Above this the box scrolls.
const PROMPT_ROWS: usize = 2;
/// Above this the generated text scrolls, in points.
const WRITTEN_HEIGHT: f32 = 120.0;

pub(super) fn show(ui: &mut egui::Ui, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    let input = &state.session.input;
    let kind = input.kind;
    match kind {
        InputKind::Images => images(ui, state, &mut actions),
        InputKind::Embedded | InputKind::Prompt | InputKind::File => {
            texts(ui, state, &mut actions);
        }
    }
    let why_not = state.why_no_run();
    ui.horizontal_wrapped(|ui| {
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
            writing::buttons(ui, state, &mut actions);
        }
    });
    if kind == InputKind::Prompt {
        writing::settings(ui, state, &mut actions);
    }
    ui.horizontal_wrapped(|ui| {
        limit(ui, state, &mut actions);
        super::readout::show(ui, state, &mut actions);
    });
    // An empty box says itself what it waits for.
    let is_said = kind == InputKind::Prompt && input.prompt.is_empty() && state.model.is_some();
    if let Some(reason) = why_not.filter(|_| !is_said) {
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

/// Which text is run: the kinds of input, and what belongs to the chosen one.
fn texts(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
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
        data_file(ui, state, actions);
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
}

/// The one input of a model that reads images.
fn images(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let (ask, kinds) = (Ask::ImageFolder, "of PNG and JPEG files");
    let folder = state.session.input.images.as_deref();
    chosen_path(ui, "Image folder…", ask, (folder, kinds), actions);
}

/// A button that asks for a path, and the name of the one that was chosen or what can be.
fn chosen_path(
    ui: &mut egui::Ui,
    button: &str,
    ask: Ask,
    (path, kinds): (Option<&Path>, &str),
    actions: &mut Vec<Action>,
) {
    ui.horizontal(|ui| {
        if ui.button(button).clicked() {
            actions.push(Action::File(File::Ask(ask)));
        }
        let Some(path) = path else {
            ui.weak(kinds);
            return;
        };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let label = ui.add(egui::Label::new(name.as_ref()).truncate());
        label.on_hover_text(path.display().to_string());
    });
}

fn data_file(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let input = &state.session.input;
    let (ask, kinds) = (Ask::DataFile, "txt, jsonl, csv or tsv");
    chosen_path(ui, "Choose data file…", ask, (input.file.as_deref(), kinds), actions);
    if input.file.is_none() {
        return;
    }
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
    ui.horizontal_wrapped(|ui| columns(ui, state, actions));
}

/// Which columns are read, and as what.
fn columns(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let input = &state.session.input;
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
    let others: Vec<&String> = state.columns.iter().filter(|name| *name != shown).collect();
    let subject = state.model.as_ref().map_or(Subject::Token, |model| model.subject);
    // One that a decoder will refuse has to be seen, too.
    if subject != Subject::Token || input.pair.is_some() {
        let pair = Optional {
            name: "Pair column",
            without: "one text",
            help: "The column that holds a second text, read together with the first",
            chosen: input.pair.as_deref(),
            choose: Run::Pair,
        };
        actions.extend(pair.show(ui, &others));
    }
    // No other model has a use for labels.
    if subject == Subject::Sample {
        let label = Optional {
            name: "Label column",
            without: "label, where there is one",
            help: "The column that says what is true of each sample",
            chosen: input.label.as_deref(),
            choose: Run::Label,
        };
        actions.extend(label.show(ui, &others));
    }
}

/// A column that need not be chosen.
struct Optional<'a> {
    name: &'static str,
    /// What is used where none is.
    without: &'static str,
    help: &'static str,
    chosen: Option<&'a str>,
    choose: fn(Option<String>) -> Run,
}

impl Optional<'_> {
    /// What was chosen just now.
    fn show(&self, ui: &mut egui::Ui, columns: &[&String]) -> Option<Action> {
        let mut now = None;
        let combo = egui::ComboBox::from_id_salt(self.name);
        let combo = combo.selected_text(self.chosen.unwrap_or(self.without)).show_ui(ui, |ui| {
            if ui.selectable_label(self.chosen.is_none(), self.without).clicked() {
                now = Some(Action::Run((self.choose)(None)));
            }
            for column in columns {
                let is_chosen = self.chosen == Some(column);
                if ui.selectable_label(is_chosen, *column).clicked() {
                    now = Some(Action::Run((self.choose)(Some((*column).clone()))));
                }
            }
        });
        super::name(ui, &combo.response, self.name);
        combo.response.on_hover_text(self.help);
        now
    }
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
