//! Figures on screen: the only room that knows both figures and egui_plot.
//!
//! Must not know: the engine's threads, the session.

use layerscope_engine::api::Figure;

/// What a person did in a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Touch {
    /// Dragged a rule that is bound to a knob.
    Turn {
        /// Id of the knob.
        knob: &'static str,
        /// Where the rule is now, in axis units.
        value: f64,
        /// Whether the finger is still down: everything until it lifts is one undo step.
        is_held: bool,
    },
    /// Clicked a column of a heat map: the x of its centre, a token index in the grid.
    Column(usize),
}

/// Textures and decimated lines of one pane, kept between frames.
#[derive(Default)]
pub(crate) struct Memory;

impl Memory {
    /// Draws `figure` into all of the room that `ui` has.
    pub(crate) fn show(&mut self, ui: &mut egui::Ui, figure: &Figure) -> Option<Touch> {
        ui.label(&figure.title);
        None
    }
}

#[cfg(test)]
mod tests;
