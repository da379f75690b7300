//! Executing a rule: how, and what came of it.

use layerscope_engine::api::Treatment;

use super::{knobs, readings};
use crate::paint;
use crate::state::{Action, Lens, LiveKind, LiveSetup, Run, State};

/// In a wider pane a control would stand too far from its caption.
const WIDEST_KNOBS: f32 = 420.0;
/// In a narrower one what came of it stands below the knobs and not beside them.
const BOTH: f32 = 600.0;
/// Height of a figure, where the pane is long enough to scroll.
const FIGURE_HEIGHT: f32 = 230.0;

type Figures = std::collections::BTreeMap<String, paint::Memory>;

pub(super) fn show(ui: &mut egui::Ui, state: &State, figures: &mut Figures) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.horizontal_wrapped(|ui| setup(ui, state, &mut actions));
    if state.session.live.kind == LiveKind::Exits {
        outcome(ui, state, figures);
        return actions;
    }
    if ui.available_width() < BOTH {
        skips(ui, state, &mut actions);
        outcome(ui, state, figures);
        return actions;
    }
    ui.columns_const(|[left, right]| {
        skips(left, state, &mut actions);
        // Columns set their words to both edges.
        right.vertical(|ui| outcome(ui, state, figures));
    });
    actions
}

/// What came of it.
fn outcome(ui: &mut egui::Ui, state: &State, figures: &mut Figures) {
    let Some(verified) = &state.verified else {
        ui.add_space(4.0);
        let words = "The replay says what a rule would do on what was recorded. Run live runs the texts again: \
                     with exits, tokens really stop; with skips, blocks are really left out.";
        ui.add(egui::Label::new(egui::RichText::new(words).weak()).wrap());
        return;
    };
    if !state.is_verified_now() {
        let words = "Of another rule, other knobs or another recording: run it again";
        ui.colored_label(ui.visuals().warn_fg_color, words);
    }
    for note in &verified.view.notes {
        ui.add(egui::Label::new(egui::RichText::new(&note.what).small()).wrap());
    }
    readings::list(ui, &verified.view.readings);
    for figure in &verified.view.figures {
        ui.add_space(6.0);
        ui.strong(&figure.title);
        let size = egui::vec2(ui.available_width(), FIGURE_HEIGHT);
        ui.allocate_ui(size, |ui| {
            ui.set_min_size(size);
            let memory = figures.entry(format!("live {}", figure.id)).or_default();
            // Nothing in these can be turned: they say what was.
            let _touch = memory.show(ui, figure);
        });
    }
}

/// How a rule is executed, while it is shown and turned.
struct Setup {
    live: LiveSetup,
    /// Whether a number is dragged, and whether one was let go.
    is_held: bool,
    is_let_go: bool,
}

