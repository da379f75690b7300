//! The tables of a recording folder, as somebody else's script reads them.
//!
//! | file | a row is | columns |
//! |---|---|---|
//! | tokens.parquet | a token | token, sample, position, id, next_id (absent at the end of a sequence), text |
//! | samples.parquet | a sequence | sample, first_token, num_tokens, `data.NAME` for every column of the data |
//! | signals.parquet | a token at a depth, ordered by both | token, depth, top1, then one column per signal (absent: NaN) |
//! | top5.parquet | the same; may be missing | token, depth, id1 ... id5, p1 ... p5 |
//! | pieces.parquet | a token id, rising | id, text |
//! | cubes.parquet | a rule signal at a threshold and a depth | signal, bin, depth, exits, agreeing, answered, with_nll, nll |
//!
//! Where `subject` in manifest.json is `sample` (a classifier was recorded), a token stands for a whole sample in
//! every table: one row for each, position 0, no id, text the sample's own (its first 2,000 characters), next_id
//! its label (absent without one) and top1 a class; pieces.parquet holds the names of the classes. Where it is
//! `own_token` (a masked-language model), next_id is absent.
//!
//! `read_at` in manifest.json says which tokens have a row: `every`, `{"every_nth": n}` (positions 0, n, 2n and so on of each
//! sequence) or `last` (the last of each sequence). num_tokens counts rows; position and next_id are those of the text.
//!
//! Pages are plain or dictionary-coded, uncompressed or Snappy; a reader of ours takes no others, because only
//! these bound how much memory a file of a given size can ask for.
//!
//! While a run goes on, what is done lies in `unfinished/0000`, `unfinished/0001` and so on: each an ordinary recording
//! (without cubes.parquet) of the sequences that follow those before it, numbered from 0. A part that ends in `.tmp`
//! is not whole. manifest.json of the folder then says `"complete": false`, and `tokens` how many there are to be. An
//! older recording in the same folder keeps its manifest.json and its tables until the new one is saved whole, and as
//! long as its manifest says `"complete": true` it is what the folder holds, whatever lies in `unfinished`.
//!
//! cubes.parquet holds the exit cubes of the whole recording with least depth 0: threshold = bin / 1000 of the
//! signal's top (1, or ln V nats for entropy), nll the sum over the `with_nll` exits that have a next token.
//! It is for other programs; here every count is made anew from signals.parquet, so no file can contradict it.

use crate::recording::table::{Column, Kind};
use crate::signal::{Signal, Subject};

pub(super) const TOKENS: &str = "tokens.parquet";
pub(super) const SAMPLES: &str = "samples.parquet";
pub(super) const SIGNALS: &str = "signals.parquet";
pub(super) const CUBES: &str = "cubes.parquet";
pub(super) const PIECES: &str = "pieces.parquet";

pub(super) fn tokens(subject: Subject) -> Vec<Column> {
    let has_absent = subject == Subject::Sample;
    vec![
        Column::always("token", Kind::U32),
        Column::always("sample", Kind::U32),
        Column::always("position", Kind::U32),
        Column { has_absent, ..Column::always("id", Kind::U32) },
        Column::maybe("next_id", Kind::U32),
        Column::always("text", Kind::Text),
    ]
}

pub(super) fn samples(names: &[String]) -> Vec<Column> {
    let mut columns = vec![
        Column::always("sample", Kind::U32),
        Column::always("first_token", Kind::U32),
        Column::always("num_tokens", Kind::U32),
    ];
    columns.extend(names.iter().map(|name| Column::maybe(format!("data.{name}"), Kind::Text)));
    columns
}

pub(super) fn signals(present: &[Signal]) -> Vec<Column> {
    let mut columns = places();
    columns.push(Column::maybe("top1", Kind::U32));
    columns.extend(present.iter().map(|signal| Column::maybe(signal.column_name(), Kind::F32)));
    columns
}

pub(super) fn top5() -> Vec<Column> {
    let mut columns = places();
    columns.extend((1..=5).map(|k| Column::maybe(format!("id{k}"), Kind::U32)));
    columns.extend((1..=5).map(|k| Column::maybe(format!("p{k}"), Kind::F32)));
    columns
}

pub(super) fn pieces() -> Vec<Column> {
    vec![Column::always("id", Kind::U32), Column::always("text", Kind::Text)]
}

pub(super) fn cubes() -> Vec<Column> {
    vec![
        Column::always("signal", Kind::Text),
        Column::always("bin", Kind::U32),
        Column::always("depth", Kind::U32),
        Column::always("exits", Kind::U32),
        Column::always("agreeing", Kind::U32),
        Column::always("answered", Kind::U32),
        Column::always("with_nll", Kind::U32),
        Column::always("nll", Kind::F64),
    ]
}

fn places() -> Vec<Column> {
    vec![Column::always("token", Kind::U32), Column::always("depth", Kind::U16)]
}
