//! A recording becomes a folder. Columns of every table: `schema`.
//!
//! A killed writer leaves either the older recording, whole, beside temporary files, or a manifest.json that
//! says `"complete": false`. Tables of two recordings are never taken for one. Parts that a run left are removed
//! last, when they are needed no more.

use std::iter::repeat_n;
use std::path::{Path, PathBuf};

use crate::job::Job;
use crate::model::NO_TOKEN;
use crate::recording::files::{self, Before};
use crate::recording::schema;
use crate::recording::table::{Column, GROUP_ROWS, Packing, Values, Writer};
use crate::recording::{
    MANIFEST, Manifest, Recording, RecordingError, TABLES, TOP5, Top5, cube_tables,
};
use crate::signal::Subject;

/// Writes `recording` to `folder`.
pub(super) fn save(recording: &Recording, folder: &Path, job: &Job) -> Result<(), RecordingError> {
    job.check()?;
    let before = files::claim(folder)?;
    let done = write(recording, folder, before, job);
    if done.is_err() {
        tidy_up(folder, before);
    }
    done
}

fn write(
    recording: &Recording,
    folder: &Path,
    before: Before,
    job: &Job,
) -> Result<(), RecordingError> {
    let unfinished = Manifest { complete: false, ..recording.manifest.clone() };
    // An older recording stays what it is until every new table is whole; so do the parts of a run, whose manifest
    // is unfinished already.
    if matches!(before, Before::Nothing | Before::Empty) {
        unfinished.write(folder)?;
    }
    let mut tables = tables(recording, folder, Packing::Small, job)?;
    let path = folder.join(schema::CUBES);
    tables.push(cubes(recording, Writer::create(path, &schema::cubes(), Packing::Small)?)?);
    for table in &tables {
        job.check()?;
        files::sync_hidden(table)?;
    }
    job.check()?;
    if before == Before::Recording {
        unfinished.write(folder)?;
    }
    files::sync_folder(folder)?;
    files::remove(&folder.join(TOP5))?;
    for table in &tables {
        files::reveal(table)?;
    }
    files::sync_folder(folder)?;
    Manifest { complete: true, ..recording.manifest.clone() }.write(folder)?;
    files::sync_folder(folder)?;
    // The recording is whole; parts that cannot be removed are read by nobody.
    drop(files::remove_parts(folder));
    Ok(())
}

/// Every table that a reader needs, whole under its temporary name.
pub(super) fn tables(
    recording: &Recording,
    folder: &Path,
    packing: Packing,
    job: &Job,
) -> Result<Vec<PathBuf>, RecordingError> {
    let create =
        |name: &str, columns: &[Column]| Writer::create(folder.join(name), columns, packing);
    let names = &recording.manifest.columns;
    let present: Vec<_> = recording.signals.keys().copied().collect();
    let mut tables = vec![
        tokens(recording, create(schema::TOKENS, &schema::tokens(recording.subject()))?)?,
        samples(recording, create(schema::SAMPLES, &schema::samples(names))?)?,
        pieces(recording, create(schema::PIECES, &schema::pieces())?)?,
        signals(recording, create(schema::SIGNALS, &schema::signals(&present))?, job)?,
    ];
    if !recording.top5.is_empty() {
        tables.push(top5(recording, create(TOP5, &schema::top5())?, job)?);
    }
    Ok(tables)
}

/// After an error: temporary files go, and so does a folder that held nothing before. What cannot be removed
/// stays; the error that led here is the one to show.
fn tidy_up(folder: &Path, before: Before) {
    for name in TABLES.iter().chain([&schema::CUBES, &TOP5, &MANIFEST]) {
        drop(files::remove(&files::temporary(&folder.join(name))));
    }
    if matches!(before, Before::Nothing | Before::Empty) {
        for name in TABLES.iter().chain([&schema::CUBES, &TOP5, &MANIFEST]) {
            drop(files::remove(&folder.join(name)));
        }
    }
    if before == Before::Nothing {
        drop(std::fs::remove_dir(folder));
    }
}

/// Row numbers as the tables spell them.
fn numbers(from: usize, to: usize) -> impl Iterator<Item = u32> {
    (from..to).map(|row| u32::try_from(row).unwrap_or(NO_TOKEN))
}

/// A value of every row from `from` to `to`; what is not there is the default.
fn part<T: Clone + Default>(column: &[T], from: usize, to: usize) -> Vec<T> {
    (from..to).map(|row| column.get(row).cloned().unwrap_or_default()).collect()
}

fn groups(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(most).map(move |from| (from, rows.min(from.saturating_add(most))))
}

