//! Folders: written and read back bit for bit, never half, never believed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::job::CancelSwitch;
use crate::model::NO_TOKEN;
use crate::notes::Note;

mod killed;
mod texts;
mod unwritten;

const PLENTY: u64 = 1 << 32;

fn load(folder: &Path) -> Result<Recording, RecordingError> {
    Recording::load(folder, PLENTY, &Job::unattended())
}

fn save(recording: &Recording, folder: &Path) {
    recording.save(folder, &Job::unattended()).unwrap();
}

fn saved(recording: &Recording) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    save(recording, &folder);
    (home, folder)
}

/// Everything that a recording is, with floats as bits; every NaN counts as the same.
fn bits(recording: &Recording) -> String {
    let bits = |value: &f32| if value.is_nan() { 0 } else { value.to_bits() };
    let column = |column: &Vec<f32>| column.iter().map(bits).collect::<Vec<_>>();
    let five = |five: &Top5| (five.ids, five.probs.map(|p| bits(&p)));
    let signals: Vec<_> = recording
        .signals
        .iter()
        .map(|(signal, depths)| (signal, depths.iter().map(column).collect::<Vec<_>>()))
        .collect();
    let top5: Vec<Vec<_>> =
        recording.top5.iter().map(|column| column.iter().map(five).collect()).collect();
    format!(
        "{:?}{:?}{:?}{signals:?}{:?}{top5:?}{:?}",
        recording.manifest, recording.tokens, recording.samples, recording.top1, recording.pieces
    )
}

