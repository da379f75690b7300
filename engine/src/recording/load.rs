//! A folder becomes a recording; nothing in it is believed before it was checked.

use std::collections::BTreeMap;
use std::path::Path;

use crate::job::Job;
use crate::model::NO_TOKEN;
use crate::recording::room::Room;
use crate::recording::table::Reader;
use crate::recording::{
    MANIFEST, Manifest, ReadAt, Recording, RecordingError, Sample, TOP5, Tokens, Top5,
};
use crate::recording::{join, schema};
use crate::signal::{Signal, Subject};

/// Reads a recording that needs no more than `budget_bytes` of memory.
pub(super) fn load(
    folder: &Path,
    budget_bytes: u64,
    job: &Job,
) -> Result<Recording, RecordingError> {
    job.check()?;
    let manifest = Manifest::read(folder)?;
    if !manifest.complete {
        return join::load(folder, &manifest, budget_bytes, job);
    }
    let columns = column_bytes(&manifest, has_top5(folder));
    check_budget(columns, budget_bytes, folder)?;
    tables(folder, manifest, 0, &mut Room::beside(columns, budget_bytes), job)
}

/// Reads the tables that belong to a manifest; the positions of their first sequence count from `begins`.
pub(super) fn tables(
    folder: &Path,
    manifest: Manifest,
    begins: usize,
    room: &mut Room,
    job: &Job,
) -> Result<Recording, RecordingError> {
    let Manifest { tokens, subject, read_at, vocab, .. } = manifest;
    let depths = manifest.layers + 1;
    let size = Size { tokens, depths, vocab, subject, read_at, begins };
    let samples = read_samples(folder, &manifest, size, room)?;
    let tokens = read_tokens(folder, &samples, size, room)?;
    let present: Vec<_> = manifest.known_signals(&folder.join(MANIFEST))?.into_iter().collect();
    let (top1, signals) = read_signals(folder, &present, size, job)?;
    let top5 = if has_top5(folder) { read_top5(folder, size, job)? } else { Vec::new() };
    let pieces = read_pieces(folder, size, room)?;
    Ok(Recording {
        manifest,
        tokens,
        samples,
        signals,
        top1,
        top5,
        pieces,
        cubes: Default::default(),
    })
}

/// What every table has to agree with.
#[derive(Clone, Copy)]
struct Size {
    tokens: u64,
    depths: usize,
    vocab: usize,
    subject: Subject,
    read_at: ReadAt,
    /// The first position of the first sequence.
    begins: usize,
}

impl Size {
    fn cells(self) -> u64 {
        self.tokens.saturating_mul(self.depths as u64)
    }

    fn knows(self, id: u32) -> bool {
        (id as usize) < self.vocab
    }

    /// An error where an id is neither in the vocabulary nor `NO_TOKEN`.
    fn check(self, ids: &[u32], field: &str, table: &Reader) -> Result<(), RecordingError> {
        match ids.iter().find(|id| !self.knows(**id) && **id != NO_TOKEN) {
            Some(id) => Err(table.wrong(field, &id, format!("below {}", self.vocab))),
            None => Ok(()),
        }
    }
}

/// Whether the folder has the five best tokens.
pub(super) fn has_top5(folder: &Path) -> bool {
    folder.join(TOP5).exists()
}

/// Bytes of all columns of numbers, as the manifest promises them.
pub(super) fn column_bytes(manifest: &Manifest, has_top5: bool) -> u64 {
    let cells = manifest.tokens.saturating_mul(manifest.layers as u64 + 1);
    let per_cell = 4 * manifest.signals.len() as u64 + 4 + if has_top5 { 40 } else { 0 };
    cells.saturating_mul(per_cell).saturating_add(manifest.tokens.saturating_mul(16))
}

/// An error before anything is allocated.
pub(super) fn check_budget(needed: u64, allowed: u64, folder: &Path) -> Result<(), RecordingError> {
    if needed > allowed {
        return Err(RecordingError::TooLarge { needed, allowed, path: folder.to_owned() });
    }
    Ok(())
}

