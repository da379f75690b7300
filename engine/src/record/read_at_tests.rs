//! Rows of some tokens are those of the recording of every token.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::dataset::TextSample;
use crate::job::CancelSwitch;
use crate::model::NO_TOKEN;
use crate::model::fixtures::{Fixture, KINDS, config_of};

fn nth(n: u32) -> ReadAt {
    ReadAt::EveryNth(NonZeroU32::new(n).unwrap())
}

/// Sequences of these lengths that do not begin alike.
pub(super) fn sequences(lengths: &[usize]) -> Vec<Sequence> {
    let mut ids = (0_u32..).map(|at| (at * at + 7 * at) % 37);
    let sequence = |(sample, length): (usize, &usize)| Sequence {
        ids: ids.by_ref().take(*length).collect(),
        segments: Vec::new(),
        sample,
    };
    lengths.iter().enumerate().map(sequence).collect()
}

/// A recording with a part after every batch where there is a folder.
pub(super) fn recorded(
    model: &dyn LayeredModel,
    sequences: &[Sequence],
    read_at: ReadAt,
    folder: Option<&Path>,
    job: &Job,
) -> Recording {
    let sample = |at: usize| TextSample {
        text: "text".to_owned(),
        columns: [("task".to_owned(), format!("t{at}"))].into(),
    };
    let samples = (0..sequences.len()).map(sample).collect();
    let data = Data { name: "prompt".to_owned(), samples, ..Data::default() };
    let (budget_bytes, notes) = (1 << 30, Vec::new());
    let asked =
        Asked { data: &data, preparation: None, sequences, read_at, budget_bytes, notes, folder };
    record_with(model, &|id| format!("<{id}>"), asked, |_, _| Duration::ZERO, job).unwrap()
}

