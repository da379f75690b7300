//! Text files become samples with columns; samples become token sequences.
//!
//! Must not know: models.

mod delimited;
mod error;
pub(crate) mod images;
mod jsonl;
mod pack;
#[cfg(test)]
mod tests;
mod txt;

pub(crate) use error::DataError;
pub(crate) use pack::{Packed, Sequence, pack, pack_images, tokens_of};

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::job::Job;

/// Most bytes of a file.
const MOST_BYTES: u64 = 2 << 30;
/// Most bytes of one line, and of one row of a table.
const MOST_LINE: usize = 16 << 20;
/// Most samples of a file.
const MOST_ROWS: u64 = 10_000_000;
/// Most different columns of a file.
const MOST_COLUMNS: usize = 256;
/// After so many bytes a reader tells how far it is and learns whether anybody still waits.
const BYTES_BETWEEN: u64 = 1 << 20;
/// Name of the column that holds the text, where none was chosen.
const TEXT: &str = "text";
/// Name of the column that holds labels, where none was chosen.
const LABEL: &str = "label";

/// How a txt file becomes samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Each line that is not empty.
    #[default]
    Line,
    /// Runs of lines between empty ones.
    Paragraph,
}

/// One text and the other columns of its row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TextSample {
    pub(crate) text: String,
    /// Extra columns: "task" -> "hops".
    pub(crate) columns: BTreeMap<String, String>,
}

/// A data set, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Data {
    /// File name, "prompt" or "embedded".
    pub(crate) name: String,
    pub(crate) samples: Vec<TextSample>,
    /// The column that says what is true of a sample.
    pub(crate) label: Option<String>,
    /// The second text of each sample, which is read together with the first; empty where there is none.
    pub(crate) pairs: Vec<String>,
    /// The image of each sample; empty where samples are texts.
    pub(crate) images: Vec<PathBuf>,
}

impl Data {
    /// With the labels of `column`, which has to be there; `None` takes "label" where there is one.
    pub(crate) fn labelled(self, column: Option<&str>, path: &Path) -> Result<Self, DataError> {
        let has = |name: &str| self.samples.iter().any(|s| s.columns.contains_key(name));
        let label = column.unwrap_or(LABEL);
        if has(label) {
            return Ok(Self { label: Some(label.to_owned()), ..self });
        }
        if column.is_none() {
            return Ok(self);
        }
        let found = self.samples.first().map(|s| s.columns.keys().cloned().collect());
        let (column, path) = (label.to_owned(), path.to_owned());
        let found = found.unwrap_or_default();
        Err(DataError::NoColumn { column, line: 1, found, is_numbered: false, path })
    }
}

impl Data {
    /// With the second texts of `column`, which every sample has to have; `None`: each sample is one text.
    pub(crate) fn paired(mut self, column: Option<&str>, path: &Path) -> Result<Self, DataError> {
        let Some(column) = column else { return Ok(self) };
        for (line, sample) in (1_u64..).zip(&mut self.samples) {
            let Some(second) = sample.columns.remove(column) else {
                let found = sample.columns.keys().cloned().collect();
                let (column, path) = (column.to_owned(), path.to_owned());
                return Err(DataError::NoColumn { column, line, found, is_numbered: false, path });
            };
            self.pairs.push(second);
        }
        Ok(self)
    }
}

/// A kind of data file. One file of this folder each.
trait DataFormat: Sync {
    /// Endings in lower case, without the dot.
    fn endings(&self) -> &'static [&'static str];
    /// Every sample, in order.
    fn read(&self, lines: &mut Lines<'_>, ask: &Ask<'_>) -> Result<Rows, DataError>;
    /// Columns that can hold the text, from the first row; empty where the format has none.
    fn columns(&self, lines: &mut Lines<'_>) -> Result<Vec<String>, DataError>;
}

/// Every format.
static FORMATS: &[&dyn DataFormat] = &[&txt::TXT, &jsonl::JSONL, &delimited::CSV, &delimited::TSV];

/// What a person chose.
struct Ask<'a> {
    /// The column with the text; `None` takes "text".
    column: Option<&'a str>,
    /// How a txt file becomes samples.
    cut: Cut,
}

impl Ask<'_> {
    fn column(&self) -> &str {
        self.column.unwrap_or(TEXT)
    }
}

/// Reads a data file; `column` names the one that holds the text (`None`: "text").
pub(crate) fn read(
    path: &Path,
    column: Option<&str>,
    cut: Cut,
    job: &Job,
) -> Result<Data, DataError> {
    let format = format_of(path)?;
    let mut lines = Lines::open(path, Some(job))?;
    let rows = format.read(&mut lines, &Ask { column, cut })?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    data(name, rows.samples, path)
}

/// One sample: what a person typed.
pub(crate) fn from_prompt(text: &str) -> Result<Data, DataError> {
    let sample = TextSample { text: text.to_owned(), columns: BTreeMap::new() };
    if text.trim().is_empty() {
        return Err(DataError::Blank);
    }
    Ok(Data { name: "prompt".to_owned(), samples: vec![sample], ..Data::default() })
}

