//! Readouts by the nearest class mean, on random networks.

use serde_json::json;

use crate::checkpoint::DType;
use crate::job::Job;
use crate::kernel::numerics::Numerics;
use crate::model::fixtures::{Fixture, batch, bert_config, bert_with_means, config_of, streams};
use crate::model::{Depth, NO_TOKEN, Run, Stream, card};
use crate::signal::{ReadBy, Subject};

const WIDTH: usize = 16;

#[test]
fn logits_are_minus_the_distances_of_the_pooled_state_from_the_means_of_its_depth() {
    for pooling in ["mean", "cls"] {
        let fixture = bert_with_means(pooling, 3);
        let model = fixture.clone().model();
        let card = model.card();
        assert_eq!((card.subject, card.outputs), (Subject::Sample, 2));
        assert_eq!(
            (card.read_by, &card.classes[..]),
            (ReadBy::ClassMeans, &["no", "yes"].map(str::to_owned)[..])
        );
        // Per class and number a difference, a square, a sum.
        assert_eq!(card.flops_per_readout(), 3.0 * 2.0 * WIDTH as f64);
        let batch = batch(&[&[1, 2, 3, 4], &[5, 6]]);
        let all = streams(model.as_ref(), &batch, Run::Full);
        let states: Vec<Stream> =
            all.iter().map(|stream| model.subjects(&batch, stream).unwrap()).collect();
        let depths = [0, 1, 2, 3].map(Depth);
        let read: Vec<&Stream> = states.iter().collect();
        let got = model.readout(&depths, &read, &[1, NO_TOKEN], &Job::unattended()).unwrap();
        for (depth, stream) in all.iter().enumerate() {
            let means = fixture.floats(&format!("mean.{depth}"));
            for (row, range) in [0..4, 4..6].into_iter().enumerate() {
                let tokens = if pooling == "mean" { range } else { range.start..range.start + 1 };
                let state = |at: usize| {
                    let numbers = tokens.clone().map(|t| f64::from(stream.hidden[t * WIDTH + at]));
                    numbers.sum::<f64>() / tokens.len() as f64
                };
                let distance = |class: usize| {
                    let of = |at| state(at) - f64::from(means[class * WIDTH + at]);
                    (0..WIDTH).map(|at| of(at).powi(2)).sum::<f64>().sqrt()
                };
                let [no, yes] = [0, 1].map(|class| (-distance(class)).exp());
                let (p, at) = (no.max(yes) / (no + yes), depth * 2 + row);
                assert!((f64::from(got.max_prob[at]) - p).abs() < 1e-5);
                assert_eq!(got.top_ids[at][0], u32::from(yes > no));
                let nll = (no + yes).ln() - yes.ln();
                assert!(row == 1 || (f64::from(got.nll[at]) - nll).abs() < 1e-5);
            }
        }
        // The last depth is that of the nearest mean, too, and what KL is taken against.
        assert_eq!(got.kl[6..], [0.0, 0.0]);
        assert!(got.kl[0] > 0.0);
    }
}

#[test]
fn class_means_read_before_every_head_and_leave_the_blocks_as_they_are() {
    let heads: [(&str, &[usize]); 3] =
        [("exit.0.weight", &[2, WIDTH]), ("classifier.weight", &[5, WIDTH]), ("none", &[1])];
    for (name, shape) in heads {
        let mut fixture = if name == "none" {
            Fixture::encoder(bert_config(), &[], &[], 1)
        } else {
            Fixture::encoder(bert_config(), &[(name, shape)], &[("pooling", "mean")], 1)
        };
        let ids = batch(&[&[1, 2, 3]]);
        let before = streams(fixture.clone().model().as_ref(), &ids, Run::Full);
        for depth in 0..4 {
            fixture.push(&format!("mean.{depth}"), &[2, WIDTH], DType::F32, &[0; 4 * 2 * WIDTH]);
        }
        fixture.metadata.insert("class_means.pooling".to_owned(), "cls".to_owned());
        let model = fixture.model();
        let card = model.card();
        assert_eq!(card.readout, "class means at every depth, 2 classes, state of the first token");
        assert_eq!(card.classes, ["0", "1"]);
        assert_eq!(streams(model.as_ref(), &ids, Run::Full), before);
    }
}

