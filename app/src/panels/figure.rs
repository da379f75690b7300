//! A figure of the lens, and saving it.

use layerscope_engine::api::Figure;

use crate::paint::{Memory, Touch};
use crate::state::{Action, Ask, File, Lens, State};

pub(super) fn title(state: &State, id: &str) -> String {
    find(state, id).map_or_else(|| id.to_owned(), |figure| figure.title.clone())
}

fn find<'a>(state: &'a State, id: &str) -> Option<&'a Figure> {
    state.view.as_ref()?.figures.iter().find(|figure| figure.id == id)
}

pub(super) fn show(ui: &mut egui::Ui, state: &State, id: &str, memory: &mut Memory) -> Vec<Action> {
    let Some(figure) = find(state, id) else {
        ui.weak("This lens and recording have no such figure");
        return Vec::new();
    };
    if !figure.has_data() {
        let words = if super::notes::count(state) > 0 {
            "Nothing to draw at this setting; the notes say more"
        } else {
            "Nothing to draw at this setting"
        };
        ui.centered_and_justified(|ui| ui.weak(words));
        return Vec::new();
    }
    let touch = memory.show(ui, figure);
    touch.and_then(|touch| meaning(touch, figure)).into_iter().collect()
}

/// The button beside the tab that saves the figure.
pub(super) fn save_button(ui: &mut egui::Ui, state: &State, id: &str) -> Option<Action> {
    let figure = find(state, id)?;
    let mut action = None;
    let button = ui.menu_button("Save…", |ui| {
        for (label, ending) in
            [("SVG drawing…", "svg"), ("PNG picture…", "png"), ("CSV data…", "csv")]
        {
            if ui.button(label).clicked() {
                let ask = Ask::ExportFigure { figure: id.to_owned(), ending };
                action = Some(Action::File(File::Ask(ask)));
            }
        }
    });
    super::name(ui, &button.response, &format!("Save {}…", figure.title));
    action
}

fn meaning(touch: Touch, figure: &Figure) -> Option<Action> {
    Some(Action::Lens(match touch {
        Touch::Turn { knob, value, is_held } => Lens::Drag { knob, value, is_held },
        Touch::Column(token) => Lens::Select(Some(token)),
        Touch::Pick(place) => Lens::Follow(figure.picks.get(place)?.sets.clone()),
    }))
}
