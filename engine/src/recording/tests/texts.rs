//! Small files that ask for much memory.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow::array::{DictionaryArray, types::Int32Type};
use parquet::arrow::ArrowWriter;

use super::*;

const ROWS: u32 = 100_000;
/// A hundred thousand of them are 6.5 GB.
const LONG: usize = 64 << 10;

/// A table in which every row says the same long text, once in the file.
fn write(path: &Path, columns: Vec<(&str, ArrayRef)>, text: &str) {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["a".repeat(LONG)]));
    let keys = Int32Array::from_iter_values((0..ROWS).map(|_| 0));
    let texts: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(keys, values));
    let batch = RecordBatch::try_from_iter(columns.into_iter().chain([(text, texts)])).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert!(fs::metadata(path).unwrap().len() < 2_000_000, "the file is small");
}

fn numbers(number: impl Fn(u32) -> u32) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values((0..ROWS).map(number)))
}

/// The budget leaves 8 MiB beside the columns: what was counted when the reader gave up.
fn counted(folder: &Path) -> u64 {
    let manifest = Manifest::read(folder).unwrap();
    let columns = load::column_bytes(&manifest, true);
    let error = Recording::load(folder, columns + (8 << 20), &Job::unattended()).unwrap_err();
    let RecordingError::TooLarge { needed, allowed, .. } = error else { panic!("{error}") };
    assert_eq!(allowed, columns + (8 << 20));
    needed - columns
}

#[test]
fn a_text_that_a_dictionary_repeats_in_every_sample_is_refused_before_it_is_copied_so_often() {
    let (_home, folder) = saved(&synthetic(16, 0, 1));
    let mut manifest = Manifest::read(&folder).unwrap();
    (manifest.tokens, manifest.columns) = (u64::from(ROWS), vec!["x".to_owned()]);
    manifest.write(&folder).unwrap();
    let places = vec![
        ("sample", numbers(|n| n)),
        ("first_token", numbers(|n| n)),
        ("num_tokens", numbers(|_| 1)),
    ];
    write(&folder.join(schema::SAMPLES), places, "data.x");
    assert!(counted(&folder) <= (8 << 20) + LONG as u64 + 64);
}

#[test]
fn a_text_that_a_dictionary_repeats_for_every_id_is_refused_too() {
    let (_home, folder) = saved(&synthetic(16, 0, 1));
    let manifest = Manifest { vocab: ROWS as usize, ..Manifest::read(&folder).unwrap() };
    manifest.write(&folder).unwrap();
    write(&folder.join(schema::PIECES), vec![("id", numbers(|n| n))], "text");
    assert!(counted(&folder) <= (8 << 20) + LONG as u64 + 64);
}

#[test]
fn one_text_that_is_too_long_is_refused_with_its_column() {
    let mut recording = synthetic(16, 0, 1);
    recording.samples[0].columns.insert("task".to_owned(), "a".repeat((16 << 20) + 1));
    let (_home, folder) = saved(&recording);
    let said = load(&folder).unwrap_err().to_string();
    assert!(said.starts_with("data.task: a text of 16777217 bytes found"), "{said}");
}

#[test]
fn a_recording_of_many_row_groups_comes_back_whole() {
    // More cells than a row group has rows, so that every column goes on from one group to the next.
    let recording = synthetic(20_000, 8, 3);
    let (_home, folder) = saved(&recording);
    assert_eq!(bits(&load(&folder).unwrap()), bits(&recording));
}
