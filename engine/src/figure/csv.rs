//! Figures as CSV: the complete data of every mark in long form, one row per point, bar or cell.
//!
//! | column | meaning |
//! |---|---|
//! | mark | number of the mark in the figure, from 0 |
//! | kind | line, bars, points, heat, band, rule, handles or text |
//! | label | name of the series; of a heat map what its colour means |
//! | x, y | place in axis units; y is the lower edge of a band; a rule has only one of them |
//! | x_name, y_name | name of the place on an axis with names |
//! | y2 | upper edge of a band |
//! | width | width of a bar in x units |
//! | value | value of a cell |
//! | text | words in a cell or at a point |
//! | hover | what is shown while the pointer is over a cell |
//! | knob | the knob that a drag of the point turns |
//!
//! Columns that a figure does not need are left out. Numbers are the shortest that read back exactly; NaN is empty.

use crate::figure::{Axis, Direction, Figure, Heat, Mark, Scale};

const COLUMNS: [&str; 13] = [
    "mark", "kind", "label", "x", "x_name", "y", "y_name", "y2", "width", "value", "text", "hover",
    "knob",
];
/// So many columns are always there.
const LEAD: usize = 3;

/// One row by column.
#[derive(Default, Clone)]
struct Row<'a> {
    x: Option<f64>,
    y: Option<f64>,
    y2: Option<f64>,
    width: Option<f64>,
    value: Option<f32>,
    text: &'a str,
    hover: &'a str,
    knob: &'a str,
}

/// The complete data of a figure as CSV; columns: head of this module.
pub fn to_csv(figure: &Figure) -> String {
    let is_used = used(figure);
    let wanted = || COLUMNS.iter().zip(is_used).filter(|(_, used)| *used);
    let mut rows = vec![wanted().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()];
    for (place, mark) in figure.marks.iter().enumerate() {
        let (kind, label) = kind(mark);
        for_each_row(mark, &mut |row| {
            let number = |value: Option<f64>| value.map_or_else(String::new, cell);
            let cells = [
                place.to_string(),
                kind.to_owned(),
                label.to_owned(),
                number(row.x),
                name(&figure.x, row.x).to_owned(),
                number(row.y),
                name(&figure.y, row.y).to_owned(),
                number(row.y2),
                number(row.width),
                row.value.map_or_else(String::new, cell),
                row.text.to_owned(),
                row.hover.to_owned(),
                row.knob.to_owned(),
            ];
            let kept = cells.into_iter().zip(is_used).filter(|(_, used)| *used);
            rows.push(kept.map(|(text, _)| text).collect());
        });
    }
    write(&rows)
}

/// A number that reads back exactly; empty for NaN.
pub(crate) fn cell<T: Copy + Into<f64> + ToString>(value: T) -> String {
    if value.into().is_nan() { String::new() } else { value.to_string() }
}

/// Rows of equal length as CSV text.
pub(crate) fn write(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = rows.iter().try_for_each(|row| writer.write_record(row));
    let bytes = written
        .map_err(|error| error.to_string())
        .and_then(|()| writer.into_inner().map_err(|error| error.to_string()));
    match bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string())) {
        Ok(text) => text,
        Err(error) => {
            // Memory takes every record, and text stays text; so this is not met.
            tracing::error!(error, "CSV was not written");
            String::new()
        }
    }
}

fn used(figure: &Figure) -> [bool; COLUMNS.len()] {
    let has_names = |axis: &Axis| matches!(axis.scale, Scale::Category(_));
    let (mut x, mut y) = (figure.marks.is_empty(), figure.marks.is_empty());
    let (mut y2, mut width, mut value, mut text, mut hover) = (false, false, false, false, false);
    let mut knob = false;
    for mark in &figure.marks {
        match mark {
            Mark::Line { .. } | Mark::Points { .. } => (x, y) = (true, true),
            Mark::Bars { .. } => (x, y, width) = (true, true, true),
            Mark::Band { .. } => (x, y, y2) = (true, true, true),
            Mark::Heat(heat) => {
                (x, y, value) = (true, true, true);
                text |= !heat.texts.is_empty();
                hover |= !heat.hovers.is_empty();
            }
            Mark::Rule { direction: Direction::Vertical, .. } => x = true,
            Mark::Rule { direction: Direction::Horizontal, .. } => y = true,
            Mark::Handles { .. } => (x, y, knob) = (true, true, true),
            Mark::Text { .. } => (x, y, text) = (true, true, true),
        }
    }
    let mut used = [true; COLUMNS.len()];
    let (x_name, y_name) = (x && has_names(&figure.x), y && has_names(&figure.y));
    let rest = [x, x_name, y, y_name, y2, width, value, text, hover, knob];
    for (place, is_used) in used.iter_mut().skip(LEAD).zip(rest) {
        *place = is_used;
    }
    used
}

