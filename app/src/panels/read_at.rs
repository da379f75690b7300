//! Which tokens are read out.

use std::num::NonZeroU32;

use layerscope_engine::api::{ReadAt, Subject};

use crate::state::{Action, Run, State};

/// Where a person begins who wants fewer rows.
const FIRST_N: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);

/// Only where a row is a token: a model that reads whole samples reads each once.
pub(super) fn show(ui: &mut egui::Ui, state: &State, actions: &mut Vec<Action>) {
    if state.model.as_ref().is_some_and(|model| model.subject == Subject::Sample) {
        return;
    }
    let read_at = state.session.input.read_at;
    let mut chosen = read_at;
    ui.label("Read out");
    let combo = egui::ComboBox::from_id_salt("read at").selected_text(label(read_at));
    let combo = combo.show_ui(ui, |ui| {
        let nth = match read_at {
            ReadAt::EveryNth(_) => read_at,
            ReadAt::Every | ReadAt::Last => ReadAt::EveryNth(FIRST_N),
        };
        for each in [ReadAt::Every, nth, ReadAt::Last] {
            ui.selectable_value(&mut chosen, each, label(each));
        }
    });
    super::name(ui, &combo.response, "Read out");
    combo.response.on_hover_text(
        "All tokens run; only these get a row at every depth. Fewer rows take less time and memory",
    );
    if let ReadAt::EveryNth(n) = chosen {
        let mut number = n.get();
        let response = ui.add(egui::DragValue::new(&mut number).range(1..=u32::MAX).prefix("n = "));
        super::name(ui, &response, "n");
        response.on_hover_text("The first token of each sequence and every n-th after it");
        chosen = NonZeroU32::new(number).map_or(chosen, ReadAt::EveryNth);
    }
    if chosen != read_at {
        actions.push(Action::Run(Run::ReadAt(chosen)));
    }
}

fn label(read_at: ReadAt) -> &'static str {
    match read_at {
        ReadAt::Every => "every token",
        ReadAt::EveryNth(_) => "every n-th",
        ReadAt::Last => "last of each sequence",
    }
}