fn read_samples(
    folder: &Path,
    manifest: &Manifest,
    size: Size,
    room: &mut Room,
) -> Result<Vec<Sample>, RecordingError> {
    let names = &manifest.columns;
    let path = folder.join(schema::SAMPLES);
    let mut table = Reader::open(path, schema::samples(names), None)?;
    // Each has at least one token, so this bounds what is allocated below.
    if table.num_rows > size.tokens {
        return Err(table.wrong("rows", &table.num_rows, format!("at most {}", size.tokens)));
    }
    let mut samples: Vec<Sample> = Vec::new();
    let mut next = 0_u64;
    while let Some(rows) = table.next_rows() {
        let begun = samples.len();
        room.take((rows * size_of::<Sample>()) as u64, &table.path)?;
        let (numbers, firsts, counts) = (table.u32s()?, table.u32s()?, table.u32s()?);
        for ((number, first), count) in numbers.into_iter().zip(firsts).zip(counts) {
            if u64::from(number) != samples.len() as u64 {
                return Err(table.wrong("sample", &number, samples.len().to_string()));
            }
            if u64::from(first) != next {
                return Err(table.wrong("first_token", &first, next.to_string()));
            }
            next += u64::from(count);
            if count == 0 || next > size.tokens {
                let most = size.tokens - u64::from(first);
                return Err(table.wrong("num_tokens", &count, format!("1 to {most}")));
            }
            let (first_token, num_tokens) = (first as usize, count as usize);
            samples.push(Sample { columns: BTreeMap::new(), first_token, num_tokens });
        }
        for name in names {
            let values = table.texts(room)?;
            let present = values.iter().flatten().count();
            room.take((present * name.len()) as u64, &table.path)?;
            for (sample, value) in samples.iter_mut().skip(begun).zip(values) {
                if let Some(value) = value {
                    sample.columns.insert(name.clone(), value);
                }
            }
        }
    }
    if next != size.tokens {
        return Err(table.wrong("num_tokens in all", &next, size.tokens.to_string()));
    }
    Ok(samples)
}

fn read_tokens(
    folder: &Path,
    samples: &[Sample],
    size: Size,
    room: &mut Room,
) -> Result<Tokens, RecordingError> {
    let path = folder.join(schema::TOKENS);
    let mut table = Reader::open(path, schema::tokens(size.subject), Some(size.tokens))?;
    let mut tokens = Tokens::default();
    while table.next_rows().is_some() {
        let begun = tokens.ids.len();
        let numbers = table.u32s()?;
        if let Some((at, number)) = first_other(&numbers, begun as u64..) {
            return Err(table.wrong("token", &number, (begun + at).to_string()));
        }
        tokens.sample.extend(table.u32s()?);
        tokens.position.extend(table.u32s()?);
        let is_sample = size.subject == Subject::Sample;
        let (ids, next_ids) = (table.u32s_or(NO_TOKEN)?, table.u32s_or(NO_TOKEN)?);
        let is_wrong = |id: &u32| if is_sample { *id != NO_TOKEN } else { !size.knows(*id) };
        if let Some(id) = ids.iter().find(|id| is_wrong(id)) {
            let below = format!("below {}", size.vocab);
            return Err(table.wrong("id", &id, if is_sample { "none".to_owned() } else { below }));
        }
        size.check(&next_ids, "next_id", &table)?;
        // The text of ids is for other programs: here pieces.parquet says it.
        if is_sample {
            tokens.texts.extend(table.texts(room)?.into_iter().map(Option::unwrap_or_default));
        }
        tokens.ids.extend(ids);
        tokens.next_ids.extend(next_ids);
    }
    check_sequences(&tokens, samples, size, &table)?;
    Ok(tokens)
}

/// The first value that is not the expected one, and its row.
fn first_other(found: &[u32], expected: impl Iterator<Item = u64>) -> Option<(usize, u32)> {
    let mut both = found.iter().zip(expected).enumerate();
    let other = both.find(|(_, (found, expected))| u64::from(**found) != *expected);
    other.map(|(row, (found, _))| (row, *found))
}

/// A sequence counts its positions as they were read out, and every next token is the one that follows where that
/// was read out, too. A sample is one row.
fn check_sequences(
    tokens: &Tokens,
    samples: &[Sample],
    size: Size,
    table: &Reader,
) -> Result<(), RecordingError> {
    let Size { subject, read_at, begins, .. } = size;
    let begins = u32::try_from(begins).unwrap_or(NO_TOKEN);
    let sequences = (0_u32..).zip(samples).flat_map(|(number, sample)| {
        (0_u32..).take(sample.num_tokens).map(move |place| (number, place, sample.num_tokens))
    });
    let followers = tokens.ids.iter().skip(1).copied().chain([NO_TOKEN]);
    let found = tokens.sample.iter().zip(&tokens.position).zip(&tokens.next_ids);
    for ((((sample, position), next), follower), expected) in found.zip(followers).zip(sequences) {
        let (number, place, count) = expected;
        let is_last = place as usize + 1 == count;
        let check = |field, found: u32, allowed: u32| {
            let words = |id: u32| if id == NO_TOKEN { "none".to_owned() } else { id.to_string() };
            if found == allowed {
                return Ok(());
            }
            Err(table.wrong(field, &words(found), words(allowed)))
        };
        check("sample", *sample, number)?;
        match read_at {
            ReadAt::Every if number == 0 => {
                check("position", *position, begins.saturating_add(place))?;
            }
            ReadAt::Every => check("position", *position, place)?,
            ReadAt::EveryNth(n) => check("position", *position, place.saturating_mul(n.get()))?,
            // Nothing says how long the sequence was.
            ReadAt::Last if count == 1 => {}
            ReadAt::Last => return Err(table.wrong("num_tokens of the last token", &count, "1")),
        }
        match subject {
            Subject::Token if read_at == ReadAt::Last => check("next_id", *next, NO_TOKEN)?,
            Subject::Token if read_at.has_gaps() => {
                // Any token may follow, and one has to where another was read out behind it.
                if *next == NO_TOKEN && !is_last {
                    return Err(table.wrong("next_id", &"none", "a token"));
                }
            }
            Subject::Token => check("next_id", *next, if is_last { NO_TOKEN } else { follower })?,
            Subject::OwnToken => check("next_id", *next, NO_TOKEN)?,
            // Any class may be its label.
            Subject::Sample if count == 1 => {}
            Subject::Sample => return Err(table.wrong("num_tokens of a sample", &count, "1")),
        }
    }
    Ok(())
}

