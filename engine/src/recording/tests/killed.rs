//! Folders of runs that were killed: their parts are read as one recording, and nothing older is lost.

use std::ops::Range;

use super::*;

/// The sequences of a range, numbered from 0, with flops and seconds of their own.
fn cut(whole: &Recording, sequences: Range<usize>) -> Recording {
    let first = sequences.start;
    let mut samples = whole.samples[sequences].to_vec();
    let from = samples[0].first_token;
    let num_tokens: usize = samples.iter().map(|sample| sample.num_tokens).sum();
    for sample in &mut samples {
        sample.first_token -= from;
    }
    let range = from..from + num_tokens;
    let number = u32::try_from(first).unwrap();
    let sample = whole.tokens.sample[range.clone()].iter().map(|s| s - number).collect();
    let floats =
        |columns: &Vec<Vec<f32>>| columns.iter().map(|c| c[range.clone()].to_vec()).collect();
    Recording {
        manifest: Manifest {
            tokens: num_tokens as u64,
            flops_per_block: vec![1000.0 * first as f64; whole.num_layers()],
            block_secs: vec![0.5; whole.num_layers()],
            ..whole.manifest.clone()
        },
        tokens: Tokens {
            ids: whole.tokens.ids[range.clone()].to_vec(),
            next_ids: whole.tokens.next_ids[range.clone()].to_vec(),
            sample,
            position: whole.tokens.position[range.clone()].to_vec(),
            texts: Vec::new(),
        },
        samples,
        signals: whole.signals.iter().map(|(signal, depths)| (*signal, floats(depths))).collect(),
        top1: whole.top1.iter().map(|column| column[range.clone()].to_vec()).collect(),
        top5: whole.top5.iter().map(|column| column[range.clone()].to_vec()).collect(),
        pieces: whole.pieces.clone(),
        cubes: Default::default(),
    }
}

/// 100 tokens in 7 sequences.
fn whole() -> Recording {
    synthetic(100, 3, 7)
}

/// What lies on the disk when a run is killed that was to have 120 tokens: parts that end before these sequences.
fn kill(folder: &Path, whole: &Recording, parts: &[usize]) {
    let manifest = Manifest { tokens: 120, columns: Vec::new(), ..whole.manifest.clone() };
    let mut run = Unfinished::begin(folder, manifest).unwrap();
    let mut begun = 0;
    for end in parts {
        run.add(&cut(whole, begun..*end)).unwrap();
        begun = *end;
    }
}

fn killed(parts: &[usize]) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    kill(&folder, &whole(), parts);
    (home, folder)
}

fn notes(manifest: &Manifest) -> Vec<&str> {
    manifest.notes.iter().map(|note| note.what.as_str()).collect()
}

#[test]
fn the_parts_of_a_killed_run_are_read_as_one_recording() {
    let (_home, folder) = killed(&[2, 3, 7]);
    assert_eq!(names(&folder), ["manifest.json", "unfinished"]);
    assert_eq!(names(&folder.join("unfinished")), ["0000", "0001", "0002"]);
    assert!(!names(&files::part(&folder, 0)).contains(&schema::CUBES.to_owned()));
    let mut read = load(&folder).unwrap();
    assert!(read.manifest.partial && read.manifest.complete);
    let said = "The run was killed (or is still going): 100 of 120 tokens are here.";
    assert_eq!(notes(&read.manifest), [said]);
    assert!(read.manifest.notes[0].hint.contains("Record again"));
    assert_eq!(read.manifest.block_secs, [1.5; 3]);
    // Sequences 2 and 3 to 6 say 2000 and 3000 for 16 and 52 of 100 tokens.
    assert_eq!(read.manifest.flops_per_block, [20.0 * 16.0 + 30.0 * 52.0; 3]);
    assert_eq!(read.manifest.columns, whole().manifest.columns);
    read.manifest = whole().manifest;
    assert_eq!(bits(&read), bits(&whole()));
}

#[test]
fn inspecting_a_killed_run_counts_its_parts_without_opening_a_table() {
    let (_home, folder) = killed(&[2, 3]);
    fs::write(files::part(&folder, 0).join(schema::SIGNALS), "").unwrap();
    let found = header(&folder).unwrap();
    assert!(!found.complete && found.partial);
    assert_eq!(found.tokens, 48);
    let said = "The run was killed (or is still going): 48 of 120 tokens are here.";
    assert_eq!(notes(&found), [said]);
}

