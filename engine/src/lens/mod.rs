//! Studies: each declares knobs and turns a recording into figures and readings. A pure function.
//!
//! Must not know: windows, threads, files.

mod cascade;
mod claims;
mod cod;
mod exits;
mod makespan;
mod members;
mod pareto;
mod reliability;
mod rows;
mod versus;
#[cfg(test)]
mod walk_tests;

pub(crate) use members::{Members, UnlikeError};
pub(crate) use rows::rows;
pub use rows::{RowColumn, RowsRequest, TokenRows};
pub use versus::{ReadingRow, Versus};
pub(crate) use versus::{look, token_columns};

use crate::figure::Figure;
use crate::knob::{KnobCard, Knobs, Value};
use crate::notes::Note;
use crate::recording::Recording;

/// What a lens is, for menus, the command line and the guide.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LensCard {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// Name in menus.
    pub name: &'static str,
    /// One sentence: the question it answers.
    pub question: &'static str,
    /// Paper, section.
    pub source: &'static str,
    /// What its numbers are modelled from; empty where nothing is modelled.
    pub modelled: &'static str,
    /// What cannot be known from a recording.
    pub unknown: &'static str,
}

/// How a reading came about. Modelled cost and measured time are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadingKind {
    /// Counted or computed from what was recorded.
    Exact,
    /// A statistic with an uncertainty, or a replay that is not exact.
    Estimate,
    /// From a cost model.
    Modelled,
    /// Wall time.
    Measured,
}

/// A named number with a unit. Absent (`None`) where it cannot be known; never a made-up 0.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Reading {
    /// Stable, snake_case: "mean_exit_depth".
    pub id: &'static str,
    /// Sentence case.
    pub label: String,
    /// The number.
    pub value: Option<f64>,
    /// "fraction", "layers", "nats", "tokens".
    pub unit: &'static str,
    /// How it came about.
    pub kind: ReadingKind,
}

/// A small table of a view, exported as CSV: per_depth.
#[derive(Debug, Clone, PartialEq)]
pub struct DataTable {
    /// Stable, snake_case; the file name.
    pub id: &'static str,
    /// Column names, snake_case.
    pub columns: Vec<&'static str>,
    /// Rows of numbers; NaN is an empty cell.
    pub rows: Vec<Vec<f64>>,
    /// A column of words before the numbers: its name and one word per row.
    pub names: Option<(&'static str, Vec<String>)>,
}

/// What a lens says about every single token, beside what the recording holds; columns of the exported table of
/// tokens. Not part of a view, which is made anew at every move of a knob.
pub(crate) struct TokenColumns<'a> {
    /// Column names, snake_case.
    pub(crate) names: Vec<String>,
    /// The cells of a token, one for each name; empty where there is nothing to say.
    pub(crate) cells: Box<dyn Fn(usize) -> Vec<String> + 'a>,
}

/// A button that turns knobs to values which the lens has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// What the button says.
    pub label: String,
    /// What it would bring, or why it cannot be had.
    pub explanation: String,
    /// Knobs by id and their new values; empty where nothing can be offered.
    pub sets: Vec<(&'static str, Value)>,
}

/// What a lens makes of a recording.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// In the order in which a window lays them out.
    pub figures: Vec<Figure>,
    /// In the order in which they are read.
    pub readings: Vec<Reading>,
    /// Small tables.
    pub tables: Vec<DataTable>,
    /// Knob settings that a person may want, computed from the recording.
    pub suggestions: Vec<Suggestion>,
    /// What was done differently than asked.
    pub notes: Vec<Note>,
    /// What a second setting of the knobs says beside the figures; no lens fills it itself.
    pub versus: Option<Versus>,
}

/// What a person has picked in the figures; every figure follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Selection {
    /// Index of the selected token in the recording.
    pub token: Option<usize>,
}

/// One study. Hidden from the window, which can only ask the engine for a view.
pub(crate) trait Lens: Sync {
    /// What it is.
    fn card(&self) -> &'static LensCard;
    /// Its knobs; ranges and options may depend on the recording and on the other knobs.
    fn knobs(&self, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard>;
    /// Figures and readings: same input, same bytes.
    fn view(&self, recording: &Recording, knobs: &Knobs, selection: Selection) -> View;
    /// What it says about every single token.
    fn token_columns<'a>(&self, recording: &'a Recording, knobs: &Knobs) -> TokenColumns<'a>;
    /// The same lens over recordings of several models; `None` where it looks at the first alone.
    fn over_members(&self) -> Option<&dyn OverMembers> {
        None
    }
}

/// A lens that also looks at recordings of other models that ran the same data.
pub(crate) trait OverMembers {
    /// As `Lens::view`.
    fn view_members(&self, members: &Members<'_>, knobs: &Knobs, selection: Selection) -> View;
    /// As `Lens::token_columns`; rows are those of the first.
    fn columns_of_members<'a>(&self, members: &Members<'a>, knobs: &Knobs) -> TokenColumns<'a>;
}

/// Every lens, in the order of menus.
pub(crate) static LENSES: &[&dyn Lens] = &[
    &exits::LENS,
    &claims::LENS,
    &pareto::LENS,
    &cascade::LENS,
    &reliability::LENS,
    &cod::LENS,
    &makespan::LENS,
];

/// A lens by its id.
pub(crate) fn find(id: &str) -> Option<&'static dyn Lens> {
    LENSES.iter().copied().find(|lens| lens.card().id == id)
}