impl Setup {
    /// A number that a drag turns; a typed one counts once it is entered.
    fn number<N: egui::emath::Numeric>(
        &mut self,
        ui: &mut egui::Ui,
        field: (&'static str, bool),
        value: &mut N,
        dress: impl FnOnce(egui::DragValue<'_>) -> egui::DragValue<'_>,
    ) -> egui::Response {
        let (name, is_enabled) = field;
        let number = dress(egui::DragValue::new(value).update_while_editing(false));
        let response = ui.add_enabled(is_enabled, number);
        super::name(ui, &response, name);
        self.is_let_go |= response.drag_stopped();
        self.is_held |= response.dragged() && !response.drag_stopped();
        response
    }
}

fn setup(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let live = state.session.live.clone();
    let mut setup = Setup { live, is_held: false, is_let_go: false };
    let treatment = setup.live.treatment();
    for (kind, label, told) in [
        (LiveKind::Exits, "Exits", "The exit rule of the lens, with its knobs as they stand"),
        (LiveKind::Skips, "Skips", "Blocks, or one of their two sublayers, left out"),
    ] {
        ui.selectable_value(&mut setup.live.kind, kind, label).on_hover_text(told);
    }
    let why_not = state.why_no_verify();
    let button = ui.add_enabled(why_not.is_none(), egui::Button::new("Run live"));
    if button.clicked() {
        actions.push(Action::Run(Run::Verify));
    }
    let told = "Run the texts of the recording again, with the rule and without";
    button.on_hover_text(told).on_disabled_hover_text(why_not.unwrap_or(told));
    if setup.live.kind == LiveKind::Exits {
        treatments(ui, &mut setup);
    }
    limits(ui, &mut setup);
    writing(ui, &mut setup, treatment);
    let Setup { live, is_held, is_let_go } = setup;
    if is_let_go || live != state.session.live {
        actions.push(Action::Run(Run::LiveSetup { setup: live, is_held }));
    }
}

fn treatments(ui: &mut egui::Ui, setup: &mut Setup) {
    let treatment = setup.live.treatment();
    let combo = egui::ComboBox::from_id_salt("treatment").selected_text(treatment.label()).show_ui(
        ui,
        |ui| {
            for option in Treatment::ALL {
                if ui.selectable_label(option == treatment, option.label()).clicked() {
                    option.id().clone_into(&mut setup.live.treatment);
                }
            }
        },
    );
    super::name(ui, &combo.response, "What later tokens read");
    combo.response.on_hover_text("What later tokens read in blocks that a token left out");
    let mut repeats = setup.live.repeats;
    let field = ("How often it is timed", true);
    setup
        .number(ui, field, &mut repeats, |number| number.range(1..=99).suffix(" ×"))
        .on_hover_text("How often the runs with and without exits are timed, by turns");
    setup.live.repeats = repeats;
}

fn limits(ui: &mut egui::Ui, setup: &mut Setup) {
    let limit = setup.live.limit_tokens;
    let mut is_limited = limit.is_some();
    ui.checkbox(&mut is_limited, "at most").on_hover_text("Run only the first sequences");
    let mut most = limit.unwrap_or(2000);
    let field = ("Tokens that are run", is_limited);
    setup.number(ui, field, &mut most, |number| number.range(1..=u64::MAX).suffix(" tokens"));
    setup.live.limit_tokens = is_limited.then_some(most);
    ui.checkbox(&mut setup.live.writes, "Write")
        .on_hover_text("Go on with the prompt, too, with and without the rule");
}

/// Knobs of the skip rule, in a column that is no wider than it needs to be.
fn skips(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    ui.scope(|ui| {
        ui.set_max_width(ui.available_width().min(WIDEST_KNOBS));
        ui.spacing_mut().item_spacing.y = 2.0;
        for card in state.skip_cards() {
            let value = match state.session.live.skips.get(card.id) {
                Some(value) if card.kind.allows(value) => value.clone(),
                _ => card.kind.default_value(),
            };
            if let Some(Lens::Turn { knob, value, is_held }) = knobs::knob(ui, &card, &value) {
                actions.push(Action::Run(Run::TurnSkip { knob, value, is_held }));
            }
        }
    });
}

fn writing(ui: &mut egui::Ui, setup: &mut Setup, treatment: Treatment) {
    if !setup.live.writes {
        return;
    }
    let mut most = setup.live.most_tokens;
    let field = ("Tokens that are written", true);
    setup.number(ui, field, &mut most, |number| number.range(1..=100_000).suffix(" tokens"));
    setup.live.most_tokens = most;
    if treatment != Treatment::Speculate || setup.live.kind == LiveKind::Skips {
        return;
    }
    let depth = setup.live.draft_depth;
    let mut has_depth = depth.is_some();
    ui.checkbox(&mut has_depth, "draft with").on_hover_text("Unticked: half of the blocks");
    let mut depth = depth.unwrap_or(8);
    let field = ("Blocks of a drafted token", has_depth);
    setup.number(ui, field, &mut depth, |number| number.range(1..=u16::MAX).suffix(" blocks"));
    setup.live.draft_depth = has_depth.then_some(depth);
    let mut length = setup.live.draft_length;
    let field = ("Drafted tokens at a time", true);
    setup.number(ui, field, &mut length, |number| number.range(1..=64).suffix(" at a time"));
    setup.live.draft_length = length;
}