fn tokens(recording: &Recording, mut table: Writer) -> Result<PathBuf, RecordingError> {
    let all = &recording.tokens;
    for (from, to) in groups(recording.num_tokens(), GROUP_ROWS) {
        let ids = part(&all.ids, from, to);
        let ids = match recording.subject() {
            Subject::Token | Subject::OwnToken => Values::U32(ids),
            Subject::Sample => Values::MaybeU32(ids),
        };
        table.write(vec![
            Values::U32(numbers(from, to).collect()),
            Values::U32(part(&all.sample, from, to)),
            Values::U32(part(&all.position, from, to)),
            ids,
            Values::MaybeU32(part(&all.next_ids, from, to)),
            Values::Text((from..to).map(|token| Some(recording.text(token))).collect()),
        ])?;
    }
    table.finish()
}

fn samples(recording: &Recording, mut table: Writer) -> Result<PathBuf, RecordingError> {
    let names = &recording.manifest.columns;
    for (from, to) in groups(recording.samples.len(), GROUP_ROWS) {
        let here = recording.samples.get(from..to).unwrap_or_default();
        let count = |n: usize| u32::try_from(n).unwrap_or(NO_TOKEN);
        let mut values = vec![
            Values::U32(numbers(from, to).collect()),
            Values::U32(here.iter().map(|s| count(s.first_token)).collect()),
            Values::U32(here.iter().map(|s| count(s.num_tokens)).collect()),
        ];
        for name in names {
            values.push(Values::Text(here.iter().map(|s| s.columns.get(name).cloned()).collect()));
        }
        table.write(values)?;
    }
    table.finish()
}

fn pieces(recording: &Recording, mut table: Writer) -> Result<PathBuf, RecordingError> {
    let all: Vec<_> = recording.pieces.iter().collect();
    for here in all.chunks(GROUP_ROWS) {
        table.write(vec![
            Values::U32(here.iter().map(|(id, _)| **id).collect()),
            Values::Text(here.iter().map(|(_, text)| Some((*text).clone())).collect()),
        ])?;
    }
    table.finish()
}

/// Tokens whose rows of all depths make about half a row group.
fn cells_at_once(depths: usize) -> usize {
    (GROUP_ROWS / 2 / depths.max(1)).max(1)
}

/// The first two columns of a long table: token and depth, ordered by both.
fn places(from: usize, to: usize, depths: usize) -> Vec<Values> {
    let tokens = numbers(from, to).flat_map(|token| repeat_n(token, depths));
    let depth = (from..to).flat_map(|_| (0_u16..).take(depths));
    vec![Values::U32(tokens.collect()), Values::U16(depth.collect())]
}

/// The rows of a long table: of every token from `from` to `to` a value for each depth. Depth by depth, because a
/// column is one stretch of memory.
fn rows<T: Copy>(columns: &[Vec<T>], from: usize, to: usize, depths: usize, absent: T) -> Vec<T> {
    let mut rows = vec![absent; (to - from) * depths];
    for (depth, column) in columns.iter().take(depths).enumerate() {
        let values = column.get(from..).unwrap_or_default();
        for (row, value) in rows.iter_mut().skip(depth).step_by(depths).zip(values) {
            *row = *value;
        }
    }
    rows
}

fn signals(recording: &Recording, mut table: Writer, job: &Job) -> Result<PathBuf, RecordingError> {
    let depths = recording.num_layers() + 1;
    let total = recording.num_tokens();
    for (from, to) in groups(total, cells_at_once(depths)) {
        job.progress("Writing", "tokens", from as u64, total as u64)?;
        let top1 = rows(&recording.top1, from, to, depths, NO_TOKEN);
        let mut values = places(from, to, depths);
        values.push(Values::MaybeU32(top1));
        for columns in recording.signals.values() {
            values.push(Values::F32(rows(columns, from, to, depths, f32::NAN)));
        }
        table.write(values)?;
    }
    table.finish()
}

fn top5(recording: &Recording, mut table: Writer, job: &Job) -> Result<PathBuf, RecordingError> {
    let depths = recording.num_layers() + 1;
    let total = recording.num_tokens();
    for (from, to) in groups(total, cells_at_once(depths)) {
        job.progress("Writing", "tokens", from as u64, total as u64)?;
        let here = rows(&recording.top5, from, to, depths, Top5::default());
        let mut values = places(from, to, depths);
        for k in 0..5 {
            let ids = here.iter().map(|five| five.ids.get(k).copied().unwrap_or(NO_TOKEN));
            values.push(Values::MaybeU32(ids.collect()));
        }
        for k in 0..5 {
            let probs = here.iter().map(|five| five.probs.get(k).copied().unwrap_or(f32::NAN));
            values.push(Values::F32(probs.collect()));
        }
        table.write(values)?;
    }
    table.finish()
}

fn cubes(recording: &Recording, mut table: Writer) -> Result<PathBuf, RecordingError> {
    for cube in cube_tables(recording) {
        table.write(vec![
            Values::Text(cube.signal.into_iter().map(Some).collect()),
            Values::U32(cube.bin),
            Values::U32(cube.depth),
            Values::U32(cube.exits),
            Values::U32(cube.agreeing),
            Values::U32(cube.answered),
            Values::U32(cube.with_nll),
            Values::F64(cube.nll),
        ])?;
    }
    table.finish()
}
