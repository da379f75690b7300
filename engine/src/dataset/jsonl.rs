//! JSON lines: an object per line. Strings, numbers and truth values become columns; null stands for a
//! value that is not there; lists and objects inside are no columns.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::dataset::{Ask, DataError, DataFormat, Lines, Rows, TextSample};

pub(super) static JSONL: Jsonl = Jsonl;

/// JSON lines.
pub(super) struct Jsonl;

impl DataFormat for Jsonl {
    fn endings(&self) -> &'static [&'static str] {
        &["jsonl", "ndjson"]
    }

    fn read(&self, lines: &mut Lines<'_>, ask: &Ask<'_>) -> Result<Rows, DataError> {
        let mut rows = Rows::new();
        while let Some(object) = next_object(lines)? {
            rows.add(sample(object, ask.column(), lines)?, lines.path)?;
        }
        Ok(rows)
    }

    fn columns(&self, lines: &mut Lines<'_>) -> Result<Vec<String>, DataError> {
        let object = next_object(lines)?.unwrap_or_default();
        Ok(object
            .into_iter()
            .filter(|(_, value)| value.is_string())
            .map(|(name, _)| name)
            .collect())
    }
}

fn next_object(lines: &mut Lines<'_>) -> Result<Option<Map<String, Value>>, DataError> {
    loop {
        let Some(line) = lines.next_line()? else {
            return Ok(None);
        };
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(line);
        let (line, path) = (lines.number, lines.path.to_owned());
        return match value {
            Ok(Value::Object(object)) => Ok(Some(object)),
            Ok(other) => Err(DataError::NotObject { line, found: kind(&other), path }),
            Err(source) => Err(DataError::Json { line, source, path }),
        };
    }
}

fn sample(
    mut object: Map<String, Value>,
    column: &str,
    lines: &Lines<'_>,
) -> Result<TextSample, DataError> {
    let (column_name, line, path) = (column.to_owned(), lines.number, lines.path.to_owned());
    let text = match object.remove(column) {
        Some(Value::String(text)) => text,
        Some(other) => {
            let found = kind(&other);
            return Err(DataError::NotText { column: column_name, line, found, path });
        }
        None => {
            let found = object.into_iter().map(|(name, _)| name).collect();
            let (column, is_numbered) = (column_name, false);
            return Err(DataError::NoColumn { column, line, found, is_numbered, path });
        }
    };
    let mut columns = BTreeMap::new();
    for (name, value) in object {
        let value = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        columns.insert(name, value);
    }
    Ok(TextSample { text, columns })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
