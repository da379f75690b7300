//! Reads a table batch by batch after its schema and row count were checked.
//!
//! Column by column straight from the pages: a batch of Arrow would hold every text of its rows at once, however often
//! a dictionary repeats it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::recording::RecordingError;
use crate::recording::room::Room;
use crate::recording::table::{Column, GROUP_ROWS, pages, schema};

/// Reads a table whose schema is known. Columns are taken in their order, each for all rows of the batch; what
/// stands behind the last one taken is not read.
pub(in crate::recording) struct Reader {
    pub(in crate::recording) path: PathBuf,
    /// As many as the footer promises; a column that has fewer is an error.
    pub(in crate::recording) num_rows: u64,
    file: Arc<File>,
    meta: Arc<ParquetMetaData>,
    columns: Vec<Place>,
    /// The column that is taken next.
    at: usize,
    /// Rows of the present batch and of all before it.
    begun: u64,
    /// Rows of the present batch.
    rows: usize,
}

/// How far a column is read.
struct Place {
    column: Column,
    group: usize,
    reader: Option<ColumnReader>,
}

impl Reader {
    /// `rows`: how many there have to be; `None` where the table itself decides.
    pub(in crate::recording) fn open(
        path: PathBuf,
        columns: Vec<Column>,
        rows: Option<u64>,
    ) -> Result<Self, RecordingError> {
        let meta = std::fs::metadata(&path).map_err(RecordingError::reading(&path))?;
        if !meta.is_file() {
            return Err(RecordingError::field("kind", &"no file", "a file", &path));
        }
        let file = File::open(&path).map_err(RecordingError::reading(&path))?;
        // The Arrow schema that a file may bring along is one more thing to believe.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let found = guarded(|| {
            let found = ArrowReaderMetadata::load(&file, options)?;
            check_ranges(found.metadata(), meta.len())?;
            Ok(found)
        })
        .map_err(|source| RecordingError::Table { source, path: path.clone() })?;
        check_schema(found.schema(), &schema(&columns), &path)?;
        let meta = Arc::clone(found.metadata());
        let num_rows = u64::try_from(meta.file_metadata().num_rows()).unwrap_or(0);
        if let Some(rows) = rows
            && rows != num_rows
        {
            return Err(RecordingError::field("rows", &num_rows, rows.to_string(), &path));
        }
        let place = |column| Place { column, group: 0, reader: None };
        let columns = columns.into_iter().map(place).collect();
        Ok(Self { path, num_rows, file: Arc::new(file), meta, columns, at: 0, begun: 0, rows: 0 })
    }

    /// Goes on to the next rows and says how many they are.
    pub(in crate::recording) fn next_rows(&mut self) -> Option<usize> {
        let left = self.num_rows.saturating_sub(self.begun);
        self.rows = usize::try_from(left).unwrap_or(usize::MAX).min(GROUP_ROWS / 4);
        self.begun += self.rows as u64;
        self.at = 0;
        (self.rows > 0).then_some(self.rows)
    }

    /// A value that does not fit is found by whoever compares: no column of this type holds its largest.
    pub(in crate::recording) fn u16s(&mut self) -> Result<Vec<u16>, RecordingError> {
        let whole = |value: i32| u16::try_from(value).unwrap_or(u16::MAX);
        Ok(self.take(ints)?.into_iter().flatten().map(whole).collect())
    }

    pub(in crate::recording) fn u32s(&mut self) -> Result<Vec<u32>, RecordingError> {
        Ok(self.take(ints)?.into_iter().flatten().map(i32::cast_unsigned).collect())
    }

    /// `absent` stands where there is no value.
    pub(in crate::recording) fn u32s_or(
        &mut self,
        absent: u32,
    ) -> Result<Vec<u32>, RecordingError> {
        let value = |value: Option<i32>| value.map_or(absent, i32::cast_unsigned);
        Ok(self.take(ints)?.into_iter().map(value).collect())
    }

    /// NaN where there is no value.
    pub(in crate::recording) fn f32s(&mut self) -> Result<Vec<f32>, RecordingError> {
        Ok(self.take(floats)?.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect())
    }

    /// Every text is counted before it is copied.
    pub(in crate::recording) fn texts(
        &mut self,
        room: &mut Room,
    ) -> Result<Vec<Option<String>>, RecordingError> {
        let at = self.at;
        // These are places in pages, however often a dictionary repeats one.
        let values = self.take(texts)?;
        let name = self.columns.get(at).map_or("", |place| place.column.name.as_str());
        let mut text = |value: ByteArray| {
            room.text(value.len(), name, &self.path)?;
            match std::str::from_utf8(value.data()) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(self.wrong(name, &error, "UTF-8")),
            }
        };
        values.into_iter().map(|value| value.map(&mut text).transpose()).collect()
    }

    /// An error about a value of this table.
    pub(in crate::recording) fn wrong(
        &self,
        field: &str,
        found: &impl ToString,
        allowed: impl Into<String>,
    ) -> RecordingError {
        RecordingError::field(field, found, allowed, &self.path)
    }

    /// The next column, a value or nothing for every row of the batch.
    fn take<T: DataType>(&mut self, typed: Typed<T>) -> Result<Vec<Option<T::T>>, RecordingError> {
        let (at, rows) = (self.at, self.rows);
        self.at += 1;
        let Self { file, meta, columns, path, .. } = self;
        let Some(place) = columns.get_mut(at) else { return Ok(Vec::new()) };
        // After a panic inside the reader it is never asked again: every error ends the load.
        let read = guarded(|| place.read(at, rows, file, meta, typed));
        let values = read.map_err(|source| RecordingError::Table { source, path: path.clone() })?;
        let Column { name, has_absent, .. } = &place.column;
        if values.len() != rows {
            let found = format!("{} of the {rows} rows that are next", values.len());
            return Err(RecordingError::field(name, &found, "all of them", path));
        }
        if !has_absent && values.iter().any(Option::is_none) {
            return Err(RecordingError::field(name, &"nothing", "a value in every row", path));
        }
        Ok(values)
    }
}

