//! The token table: which tokens, in which order, and what their cells say.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::knob::Knobs;
use crate::lens::exits::settings;
use crate::model::NO_TOKEN;
use crate::recording::{Recording, depth_of};
use crate::signal::{Depth, Signal, Subject};

/// What the token table shall show.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowsRequest {
    /// How the knobs stand: they decide where tokens exit and which slice is shown.
    pub knobs: Knobs,
    /// Only tokens whose text, or sample column as `column:value`, contains this, whatever the case; also
    /// `exit:3` and `agrees:no`. Empty shows all.
    pub filter: String,
    /// Column that orders the rows; token order where `None`.
    pub sort: Option<RowColumn>,
    /// Largest first.
    pub descending: bool,
}

/// A column of the token table.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RowColumn {
    /// Index of the token in the recording.
    Token,
    /// Index of its sample.
    Sample,
    /// Position in its sequence.
    Position,
    /// Its text.
    Text,
    /// The true next token.
    Next,
    /// The full model's first choice.
    Full,
    /// First choice at the exit depth.
    Exit,
    /// Depth at which it exits.
    Depth,
    /// Whether both choices agree.
    Agrees,
    /// The rule's signal at the exit depth; max probability where it compares none.
    Score,
    /// NLL of the next token at the exit depth.
    Nll,
}

/// The rows of the token table in order; cells are written on demand.
#[derive(Debug)]
pub struct TokenRows {
    pub(crate) recording: Arc<Recording>,
    /// Token indexes in the order of the rows.
    pub(crate) order: Vec<u32>,
    /// Exit depth of every token of the recording.
    pub(crate) exits: Vec<u16>,
    /// The rule's signal.
    pub(crate) signal: Signal,
}

impl PartialEq for TokenRows {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl TokenRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no token passes the filter.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Token index of a row.
    pub fn token(&self, row: usize) -> Option<usize> {
        self.order.get(row).map(|token| *token as usize)
    }

    /// Row of a token; `None` if the filter hides it.
    pub fn row_of(&self, token: usize) -> Option<usize> {
        self.order.iter().position(|t| *t as usize == token)
    }

    /// What a cell says; empty where there is nothing to say.
    pub fn cell(&self, row: usize, column: RowColumn) -> String {
        let Some(token) = self.token(row) else { return String::new() };
        let line = Line { recording: &self.recording, exits: &self.exits, token };
        match column {
            RowColumn::Token => token.to_string(),
            RowColumn::Sample => whole(line.recording.tokens.sample.get(token)),
            RowColumn::Position => whole(line.recording.tokens.position.get(token)),
            RowColumn::Text => line.recording.text(token),
            RowColumn::Next => line.piece(line.recording.tokens.next_ids.get(token)),
            RowColumn::Full => line.piece(line.full().as_ref()),
            RowColumn::Exit => line.piece(line.at_exit().as_ref()),
            RowColumn::Depth => whole(self.exits.get(token)),
            RowColumn::Agrees => {
                line.agrees().map_or("", |agrees| if agrees { "yes" } else { "no" }).to_owned()
            }
            RowColumn::Score => real(line.value(self.signal)),
            RowColumn::Nll => real(line.value(Signal::Nll)),
        }
    }
}

fn whole(number: Option<&impl ToString>) -> String {
    number.map(ToString::to_string).unwrap_or_default()
}

fn real(value: f32) -> String {
    if value.is_nan() { String::new() } else { format!("{value:.4}") }
}

/// One token and where it exits.
pub(super) struct Line<'a> {
    pub(super) recording: &'a Recording,
    pub(super) exits: &'a [u16],
    pub(super) token: usize,
}

impl Line<'_> {
    pub(super) fn depth(&self) -> Depth {
        let exit = self.exits.get(self.token).map(|depth| Depth(*depth));
        exit.unwrap_or_else(|| depth_of(self.recording.num_layers()))
    }

    fn top1(&self, depth: usize) -> Option<u32> {
        self.recording.first_choice(depth, self.token)
    }

    fn full(&self) -> Option<u32> {
        self.top1(self.recording.num_layers())
    }

    pub(super) fn at_exit(&self) -> Option<u32> {
        self.top1(self.depth().index())
    }

    /// `None` where the full model has no first choice.
    pub(super) fn agrees(&self) -> Option<bool> {
        self.recording.agrees(self.depth().index(), self.token)
    }

    /// A signal at the exit depth; NaN where it is absent.
    pub(super) fn value(&self, signal: Signal) -> f32 {
        self.value_at(signal, self.depth())
    }

    /// A signal at any depth; NaN where it is absent.
    pub(super) fn value_at(&self, signal: Signal, depth: Depth) -> f32 {
        let column = self.recording.column(signal, depth);
        column.and_then(|c| c.get(self.token)).copied().unwrap_or(f32::NAN)
    }

    pub(super) fn piece(&self, id: Option<&u32>) -> String {
        id.filter(|id| **id != NO_TOKEN).map(|id| self.recording.piece(*id)).unwrap_or_default()
    }

    fn sample_column(&self, name: &str) -> Option<&str> {
        let idx = usize::try_from(*self.recording.tokens.sample.get(self.token)?).ok()?;
        self.recording.samples.get(idx)?.columns.get(name).map(String::as_str)
    }
}

