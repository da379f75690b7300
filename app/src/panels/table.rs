//! The tokens: filtered, ordered, picked. Only the visible rows are written.

use egui_extras::{Column, TableBuilder};
use layerscope_engine::api::{RowColumn, Subject, TokenRows, counted};

use crate::state::{Action, Lens, State};

/// What the table remembers: which token it scrolled to last.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    scrolled_to: Option<usize>,
}

/// What the rows are.
pub(super) fn title(state: &State) -> String {
    let rows = match subject(state) {
        Subject::Token | Subject::OwnToken => "Tokens",
        Subject::Sample => "Samples",
    };
    let side = if state.session.versus.is_some() { " (A)" } else { "" };
    format!("{rows}{side}")
}

fn subject(state: &State) -> Subject {
    state.recording.as_ref().map(|recording| recording.subject()).unwrap_or_default()
}

pub(super) fn show(ui: &mut egui::Ui, state: &State, memory: &mut Memory) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.horizontal(|ui| {
        let mut filter = state.table.filter.clone();
        let edit = egui::TextEdit::singleline(&mut filter)
            .hint_text("Filter, or column:value")
            .desired_width((ui.available_width() - 90.0).clamp(60.0, 240.0));
        let response = ui.add(edit);
        super::name(ui, &response, "Filter tokens");
        if response.changed() {
            actions.push(Action::Lens(Lens::Filter(filter)));
        }
        if let Some(rows) = &state.table.rows {
            ui.weak(counted(rows.len(), "row"));
        }
    });
    match &state.table.rows {
        Some(rows) if rows.is_empty() => {
            ui.weak(format!("No {} matches the filter", subject(state).noun()));
        }
        Some(rows) => table(ui, state, rows, memory, &mut actions),
        None => {
            ui.weak("The tokens appear with the first recording");
        }
    }
    actions
}

fn table(
    ui: &mut egui::Ui,
    state: &State,
    rows: &TokenRows,
    memory: &mut Memory,
    actions: &mut Vec<Action>,
) {
    let selected = state.session.selection.token;
    let height = ui.text_style_height(&egui::TextStyle::Body) + 2.0;
    egui::ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
        let spare = spare(ui.available_width(), ui.spacing().item_spacing.x);
        let mut builder = TableBuilder::new(ui)
            // Columns that somebody has dragged stay as they are until the pane gets another width.
            .id_salt(("tokens", spare.to_bits()))
            .striped(true)
            .resizable(true)
            .auto_shrink(false)
            .min_scrolled_height(40.0)
            .sense(egui::Sense::click());
        for column in RowColumn::ALL {
            builder =
                builder.column(Column::initial(width(column, spare)).at_least(36.0).clip(true));
        }
        // Once for every new selection, so that a person can scroll away from it again.
        if selected != memory.scrolled_to {
            memory.scrolled_to = selected;
            if let Some(row) = selected.and_then(|token| rows.row_of(token)) {
                builder = builder.scroll_to_row(row, Some(egui::Align::Center));
            }
        }
        let table = builder.header(height + 2.0, |mut header| {
            for column in RowColumn::ALL {
                header.col(|ui| {
                    if head(ui, state, column) {
                        actions.push(Action::Lens(Lens::Sort(column)));
                    }
                });
            }
        });
        table.body(|body| {
            body.rows(height, rows.len(), |mut line| {
                let row = line.index();
                let token = rows.token(row);
                line.set_selected(token.is_some() && token == selected);
                for column in RowColumn::ALL {
                    line.col(|ui| {
                        let text = rows.cell(row, column);
                        ui.add(egui::Label::new(text).truncate().selectable(false));
                    });
                }
                if line.response().clicked() {
                    actions.push(Action::Lens(Lens::Select(token)));
                }
            });
        });
    });
}

/// In a wider column a text would stand too far from the next one.
const MOST_SPARE: f32 = 160.0;

/// What every column with a text gets more, in steps, where the pane is wider than the table needs.
fn spare(room: f32, gap: f32) -> f32 {
    let needed: f32 = RowColumn::ALL.into_iter().map(|column| width(column, 0.0) + gap).sum();
    let texts = RowColumn::ALL.into_iter().filter(|column| is_text(*column)).count();
    let each = (room - needed) / texts as f32;
    ((each / 8.0).floor() * 8.0).clamp(0.0, MOST_SPARE)
}

fn width(column: RowColumn, spare: f32) -> f32 {
    if is_text(column) { 84.0 + spare } else { 62.0 }
}

fn is_text(column: RowColumn) -> bool {
    match column {
        RowColumn::Text | RowColumn::Next | RowColumn::Full | RowColumn::Exit => true,
        RowColumn::Token
        | RowColumn::Sample
        | RowColumn::Position
        | RowColumn::Depth
        | RowColumn::Agrees
        | RowColumn::Score
        | RowColumn::Nll => false,
    }
}

/// A head that says how it orders; true if it was clicked.
fn head(ui: &mut egui::Ui, state: &State, column: RowColumn) -> bool {
    let label = column.label(subject(state));
    let arrow = match (state.table.sort == Some(column), state.table.is_descending) {
        (false, _) => "",
        (true, false) => " ⏶",
        (true, true) => " ⏷",
    };
    let text = egui::RichText::new(format!("{label}{arrow}")).strong();
    let response = ui.add(egui::Button::new(text).frame(false).truncate());
    super::name(ui, &response, &format!("Sort by {label}"));
    response.on_hover_text(label).clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_get_what_a_wide_pane_has_to_spare_and_a_narrow_one_takes_nothing_from_them() {
        assert_eq!(spare(300.0, 8.0), 0.0);
        let room = 1100.0;
        let spare = spare(room, 8.0);
        let all: f32 = RowColumn::ALL.into_iter().map(|column| width(column, spare) + 8.0).sum();
        assert!(spare > 0.0 && all <= room && all > room - 4.0 * 8.0, "{all} of {room}");
    }
}
