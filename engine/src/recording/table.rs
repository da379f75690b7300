//! One Parquet table: written row group by row group under a temporary name, read batch by batch after its
//! schema and row count were checked.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::array::{Float32Array, Float64Array, StringArray, UInt16Array, UInt32Array};
use arrow::datatypes::{DataType, Field, Float32Type, Schema, SchemaRef, UInt16Type, UInt32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::recording::{RecordingError, files};

/// Most rows of a row group: what a writer and a reader hold at once.
pub(super) const GROUP_ROWS: usize = 128 << 10;

/// Name, type, and whether a value may be absent.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) has_absent: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    U16,
    U32,
    F32,
    F64,
    Text,
}

impl Column {
    /// Every row has a value.
    pub(super) fn always(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, has_absent: false }
    }

    /// A row may have none.
    pub(super) fn maybe(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, has_absent: true }
    }
}

fn schema(columns: &[Column]) -> SchemaRef {
    let kind = |kind| match kind {
        Kind::U16 => DataType::UInt16,
        Kind::U32 => DataType::UInt32,
        Kind::F32 => DataType::Float32,
        Kind::F64 => DataType::Float64,
        Kind::Text => DataType::Utf8,
    };
    let field = |c: &Column| Field::new(&c.name, kind(c.kind), c.has_absent);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Values of one column for one batch of rows.
pub(super) enum Values {
    U16(Vec<u16>),
    U32(Vec<u32>),
    MaybeU32(Vec<Option<u32>>),
    /// NaN is written as an absent value.
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<Option<String>>),
}

impl Values {
    fn into_array(self) -> ArrayRef {
        match self {
            Self::U16(values) => Arc::new(UInt16Array::from(values)),
            Self::U32(values) => Arc::new(UInt32Array::from(values)),
            Self::MaybeU32(values) => Arc::new(UInt32Array::from(values)),
            Self::F32(values) => {
                let present = |value: f32| (!value.is_nan()).then_some(value);
                Arc::new(values.into_iter().map(present).collect::<Float32Array>())
            }
            Self::F64(values) => Arc::new(Float64Array::from(values)),
            Self::Text(values) => Arc::new(StringArray::from(values)),
        }
    }
}

/// Writes a table under a temporary name.
pub(super) struct Writer {
    path: PathBuf,
    schema: SchemaRef,
    columns: Vec<Column>,
    parquet: ArrowWriter<File>,
}

impl Writer {
    pub(super) fn create(path: PathBuf, columns: Vec<Column>) -> Result<Self, RecordingError> {
        let hidden = files::temporary(&path);
        let file = File::create(&hidden).map_err(RecordingError::writing(&hidden))?;
        let schema = schema(&columns);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::None)
            // Signals hardly ever repeat; a dictionary would be built for each group and thrown away.
            .set_dictionary_enabled(columns.iter().all(|column| column.kind != Kind::F32))
            .set_created_by(concat!("layerscope ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let options =
            ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let parquet = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options);
        let parquet =
            parquet.map_err(|source| RecordingError::Table { source, path: path.clone() })?;
        Ok(Self { path, schema, columns, parquet })
    }

    /// Adds rows; `values` stand in the order of the columns.
    pub(super) fn write(&mut self, values: Vec<Values>) -> Result<(), RecordingError> {
        debug_assert_eq!(values.len(), self.columns.len());
        let arrays = values.into_iter().map(Values::into_array).collect();
        let path = &self.path;
        let failed = |source| RecordingError::Table { source, path: path.clone() };
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| failed(ParquetError::External(Box::new(error))))?;
        self.parquet.write(&batch).map_err(failed)
    }

    /// Waits until the table is on the disk, still under its temporary name.
    pub(super) fn finish(self) -> Result<PathBuf, RecordingError> {
        let Self { path, parquet, .. } = self;
        let file = match parquet.into_inner() {
            Ok(file) => file,
            Err(source) => return Err(RecordingError::Table { source, path }),
        };
        file.sync_all().map_err(RecordingError::writing(&path))?;
        Ok(path)
    }
}

/// Reads a table whose schema is known.
pub(super) struct Reader {
    pub(super) path: PathBuf,
    /// As many as there are, if the table is whole.
    pub(super) num_rows: u64,
    columns: Vec<Column>,
    batches: ParquetRecordBatchReader,
}

