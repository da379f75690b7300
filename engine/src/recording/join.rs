//! What a killed run left becomes one recording: its parts, put together in their order.
//!
//! A part that is damaged, or that does not belong to the others, ends the joining: what comes before it is kept.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::job::Job;
use crate::model::NO_TOKEN;
use crate::notes::Note;
use crate::recording::room::Room;
use crate::recording::{
    Generation, MANIFEST, Manifest, Provenance, Recording, RecordingError, Sample, files,
    fingerprint, forget_next, load,
};

/// More than a run writes: 250 in a day, and one for half a million cells.
const MOST_PARTS: usize = 10_000;

/// Reads the parts of an unfinished folder, whose manifest this is.
pub(super) fn load(
    folder: &Path,
    manifest: &Manifest,
    budget_bytes: u64,
    job: &Job,
) -> Result<Recording, RecordingError> {
    let Parts { whole, mut broken } = Parts::find(folder, manifest);
    let mut columns = 0_u64;
    for (path, part) in &whole {
        columns = columns.saturating_add(load::column_bytes(part, load::has_top5(path)));
    }
    load::check_budget(columns, budget_bytes, folder)?;
    let mut room = Room::beside(columns, budget_bytes);
    let follows = Follows::of(manifest);
    let mut joined: Option<Recording> = None;
    let mut manifests = Vec::new();
    for (path, part) in whole {
        let begins = match (follows, &joined) {
            (Follows::SameSequence, Some(joined)) => joined.num_tokens(),
            _ => 0,
        };
        let read = load::tables(&path, part.clone(), begins, &mut room, job);
        let added = read.and_then(|read| {
            follows.check(&read.samples, &path)?;
            match &mut joined {
                None => {
                    joined = Some(read);
                    Ok(())
                }
                Some(joined) => append(joined, read, follows, &path),
            }
        });
        match added {
            Ok(()) => manifests.push(part),
            // Neither says anything about the part.
            Err(error @ (RecordingError::Cancelled(_) | RecordingError::TooLarge { .. })) => {
                return Err(error);
            }
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    let Some(mut joined) = joined else {
        return Err(RecordingError::Incomplete { path: folder.to_owned() });
    };
    if follows == Follows::SameSequence {
        forget_next(&mut joined.tokens, &mut joined.signals);
    }
    let mut manifest = summary(manifest, &manifests, broken.as_ref());
    // Tokens without a row are in no table: each part says what ran up to its end.
    manifest.provenance.data_fingerprint = match manifests.last() {
        Some(last) if manifest.read_at.has_gaps() => last.provenance.data_fingerprint.clone(),
        _ => fingerprint(&joined.tokens, &joined.samples),
    };
    let manifest = Manifest { complete: true, ..manifest }.checked(&folder.join(MANIFEST))?;
    Ok(Recording { manifest, ..joined })
}

/// What the rows of a part are to those of the part before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// Sequences of their own.
    OtherSequences,
    /// The next tokens of the one text that was generated.
    SameSequence,
}

impl Follows {
    fn of(run: &Manifest) -> Self {
        if run.generation.is_some() { Self::SameSequence } else { Self::OtherSequences }
    }

    /// A generation is one text.
    fn check(self, samples: &[Sample], path: &Path) -> Result<(), RecordingError> {
        if self == Self::SameSequence && samples.len() != 1 {
            return Err(RecordingError::field("samples", &samples.len(), "1", path));
        }
        Ok(())
    }
}

/// What `load` would find, from manifests only; it still says that it is not complete.
pub(super) fn header(folder: &Path, manifest: &Manifest) -> Manifest {
    let Parts { whole, broken } = Parts::find(folder, manifest);
    let manifests: Vec<_> = whole.into_iter().map(|(_, part)| part).collect();
    summary(manifest, &manifests, broken.as_ref())
}

/// Parts whose manifests are whole and belong together.
struct Parts {
    whole: Vec<(PathBuf, Manifest)>,
    /// Why the one after them is left out.
    broken: Option<RecordingError>,
}

impl Parts {
    fn find(folder: &Path, run: &Manifest) -> Self {
        let mut found = Self { whole: Vec::new(), broken: None };
        let mut left = run.tokens;
        for number in 0..MOST_PARTS {
            let path = files::part(folder, number);
            if !path.is_dir() {
                break;
            }
            let read = Manifest::read(&path);
            match read.and_then(|part| belongs(&part, run, left, &path).map(|()| part)) {
                Ok(part) => {
                    left = left.saturating_sub(part.tokens);
                    found.whole.push((path, part));
                }
                Err(error) => {
                    found.broken = Some(error);
                    break;
                }
            }
        }
        found
    }
}

/// A part says the same as the run about everything that the run knew before; `left` tokens were still to come.
fn belongs(part: &Manifest, run: &Manifest, left: u64, path: &Path) -> Result<(), RecordingError> {
    let path = path.join(MANIFEST);
    let same = |field: &str, found: String, allowed: String| {
        if found == allowed {
            return Ok(());
        }
        Err(RecordingError::field(field, &found, allowed, &path))
    };
    same("complete", part.complete.to_string(), true.to_string())?;
    same("layers", part.layers.to_string(), run.layers.to_string())?;
    same("subject", part.subject.noun().to_owned(), run.subject.noun().to_owned())?;
    same("read_at", part.read_at.words(), run.read_at.words())?;
    same("readout", part.readout.id().to_owned(), run.readout.id().to_owned())?;
    same("vocab", part.vocab.to_string(), run.vocab.to_string())?;
    same("numerics", part.numerics.id().to_owned(), run.numerics.id().to_owned())?;
    same("signals", part.signals.join(", "), run.signals.join(", "))?;
    // Each part ran other data.
    let source = |manifest: &Manifest| {
        let provenance = manifest.provenance.clone();
        format!("{:?}", Provenance { data_fingerprint: String::new(), ..provenance })
    };
    same("provenance", source(part), source(run))?;
    let costs = |manifest: &Manifest| {
        format!("{:?} {:?}", manifest.block_costs, manifest.flops_per_readout)
    };
    same("block_costs and flops_per_readout", costs(part), costs(run))?;
    if part.tokens == 0 || part.tokens > left {
        let allowed = format!("1 to {left}");
        return Err(RecordingError::field("tokens", &part.tokens, allowed, &path));
    }
    Ok(())
}

/// The manifest of all parts together.
fn summary(run: &Manifest, parts: &[Manifest], broken: Option<&RecordingError>) -> Manifest {
    let tokens: u64 = parts.iter().map(|part| part.tokens).sum();
    let columns: BTreeSet<_> = parts.iter().flat_map(|part| &part.columns).cloned().collect();
    let sum = |value: &dyn Fn(&Manifest) -> f64| parts.iter().map(value).sum::<f64>();
    let at = |list: &[f64], layer: usize| list.get(layer).copied().unwrap_or(0.0);
    let layers = || 0..run.layers;
    let mut notes = run.notes.clone();
    let nouns = run.subject.nouns();
    let (subject, of, hint) = match run.generation {
        None => ("The run", "of", "Record again into the same folder to have them all."),
        // It may end sooner by itself.
        Some(_) => (
            "The generation",
            "of at most",
            "Open it in the window and continue, or generate again into the same folder.",
        ),
    };
    let most = run.tokens;
    let what =
        format!("{subject} was killed (or is still going): {tokens} {of} {most} {nouns} are here");
    notes.push(Note::new(what, hint));
    if let Some(error) = broken {
        let what = format!(
            "What was recorded after the first {tokens} {nouns} is damaged and left out: {error}"
        );
        notes.push(Note::new(what, ""));
    }
    Manifest {
        partial: true,
        tokens,
        columns: columns.into_iter().collect(),
        // Linear in the mean number of keys, so the mean over tokens is that of the whole.
        flops_per_block: layers()
            .map(|l| sum(&|part| at(&part.flops_per_block, l) * part.tokens as f64))
            .map(|flops| flops / tokens.max(1) as f64)
            .collect(),
        block_secs: layers().map(|l| sum(&|part| at(&part.block_secs, l))).collect(),
        generation: run.generation.clone().map(|made| Generation::within(made, tokens)),
        notes,
        ..run.clone()
    }
}

/// Puts a part behind what is there; its tokens, and samples of their own, get the numbers that follow.
fn append(
    whole: &mut Recording,
    part: Recording,
    follows: Follows,
    path: &Path,
) -> Result<(), RecordingError> {
    let wrong = |field: &str, found: &str, allowed: &str| {
        Err(RecordingError::field(field, &found, allowed, path))
    };
    if part.top5.is_empty() != whole.top5.is_empty() {
        return wrong("top5.parquet", "other tables than before", "the same in every part");
    }
    let other = |(id, text): (&u32, &String)| whole.pieces.get(id).is_some_and(|old| old != text);
    if part.pieces.iter().any(other) {
        return wrong("pieces", "other texts than before", "one text for a token id");
    }
    let first_token = whole.tokens.ids.len();
    let first_sample = match follows {
        Follows::OtherSequences => u32::try_from(whole.samples.len()).unwrap_or(NO_TOKEN),
        Follows::SameSequence => 0,
    };
    match (follows, whole.samples.last_mut(), whole.tokens.next_ids.last_mut()) {
        (Follows::SameSequence, Some(sample), Some(next)) => {
            sample.num_tokens += part.num_tokens();
            *next = part.tokens.ids.first().copied().unwrap_or(NO_TOKEN);
        }
        _ => whole.samples.extend(part.samples.into_iter().map(|mut sample| {
            sample.first_token = sample.first_token.saturating_add(first_token);
            sample
        })),
    }
    let numbered = part.tokens.sample.iter().map(|sample| sample.saturating_add(first_sample));
    whole.tokens.sample.extend(numbered);
    whole.tokens.position.extend(part.tokens.position);
    whole.tokens.ids.extend(part.tokens.ids);
    whole.tokens.texts.extend(part.tokens.texts);
    whole.tokens.next_ids.extend(part.tokens.next_ids);
    for (signal, depths) in part.signals {
        let columns = whole.signals.entry(signal).or_default();
        columns.iter_mut().zip(depths).for_each(|(column, more)| column.extend(more));
    }
    whole.top1.iter_mut().zip(part.top1).for_each(|(column, more)| column.extend(more));
    whole.top5.iter_mut().zip(part.top5).for_each(|(column, more)| column.extend(more));
    whole.pieces.extend(part.pieces);
    Ok(())
}
