//! Writes a table row group by row group under a temporary name.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::array::{Float32Array, Float64Array, StringArray, UInt16Array, UInt32Array};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::model::NO_TOKEN;
use crate::recording::table::{Column, GROUP_ROWS, Kind, schema};
use crate::recording::{RecordingError, files};

/// Values of one column for one batch of rows.
pub(in crate::recording) enum Values {
    U16(Vec<u16>),
    U32(Vec<u32>),
    /// `NO_TOKEN` is written as an absent value.
    MaybeU32(Vec<u32>),
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
            // Most columns have a value in every row: one pass less, and nothing to say about each.
            Self::MaybeU32(values) if !values.contains(&NO_TOKEN) => {
                Arc::new(UInt32Array::from(values))
            }
            Self::MaybeU32(values) => {
                let present = |value: u32| (value != NO_TOKEN).then_some(value);
                Arc::new(values.into_iter().map(present).collect::<UInt32Array>())
            }
            Self::F32(values) if !values.iter().any(|value| value.is_nan()) => {
                Arc::new(Float32Array::from(values))
            }
            Self::F32(values) => {
                let present = |value: f32| (!value.is_nan()).then_some(value);
                Arc::new(values.into_iter().map(present).collect::<Float32Array>())
            }
            Self::F64(values) => Arc::new(Float64Array::from(values)),
            Self::Text(values) => Arc::new(StringArray::from(values)),
        }
    }
}

/// What matters more: how large a table is, or how long it takes to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::recording) enum Packing {
    Small,
    Quick,
}

/// Writes a table under a temporary name.
pub(in crate::recording) struct Writer {
    path: PathBuf,
    schema: SchemaRef,
    num_columns: usize,
    parquet: ArrowWriter<File>,
}

impl Writer {
    pub(in crate::recording) fn create(
        path: PathBuf,
        columns: &[Column],
        packing: Packing,
    ) -> Result<Self, RecordingError> {
        let hidden = files::temporary(&path);
        let file = File::create(&hidden).map_err(RecordingError::writing(&hidden))?;
        let schema = schema(columns);
        let properties = WriterProperties::builder()
            .set_compression(match packing {
                Packing::Small => Compression::SNAPPY,
                Packing::Quick => Compression::UNCOMPRESSED,
            })
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::None)
            // Signals hardly ever repeat; a dictionary would be built for each group and thrown away.
            .set_dictionary_enabled(columns.iter().all(|column| column.kind != Kind::F32))
            .set_created_by(concat!("layerscope ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let options =
            ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let parquet = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options);
        let parquet = parquet.map_err(unwritten(&path))?;
        Ok(Self { path, schema, num_columns: columns.len(), parquet })
    }

    /// Adds rows; `values` stand in the order of the columns.
    pub(in crate::recording) fn write(
        &mut self,
        values: Vec<Values>,
    ) -> Result<(), RecordingError> {
        debug_assert_eq!(values.len(), self.num_columns);
        let arrays = values.into_iter().map(Values::into_array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| unwritten(&self.path)(error.into()))?;
        self.parquet.write(&batch).map_err(unwritten(&self.path))
    }

    /// Writes the rest; the table is whole, still under its temporary name.
    pub(in crate::recording) fn finish(self) -> Result<PathBuf, RecordingError> {
        let Self { path, mut parquet, .. } = self;
        parquet.finish().map_err(unwritten(&path))?;
        Ok(path)
    }
}

/// For `map_err`: the library hides what the system said in an error of its own.
fn unwritten(path: &Path) -> impl FnOnce(ParquetError) -> RecordingError + '_ {
    |error| {
        let source = match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(source) => *source,
                Err(other) => io::Error::other(other),
            },
            other => io::Error::other(other),
        };
        RecordingError::writing(path)(source)
    }
}
