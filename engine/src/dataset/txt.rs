//! Plain text: a sample per line or per paragraph.

use std::collections::BTreeMap;

use crate::dataset::{Ask, Cut, DataError, DataFormat, Lines, Rows, TextSample};

pub(super) static TXT: Txt = Txt;

/// Plain text.
pub(super) struct Txt;

impl DataFormat for Txt {
    fn endings(&self) -> &'static [&'static str] {
        &["txt", "md"]
    }

    fn read(&self, lines: &mut Lines<'_>, ask: &Ask<'_>) -> Result<Rows, DataError> {
        if let Some(column) = ask.column {
            let (column, path) = (column.to_owned(), lines.path.to_owned());
            let (line, found, is_numbered) = (1, Vec::new(), false);
            return Err(DataError::NoColumn { column, line, found, is_numbered, path });
        }
        let path = lines.path;
        let mut rows = Rows::new();
        let mut add = |text: String| {
            let sample = TextSample { text, columns: BTreeMap::new() };
            rows.add(sample, path)
        };
        let mut paragraph = String::new();
        while let Some(line) = lines.next_line()? {
            let is_blank = line.trim().is_empty();
            match ask.cut {
                Cut::Line if is_blank => {}
                Cut::Line => add(line.to_owned())?,
                Cut::Paragraph if !is_blank => {
                    if !paragraph.is_empty() {
                        paragraph.push('\n');
                    }
                    paragraph.push_str(line);
                }
                Cut::Paragraph if paragraph.is_empty() => {}
                Cut::Paragraph => add(std::mem::take(&mut paragraph))?,
            }
        }
        if !paragraph.is_empty() {
            add(paragraph)?;
        }
        Ok(rows)
    }

    fn columns(&self, _lines: &mut Lines<'_>) -> Result<Vec<String>, DataError> {
        Ok(Vec::new())
    }
}
