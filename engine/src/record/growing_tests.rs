//! What a generation that is killed leaves in its folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::dataset::Data;
use crate::job::Job;
use crate::model::LayeredModel;
use crate::model::fixtures::{Fixture, config_of};
use crate::record::growing::{Goal, Growing};
use crate::recording::{End, Generation, Recording, Sampling, fingerprint, header};

fn generation(prompt_tokens: u64) -> Generation {
    let sampling = Sampling::default();
    Generation { prompt_tokens, is_chat: false, sampling, ended: End::Cancelled }
}

/// Runs pieces of a text behind each other; each is settled by the first token of the next, and the last one by the one
/// behind it. What a folder then holds is what a kill leaves.
fn run(model: &dyn LayeredModel, pieces: &[&[u32]], folder: &Path) -> Recording {
    let (data, job) = (Data::default(), Job::unattended());
    let goal = Goal {
        data: &data,
        piece: &|id| format!("<{id}>"),
        given: pieces[0].len(),
        most: 30,
        budget_bytes: 1 << 30,
        notes: Vec::new(),
        generation: generation(pieces[0].len() as u64),
        folder: Some(folder),
    };
    let mut growing = Growing::begin_with(model, goal, |_, _| Duration::ZERO).unwrap();
    for (number, piece) in pieces.iter().enumerate() {
        growing.run(piece, &job).unwrap();
        growing.settle(pieces.get(number + 1).map_or(3, |next| next[0]), &job).unwrap();
    }
    growing.recording(End::Cancelled, Vec::new())
}

fn killed(pieces: &[&[u32]]) -> (TempDir, PathBuf, Recording) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("generated");
    let model = Fixture::random(config_of("llama"), 3).model();
    let here = run(model.as_ref(), pieces, &folder);
    (home, folder, here)
}

fn load(folder: &Path) -> Recording {
    Recording::load(folder, 1 << 30, &Job::unattended()).unwrap()
}

const PIECES: [&[u32]; 4] = [&[5, 6, 7, 8, 9], &[1], &[2, 4], &[6]];

#[test]
fn a_killed_generation_opens_as_one_text_with_everything_that_was_made() {
    let (_home, folder, here) = killed(&PIECES);
    assert!(folder.join("unfinished/0003").is_dir());
    let found = header(&folder).unwrap();
    assert_eq!((found.tokens, found.complete), (9, false));
    let left = load(&folder);
    let note = &left.manifest.notes[0];
    let said = "The generation was killed (or is still going): 9 of at most 30 tokens are here.";
    assert_eq!(note.what, said);
    assert!(note.hint.contains("continue"), "{}", note.hint);
    assert!(left.manifest.partial && left.manifest.complete);
    assert_eq!(left.tokens, here.tokens);
    assert_eq!(left.tokens.position, (0..9).collect::<Vec<_>>());
    assert_eq!(left.samples, here.samples);
    // Debug: what is absent is equal to what is absent.
    assert_eq!(format!("{:?}", left.signals), format!("{:?}", here.signals));
    assert_eq!((&left.top1, &left.top5), (&here.top1, &here.top5));
    assert_eq!(left.pieces, here.pieces);
    assert_eq!(left.manifest.generation, Some(generation(5)));
    assert_eq!(left.manifest.provenance, here.manifest.provenance);
    assert_eq!(left.manifest.provenance.data_fingerprint, fingerprint(&here.tokens, &here.samples));
    let flops = |recording: &Recording| recording.manifest.flops_per_block.clone();
    for (left, here) in flops(&left).iter().zip(flops(&here)) {
        assert!((left / here - 1.0).abs() < 1e-12, "{left} against {here}");
    }
    assert_eq!(left.manifest.block_secs.len(), here.manifest.block_secs.len());
    // And again, as any other folder.
    left.save(&folder, &Job::unattended()).unwrap();
    assert_eq!(load(&folder).tokens, here.tokens);
    assert!(!folder.join("unfinished").exists());
}

#[test]
fn a_generation_that_is_killed_in_its_prompt_has_only_that_much_of_a_prompt() {
    let (_home, folder, _) = killed(&PIECES);
    for number in 1..4 {
        std::fs::remove_dir_all(folder.join(format!("unfinished/{number:04}"))).unwrap();
    }
    let part = folder.join("manifest.json");
    let text = std::fs::read_to_string(&part).unwrap();
    std::fs::write(&part, text.replace("\"prompt_tokens\": 5", "\"prompt_tokens\": 20")).unwrap();
    let left = load(&folder);
    assert_eq!(left.manifest.generation, Some(generation(5)));
    assert_eq!(left.num_tokens(), 5);
    let nll = &left.signals[&crate::signal::Signal::Nll];
    assert!(nll.iter().all(|column| column[4].is_nan() && !column[3].is_nan()));
}

#[test]
fn a_part_that_does_not_go_on_where_the_one_before_ended_is_left_out() {
    let (_home, folder, here) = killed(&PIECES);
    let part = |number| folder.join(format!("unfinished/{number:04}"));
    std::fs::remove_dir_all(part(1)).unwrap();
    std::fs::rename(part(2), part(1)).unwrap();
    let left = load(&folder);
    assert_eq!(left.num_tokens(), 5);
    assert_eq!(left.tokens.ids, here.tokens.ids[..5]);
    let said = &left.manifest.notes[1].what;
    assert!(said.contains("position: 6 found, 5 allowed"), "{said}");
}