impl Place {
    /// Up to `rows` values; fewer where the file has no more.
    fn read<T: DataType>(
        &mut self,
        at: usize,
        rows: usize,
        file: &Arc<File>,
        meta: &ParquetMetaData,
        typed: Typed<T>,
    ) -> Result<Vec<Option<T::T>>, ParquetError> {
        let mut all = Vec::with_capacity(rows);
        while all.len() < rows {
            let Some(reader) = &mut self.reader else {
                self.reader = pages::column(file, meta, self.group, at)?;
                self.group += 1;
                if self.reader.is_none() {
                    break;
                }
                continue;
            };
            let Some(reader) = typed(reader) else {
                return Err(ParquetError::General("a column is stored as another type".to_owned()));
            };
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let most = rows - all.len();
            let (count, ..) = reader.read_records(most, Some(&mut levels), None, &mut values)?;
            if count == 0 {
                self.reader = None;
            } else if levels.is_empty() {
                all.extend(values.into_iter().map(Some));
            } else {
                let mut values = values.into_iter();
                let value = |level| if level > 0 { values.next() } else { None };
                all.extend(levels.into_iter().map(value));
            }
        }
        Ok(all)
    }
}

type Typed<T> = fn(&mut ColumnReader) -> Option<&mut ColumnReaderImpl<T>>;

fn ints(reader: &mut ColumnReader) -> Option<&mut ColumnReaderImpl<Int32Type>> {
    if let ColumnReader::Int32ColumnReader(reader) = reader { Some(reader) } else { None }
}

fn floats(reader: &mut ColumnReader) -> Option<&mut ColumnReaderImpl<FloatType>> {
    if let ColumnReader::FloatColumnReader(reader) = reader { Some(reader) } else { None }
}

fn texts(reader: &mut ColumnReader) -> Option<&mut ColumnReaderImpl<ByteArrayType>> {
    if let ColumnReader::ByteArrayColumnReader(reader) = reader { Some(reader) } else { None }
}

/// A panic of the Parquet library becomes an error. In 20000 mutated files it panicked 13 times while it decoded a
/// page (a missing dictionary, a length beyond a buffer); at the door of the job that would close the open
/// model, which has nothing to do with the damaged file.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    let broken = |_| Err(ParquetError::General("its pages contradict one another".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(broken)
}

/// Every column has to lie inside the file; the library takes a negative place for a defect and panics.
fn check_ranges(meta: &ParquetMetaData, file_bytes: u64) -> Result<(), ParquetError> {
    for column in meta.row_groups().iter().flat_map(|group| group.columns()) {
        let begun = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
        let ended = begun.checked_add(column.compressed_size()).map(u64::try_from);
        let is_inside = ended.is_some_and(|ended| ended.is_ok_and(|ended| ended <= file_bytes));
        if begun < 0 || column.compressed_size() < 0 || !is_inside {
            let name = column.column_path().string();
            return Err(ParquetError::General(format!("column {name} lies outside the file")));
        }
    }
    Ok(())
}

fn check_schema(found: &Schema, allowed: &Schema, path: &Path) -> Result<(), RecordingError> {
    let spelt = |schema: &Schema| {
        let field = |f: &Arc<Field>| format!("{} {}", f.name(), f.data_type());
        schema.fields().iter().map(field).collect::<Vec<_>>()
    };
    let (found, allowed) = (spelt(found), spelt(allowed));
    if found == allowed {
        return Ok(());
    }
    let first = found.iter().zip(&allowed).find(|(f, a)| f != a);
    let (found, allowed) = match first {
        Some((found, allowed)) => (found.clone(), allowed.clone()),
        None => (found.len().to_string(), allowed.len().to_string()),
    };
    Err(RecordingError::field("columns", &found, allowed, path))
}