impl RowColumn {
    /// Every column, from left to right.
    pub const ALL: [Self; 11] = [
        Self::Token,
        Self::Sample,
        Self::Position,
        Self::Text,
        Self::Next,
        Self::Full,
        Self::Exit,
        Self::Depth,
        Self::Agrees,
        Self::Score,
        Self::Nll,
    ];

    /// Sentence case, for the head of the table of rows of this kind.
    pub fn label(self, subject: Subject) -> &'static str {
        match (self, subject) {
            (Self::Token, Subject::Sample) => "Row",
            (Self::Next, Subject::Sample) => "Label",
            (other, _) => other.token_label(),
        }
    }

    fn token_label(self) -> &'static str {
        match self {
            Self::Token => "Token",
            Self::Sample => "Sample",
            Self::Position => "Position",
            Self::Text => "Text",
            Self::Next => "Next",
            Self::Full => "Full model",
            Self::Exit => "At exit",
            Self::Depth => "Exit depth",
            Self::Agrees => "Agrees",
            Self::Score => "Signal",
            Self::Nll => "NLL (nats)",
        }
    }
}

/// What the filter box means.
enum Filter {
    All,
    /// "exit:3".
    ExitAt(u16),
    /// "agrees:no".
    Agrees(bool),
    /// "task:hops": a sample column holds this, in small letters.
    Column(String, String),
    /// The token's text holds this, in small letters.
    Text(String),
}

impl Filter {
    fn read(text: &str, recording: &Recording) -> Self {
        if text.is_empty() {
            return Self::All;
        }
        let small = text.to_lowercase();
        if let Some(depth) = small.strip_prefix("exit:").and_then(|d| d.trim().parse().ok()) {
            return Self::ExitAt(depth);
        }
        match small.as_str() {
            "agrees:yes" => return Self::Agrees(true),
            "agrees:no" => return Self::Agrees(false),
            _ => {}
        }
        // A column's own name may hold a colon.
        let is_named = |name: &&String| {
            text.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(':'))
        };
        match recording.samples.iter().flat_map(|s| s.columns.keys()).find(is_named) {
            Some(name) => {
                let value = text.get(name.len() + 1..).unwrap_or_default();
                Self::Column(name.clone(), value.to_lowercase())
            }
            None => Self::Text(small),
        }
    }

    fn shows(&self, line: &Line<'_>) -> bool {
        let holds = |text: &str, part: &str| text.to_lowercase().contains(part);
        match self {
            Self::All => true,
            Self::ExitAt(depth) => line.depth() == Depth(*depth),
            Self::Agrees(wanted) => line.agrees() == Some(*wanted),
            Self::Column(name, part) => line.sample_column(name).is_some_and(|v| holds(v, part)),
            Self::Text(part) => holds(&line.recording.text(line.token), part),
        }
    }
}

/// Filters and orders the tokens of the slice.
pub(crate) fn rows(recording: Arc<Recording>, request: &RowsRequest) -> TokenRows {
    let (order, exits, signal) = found(&recording, request);
    TokenRows { recording, order, exits, signal }
}

/// Rows in order, exit depths of all tokens, the rule's signal.
fn found(recording: &Recording, request: &RowsRequest) -> (Vec<u32>, Vec<u16>, Signal) {
    let settings = settings(recording, &request.knobs);
    let signal = settings.rule.rule.card().signal.unwrap_or(Signal::MaxProb);
    let exits: Vec<u16> =
        settings.rule.all_exits(recording).into_iter().map(|depth| depth.0).collect();
    let filter = Filter::read(&request.filter, recording);
    let line = |token: usize| Line { recording, exits: &exits, token };
    let tokens = settings.slice.ranges(recording).into_iter().flatten();
    let mut order: Vec<u32> = tokens
        .filter(|token| filter.shows(&line(*token)))
        .filter_map(|token| u32::try_from(token).ok())
        .collect();
    if let Some(column) = request.sort {
        let line = |token: &u32| line(usize::try_from(*token).unwrap_or(usize::MAX));
        sort(&mut order, column, signal, request.descending, line);
    }
    (order, exits, signal)
}

