//! The window itself: drains what is new, draws, and carries out what a person did.

use std::io;
use std::path::PathBuf;

use serde_json::json;

use super::dialogs::Dialogs;
use super::menu::Help;
use super::tiles::Panes;
use super::{cards, menu, status};
use crate::bridge::{Bridge, Wish};
use crate::panels::Memories;
use crate::state::{Action, Ask, File, Lights, State};
use crate::theme;

/// How a window begins.
#[derive(Debug, Default)]
pub struct Start {
    /// A checkpoint, a recording or a session; without one the embedded checkpoint is opened and its data run.
    pub path: Option<PathBuf>,
    /// Where to write what happens, as JSON lines.
    pub events: Option<PathBuf>,
    /// The folder for settings; without one nothing is remembered.
    pub config: Option<PathBuf>,
    /// Threads that compute; 0 takes one for each core.
    pub threads: usize,
    /// Asks for paths in a field of the window even where the system has dialogs: for tests, which have no screen.
    pub asks_in_field: bool,
}

/// The window.
pub struct Window {
    pub(super) state: State,
    bridge: Bridge,
    panes: Panes,
    memories: Memories,
    dialogs: Dialogs,
    help: Option<Help>,
    title: String,
    has_drawn: bool,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Window {
    /// Starts the engine and opens what `start` says.
    pub fn new(context: &egui::Context, start: Start) -> io::Result<Self> {
        theme::install(context);
        let log = start.events.as_deref();
        let mut bridge = Bridge::start(context, log, start.config, start.threads)?;
        let mut state = State::default();
        let first = start.path.map_or(File::OpenEmbedded, File::Open);
        let wishes = bridge.apply(&mut state, Action::File(first));
        let mut window = Self {
            state,
            bridge,
            panes: Panes::new(),
            memories: Memories::default(),
            dialogs: Dialogs::new(start.asks_in_field),
            help: None,
            title: String::new(),
            has_drawn: false,
        };
        window.grant(context, wishes);
        Ok(window)
    }

    /// Whether no job runs and nothing that it shows is being computed: for tests, which must not guess how long
    /// anything takes.
    pub fn is_quiet(&self) -> bool {
        self.state.jobs.is_empty() && self.shows_present_knobs() && !self.state.is_awaiting_rows()
    }

    /// Whether the figures are those of the knobs as they stand.
    pub fn shows_present_knobs(&self) -> bool {
        !self.state.is_awaiting()
    }

    fn apply(&mut self, context: &egui::Context, action: Action) {
        let wishes = self.bridge.apply(&mut self.state, action);
        self.grant(context, wishes);
    }

    fn grant(&mut self, context: &egui::Context, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Ask(ask) => self.dialogs.ask(ask, context, self.bridge.answer_box()),
                Wish::Arrange => self.panes.arrange(&self.state),
                Wish::Copy(text) => context.copy_text(text),
                Wish::Quit => context.send_viewport_cmd(egui::ViewportCommand::Close),
            }
        }
    }

    fn follow_state(&mut self, context: &egui::Context) {
        let theme = match self.state.session.theme {
            Lights::Dark => egui::Theme::Dark,
            Lights::Light => egui::Theme::Light,
        };
        if context.theme() != theme {
            context.set_theme(theme);
        }
        let title = self.state.title();
        if title != self.title {
            context.send_viewport_cmd(egui::ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        let wishes = self.bridge.drain(&mut self.state);
        self.grant(context, wishes);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let context = ui.ctx().clone();
        if !self.has_drawn {
            self.has_drawn = true;
            self.bridge.tell(&json!({"event": "first_frame"}));
        }
        self.follow_state(&context);
        let mut actions = menu::keys(&context, &self.state);
        actions.extend(dropped(&context));

        let chosen = egui::Panel::top("menu")
            .show(ui, |ui| menu::show(ui, &self.state, self.bridge.recents.paths()))
            .inner;
        actions.extend(chosen.actions);
        self.help = chosen.help.or(self.help);
        if chosen.wants_field {
            self.dialogs.ask_in_field(Ask::OpenFile);
        }
        let status = egui::Panel::bottom("status").show(ui, |ui| status::show(ui, &self.state));
        actions.extend(status.inner);
        if !self.state.problems.is_empty() {
            let shown = egui::Panel::top("cards").show(ui, |ui| cards::show(ui, &self.state));
            actions.extend(shown.inner);
        }
        let margin = egui::Margin { top: WAITING_LINE + 1, ..egui::Margin::same(2) };
        let margin = egui::Frame::central_panel(ui.style()).inner_margin(margin);
        egui::CentralPanel::default().frame(margin).show(ui, |ui| {
            waiting_line(ui, self.state.is_awaiting());
            actions.extend(self.panes.show(ui, &self.state, &mut self.memories));
        });
        actions.extend(self.dialogs.show_field(&context));
        menu::show_help(&context, &mut self.help);
        hovered(&context);

        for action in actions {
            self.apply(&context, action);
        }
    }
}

/// Points of the line that says that something is being computed.
const WAITING_LINE: i8 = 2;

/// A thin line says that the figures do not show the present knobs yet; it lies in the margin, so nothing jumps.
fn waiting_line(ui: &egui::Ui, is_awaiting: bool) {
    if is_awaiting {
        let place = ui.max_rect();
        let top = egui::vec2(0.0, f32::from(WAITING_LINE));
        let line = egui::Rect::from_min_max(place.left_top() - top, place.right_top());
        ui.painter().rect_filled(line, 0.0, ui.visuals().selection.bg_fill);
    }
}

/// The first of the dropped files or folders.
fn dropped(context: &egui::Context) -> Option<Action> {
    context.input(|input| {
        let files = &input.raw.dropped_files;
        let path = files.first()?.path().to_owned();
        Some(Action::File(File::OpenFirst { path, count: files.len() }))
    })
}

/// What would happen if what hovers over the window were dropped.
fn hovered(context: &egui::Context) {
    let hovers = context.input(|input| !input.raw.hovered_files.is_empty());
    if hovers {
        egui::Modal::new(egui::Id::unique("hovered")).show(context, |ui| {
            ui.heading("Drop it to open it");
            ui.label(
                "A checkpoint, a recording, a session or a folder of images; a file or a folder",
            );
        });
    }
}
