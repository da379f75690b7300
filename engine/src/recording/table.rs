//! One Parquet table: which columns it has, a writer and a reader.

mod header;
mod pages;
mod reader;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::{Packing, Values, Writer};

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

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
