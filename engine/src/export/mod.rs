//! Writes a view to a folder: every figure as SVG, PNG and CSV, the tables, readings.json.
//!
//! The same view gives the same bytes, whoever asks. A folder or file appears only when it is whole.
//! Must not know: how a view was made, windows.

mod error;
mod readings;
mod staging;
mod tokens;

pub(crate) use error::ExportError;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::export::staging::Staging;
use crate::figure::{Figure, Size, Theme, cell, to_csv, to_png, to_svg, write_csv};
use crate::job::Job;
use crate::knob::Value;
use crate::lens::{DataTable, LensCard, Selection, TokenColumns, View};
use crate::recording::Recording;

/// Of every picture; wide as a page of a paper.
const SIZE: Size = Size { width: 960, height: 600 };
const THEME: Theme = Theme::Light;
const ENDINGS: &[&str] = &["svg", "png", "csv"];
const READINGS: &str = "readings.json";
const TOKENS: &str = "tokens.csv";

/// A view and everything that says where it came from.
pub(crate) struct Export<'a> {
    pub(crate) card: &'a LensCard,
    /// Every knob with the value it has.
    pub(crate) knobs: BTreeMap<&'static str, Value>,
    /// The same of the setting that is shown beside it.
    pub(crate) versus: Option<BTreeMap<&'static str, Value>>,
    pub(crate) recording: &'a Recording,
    /// Recordings that were looked at beside it.
    pub(crate) others: &'a [&'a Recording],
    pub(crate) selection: Selection,
    pub(crate) view: &'a View,
    pub(crate) token_columns: &'a TokenColumns<'a>,
}

/// Writes everything to `folder`: `<figure id>.svg|png|csv`, `<table id>.csv`, `tokens.csv`, `readings.json`.
///
/// A table with the id of a figure becomes `<table id>-table.csv`; the tables of a second setting of the knobs are
/// `b_<table id>.csv`.
///
/// The folder may be new, empty, or hold an older export, which is replaced; with any other file in it nothing is
/// written. After an error or a cancel the folder is as it was.
pub(crate) fn write_view(export: &Export<'_>, folder: &Path, job: &Job) -> Result<(), ExportError> {
    job.check()?;
    check_replaceable(folder)?;
    let files = file_names(export.view);
    let total = files.len() as u64;
    let staging = Staging::folder(folder)?;
    let mut done = 0;
    let mut step = |job: &Job| {
        job.progress("Exporting", "files", done, total)?;
        done += 1;
        Ok::<(), ExportError>(())
    };
    for figure in &export.view.figures {
        for ending in ENDINGS {
            step(job)?;
            let file = staging.draft().join(format!("{}.{ending}", figure.id));
            write_new(&file, &drawn(export, figure, ending, &file)?)?;
        }
    }
    for (name, table) in tables(export.view) {
        step(job)?;
        write_new(&staging.draft().join(name), table_csv(table).as_bytes())?;
    }
    step(job)?;
    tokens::write(export, &staging.draft().join(TOKENS), job)?;
    step(job)?;
    let file = staging.draft().join(READINGS);
    write_new(&file, &json(&export.readings_file(files), &file)?)?;
    job.progress("Exporting", "files", total, total)?;
    staging.place()
}

/// Writes one figure; the ending of `file` (svg, png, csv) says how. CSV gets a `<name>.provenance.json` beside it.
pub(crate) fn write_figure(
    export: &Export<'_>,
    figure_id: &str,
    file: &Path,
) -> Result<(), ExportError> {
    let figures = &export.view.figures;
    let Some(figure) = figures.iter().find(|figure| figure.id == figure_id) else {
        let allowed = figures.iter().map(|figure| figure.id).collect();
        return Err(ExportError::NoFigure { found: figure_id.to_owned(), allowed });
    };
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    Staging::file(file, &drawn(export, figure, &ending, file)?)?;
    if ending == "csv" {
        let beside = file.with_extension("provenance.json");
        Staging::file(&beside, &json(&export.origin_file(figure.id), &beside)?)?;
    }
    Ok(())
}

fn drawn(
    export: &Export<'_>,
    figure: &Figure,
    ending: &str,
    file: &Path,
) -> Result<Vec<u8>, ExportError> {
    match ending {
        "svg" => Ok(to_svg(figure, SIZE, THEME, &export.origin_pairs()).into_bytes()),
        "png" => to_png(figure, SIZE, THEME, &export.origin_pairs())
            .map_err(|source| ExportError::Picture { figure: figure.id, source }),
        "csv" => Ok(to_csv(figure).into_bytes()),
        other => Err(ExportError::Ending {
            found: other.to_owned(),
            allowed: ENDINGS,
            path: file.to_owned(),
        }),
    }
}

/// An error where two parts of a view have one name, instead of one of them lost.
fn write_new(file: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let written = fs::File::create_new(file).and_then(|mut created| created.write_all(bytes));
    written.map_err(ExportError::io(file))
}

fn json(value: &impl serde::Serialize, file: &Path) -> Result<Vec<u8>, ExportError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(ExportError::io(file))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Words first, then numbers.
fn table_csv(table: &DataTable) -> String {
    let name = table.names.as_ref();
    let head = name.map(|(head, _)| (*head).to_owned()).into_iter();
    let head = head.chain(table.columns.iter().map(|column| (*column).to_owned())).collect();
    let rows = table.rows.iter().enumerate().map(|(place, row)| {
        let word = name.map(|(_, words)| words.get(place).cloned().unwrap_or_default());
        word.into_iter().chain(row.iter().copied().map(cell)).collect()
    });
    write_csv(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// Every table with the name of its file.
fn tables(view: &View) -> impl Iterator<Item = (String, &DataTable)> {
    let others = view.versus.iter().flat_map(|versus| &versus.tables);
    let others = others.map(|table| (format!("b_{}.csv", table.id), table));
    view.tables.iter().map(|table| (table_file(view, table), table)).chain(others)
}

/// A figure's CSV has its name already; a table that shares it stands beside.
fn table_file(view: &View, table: &DataTable) -> String {
    let is_taken = view.figures.iter().any(|figure| figure.id == table.id);
    format!("{}{}.csv", table.id, if is_taken { "-table" } else { "" })
}

fn file_names(view: &View) -> Vec<String> {
    let figures = view.figures.iter();
    let mut names: Vec<String> = figures
        .flat_map(|figure| ENDINGS.iter().map(move |ending| format!("{}.{ending}", figure.id)))
        .collect();
    names.extend(tables(view).map(|(name, _)| name));
    names.extend([TOKENS.to_owned(), READINGS.to_owned()]);
    names.sort();
    names
}

/// Whether nothing would be lost if the folder were replaced.
fn check_replaceable(folder: &Path) -> Result<(), ExportError> {
    let path = folder.to_owned();
    if !folder.exists() {
        return Ok(());
    }
    if !folder.is_dir() {
        return Err(ExportError::NotFolder { path });
    }
    let older = fs::read(folder.join(READINGS)).ok().and_then(|json| readings::older_files(&json));
    let older = older.unwrap_or_default();
    let entries = fs::read_dir(folder).map_err(ExportError::io(folder))?;
    let mut foreign = Vec::new();
    for entry in entries {
        let entry = entry.map_err(ExportError::io(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().map_err(ExportError::io(folder))?.is_file();
        if !is_file || !older.contains(&name) {
            foreign.push(name);
        }
    }
    foreign.sort();
    match foreign.into_iter().next() {
        Some(found) => Err(ExportError::Foreign { found, path }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