fn kind(mark: &Mark) -> (&'static str, &str) {
    match mark {
        Mark::Line { label, .. } => ("line", label),
        Mark::Bars { label, .. } => ("bars", label),
        Mark::Points { label, .. } => ("points", label),
        Mark::Heat(heat) => ("heat", &heat.label),
        Mark::Band { label, .. } => ("band", label),
        Mark::Rule { label, .. } => ("rule", label),
        Mark::Handles { label, .. } => ("handles", label),
        Mark::Text { .. } => ("text", ""),
    }
}

fn for_each_row(mark: &Mark, take: &mut dyn FnMut(Row<'_>)) {
    let row = Row::default();
    match mark {
        Mark::Line { points, .. } | Mark::Points { points, .. } => {
            for [x, y] in points {
                take(Row { x: Some(*x), y: Some(*y), ..row.clone() });
            }
        }
        Mark::Bars { bars, width, .. } => {
            for [x, y] in bars {
                take(Row { x: Some(*x), y: Some(*y), width: Some(*width), ..row.clone() });
            }
        }
        Mark::Band { points, .. } => {
            for [x, low, high] in points {
                take(Row { x: Some(*x), y: Some(*low), y2: Some(*high), ..row.clone() });
            }
        }
        Mark::Heat(heat) => heat_rows(heat, take),
        Mark::Rule { direction: Direction::Vertical, at, .. } => {
            take(Row { x: Some(*at), ..row });
        }
        Mark::Rule { direction: Direction::Horizontal, at, .. } => {
            take(Row { y: Some(*at), ..row });
        }
        Mark::Handles { points, knobs, .. } => {
            for (place, [x, y]) in points.iter().enumerate() {
                let knob = knobs.get(place).copied().unwrap_or_default();
                take(Row { x: Some(*x), y: Some(*y), knob, ..row.clone() });
            }
        }
        Mark::Text { at: [x, y], text } => take(Row { x: Some(*x), y: Some(*y), text, ..row }),
    }
}

fn heat_rows(heat: &Heat, take: &mut dyn FnMut(Row<'_>)) {
    if heat.columns == 0 {
        return;
    }
    for (place, value) in heat.values.iter().enumerate() {
        let words = |texts: &'_ [String]| texts.get(place).cloned().unwrap_or_default();
        let (text, hover) = (words(&heat.texts), words(&heat.hovers));
        take(Row {
            x: Some(heat.origin[0] + (place % heat.columns) as f64),
            y: Some(heat.origin[1] + (place / heat.columns) as f64),
            value: Some(*value),
            text: &text,
            hover: &hover,
            ..Row::default()
        });
    }
}

/// The name of a place; empty on axes without names and between two names.
fn name(axis: &Axis, place: Option<f64>) -> &str {
    let Scale::Category(names) = &axis.scale else {
        return "";
    };
    let found = place.filter(|place| *place >= 0.0 && place.fract() == 0.0).and_then(|place| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, >= 0")]
        names.get(place as usize)
    });
    found.map_or("", |name| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::sampler;

    #[test]
    fn a_figure_is_all_its_data() {
        insta::assert_snapshot!(to_csv(&sampler::every_mark()));
    }

    #[test]
    fn a_heat_map_names_its_cells() {
        insta::assert_snapshot!(to_csv(&sampler::heat()));
    }

    #[test]
    fn an_empty_figure_is_a_head() {
        assert_eq!(to_csv(&sampler::empty()), "mark,kind,label,x,y\n");
    }

    #[test]
    fn numbers_read_back_exactly_and_nan_is_empty() {
        assert_eq!(cell(0.1f32), "0.1");
        assert_eq!(cell(f64::NAN), "");
        for value in [1.0 / 3.0, 1e300, f64::MIN_POSITIVE, -0.0] {
            assert_eq!(cell(value).parse::<f64>().unwrap(), value);
        }
    }
}
