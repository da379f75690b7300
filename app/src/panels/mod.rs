//! The panes: each draws values and returns what a person did in it.
//!
//! May use state and paint. Must not know: the engine's threads, where a pane stands.

mod beside;
mod comparison;
mod figure;
mod input;
mod knobs;
mod lens_card;
mod live;
mod model;
mod notes;
mod places;
mod readings;
mod readout;
mod start;
mod table;
mod writing;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::paint;
use crate::state::{Action, State};

/// A pane, as sessions keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pane {
    /// What is run.
    Input,
    /// What the checkpoint is.
    Model,
    /// How it is looked at.
    Knobs,
    /// Named numbers.
    Readings,
    /// What was done differently than asked.
    Notes,
    /// The tokens.
    Table,
    /// A figure of the lens, by its id.
    Figure(String),
    /// A rule that is executed.
    Live,
    /// What to do while there is nothing to see.
    Start,
}

/// What panes keep between frames and no session needs.
#[derive(Default)]
pub(crate) struct Memories {
    figures: BTreeMap<String, paint::Memory>,
    table: table::Memory,
}

impl Pane {
    /// What its tab says.
    pub(crate) fn title(&self, state: &State) -> String {
        match self {
            Self::Input => "Input".to_owned(),
            Self::Model => "Model".to_owned(),
            Self::Knobs => state.lens_card().map_or("Knobs", |card| card.name).to_owned(),
            Self::Readings => "Readings".to_owned(),
            Self::Notes => match notes::count(state) {
                0 => "Notes".to_owned(),
                count => format!("Notes ({count})"),
            },
            Self::Table => table::title(state),
            Self::Figure(id) => figure::title(state, id),
            Self::Live => "Live".to_owned(),
            Self::Start => "Start".to_owned(),
        }
    }

    /// What stands at the right end of its tab bar.
    pub(crate) fn show_beside_tab(&self, ui: &mut egui::Ui, state: &State) -> Option<Action> {
        match self {
            Self::Figure(id) => figure::save_button(ui, state, id),
            Self::Input
            | Self::Model
            | Self::Knobs
            | Self::Readings
            | Self::Notes
            | Self::Table
            | Self::Live
            | Self::Start => None,
        }
    }

    /// Draws it.
    pub(crate) fn show(
        &self,
        ui: &mut egui::Ui,
        state: &State,
        memories: &mut Memories,
    ) -> Vec<Action> {
        match self {
            Self::Input => scrolled(ui, |ui| input::show(ui, state)),
            Self::Model => scrolled(ui, |ui| model::show(ui, state)),
            Self::Knobs => knobs::show(ui, state),
            Self::Readings => scrolled(ui, |ui| readings::show(ui, state)),
            Self::Notes => scrolled(ui, |ui| notes::show(ui, state)),
            Self::Table => table::show(ui, state, &mut memories.table),
            Self::Figure(id) => {
                let memory = memories.figures.entry(id.clone()).or_default();
                figure::show(ui, state, id, memory)
            }
            Self::Live => scrolled(ui, |ui| live::show(ui, state, &mut memories.figures)),
            Self::Start => start::show(ui, state),
        }
    }
}

fn scrolled(ui: &mut egui::Ui, add: impl FnOnce(&mut egui::Ui) -> Vec<Action>) -> Vec<Action> {
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, add).inner
}

/// A reader of the screen calls a widget by this name.
fn name(ui: &egui::Ui, response: &egui::Response, name: &str) {
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
}
