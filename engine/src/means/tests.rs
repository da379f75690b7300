//! The means of a labelled pass against plain sums, their file, and what is refused.

use std::fmt::Write as _;
use std::fs;

use safetensors::SafeTensors;

use super::*;
use crate::checkpoint::class_means::is_of_means;
use crate::dataset::TextSample;
use crate::job::CancelSwitch;
use crate::model::fixtures::{Fixture, batch, bert_config, bert_with_means, config_of, streams};
use crate::model::mean_name;

const WIDTH: usize = 16;

/// Samples with these labels; one without where it is empty.
fn labelled(labels: &[&str]) -> (Data, Vec<Sequence>) {
    let mut ids = (1_u32..).map(|i| (i % 97 * (i % 97) * 7 + i) % 40);
    let sample = |label: &&str| TextSample {
        text: String::new(),
        columns: Some(("label".to_owned(), (*label).to_owned()))
            .filter(|(_, label)| !label.is_empty())
            .into_iter()
            .collect(),
    };
    let samples = labels.iter().map(sample).collect();
    let label = Some("label".to_owned());
    let data = Data { name: "made up".to_owned(), samples, label, ..Data::default() };
    let sequences = (0..labels.len()).map(|sample| Sequence {
        ids: ids.by_ref().take(1 + sample * 5 % 11).collect(),
        segments: Vec::new(),
        sample,
    });
    (data, sequences.collect())
}

fn asked<'a>(data: &'a Data, sequences: &'a [Sequence], pooling: Option<Pooling>) -> Asked<'a> {
    Asked { data, preparation: None, sequences, pooling, budget_bytes: 1 << 30 }
}

fn model() -> Box<dyn LayeredModel> {
    Fixture::encoder(bert_config(), &[], &[], 5).model()
}

#[test]
fn means_are_the_sums_of_states_over_their_number() {
    let labels = ["10", "9", " 9", "", "10", "9"];
    // More tokens than one batch takes.
    let labels: Vec<&str> = labels.iter().copied().cycle().take(150).collect();
    let (data, sequences) = labelled(&labels);
    let model = model();
    for pooling in Pooling::ALL {
        let asked = asked(&data, &sequences, Some(pooling));
        let got = collect(model.as_ref(), &asked, &Job::unattended()).unwrap();
        // By number, not by letter.
        assert_eq!(
            (&got.labels[..], &got.counts[..]),
            (&["9".to_owned(), "10".to_owned()][..], &[75, 50][..])
        );
        assert!(got.notes[0].what.contains("no label: 25 samples"));
        let mut sums = vec![[[0.0_f64; WIDTH]; 2]; 4];
        for (sequence, label) in sequences.iter().zip(&labels) {
            let Some(class) = ["9", "10"].iter().position(|name| *name == label.trim()) else {
                continue;
            };
            for (sums, stream) in
                sums.iter_mut().zip(streams(model.as_ref(), &batch(&[&sequence.ids]), Run::Full))
            {
                let tokens = if pooling == Pooling::Mean { sequence.ids.len() } else { 1 };
                for (at, h) in stream.hidden[..tokens * WIDTH].iter().enumerate() {
                    sums[class][at % WIDTH] += f64::from(*h) / tokens as f64;
                }
            }
        }
        for (means, sums) in got.means.iter().zip(&sums) {
            for (class, count) in [75.0, 50.0].into_iter().enumerate() {
                for at in 0..WIDTH {
                    let (got, want) = (means[class * WIDTH + at], sums[class][at] / count);
                    assert!((f64::from(got) - want).abs() < 1e-5, "{got} {want}");
                }
            }
        }
    }
}

#[test]
fn a_mean_is_of_the_state_that_the_head_reads_unless_another_is_named() {
    let (data, sequences) = labelled(&["a", "b", "a"]);
    let head: [(&str, &[usize]); 1] = [("exit.0.weight", &[2, WIDTH])];
    let model = Fixture::encoder(bert_config(), &head, &[("pooling", "cls")], 5).model();
    let of = |pooling| {
        collect(model.as_ref(), &asked(&data, &sequences, pooling), &Job::unattended()).unwrap()
    };
    assert_eq!(of(None), of(Some(Pooling::First)));
    assert_ne!(of(None).means, of(Some(Pooling::Mean)).means);
}