fn names(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_recording_comes_back_bit_for_bit() {
    for (tokens, layers) in [(0, 1), (1, 0), (1, 1), (40, 3), (9000, 8)] {
        let recording = synthetic(tokens, layers, 7);
        let (_home, folder) = saved(&recording);
        assert_eq!(bits(&load(&folder).unwrap()), bits(&recording), "{tokens} x {layers}");
    }
}

#[test]
fn a_recording_of_samples_comes_back_bit_for_bit() {
    for samples in [0, 1, 30] {
        let recording = synthetic_samples(samples, 3, 7);
        let (_home, folder) = saved(&recording);
        let back = load(&folder).unwrap();
        assert_eq!(bits(&back), bits(&recording));
        assert_eq!(back.subject(), Subject::Sample);
        assert!((0..samples).all(|row| back.text(row) == format!("text {row}")));
    }
}

#[test]
fn rows_of_samples_that_are_none_are_refused_with_the_field() {
    let spoilt = |spoil: fn(&mut Recording)| {
        let mut recording = synthetic_samples(40, 2, 1);
        spoil(&mut recording);
        let (_home, folder) = saved(&recording);
        let error = load(&folder).unwrap_err().to_string();
        error.split(": ").next().unwrap().replace(&folder.display().to_string(), "…")
    };
    let said = [
        spoilt(|r| r.tokens.ids[3] = 5),
        spoilt(|r| r.tokens.next_ids[3] = 64),
        spoilt(|r| r.tokens.position[3] = 1),
        spoilt(|r| {
            r.samples[3].num_tokens = 2;
            r.samples.remove(4);
        }),
        // Read as tokens, a sample has no id.
        spoilt(|r| r.manifest.subject = Subject::Token),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_recording_that_does_not_say_what_a_row_is_holds_tokens() {
    let (_home, folder) = saved(&synthetic(20, 2, 1));
    let path = folder.join(MANIFEST);
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json.as_object_mut().unwrap().remove("subject"), Some("token".into()));
    fs::write(&path, json.to_string()).unwrap();
    assert_eq!(load(&folder).unwrap().subject(), Subject::Token);
}

#[test]
fn what_is_absent_comes_back_absent() {
    let mut recording = synthetic(20, 2, 1);
    recording.signals.remove(&Signal::Rms);
    recording.manifest.signals.retain(|id| id != "rms");
    recording.samples[0].columns.remove("task");
    recording.signals.get_mut(&Signal::Kl).unwrap()[1][3] = f32::INFINITY;
    recording.top1[1][2] = NO_TOKEN;
    recording.top5[0][0].ids[4] = NO_TOKEN;
    recording.pieces.insert(3, " \u{fffd}\n\"".to_owned());
    recording.manifest.notes.push(Note::new("Cut", "Less"));
    let (_home, folder) = saved(&recording);
    assert_eq!(bits(&load(&folder).unwrap()), bits(&recording));
}

#[test]
fn a_recording_from_before_depths_were_compared_opens_without_that() {
    let mut recording = synthetic(20, 2, 1);
    for signal in [Signal::KlPrev, Signal::ProbStep] {
        recording.signals.remove(&signal).unwrap();
        recording.manifest.signals.retain(|id| id != signal.id());
    }
    let (_home, folder) = saved(&recording);
    let loaded = load(&folder).unwrap();
    assert_eq!(bits(&loaded), bits(&recording));
    assert!(loaded.column(Signal::KlPrev, Depth(1)).is_none());
}

#[test]
fn a_folder_holds_these_files_and_a_manifest_for_people() {
    let (_home, folder) = saved(&synthetic(4, 2, 1));
    assert_eq!(
        names(&folder),
        [
            "cubes.parquet",
            "manifest.json",
            "pieces.parquet",
            "samples.parquet",
            "signals.parquet",
            "tokens.parquet",
            "top5.parquet"
        ]
    );
    let text = fs::read_to_string(folder.join(MANIFEST)).unwrap();
    insta::assert_snapshot!(text);
    // Recordings that do not say how they were read out are exact.
    fs::write(folder.join(MANIFEST), text.replace("  \"numerics\": \"f32\",\n", "")).unwrap();
    assert_eq!(Manifest::read(&folder).unwrap(), synthetic(4, 2, 1).manifest);
    fs::write(folder.join(MANIFEST), text.replace("\"f32\"", "\"f16\"")).unwrap();
    assert!(Manifest::read(&folder).unwrap_err().to_string().contains("f16"));
}

#[test]
fn another_reader_finds_every_cell_of_the_long_table_in_order() {
    let recording = synthetic(50, 3, 5);
    let (_home, folder) = saved(&recording);
    let file = fs::File::open(folder.join(schema::SIGNALS)).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let root = reader.metadata().file_metadata().schema_descr().root_schema();
    let found: Vec<_> = root.get_fields().iter().map(|field| field.name()).collect();
    let expected = [
        "token",
        "depth",
        "top1",
        "max_prob",
        "margin",
        "entropy",
        "kl",
        "kl_prev",
        "prob_step",
        "nll",
        "rank",
        "cos_next",
        "update",
        "rms",
    ];
    assert_eq!(found, expected);
    let mut count = 0;
    for (at, row) in reader.get_row_iter(None).unwrap().enumerate() {
        let row = row.unwrap();
        let (token, depth) = (at / 4, at % 4);
        assert_eq!(row.get_uint(0).unwrap() as usize, token);
        assert_eq!(usize::from(row.get_ushort(1).unwrap()), depth);
        assert_eq!(row.get_uint(2).unwrap(), recording.top1[depth][token]);
        assert_eq!(row.get_float(3).unwrap(), recording.signals[&Signal::MaxProb][depth][token]);
        let nll = recording.signals[&Signal::Nll][depth][token];
        assert_eq!(row.get_float(9).ok(), (!nll.is_nan()).then_some(nll));
        count += 1;
    }
    assert_eq!(count, 200);
}

#[test]
fn an_older_recording_is_replaced_whole() {
    let (_home, folder) = saved(&synthetic(30, 2, 1));
    let mut newer = synthetic(10, 4, 2);
    newer.top5 = Vec::new();
    save(&newer, &folder);
    assert_eq!(bits(&load(&folder).unwrap()), bits(&newer));
    assert!(!names(&folder).contains(&TOP5.to_owned()));
}

#[test]
fn a_folder_with_anything_else_is_left_as_it_is() {
    let job = Job::unattended();
    let recording = synthetic(4, 2, 1);
    for name in ["thesis.txt", "tokens.parquet", "manifest.json.bak"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), "three years of work").unwrap();
        let refused = recording.save(folder.path(), &job);
        assert!(matches!(refused, Err(RecordingError::NotEmpty { .. })), "{name}");
        assert_eq!(names(folder.path()), [name]);
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "three years of work");
    }
    let (_home, folder) = saved(&recording);
    fs::create_dir(folder.join("notes")).unwrap();
    assert!(matches!(recording.save(&folder, &job), Err(RecordingError::NotEmpty { .. })));
    let file = folder.join(MANIFEST);
    assert!(matches!(recording.save(&file, &job), Err(RecordingError::NotFolder { .. })));
}

/// Cancels while the tables are written.
fn cancelled_midway() -> Job {
    let switch = CancelSwitch::default();
    let inner = switch.clone();
    Job::new(switch, move |progress| {
        if progress.what == "Writing" {
            inner.cancel();
        }
    })
}