/// JSON lines that lie in memory.
pub(crate) fn from_embedded(lines: &[u8], job: &Job) -> Result<Data, DataError> {
    let path = Path::new("embedded");
    let ask = Ask { column: None, cut: Cut::Line };
    let total = lines.len() as u64;
    let rows = jsonl::JSONL.read(&mut Lines::new(Box::new(lines), total, path, Some(job)), &ask)?;
    data("embedded".to_owned(), rows.samples, path)
}

/// Columns of a data file that can hold the text, from its first rows only; empty for txt.
pub(crate) fn columns(path: &Path) -> Result<Vec<String>, DataError> {
    // A folder of images has no column to choose.
    if path.is_dir() {
        return Ok(Vec::new());
    }
    format_of(path)?.columns(&mut Lines::open(path, None)?)
}

fn format_of(path: &Path) -> Result<&'static dyn DataFormat, DataError> {
    if path.is_dir() {
        return Err(DataError::NoFile { path: path.to_owned() });
    }
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let format = FORMATS.iter().find(|format| format.endings().contains(&ending.as_str()));
    format.copied().ok_or_else(|| DataError::UnknownKind {
        found: ending,
        allowed: FORMATS.iter().flat_map(|format| format.endings()).copied().collect(),
        path: path.to_owned(),
    })
}

fn data(name: String, samples: Vec<TextSample>, path: &Path) -> Result<Data, DataError> {
    if samples.is_empty() {
        return Err(DataError::Empty { path: path.to_owned() });
    }
    Ok(Data { name, samples, ..Data::default() })
}

/// Samples of a file, counted against the limits.
struct Rows {
    samples: Vec<TextSample>,
    columns: BTreeSet<String>,
}

impl Rows {
    fn new() -> Self {
        Self { samples: Vec::new(), columns: BTreeSet::new() }
    }

    fn add(&mut self, sample: TextSample, path: &Path) -> Result<(), DataError> {
        for name in sample.columns.keys() {
            if !self.columns.contains(name) {
                self.columns.insert(name.clone());
            }
        }
        within("columns", self.columns.len() as u64, MOST_COLUMNS as u64, path)?;
        self.samples.push(sample);
        within("samples", self.samples.len() as u64, MOST_ROWS, path)
    }
}

fn within(field: &'static str, found: u64, allowed: u64, path: &Path) -> Result<(), DataError> {
    if found <= allowed {
        return Ok(());
    }
    Err(DataError::TooLarge { field, found, allowed, path: path.to_owned() })
}

/// Lines of checked UTF-8 without their ends (LF or CRLF) and without a byte order mark.
struct Lines<'a> {
    reader: Box<dyn BufRead + 'a>,
    path: &'a Path,
    /// Of the line that was given last, counted from 1.
    number: u64,
    buffer: Vec<u8>,
    /// Bytes read so far, of how many, and at which count the job is asked next.
    done: u64,
    total: u64,
    ask_at: u64,
    /// `None` where only the first lines are read.
    job: Option<&'a Job>,
}

impl<'a> Lines<'a> {
    fn new(
        reader: Box<dyn BufRead + 'a>,
        total: u64,
        path: &'a Path,
        job: Option<&'a Job>,
    ) -> Self {
        let (number, buffer) = (0, Vec::new());
        Self { reader, path, number, buffer, done: 0, total, ask_at: 0, job }
    }

    fn open(path: &'a Path, job: Option<&'a Job>) -> Result<Self, DataError> {
        let failed = |source| DataError::Io { path: path.to_owned(), source };
        let meta = std::fs::metadata(path).map_err(failed)?;
        // Reading a pipe would wait for ever.
        if !meta.is_file() {
            return Err(DataError::NoFile { path: path.to_owned() });
        }
        within("bytes", meta.len(), MOST_BYTES, path)?;
        // The file may grow while it is read.
        let file = File::open(path).map_err(failed)?.take(MOST_BYTES);
        Ok(Self::new(Box::new(BufReader::new(file)), meta.len(), path, job))
    }

    fn next_line(&mut self) -> Result<Option<&str>, DataError> {
        if let Some(job) = self.job
            && self.done >= self.ask_at
        {
            job.progress("Reading text", "MiB", self.done >> 20, self.total >> 20)?;
            self.ask_at = self.done + BYTES_BETWEEN;
        }
        self.buffer.clear();
        let limited = &mut self.reader.by_ref().take(MOST_LINE as u64 + 1);
        let count = limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| DataError::Io { path: self.path.to_owned(), source })?;
        if count == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.done += count as u64;
        within("bytes of a line", count as u64, MOST_LINE as u64, self.path)?;
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mark: &[u8] = if self.number == 1 { b"\xef\xbb\xbf" } else { b"" };
        let line = line.strip_prefix(mark).unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|error| DataError::NotUtf8 {
            line: self.number,
            byte: error.valid_up_to() + 1,
            path: self.path.to_owned(),
        })?;
        Ok(Some(text))
    }
}
