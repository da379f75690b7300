//! Two settings of the knobs, A and B, beside each other: what B draws joins the figures of A.
//!
//! Holds for every lens: only views are looked at. How figures are joined stands in `join`.
//!
//! Must not know: what any lens shows.

mod join;

use super::{DataTable, Lens, Members, Reading, Selection, Suggestion, TokenColumns, View};
use crate::knob::Knobs;
use crate::notes::Note;

/// What stands before everything that B says.
const PREFIX: &str = "B: ";

/// What B says beside the figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Versus {
    /// B's readings.
    pub readings: Vec<Reading>,
    /// Settings that B's lens has found, for B's knobs.
    pub suggestions: Vec<Suggestion>,
    /// B's small tables.
    pub tables: Vec<DataTable>,
}

/// A reading and what the other setting says of the same.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ReadingRow {
    /// A's; its value is absent where only B has such a reading.
    #[serde(flatten)]
    pub reading: Reading,
    /// B's value, absent where it cannot be known; `None` where there is no B.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versus: Option<Option<f64>>,
}

impl View {
    /// Every reading with B's value beside it, and those that only B has.
    pub fn reading_rows(&self) -> Vec<ReadingRow> {
        let is_same = |a: &Reading, b: &Reading| (a.id, a.unit, a.kind) == (b.id, b.unit, b.kind);
        let others = self.versus.as_ref().map(|versus| versus.readings.as_slice());
        let row = |reading: &Reading| {
            let beside = |others: &[Reading]| {
                others.iter().find(|other| is_same(reading, other)).and_then(|other| other.value)
            };
            ReadingRow { reading: reading.clone(), versus: others.map(beside) }
        };
        let is_only = |other: &&Reading| !self.readings.iter().any(|a| is_same(a, other));
        let only = others.unwrap_or_default().iter().filter(is_only).map(|other| ReadingRow {
            reading: Reading { value: None, ..other.clone() },
            versus: Some(other.value),
        });
        self.readings.iter().map(row).chain(only).collect()
    }
}

/// What a lens makes of recordings under one setting of the knobs, or under two. One that looks at one recording alone
/// looks at the first.
pub(crate) fn look(
    lens: &dyn Lens,
    members: &Members<'_>,
    knobs: &Knobs,
    versus: Option<&Knobs>,
    selection: Selection,
) -> View {
    let view = |knobs| match lens.over_members() {
        Some(over) => over.view_members(members, knobs, selection),
        None => lens.view(members.first, knobs, selection),
    };
    // Inside the pool: where every sum over rows is handed in from outside, its threads fall asleep in between, and
    // sometimes two of them wake up on one processor.
    rayon::scope(|_| match versus {
        Some(versus) => beside(view(knobs), view(versus)),
        None => view(knobs),
    })
}

/// What a lens says about every token under both settings; B's columns begin with `b_`.
pub(crate) fn token_columns<'a>(
    lens: &dyn Lens,
    members: &Members<'a>,
    knobs: &Knobs,
    versus: Option<&Knobs>,
) -> TokenColumns<'a> {
    let columns = |knobs| match lens.over_members() {
        Some(over) => over.columns_of_members(members, knobs),
        None => lens.token_columns(members.first, knobs),
    };
    let first = columns(knobs);
    let Some(versus) = versus else { return first };
    let other = columns(versus);
    let names = other.names.iter().map(|name| format!("b_{name}"));
    TokenColumns {
        names: first.names.iter().cloned().chain(names).collect(),
        cells: Box::new(move |token| [(first.cells)(token), (other.cells)(token)].concat()),
    }
}

/// The view of A with what the view of B shows.
fn beside(mut a: View, b: View) -> View {
    let mut notes = Vec::new();
    for mut other in b.figures {
        if let Some(figure) = a.figures.iter_mut().find(|figure| figure.id == other.id) {
            notes.extend(join::join(figure, other));
        } else {
            other.title = format!("{PREFIX}{}", other.title);
            a.figures.push(other);
        }
    }
    for note in b.notes {
        if !a.notes.contains(&note) {
            notes.push(Note { what: format!("{PREFIX}{}", note.what), hint: note.hint });
        }
    }
    a.notes.extend(notes);
    a.versus = Some(Versus { readings: b.readings, suggestions: b.suggestions, tables: b.tables });
    let rows = a.reading_rows();
    a.tables.push(DataTable {
        id: "readings",
        columns: vec!["a", "b"],
        rows: rows
            .iter()
            .map(|row| [row.reading.value, row.versus.flatten()])
            .map(numbers)
            .collect(),
        names: Some(("reading", rows.iter().map(|row| row.reading.id.to_owned()).collect())),
    });
    a
}

fn numbers(values: [Option<f64>; 2]) -> Vec<f64> {
    values.map(|value| value.unwrap_or(f64::NAN)).to_vec()
}

#[cfg(test)]
mod tests;
