//! Tables: comma separated (RFC 4180: quotes, doubled inside) and tab separated (never quoted: a quote in a
//! tab separated corpus is a quote).
//!
//! The first row names the columns. A chosen column `#2` that is no name makes the first row data, and its
//! columns `#1`, `#2` ...: corpora such as SST-2 come as `text<TAB>label` without a header.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::{
    Ask, DataError, DataFormat, Lines, MOST_COLUMNS, MOST_LINE, Rows, TEXT, TextSample, within,
};

pub(super) static CSV: Delimited =
    Delimited { ending: &["csv"], separator: ',', quotes: Quotes::Double };
pub(super) static TSV: Delimited =
    Delimited { ending: &["tsv", "tab"], separator: '\t', quotes: Quotes::None };

/// A table with one character between two fields.
pub(super) struct Delimited {
    ending: &'static [&'static str],
    separator: char,
    quotes: Quotes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// A field may stand in double quotes.
    Double,
    /// A quote is a character like any other.
    None,
}

impl DataFormat for Delimited {
    fn endings(&self) -> &'static [&'static str] {
        self.ending
    }

    fn read(&self, lines: &mut Lines<'_>, ask: &Ask<'_>) -> Result<Rows, DataError> {
        let mut rows = Rows::new();
        let Some(first) = self.next_row(lines)? else {
            return Ok(rows);
        };
        let column = ask.column();
        let header = Header::of(&first, column, lines)?;
        if header.is_numbered {
            rows.add(header.sample(first), lines.path)?;
        }
        while let Some(row) = self.next_row(lines)? {
            let (found, allowed) = (row.fields.len(), header.names.len());
            if found != allowed {
                let (line, path) = (row.line, lines.path.to_owned());
                return Err(DataError::Ragged { line, found, allowed, path });
            }
            rows.add(header.sample(row), lines.path)?;
        }
        Ok(rows)
    }

    /// The names in the first row; where none of them is "text" it may be data, so `#1`, `#2` ... follow.
    fn columns(&self, lines: &mut Lines<'_>) -> Result<Vec<String>, DataError> {
        let Some(first) = self.next_row(lines)? else {
            return Ok(Vec::new());
        };
        let mut names: Vec<String> = first.fields.iter().map(|f| f.trim().to_owned()).collect();
        if !names.iter().any(|name| name == TEXT) {
            names.extend(numbered(first.fields.len()));
        }
        Ok(names)
    }
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|number| format!("#{number}"))
}

/// Names of the columns and which of them is the text.
struct Header {
    names: Vec<String>,
    text: usize,
    /// The first row is data.
    is_numbered: bool,
}

impl Header {
    fn of(first: &Row, column: &str, lines: &Lines<'_>) -> Result<Self, DataError> {
        let names: Vec<String> = first.fields.iter().map(|f| f.trim().to_owned()).collect();
        let position = |names: &[String]| names.iter().position(|name| name == column);
        if let Some(text) = position(&names) {
            let mut seen = BTreeSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
                return Err(DataError::Twice {
                    column: twice.clone(),
                    path: lines.path.to_owned(),
                });
            }
            return Ok(Self { names, text, is_numbered: false });
        }
        let numbers: Vec<String> = numbered(names.len()).collect();
        if let Some(text) = position(&numbers) {
            return Ok(Self { names: numbers, text, is_numbered: true });
        }
        let is_number = column.strip_prefix('#').is_some_and(|rest| rest.parse::<u32>().is_ok());
        let found = if is_number { numbers } else { names };
        let (column, line, path) = (column.to_owned(), first.line, lines.path.to_owned());
        Err(DataError::NoColumn { column, line, found, is_numbered: true, path })
    }

    fn sample(&self, row: Row) -> TextSample {
        let mut columns = BTreeMap::new();
        let mut text = String::new();
        for (at, (name, value)) in self.names.iter().zip(row.fields).enumerate() {
            if at == self.text {
                text = value;
            } else {
                columns.insert(name.clone(), value);
            }
        }
        TextSample { text, columns }
    }
}

/// Fields between separators, and the line on which they begin.
struct Row {
    fields: Vec<String>,
    line: u64,
}

impl Delimited {
    /// The next row that is not empty. A quoted field may go over several lines.
    fn next_row(&self, lines: &mut Lines<'_>) -> Result<Option<Row>, DataError> {
        let path = lines.path;
        let mut fields = Vec::new();
        let mut split = Split { separator: self.separator, ..Split::default() };
        let (mut begun, mut bytes) = (None, 0_usize);
        loop {
            let Some(line) = lines.next_line()? else {
                return match begun {
                    None => Ok(None),
                    Some(line) => Err(DataError::Quote { line, path: path.to_owned() }),
                };
            };
            if begun.is_none() && line.is_empty() {
                continue;
            }
            bytes = bytes.saturating_add(line.len());
            if self.quotes == Quotes::None {
                fields.extend(line.split(self.separator).map(str::to_owned));
            } else {
                split.feed(line, &mut fields);
            }
            let line = *begun.get_or_insert(lines.number);
            within("bytes of a row", bytes as u64, MOST_LINE as u64, path)?;
            within("columns", fields.len() as u64, MOST_COLUMNS as u64, path)?;
            match split.place {
                Place::Quoted => split.field.push('\n'),
                Place::Wrong => return Err(DataError::Quote { line, path: path.to_owned() }),
                Place::Start | Place::Plain | Place::Quote => {
                    return Ok(Some(Row { fields, line }));
                }
            }
        }
    }
}

/// Where inside a row the next character stands.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before the first character of a field.
    #[default]
    Start,
    /// In a field without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that ends the field or is the first of two.
    Quote,
    /// Behind something that is no table.
    Wrong,
}

#[derive(Default)]
struct Split {
    separator: char,
    field: String,
    place: Place,
}

impl Split {
    /// Takes one line; fields that ended in it go to `fields`. Inside quotes the field stays open.
    fn feed(&mut self, line: &str, fields: &mut Vec<String>) {
        for letter in line.chars() {
            self.place = match self.place {
                Place::Start | Place::Plain | Place::Quote if letter == self.separator => {
                    fields.push(std::mem::take(&mut self.field));
                    Place::Start
                }
                Place::Start if letter == '"' => Place::Quoted,
                Place::Quoted if letter == '"' => Place::Quote,
                Place::Quote if letter != '"' => Place::Wrong,
                Place::Wrong => Place::Wrong,
                inside => {
                    self.field.push(letter);
                    if inside == Place::Start { Place::Plain } else { inside.reopened() }
                }
            };
        }
        if self.place != Place::Quoted {
            fields.push(std::mem::take(&mut self.field));
        }
    }
}

impl Place {
    /// A second quote means that the first did not end the field.
    fn reopened(self) -> Self {
        if self == Self::Quote { Self::Quoted } else { self }
    }
}