fn run(model: &dyn LayeredModel, lengths: &[usize], read_at: ReadAt) -> Recording {
    recorded(model, &sequences(lengths), read_at, None, &Job::unattended())
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn rows_are_those_of_the_full_recording_bit_for_bit() {
    let lengths = [17, 5, 60, 1, 64, 64, 64, 64, 64, 64, 64, 64, 64, 23];
    for (seed, kind) in (0..).zip(KINDS) {
        let model = Fixture::random(config_of(kind), seed).model();
        let full = run(model.as_ref(), &lengths, ReadAt::Every);
        for read_at in [nth(3), nth(50), ReadAt::Last] {
            let some = run(model.as_ref(), &lengths, read_at);
            let manifest = some.manifest();
            assert_eq!(manifest.read_at, read_at);
            let rows: usize = lengths.iter().map(|length| read_at.positions(*length).count()).sum();
            assert_eq!((some.num_tokens(), manifest.tokens), (rows, rows as u64));
            assert_eq!(some.samples.len(), lengths.len());
            let data =
                |recording: &Recording| recording.manifest.provenance.data_fingerprint.clone();
            assert_eq!(data(&some), data(&full), "the data is the same, however it is read");
            for row in 0..rows {
                let sample = some.tokens.sample[row] as usize;
                let at = full.samples[sample].first_token + some.tokens.position[row] as usize;
                assert_eq!(full.tokens.sample[at] as usize, sample);
                assert_eq!(some.samples[sample].columns, full.samples[sample].columns);
                assert_eq!(some.tokens.ids[row], full.tokens.ids[at]);
                assert_eq!(some.tokens.next_ids[row], full.tokens.next_ids[at]);
                assert!(some.tokens.next_ids[row] == NO_TOKEN || read_at != ReadAt::Last);
                for (signal, depths) in &some.signals {
                    for (depth, column) in depths.iter().enumerate() {
                        let want = full.signals[signal][depth][at];
                        assert!(same(column[row], want), "{kind} {signal:?} {depth} {row}");
                    }
                }
                for depth in 0..=full.num_layers() {
                    assert_eq!(some.top1[depth][row], full.top1[depth][at]);
                    assert_eq!(some.top5[depth][row], full.top5[depth][at]);
                }
                let next = some.tokens.next_ids[row];
                assert!(next == NO_TOKEN || some.pieces.contains_key(&next), "its text is there");
            }
            // Keys of the rows, not of the tokens between them.
            let keys =
                |layer: usize| mean_keys(some.tokens.position.iter(), model.card().window(layer));
            for (layer, cost) in manifest.block_costs.iter().enumerate() {
                assert!((manifest.flops_per_block[layer] - cost.at(keys(layer))).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn progress_counts_what_runs_and_not_what_is_read() {
    let model = Fixture::random(config_of("llama"), 3).model();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let job =
        Job::new(CancelSwitch::default(), move |p| sink.lock().unwrap().push((p.done, p.total)));
    let lengths = [60, 60, 60, 60, 60, 60, 60, 60, 60, 60];
    let recording = recorded(model.as_ref(), &sequences(&lengths), ReadAt::Last, None, &job);
    assert_eq!(recording.num_tokens(), 10);
    let seen = seen.lock().unwrap();
    assert_eq!((seen[0], seen.last().copied()), ((0, 600), Some((600, 600))));
    assert!(seen.contains(&(480, 600)));
    let said: Vec<_> = recording.manifest.notes.iter().map(|note| note.what.as_str()).collect();
    assert_eq!(
        said,
        ["The last token of a sequence has no next one: there is no NLL and no rank."]
    );
}

#[test]
fn less_memory_is_asked_for() {
    let model = Fixture::random(config_of("llama"), 3).model();
    let sequences = sequences(&[60; 40]);
    let data = Data::default();
    let run = |read_at, budget_bytes| {
        let (sequences, notes) = (&sequences[..], Vec::new());
        let asked = Asked {
            data: &data,
            preparation: None,
            sequences,
            read_at,
            budget_bytes,
            notes,
            folder: None,
        };
        record(model.as_ref(), None, asked, &Job::unattended())
    };
    let error = run(ReadAt::Every, 300_000).unwrap_err().to_string();
    assert!(error.starts_with("2400 tokens at 4 depths need"), "{error}");
    assert_eq!(run(nth(60), 300_000).unwrap().num_tokens(), 40);
}

fn encoder(more: &[(&str, &[usize])]) -> Box<dyn LayeredModel> {
    let config = json!({
        "model_type": "bert", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 3,
        "num_attention_heads": 2, "hidden_act": "gelu", "vocab_size": 40,
        "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    });
    Fixture::encoder(config, more, &[], 4).model()
}

#[test]
fn a_token_of_an_encoder_is_priced_by_its_whole_sequence() {
    let head: [(&str, &[usize]); 2] =
        [("cls.predictions.transform.dense.weight", &[8, 8]), ("cls.predictions.bias", &[40])];
    let model = encoder(&head);
    let lengths = [30, 12, 1];
    let (full, some) =
        (run(model.as_ref(), &lengths, ReadAt::Every), run(model.as_ref(), &lengths, nth(4)));
    assert_eq!(some.tokens.position, [0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 0]);
    for (row, position) in some.tokens.position.iter().enumerate() {
        let at = full.samples[some.tokens.sample[row] as usize].first_token + *position as usize;
        for (signal, depths) in &some.signals {
            for (column, want) in depths.iter().zip(&full.signals[signal]) {
                let (got, want) = (column[row], want[at]);
                // Products of eight rows and fewer add in another order.
                let is_near = (got - want).abs() <= 1e-5 * want.abs().max(1.0);
                assert!(is_near || (got.is_nan() && want.is_nan()), "{signal:?}: {got} {want}");
            }
        }
    }
    let (fixed, per_key) = (model.card().flops_fixed(), model.card().flops_per_key());
    let keys = f64::from(8 * 30 + 3 * 12 + 1) / 12.0;
    for flops in &some.manifest.flops_per_block {
        assert!((flops - fixed - keys * per_key).abs() < 1e-6);
    }
}

#[test]
fn a_model_of_whole_samples_reads_each_once_and_says_so() {
    let model = encoder(&[("classifier.weight", &[3, 8])]);
    let recording = run(model.as_ref(), &[9, 20], nth(4));
    assert_eq!((recording.num_tokens(), recording.manifest.read_at), (2, ReadAt::Every));
    let said = &recording.manifest.notes[0].what;
    assert_eq!(
        said,
        "Every sample was read out: this model reads whole samples, not their tokens."
    );
}

#[test]
fn a_folder_keeps_the_places_of_rows() {
    let home = tempfile::tempdir().unwrap();
    let model = Fixture::random(config_of("llama"), 3).model();
    let lengths = [60, 60, 60, 60, 60, 60, 60, 60, 60, 9];
    for (name, read_at) in [("nth", nth(7)), ("last", ReadAt::Last), ("one", nth(1))] {
        let folder = home.path().join(name);
        let job = Job::unattended();
        let done = recorded(model.as_ref(), &sequences(&lengths), read_at, Some(&folder), &job);
        // What is left of a run that nobody saved.
        let left = Recording::load(&folder, 1 << 30, &job).unwrap();
        assert!(left.manifest.partial);
        assert_eq!(left.tokens, done.tokens);
        assert_eq!(left.samples, done.samples);
        assert_eq!(left.manifest.read_at, read_at);
        // Of all tokens that ran, also where most of them have no row.
        assert_eq!(left.manifest.provenance, done.manifest.provenance);
        done.save(&folder, &job).unwrap();
        let back = Recording::load(&folder, 1 << 30, &job).unwrap();
        assert_eq!(back.manifest, done.manifest);
        assert_eq!(back.tokens, done.tokens);
        assert_eq!(format!("{:?}", back.signals), format!("{:?}", done.signals));
    }
}

#[test]
fn a_folder_whose_rows_stand_elsewhere_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let model = Fixture::random(config_of("llama"), 3).model();
    let job = Job::unattended();
    let spoilt = |name: &str, read_at, spoil: &dyn Fn(&mut Recording)| {
        let folder = home.path().join(name);
        let mut recording = run(model.as_ref(), &[20, 9], read_at);
        spoil(&mut recording);
        recording.save(&folder, &job).unwrap();
        Recording::load(&folder, 1 << 30, &job).unwrap_err().to_string()
    };
    let said = spoilt("place", nth(7), &|r| r.tokens.position[1] = 8);
    assert!(said.starts_with("position: 8 found, 7 allowed"), "{said}");
    let said = spoilt("next", nth(7), &|r| r.tokens.next_ids[0] = NO_TOKEN);
    assert!(said.starts_with("next_id: none found, a token allowed"), "{said}");
    let said = spoilt("last", ReadAt::Last, &|r| r.tokens.next_ids[0] = 1);
    assert!(said.starts_with("next_id: 1 found, none allowed"), "{said}");
    let said = spoilt("many", nth(7), &|r| r.manifest.read_at = ReadAt::Last);
    assert!(said.starts_with("num_tokens of the last token: 3 found, 1 allowed"), "{said}");
    let said = spoilt("words", nth(7), &|r| r.manifest.read_at = ReadAt::Every);
    assert!(said.starts_with("next_id: 8 found, 24 allowed"), "{said}");
    let said = spoilt("subject", nth(7), &|r| r.manifest.subject = Subject::Sample);
    assert!(said.starts_with("read_at: one token in 7"), "{said}");
}