#[test]
fn a_cancelled_save_leaves_nothing_new_and_the_older_recording_whole() {
    let home = tempfile::tempdir().unwrap();
    let fresh = home.path().join("fresh");
    let done = synthetic(30, 2, 1).save(&fresh, &cancelled_midway());
    assert!(matches!(done, Err(RecordingError::Cancelled(_))));
    assert!(!fresh.exists());

    let older = synthetic(30, 2, 1);
    let (_home, folder) = saved(&older);
    let before = names(&folder);
    let done = synthetic(60, 3, 2).save(&folder, &cancelled_midway());
    assert!(matches!(done, Err(RecordingError::Cancelled(_))));
    assert_eq!(names(&folder), before);
    assert_eq!(bits(&load(&folder).unwrap()), bits(&older));
}

#[test]
fn a_killed_run_leaves_a_folder_that_says_so_and_can_be_used_again() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    // What lies there at the moment of the kill: a first manifest and half a table.
    let recording = synthetic(30, 2, 1);
    fs::create_dir(&folder).unwrap();
    Manifest { complete: false, ..recording.manifest.clone() }.write(&folder).unwrap();
    fs::write(folder.join("signals.parquet.tmp"), "PAR1").unwrap();
    assert!(!Manifest::read(&folder).unwrap().complete);
    let error = load(&folder).unwrap_err();
    assert!(matches!(error, RecordingError::Incomplete { .. }));
    assert_eq!(error.hint(), "Record again into the same folder.");
    save(&recording, &folder);
    assert_eq!(bits(&load(&folder).unwrap()), bits(&recording));
    assert!(names(&folder).iter().all(|name| !name.contains(".tmp")));
}

#[test]
fn a_recording_that_does_not_fit_is_refused_before_a_table_is_opened() {
    let recording = synthetic(100, 3, 1);
    let (_home, folder) = saved(&recording);
    let needed = 400 * (11 * 4 + 4 + 40) + 100 * 16;
    let job = Job::unattended();
    // Seven samples with two short texts, and 64 pieces.
    assert!(Recording::load(&folder, needed + 16_000, &job).is_ok());
    let without_texts = Recording::load(&folder, needed, &job);
    assert!(matches!(without_texts, Err(RecordingError::TooLarge { .. })));
    fs::write(folder.join(schema::SAMPLES), "").unwrap();
    let refused = Recording::load(&folder, needed - 1, &job);
    assert!(matches!(refused, Err(RecordingError::TooLarge { .. })));
}

#[test]
fn a_manifest_of_a_version_without_costs_per_key_opens() {
    let recording = synthetic(20, 2, 1);
    let (_home, folder) = saved(&recording);
    let path = folder.join(MANIFEST);
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(json.as_object_mut().unwrap().remove("block_costs").is_some());
    fs::write(&path, json.to_string()).unwrap();
    let loaded = load(&folder).unwrap();
    assert_eq!(loaded.manifest.flops_per_block, recording.manifest.flops_per_block);
    assert!(!loaded.manifest.prices_keys());
}

/// What loading says after one field of the manifest was changed.
fn manifest_with(pointer: &str, value: serde_json::Value) -> String {
    let (_home, folder) = saved(&synthetic(20, 2, 1));
    let path = folder.join(MANIFEST);
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    fs::write(&path, json.to_string()).unwrap();
    let error = load(&folder).unwrap_err();
    assert!(!error.hint().is_empty());
    let home = folder.display().to_string();
    error.to_string().replace(&home, "…").replace(std::path::MAIN_SEPARATOR, "/")
}