#[test]
fn a_file_holds_what_was_made_and_the_same_pass_gives_the_same_bytes() {
    let (data, sequences) = labelled(&["it's, \"so\"", "é=1", "é=1"]);
    let model = model();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("class-means.safetensors");
    let mut files = Vec::new();
    for _ in 0..2 {
        let asked = asked(&data, &sequences, Some(Pooling::Mean));
        let means = collect(model.as_ref(), &asked, &Job::unattended()).unwrap();
        let numbers = means.means.clone();
        let made = means.write((model.card(), &data), &path).unwrap();
        assert_eq!(made.classes, [("it's, \"so\"".to_owned(), 1), ("é=1".to_owned(), 2)]);
        assert_eq!(made.depths, 4);
        let bytes = fs::read(&path).unwrap();
        let read = SafeTensors::deserialize(&bytes).unwrap();
        for (depth, numbers) in numbers.iter().enumerate() {
            let tensor = read.tensor(&mean_name(depth)).unwrap();
            assert_eq!(tensor.shape(), [2, WIDTH]);
            let stored = tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
            assert!(stored.eq(numbers.iter().copied()));
        }
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let notes = header.metadata().as_ref().unwrap();
        assert_eq!(notes["labels"], "[\"it's, \\\"so\\\"\",\"é=1\"]");
        assert_eq!(
            (&*notes["pooling"], &*notes["counts"], &*notes["model"]),
            ("mean", "[1,2]", "made up")
        );
        files.push(bytes);
    }
    assert_eq!(files[0], files[1]);
    assert!(is_of_means(&path).unwrap());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn only_class_means_are_written_over() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("model");
    Fixture::encoder(bert_config(), &[], &[], 5).save(&folder);
    let weights = folder.join("model.safetensors");
    for path in [&weights, &folder.join("config.json"), &folder] {
        let error = check(path).unwrap_err();
        assert!(matches!(error, MeansError::Taken { .. }) && error.is_input(), "{error}");
    }
    check(&folder.join("new.safetensors")).unwrap();
    let (data, sequences) = labelled(&["a", "b"]);
    let model = model();
    let asked = asked(&data, &sequences, Some(Pooling::Mean));
    let means = collect(model.as_ref(), &asked, &Job::unattended()).unwrap();
    let before = fs::read(&weights).unwrap();
    means.clone().write((model.card(), &data), &weights).unwrap_err();
    assert_eq!(fs::read(&weights).unwrap(), before);
    let nowhere = home.path().join("absent").join("x.safetensors");
    let error = means.write((model.card(), &data), &nowhere).unwrap_err();
    assert!(matches!(error, MeansError::Io { .. }) && !error.is_input(), "{error}");
}

#[test]
fn what_gives_no_means_is_refused_with_a_sentence() {
    let mut said = String::new();
    let mut refuse = |case: &str, model: &dyn LayeredModel, asked: &Asked<'_>| {
        let error = collect(model, asked, &Job::unattended()).unwrap_err();
        assert!(error.is_input());
        writeln!(said, "{case}\n  {error}\n  {}", error.hint()).unwrap();
    };
    let (good, sequences) = labelled(&["a", "b", "a"]);
    let bert = model();
    let mean = Some(Pooling::Mean);
    refuse("no state", bert.as_ref(), &asked(&good, &sequences, None));
    let decoder = Fixture::random(config_of("llama"), 1).model();
    refuse("a decoder", decoder.as_ref(), &asked(&good, &sequences, None));
    refuse("a decoder and a state", decoder.as_ref(), &asked(&good, &sequences, mean));
    let unlabelled = Data { label: None, ..good.clone() };
    refuse("no column", bert.as_ref(), &asked(&unlabelled, &sequences, mean));
    let blank = labelled(&[" ", " "]);
    refuse("blank labels", bert.as_ref(), &asked(&blank.0, &blank.1, mean));
    let one = labelled(&["a", "a", ""]);
    refuse("one class", bert.as_ref(), &asked(&one.0, &one.1, mean));
    let names: Vec<String> = (0..=1_u32 << 16).map(|number| number.to_string()).collect();
    let many = labelled(&names.iter().map(String::as_str).collect::<Vec<_>>());
    refuse("too many classes", bert.as_ref(), &asked(&many.0, &[], mean));
    refuse("a class beyond the limit", bert.as_ref(), &asked(&good, &sequences[..1], mean));
    refuse("nothing within the limit", bert.as_ref(), &asked(&good, &[], mean));
    let poor = Asked { budget_bytes: 1000, ..asked(&good, &sequences, mean) };
    refuse("too large", bert.as_ref(), &poor);
    let mut damaged = Fixture::encoder(bert_config(), &[], &[], 5);
    damaged.poke("encoder.layer.1.output.dense.bias", 0, f32::NAN);
    let damaged = damaged.model();
    refuse("a state that is NaN", damaged.as_ref(), &asked(&good, &sequences, mean));
    insta::assert_snapshot!(said);
}

#[test]
fn a_pass_that_is_cancelled_leaves_nothing() {
    let (data, sequences) = labelled(&["a", "b"].repeat(100));
    let model = bert_with_means("mean", 1).model();
    let switch = CancelSwitch::default();
    let inner = switch.clone();
    let job = Job::new(switch, move |progress| {
        assert_eq!(progress.unit, "tokens");
        if progress.done > 0 {
            inner.cancel();
        }
    });
    let done = collect(model.as_ref(), &asked(&data, &sequences, None), &job);
    assert!(matches!(done, Err(MeansError::Cancelled(_))));
}
