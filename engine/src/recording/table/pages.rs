//! The pages of a hostile table: none asks for more memory than its bytes in the file account for.
//!
//! The library believes a page header: it makes room for as many bytes and dictionary values as that promises, up to
//! gigabytes, before it looks at one.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::recording::table::header;

/// The values of one column in one row group; `None` behind the last group.
pub(super) fn column(
    file: &Arc<File>,
    meta: &ParquetMetaData,
    group: usize,
    column: usize,
) -> Result<Option<ColumnReader>> {
    let Some(rows) = meta.row_groups().get(group) else {
        return Ok(None);
    };
    let Some(chunk) = rows.columns().get(column) else {
        return Err(ParquetError::General("a row group has too few columns".to_owned()));
    };
    if chunk.compression() != Compression::UNCOMPRESSED {
        let (begun, bytes) = chunk.byte_range();
        header::check_all(file, begun, bytes)?;
    }
    let num_rows = usize::try_from(rows.num_rows()).unwrap_or(0);
    let pages = SerializedPageReader::new(Arc::clone(file), chunk, num_rows, None)?;
    Ok(Some(get_column_reader(chunk.column_descr_ptr(), Box::new(Plausible(pages)))))
}

/// Pages whose counts and encodings are plausible.
struct Plausible(SerializedPageReader<File>);

fn checked(page: Page) -> Result<Page> {
    let encoding = page.encoding();
    // The other encodings make long texts out of short pages, or take a count for the truth.
    if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY)
    {
        return Err(ParquetError::General(format!("pages encoded as {encoding} are not read")));
    }
    // A value of a dictionary, and the length of a text in it, takes four bytes.
    if page.is_dictionary_page() && page.num_values() as usize > page.buffer().len() / 4 {
        let what = "a dictionary says that it holds more than it does";
        return Err(ParquetError::General(what.to_owned()));
    }
    Ok(page)
}

impl Iterator for Plausible {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Plausible {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.0.get_next_page()?.map(checked).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(num_values: u32, encoding: Encoding) -> Result<Page> {
        checked(Page::DictionaryPage {
            buf: vec![0; 16].into(),
            num_values,
            encoding,
            is_sorted: false,
        })
    }

    #[test]
    fn a_dictionary_that_promises_more_than_its_bytes_is_refused() {
        assert!(dictionary(4, Encoding::PLAIN).is_ok());
        assert!(dictionary(5, Encoding::PLAIN).is_err());
        assert!(dictionary(1 << 31, Encoding::PLAIN_DICTIONARY).is_err());
    }

    #[test]
    fn encodings_that_make_long_texts_out_of_short_pages_are_refused_by_name() {
        let said = dictionary(1, Encoding::DELTA_BYTE_ARRAY).unwrap_err().to_string();
        assert!(said.contains("DELTA_BYTE_ARRAY"), "{said}");
    }
}