impl Reader {
    /// `rows`: how many there have to be; `None` where the table itself decides.
    pub(super) fn open(
        path: PathBuf,
        columns: Vec<Column>,
        rows: Option<u64>,
    ) -> Result<Self, RecordingError> {
        let meta = std::fs::metadata(&path).map_err(RecordingError::reading(&path))?;
        if !meta.is_file() {
            return Err(RecordingError::field("kind", &"no file", "a file", &path));
        }
        let file = File::open(&path).map_err(RecordingError::reading(&path))?;
        let failed = |source| RecordingError::Table { source, path: path.clone() };
        // The Arrow schema that a file may bring along is one more thing to believe.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
            check_ranges(builder.metadata(), meta.len())?;
            Ok(builder)
        })
        .map_err(failed)?;
        check_schema(builder.schema(), &schema(&columns), &path)?;
        let num_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        if let Some(rows) = rows
            && rows != num_rows
        {
            return Err(RecordingError::field("rows", &num_rows, rows.to_string(), &path));
        }
        let build = || builder.with_batch_size(GROUP_ROWS / 4).build();
        let batches = guarded(build).map_err(failed)?;
        Ok(Self { path, num_rows, columns, batches })
    }

    pub(super) fn next_rows(&mut self) -> Result<Option<Rows>, RecordingError> {
        let next = || {
            let batch = self.batches.next().transpose();
            batch.map_err(|error| ParquetError::External(Box::new(error)))
        };
        // After a panic inside the reader it is never asked again: every error ends the load.
        let batch = guarded(next)
            .map_err(|source| RecordingError::Table { source, path: self.path.clone() })?;
        let Some(batch) = batch else {
            return Ok(None);
        };
        for (column, values) in self.columns.iter().zip(batch.columns()) {
            if !column.has_absent && values.null_count() > 0 {
                return Err(self.wrong(&column.name, &"nothing", "a value in every row"));
            }
        }
        Ok(Some(Rows { batch, at: 0 }))
    }

    /// An error about a value of this table.
    pub(super) fn wrong(
        &self,
        field: &str,
        found: &impl ToString,
        allowed: impl Into<String>,
    ) -> RecordingError {
        RecordingError::field(field, found, allowed, &self.path)
    }
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

/// Some rows of a table; columns are taken in their order.
pub(super) struct Rows {
    batch: RecordBatch,
    at: usize,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    fn next_column(&mut self) -> Option<ArrayRef> {
        let column = self.batch.columns().get(self.at).cloned();
        self.at += 1;
        column
    }

    /// The schema was checked: another type gives nothing, and a missing row is found by whoever counts.
    pub(super) fn u16s(&mut self) -> Vec<u16> {
        let column = self.next_column();
        let values = column.as_ref().and_then(|c| c.as_primitive_opt::<UInt16Type>());
        values.map(|values| values.values().to_vec()).unwrap_or_default()
    }

    pub(super) fn u32s(&mut self) -> Vec<u32> {
        let column = self.next_column();
        let values = column.as_ref().and_then(|c| c.as_primitive_opt::<UInt32Type>());
        values.map(|values| values.values().to_vec()).unwrap_or_default()
    }

    /// `absent` stands where there is no value.
    pub(super) fn u32s_or(&mut self, absent: u32) -> Vec<u32> {
        let column = self.next_column();
        let values = column.as_ref().and_then(|c| c.as_primitive_opt::<UInt32Type>());
        values.map(|v| v.iter().map(|x| x.unwrap_or(absent)).collect()).unwrap_or_default()
    }

    /// NaN where there is no value.
    pub(super) fn f32s(&mut self) -> Vec<f32> {
        let column = self.next_column();
        let values = column.as_ref().and_then(|c| c.as_primitive_opt::<Float32Type>());
        values.map(|v| v.iter().map(|x| x.unwrap_or(f32::NAN)).collect()).unwrap_or_default()
    }

    pub(super) fn texts(&mut self) -> Vec<Option<String>> {
        let column = self.next_column();
        let values = column.as_ref().and_then(|c| c.as_string_opt::<i32>());
        values.map(|v| v.iter().map(|x| x.map(str::to_owned)).collect()).unwrap_or_default()
    }
}