#[test]
fn a_manifest_that_cannot_be_is_refused_with_what_is_allowed() {
    let said = [
        manifest_with("/version", 2.into()),
        manifest_with("/tokens", 21.into()),
        manifest_with("/tokens", u64::MAX.into()),
        manifest_with("/layers", 100_000.into()),
        manifest_with("/layers", 3.into()),
        manifest_with("/block_costs", serde_json::json!([{"fixed": 1, "per_key": 2}])),
        manifest_with("/vocab", 1.into()),
        manifest_with("/signals/0", "sparkle".into()),
        manifest_with("/signals/0", "margin".into()),
        manifest_with("/columns/0", "task".into()),
        manifest_with("/columns/0", "other".into()),
        manifest_with("/complete", false.into()),
        manifest_with("/notes", "none".into()),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

/// What loading says after the recording in memory was spoilt before it was written.
fn spoilt(spoil: impl FnOnce(&mut Recording)) -> String {
    let mut recording = synthetic(40, 2, 1);
    spoil(&mut recording);
    let (_home, folder) = saved(&recording);
    let error = load(&folder).unwrap_err();
    let home = folder.display().to_string();
    error.to_string().replace(&home, "…").replace(std::path::MAIN_SEPARATOR, "/")
}

#[test]
fn tables_that_contradict_one_another_are_refused_with_the_field() {
    let said = [
        spoilt(|r| r.tokens.ids[3] = 64),
        spoilt(|r| r.tokens.next_ids[3] = 999),
        spoilt(|r| r.tokens.next_ids[3] = NO_TOKEN),
        spoilt(|r| r.tokens.position[5] = 7),
        spoilt(|r| r.tokens.sample[5] = 1),
        spoilt(|r| r.samples[1].first_token = 15),
        spoilt(|r| r.samples[2].num_tokens = 1000),
        spoilt(|r| r.samples[2].num_tokens = 7),
        spoilt(|r| r.samples[1].num_tokens = 0),
        spoilt(|r| drop(r.samples.pop())),
        spoilt(|r| r.top1[1][5] = 64),
        spoilt(|r| r.top5[1][5].ids[2] = 64),
        spoilt(|r| drop(r.pieces.insert(64, "x".to_owned()))),
        spoilt(|r| drop(r.signals.remove(&Signal::Kl))),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_missing_table_and_a_folder_without_manifest_are_named() {
    let (_home, folder) = saved(&synthetic(20, 2, 1));
    fs::remove_file(folder.join(schema::PIECES)).unwrap();
    assert!(load(&folder).unwrap_err().to_string().contains("pieces.parquet"));
    fs::remove_file(folder.join(MANIFEST)).unwrap();
    assert!(!is_recording(&folder));
    assert!(matches!(load(&folder), Err(RecordingError::Missing { .. })));
}

#[test]
fn a_table_in_the_place_of_another_is_refused_by_its_columns() {
    let (_home, folder) = saved(&synthetic(20, 2, 1));
    fs::copy(folder.join(TOP5), folder.join(schema::SIGNALS)).unwrap();
    let said = load(&folder).unwrap_err().to_string();
    assert!(said.contains("columns: id1 UInt32 found, top1 UInt32 allowed"), "{said}");
}

#[test]
fn a_truncated_table_is_refused() {
    let recording = synthetic(60, 2, 1);
    for name in TABLES.iter().chain([&TOP5, &MANIFEST]) {
        let (_home, folder) = saved(&recording);
        let path = folder.join(name);
        let bytes = fs::read(&path).unwrap();
        for keep in [0, 1, 4, bytes.len() / 2, bytes.len() - 9, bytes.len() - 2] {
            fs::write(&path, &bytes[..keep]).unwrap();
            assert!(load(&folder).is_err(), "{name} with {keep} bytes");
        }
    }
}

/// What a recording is, and its files.
type Originals = (String, Vec<(&'static str, Vec<u8>)>);

/// Made once.
fn originals() -> &'static Originals {
    static FILES: OnceLock<Originals> = OnceLock::new();
    FILES.get_or_init(|| {
        let recording = synthetic(40, 3, 9);
        let (_home, folder) = saved(&recording);
        let read = |name: &&'static str| (*name, fs::read(folder.join(name)).unwrap());
        let files = TABLES.iter().chain([&TOP5, &MANIFEST]).map(read).collect();
        (bits(&recording), files)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A mutation of a value is another valid recording; what may never happen is a panic, or columns whose
    /// lengths do not fit.
    #[test]
    fn no_mutated_file_makes_a_reader_panic(
        file in 0..6_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        near_the_end in any::<bool>(),
    ) {
        let (_, files) = originals();
        let home = tempfile::tempdir().unwrap();
        for (at, (name, bytes)) in files.iter().enumerate() {
            let mut bytes = bytes.clone();
            if at == file {
                // The footer of a table holds most of its structure.
                let from = if near_the_end { bytes.len().saturating_sub(600) } else { 0 };
                for (index, value) in &changes {
                    let at = from + index.index(bytes.len() - from);
                    bytes[at] = *value;
                }
            }
            fs::write(home.path().join(name), bytes).unwrap();
        }
        let read = catch_unwind(AssertUnwindSafe(|| load(home.path())));
        prop_assert!(read.is_ok(), "the reader panicked");
        if let Ok(Ok(recording)) = read {
            let tokens = recording.num_tokens();
            let depths = recording.num_layers() + 1;
            prop_assert_eq!(recording.top1.len(), depths);
            prop_assert!(recording.top1.iter().all(|column| column.len() == tokens));
            for columns in recording.signals.values() {
                prop_assert_eq!(columns.len(), depths);
                prop_assert!(columns.iter().all(|column| column.len() == tokens));
            }
            let counted: usize = recording.samples.iter().map(|s| s.num_tokens).sum();
            prop_assert_eq!(counted, tokens);
        }
    }
}

#[test]
fn the_files_of_the_mutation_test_load_as_they_are() {
    let (expected, files) = originals();
    let home = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(home.path().join(name), bytes).unwrap();
    }
    assert_eq!(&bits(&load(home.path()).unwrap()), expected);
}