/// Equal rows keep the order of tokens; what is absent comes last both ways.
fn sort<'a>(
    order: &mut [u32],
    column: RowColumn,
    signal: Signal,
    descending: bool,
    line: impl Fn(&u32) -> Line<'a>,
) {
    let number = |token: &u32| -> f64 {
        let line = line(token);
        match column {
            RowColumn::Sample => {
                line.recording.tokens.sample.get(line.token).map_or(f64::NAN, |v| f64::from(*v))
            }
            RowColumn::Position => {
                line.recording.tokens.position.get(line.token).map_or(f64::NAN, |v| f64::from(*v))
            }
            RowColumn::Depth => f64::from(line.depth().0),
            RowColumn::Agrees => {
                line.agrees().map_or(f64::NAN, |agrees| f64::from(u8::from(agrees)))
            }
            RowColumn::Score => f64::from(line.value(signal)),
            RowColumn::Nll => f64::from(line.value(Signal::Nll)),
            RowColumn::Token
            | RowColumn::Text
            | RowColumn::Next
            | RowColumn::Full
            | RowColumn::Exit => f64::from(*token),
        }
    };
    let words = |token: &u32| {
        let line = line(token);
        let id = match column {
            RowColumn::Text => return line.recording.text(line.token),
            RowColumn::Next => line.recording.tokens.next_ids.get(line.token).copied(),
            RowColumn::Full => line.full(),
            RowColumn::Exit => line.at_exit(),
            _ => None,
        };
        line.piece(id.as_ref())
    };
    match column {
        RowColumn::Text | RowColumn::Next | RowColumn::Full | RowColumn::Exit => {
            order.sort_by_cached_key(|token| {
                let words = words(token);
                let key = (!descending).then(|| words.clone());
                (words.is_empty(), key, descending.then_some(Reverse(words)))
            });
        }
        _ => order.sort_by_cached_key(|token| {
            let value = number(token);
            let signed = if descending { -value } else { value };
            (value.is_nan(), Total(signed))
        }),
    }
}

/// Real numbers in their total order.
#[derive(PartialEq)]
struct Total(f64);

impl Eq for Total {}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Total {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::Value;
    use crate::recording::rough;

    fn shown(filter: &str, sort: Option<RowColumn>, descending: bool) -> TokenRows {
        let mut knobs = Knobs::default();
        knobs.set("slice", Value::Choice("difficulty:2".to_owned()));
        let request = RowsRequest { knobs, filter: filter.to_owned(), sort, descending };
        rows(Arc::new(rough(200, 4, 3)), &request)
    }

    fn cells(rows: &TokenRows, column: RowColumn) -> Vec<String> {
        (0..rows.len()).map(|row| rows.cell(row, column)).collect()
    }

    #[test]
    fn only_the_slice_is_shown() {
        let rows = shown("", None, false);
        assert!(!rows.is_empty() && rows.len() < 200);
        let sample = |row| rows.recording.tokens.sample[rows.token(row).unwrap()] as usize;
        let difficulty = |row| &rows.recording.samples[sample(row)].columns["difficulty"];
        assert!((0..rows.len()).all(|row| difficulty(row) == "2"));
        assert_eq!(rows.row_of(rows.token(3).unwrap()), Some(3));
    }

    #[test]
    fn filters_split_the_rows() {
        let all = shown("", None, false).len();
        let agreeing = shown("agrees:yes", None, false);
        let others = shown("agrees:NO", None, false);
        assert!(cells(&agreeing, RowColumn::Agrees).iter().all(|cell| cell == "yes"));
        assert!(cells(&others, RowColumn::Agrees).iter().all(|cell| cell == "no"));
        // Where the full model chose nothing there is nothing to agree with.
        let whole = cells(&shown("", None, false), RowColumn::Agrees);
        let unknown = whole.iter().filter(|cell| cell.is_empty()).count();
        assert!(unknown > 0);
        assert_eq!(agreeing.len() + others.len() + unknown, all);
        let by_exit: usize = (0..=4).map(|d| shown(&format!("exit:{d}"), None, false).len()).sum();
        assert_eq!(by_exit, all);
        assert_eq!(
            shown("task:HOPS", None, false).len() + shown("task:story", None, false).len(),
            all
        );
        let words = shown("W1", None, false);
        assert!(!words.is_empty());
        assert!(cells(&words, RowColumn::Text).iter().all(|cell| cell.contains("w1")));
        assert!(shown("no such word", None, false).is_empty());
    }

    #[test]
    fn every_column_sorts_both_ways_and_keeps_every_row_with_absent_cells_last() {
        for column in RowColumn::ALL {
            let (up, down) = (shown("", Some(column), false), shown("", Some(column), true));
            let mut tokens = down.order.clone();
            tokens.sort_unstable();
            assert_eq!(tokens, shown("", None, false).order);
            for rows in [&up, &down] {
                let cells = cells(rows, column);
                let first_empty = cells.iter().position(String::is_empty).unwrap_or(cells.len());
                assert!(cells[first_empty..].iter().all(String::is_empty), "{column:?}");
            }
        }
        let depths = cells(&shown("", Some(RowColumn::Depth), true), RowColumn::Depth);
        assert!(depths.windows(2).all(|pair| pair[0] >= pair[1]));
        let words = cells(&shown("", Some(RowColumn::Text), false), RowColumn::Text);
        assert!(words.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn equal_rows_keep_the_order_of_tokens() {
        for descending in [false, true] {
            let rows = shown("", Some(RowColumn::Depth), descending);
            let depth = |row| rows.cell(row, RowColumn::Depth);
            for row in 1..rows.len() {
                assert!(depth(row - 1) != depth(row) || rows.token(row - 1) < rows.token(row));
            }
        }
    }

    #[test]
    fn a_row_that_does_not_exist_says_nothing() {
        assert_eq!(shown("", None, false).cell(usize::MAX, RowColumn::Token), "");
    }
}