#[test]
fn class_means_that_do_not_fit_are_refused_by_name() {
    let said = |change: &dyn Fn(&mut Fixture)| {
        let mut fixture = bert_with_means("mean", 1);
        change(&mut fixture);
        card(&fixture, None).unwrap_err().to_string()
    };
    let note = |key: &'static str, value: &'static str| {
        move |fixture: &mut Fixture| {
            fixture.metadata.insert(format!("class_means.{key}"), value.to_owned());
        }
    };
    let push = |name: &'static str, shape: &'static [usize]| {
        move |fixture: &mut Fixture| {
            fixture.remove(name);
            let bytes = vec![0; 4 * shape.iter().product::<usize>()];
            fixture.push(name, shape, DType::F32, &bytes);
        }
    };
    let cases: [(String, &str); 8] = [
        (said(&|f| f.remove("mean.3")), "the checkpoint has no tensor `mean.3`"),
        (
            said(&push("mean.2", &[3, 16])),
            "`mean.2` has shape [3, 16], but the configuration asks for [2, 16]",
        ),
        (said(&push("mean.4", &[2, 16])), "a tensor `mean.4` (F32 [2, 16])"),
        (
            said(&push("mean.0", &[1, 16])),
            "`labels in the metadata of the class means` is [\"no\",\"yes\"], but only a JSON list of 1 different names",
        ),
        (said(&note("labels", "no,yes")), "is no,yes, but only a JSON list of 2 different names"),
        (said(&note("labels", "[\"a\",\"a\"]")), "a JSON list of 2 different names"),
        (
            said(&note("pooling", "max")),
            "`pooling in the metadata of the class means` is max, but only mean or cls",
        ),
        (
            said(&|f| drop(f.metadata.remove("class_means.pooling"))),
            "is absent, but only mean or cls",
        ),
    ];
    for (said, words) in cases {
        assert!(said.contains(words), "{said}");
    }
    let mut one = Fixture::encoder(bert_config(), &[], &[], 1);
    push("mean.0", &[1, 16])(&mut one);
    note("pooling", "mean")(&mut one);
    let said = card(&one, None).unwrap_err().to_string();
    assert!(said.contains("`number of classes` is 1"), "{said}");
    let mut decoder = Fixture::random(config_of("llama"), 1);
    push("mean.0", &[2, 16])(&mut decoder);
    let said = card(&decoder, None).unwrap_err().to_string();
    assert_eq!(
        said,
        "the network that class means are to read out is Llama, a decoder, but must be an encoder"
    );
}

#[test]
fn distances_are_not_rounded_and_nan_states_say_nothing() {
    let mut model = bert_with_means("mean", 1).model();
    let said = model.set_numerics(Numerics::Bf16).unwrap_err().to_string();
    assert!(said.contains("only readouts over a vocabulary round"), "{said}");
    let state = Stream { hidden: vec![f32::NAN; WIDTH], width: WIDTH };
    let got = model.readout(&[Depth(1)], &[&state], &[0], &Job::unattended()).unwrap();
    assert!(got.max_prob[0].is_nan() && got.nll[0].is_nan());
    assert_eq!(got.top_ids[0], [NO_TOKEN; 5]);
}

#[test]
fn a_state_can_be_pooled_otherwise_than_the_head_reads_it() {
    let (ids, poolings) = (batch(&[&[1, 2], &[3]]), super::Pooling::ALL);
    let model = Fixture::encoder(bert_config(), &[], &[], 2).model();
    assert_eq!(model.pooling(), None);
    let stream = model.begin(&ids).unwrap();
    let [mean, first] = poolings.map(|pooling| model.pool(&ids, &stream, pooling).unwrap().hidden);
    assert_eq!(first, [&stream.hidden[..WIDTH], &stream.hidden[2 * WIDTH..]].concat());
    assert_eq!(mean[WIDTH..], first[WIDTH..]);
    assert_ne!(mean[..WIDTH], first[..WIDTH]);
    let empty = batch(&[&[1, 2, 3], &[]]);
    let said = model.pool(&empty, &stream, poolings[0]).unwrap_err().to_string();
    assert!(said.contains("a sequence is no token"), "{said}");
    let classes = json!({"architectures": ["BertForSequenceClassification"]});
    let mut config = bert_config();
    config.as_object_mut().unwrap().extend(classes.as_object().unwrap().clone());
    let first: [(&str, &[usize]); 1] = [("classifier.weight", &[2, WIDTH])];
    let model = Fixture::encoder(config, &first, &[], 2).model();
    assert_eq!(model.pooling(), Some(super::Pooling::First));
    let decoder = Fixture::random(config_of("llama"), 1).model();
    let ids = batch(&[&[1, 2]]);
    let stream = decoder.begin(&ids).unwrap();
    let said = decoder.pool(&ids, &stream, poolings[0]).unwrap_err().to_string();
    assert!(said.contains("is Llama, but must be an encoder"), "{said}");
}