/// Tokens and depths of a long table have to come in order; `begun` is the number of its first row here.
fn check_places(table: &mut Reader, begun: u64, depths: usize) -> Result<(), RecordingError> {
    let (tokens, depth) = (table.u32s()?, table.u16s()?);
    let places = (begun..).map(|row| (row / depths as u64, row % depths as u64));
    for ((token, depth), (expected_token, expected_depth)) in tokens.iter().zip(depth).zip(places) {
        if u64::from(*token) != expected_token {
            return Err(table.wrong("token", &token, expected_token.to_string()));
        }
        if u64::from(depth) != expected_depth {
            return Err(table.wrong("depth", &depth, expected_depth.to_string()));
        }
    }
    Ok(())
}

/// Hands the rows of a long table to their depths, `[depth][token]`.
fn deal<T>(values: impl IntoIterator<Item = T>, begun: u64, columns: &mut [Vec<T>]) {
    let depths = columns.len().max(1);
    let mut depth = usize::try_from(begun % depths as u64).unwrap_or(0);
    for value in values {
        if let Some(column) = columns.get_mut(depth) {
            column.push(value);
        }
        depth += 1;
        if depth == depths {
            depth = 0;
        }
    }
}

fn empty<T: Clone>(size: Size) -> Vec<Vec<T>> {
    vec![Vec::new(); size.depths]
}

type Signals = BTreeMap<Signal, Vec<Vec<f32>>>;

fn read_signals(
    folder: &Path,
    present: &[Signal],
    size: Size,
    job: &Job,
) -> Result<(Vec<Vec<u32>>, Signals), RecordingError> {
    let path = folder.join(schema::SIGNALS);
    let mut table = Reader::open(path, schema::signals(present), Some(size.cells()))?;
    let mut top1 = empty(size);
    let mut signals: Signals = present.iter().map(|signal| (*signal, empty(size))).collect();
    let mut begun = 0_u64;
    while let Some(rows) = table.next_rows() {
        job.progress("Reading", "tokens", begun / size.depths as u64, size.tokens)?;
        check_places(&mut table, begun, size.depths)?;
        let best = table.u32s_or(NO_TOKEN)?;
        size.check(&best, "top1", &table)?;
        deal(best, begun, &mut top1);
        for columns in signals.values_mut() {
            deal(table.f32s()?, begun, columns);
        }
        begun += rows as u64;
    }
    Ok((top1, signals))
}

fn read_top5(folder: &Path, size: Size, job: &Job) -> Result<Vec<Vec<Top5>>, RecordingError> {
    let mut table = Reader::open(folder.join(TOP5), schema::top5(), Some(size.cells()))?;
    let mut top5 = empty(size);
    let mut begun = 0_u64;
    while let Some(rows) = table.next_rows() {
        job.progress("Reading", "tokens", begun / size.depths as u64, size.tokens)?;
        check_places(&mut table, begun, size.depths)?;
        let mut here = vec![Top5::default(); rows];
        for k in 0..5 {
            let ids = table.u32s_or(NO_TOKEN)?;
            size.check(&ids, "id", &table)?;
            for (five, id) in here.iter_mut().zip(ids) {
                five.ids[k] = id;
            }
        }
        for k in 0..5 {
            for (five, prob) in here.iter_mut().zip(table.f32s()?) {
                five.probs[k] = prob;
            }
        }
        deal(here, begun, &mut top5);
        begun += rows as u64;
    }
    Ok(top5)
}

fn read_pieces(
    folder: &Path,
    size: Size,
    room: &mut Room,
) -> Result<BTreeMap<u32, String>, RecordingError> {
    let mut table = Reader::open(folder.join(schema::PIECES), schema::pieces(), None)?;
    if table.num_rows > size.vocab as u64 {
        return Err(table.wrong("rows", &table.num_rows, format!("at most {}", size.vocab)));
    }
    let mut pieces = BTreeMap::new();
    while table.next_rows().is_some() {
        let (ids, texts) = (table.u32s()?, table.texts(room)?);
        for (id, text) in ids.into_iter().zip(texts) {
            if !size.knows(id) {
                return Err(table.wrong("id", &id, format!("below {}", size.vocab)));
            }
            if pieces.insert(id, text.unwrap_or_default()).is_some() {
                return Err(table.wrong("id", &format!("{id} twice"), "once"));
            }
        }
    }
    Ok(pieces)
}