#[test]
fn a_part_that_is_damaged_or_foreign_ends_the_joining_and_that_is_said() {
    let damages: [fn(&Path); 5] = [
        |part| fs::write(part.join(schema::SIGNALS), "PAR1").unwrap(),
        |part| fs::write(part.join(MANIFEST), "{}").unwrap(),
        |part| fs::remove_file(part.join(schema::PIECES)).unwrap(),
        |part| fs::remove_file(part.join(TOP5)).unwrap(),
        |part| {
            let mut other = Manifest::read(part).unwrap();
            other.provenance.model_fingerprint = "of another model".to_owned();
            other.write(part).unwrap();
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (_home, folder) = killed(&[2, 3, 7]);
        damage(&files::part(&folder, 1));
        let read = load(&folder).unwrap();
        assert_eq!(read.num_tokens(), 32, "{number}");
        let notes = notes(&read.manifest);
        assert!(notes[0].contains("32 of 120 tokens are here"), "{notes:?}");
        assert!(notes[1].starts_with("What was recorded after the first 32 tokens"), "{notes:?}");
        assert_eq!(
            bits(&read),
            bits(&Recording { manifest: read.manifest.clone(), ..cut(&whole(), 0..2) })
        );
    }
}

#[test]
fn without_a_readable_part_a_killed_run_is_incomplete() {
    let (_home, folder) = killed(&[2]);
    fs::write(files::part(&folder, 0).join(schema::TOKENS), "").unwrap();
    assert!(matches!(load(&folder), Err(RecordingError::Incomplete { .. })));
    // Half a part has another name.
    let (_home, folder) = killed(&[2]);
    fs::rename(files::part(&folder, 0), files::temporary(&files::part(&folder, 0))).unwrap();
    assert!(matches!(load(&folder), Err(RecordingError::Incomplete { .. })));
    assert_eq!(header(&folder).unwrap().tokens, 0);
    save(&whole(), &folder);
    assert!(!folder.join(UNFINISHED).exists());
}

#[test]
fn parts_that_do_not_fit_into_memory_together_are_refused() {
    let (_home, folder) = killed(&[2, 3, 7]);
    let one = 52 * (4 * 80 + 16);
    let read = Recording::load(&folder, one + 16_000, &Job::unattended());
    assert!(read.is_err(), "each part alone would fit");
    let two = Recording::load(&folder, 100 * (4 * 80 + 16) + 60_000, &Job::unattended());
    assert_eq!(two.unwrap().num_tokens(), 100);
}

#[test]
fn an_older_recording_survives_a_killed_run_until_the_new_one_is_whole() {
    let older = synthetic(30, 2, 1);
    let (_home, folder) = saved(&older);
    kill(&folder, &whole(), &[2, 3]);
    assert_eq!(bits(&load(&folder).unwrap()), bits(&older));
    assert!(header(&folder).unwrap().complete);
    let again = whole().save(&folder, &cancelled_midway());
    assert!(matches!(again, Err(RecordingError::Cancelled(_))));
    assert_eq!(bits(&load(&folder).unwrap()), bits(&older));
    save(&whole(), &folder);
    assert_eq!(bits(&load(&folder).unwrap()), bits(&whole()));
    assert!(!folder.join(UNFINISHED).exists());
}

#[test]
fn a_kill_during_the_last_save_leaves_the_parts() {
    // Both where nothing lay before and where an older recording did, whose tables are being replaced.
    for has_older in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("recording");
        if has_older {
            save(&synthetic(30, 2, 1), &folder);
        }
        kill(&folder, &whole(), &[2, 7]);
        Manifest { complete: false, ..whole().manifest }.write(&folder).unwrap();
        let (_other_home, other) = saved(&whole());
        fs::copy(other.join(schema::TOKENS), folder.join(schema::TOKENS)).unwrap();
        fs::write(folder.join("signals.parquet.tmp"), "PAR1").unwrap();
        let mut read = load(&folder).unwrap();
        read.manifest = whole().manifest;
        assert_eq!(bits(&read), bits(&whole()), "{has_older}");
    }
}

#[test]
fn parts_beside_a_whole_recording_are_read_by_nobody_and_go_with_the_next_save() {
    let (_home, folder) = killed(&[2]);
    Manifest { complete: true, ..whole().manifest }.write(&folder).unwrap();
    let (_other_home, other) = saved(&whole());
    for name in TABLES.iter().chain([&TOP5]) {
        fs::copy(other.join(name), folder.join(name)).unwrap();
    }
    assert_eq!(bits(&load(&folder).unwrap()), bits(&whole()));
    save(&synthetic(10, 1, 1), &folder);
    assert!(!folder.join(UNFINISHED).exists());
}

#[test]
fn a_new_run_replaces_what_a_killed_one_left_once_it_has_something_better() {
    let (_home, folder) = killed(&[2, 7]);
    // Cancelled at once: what the killed run left is still there.
    kill(&folder, &synthetic(30, 2, 1), &[]);
    assert_eq!(load(&folder).unwrap().num_tokens(), 100);
    kill(&folder, &synthetic(30, 2, 1), &[1]);
    let read = load(&folder).unwrap();
    assert_eq!((read.num_tokens(), read.num_layers()), (16, 2));
}

#[test]
fn a_run_without_parts_leaves_the_folder_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let fresh = home.path().join("fresh");
    let manifest = || Manifest { tokens: 120, ..whole().manifest };
    let run = Unfinished::begin(&fresh, manifest()).unwrap();
    assert!(!Manifest::read(&fresh).unwrap().complete);
    drop(run);
    assert!(!fresh.exists());
    fs::create_dir(&fresh).unwrap();
    drop(Unfinished::begin(&fresh, manifest()).unwrap());
    assert!(names(&fresh).is_empty());
}

#[test]
fn what_no_run_wrote_among_the_parts_is_left_as_it_is() {
    for place in ["unfinished", "unfinished/0000"] {
        let (_home, folder) = killed(&[2]);
        let thesis = folder.join(place).join("thesis.txt");
        fs::write(&thesis, "three years of work").unwrap();
        let refused = whole().save(&folder, &Job::unattended());
        assert!(matches!(refused, Err(RecordingError::NotEmpty { .. })), "{place}");
        // It may have come after the folder was claimed.
        assert!(files::remove_parts(&folder).is_err());
        assert!(thesis.exists());
    }
}
