//! Claims about the encoder on random networks, and about what is refused.

#![expect(clippy::cast_possible_truncation, reason = "sizes of test networks are small")]

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::checkpoint::DType;
use crate::job::Job;
use crate::model::fixtures::{Fixture, batch, streams};
use crate::model::{
    Batch, Depth, Layer, LayeredModel, NO_TOKEN, NoProbe, Readouts, Run, Stream, card,
};
use crate::signal::Subject;

const WIDTH: usize = 8;
const VOCAB: usize = 30;

fn config(more: Value) -> Value {
    let mut config = json!({
        "model_type": "bert", "hidden_size": WIDTH, "intermediate_size": 12,
        "num_hidden_layers": 3, "num_attention_heads": 2, "hidden_act": "gelu",
        "vocab_size": VOCAB, "max_position_embeddings": 20, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    });
    let Value::Object(more) = more else { panic!("an object") };
    config.as_object_mut().unwrap().extend(more);
    config
}

fn roberta() -> Value {
    let distance = json!({"model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1});
    config(distance)
}

fn albert() -> Value {
    config(json!({"model_type": "albert", "embedding_size": 4, "hidden_act": "gelu_new"}))
}

/// Classifies with a pooler.
fn bert_classes(more: Value) -> Fixture {
    let first: [(&str, &[usize]); 2] = [
        ("bert.embeddings.word_embeddings.weight", &[VOCAB, WIDTH]),
        ("classifier.weight", &[3, WIDTH]),
    ];
    Fixture::encoder(config(more), &first, &[], 1)
}

fn with_exits(pooling: &[(&str, &str)]) -> Fixture {
    Fixture::encoder(config(json!({})), &[("exit.0.weight", &[3, WIDTH])], pooling, 2)
}

/// Configuration, first tensors and metadata.
type Case<'a> = (Value, &'a [(&'a str, &'a [usize])], &'a [(&'a str, &'a str)]);

/// One network of every kind of head and family.
fn every_kind(which: usize, seed: u64) -> Fixture {
    let cases: [Case<'_>; 6] = [
        (config(json!({})), &[("classifier.weight", &[3, WIDTH])], &[]),
        (config(json!({})), &[("cls.predictions.transform.dense.weight", &[WIDTH, WIDTH])], &[]),
        (config(json!({})), &[("exit.0.weight", &[3, WIDTH])], &[("pooling", "mean")]),
        (roberta(), &[("lm_head.dense.weight", &[WIDTH, WIDTH])], &[]),
        (albert(), &[("predictions.dense.weight", &[4, WIDTH])], &[]),
        (config(json!({})), &[], &[]),
    ];
    let (config, first, metadata) = cases[which].clone();
    // The bias of a masked-language model may have either of two names.
    let mut first = first.to_vec();
    match which {
        1 => first.push(("cls.predictions.bias", &[VOCAB])),
        3 => first.push(("lm_head.bias", &[VOCAB])),
        4 => first.push(("predictions.bias", &[VOCAB])),
        _ => {}
    }
    Fixture::encoder(config, &first, metadata, seed)
}

fn read(model: &dyn LayeredModel, batch: &Batch, all: &[Stream], truths: &[u32]) -> Readouts {
    let depths: Vec<Depth> = (0..all.len()).map(|depth| Depth(depth as u16)).collect();
    let read: Vec<Stream> =
        all.iter().map(|stream| model.subjects(batch, stream).unwrap()).collect();
    let read: Vec<&Stream> = read.iter().collect();
    model.readout(&depths, &read, truths, &Job::unattended()).unwrap()
}

fn rows(model: &dyn LayeredModel, batch: &Batch) -> usize {
    match model.card().subject {
        Subject::Sample => batch.starts.len() - 1,
        Subject::Token | Subject::OwnToken => batch.ids.len(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn two_sequences_of_a_batch_are_each_as_if_alone(
        which in 0_usize..6, seed in 0_u64..1000, first in 1_usize..19, second in 1_usize..19,
    ) {
        let model = every_kind(which, seed).model();
        let model = model.as_ref();
        let ids: Vec<u32> = (0..first + second).map(|i| (i * 31 % VOCAB) as u32).collect();
        // RoBERTa has two positions fewer.
        let most = model.card().context;
        let (a, b) = ids.split_at(first);
        let (a, b) = (&a[..a.len().min(most)], &b[..b.len().min(most)]);
        let together = batch(&[a, b]);
        let all = streams(model, &together, Run::Full);
        let count = rows(model, &together);
        let got = read(model, &together, &all, &vec![NO_TOKEN; count]);
        let mut from = 0;
        for (part, begin) in [(batch(&[a]), 0), (batch(&[b]), a.len())] {
            let alone = streams(model, &part, Run::Full);
            for (whole, alone) in all.iter().zip(&alone) {
                for (x, y) in whole.hidden[begin * WIDTH..].iter().zip(&alone.hidden) {
                    prop_assert!((x - y).abs() <= 1e-5 * y.abs().max(1.0), "{x} {y}");
                }
            }
            let here = rows(model, &part);
            let alone = read(model, &part, &alone, &vec![NO_TOKEN; here]);
            for depth in 0..all.len() {
                for row in 0..here {
                    let (i, j) = (depth * count + from + row, depth * here + row);
                    let same = |x: f32, y: f32| (x.is_nan() && y.is_nan()) || (x - y).abs() < 1e-4;
                    prop_assert!(same(got.entropy[i], alone.entropy[j]));
                    prop_assert!(same(got.kl[i], alone.kl[j]));
                }
            }
            from += here;
        }
    }
}

/// Every number of an f32 tensor.
fn numbers(fixture: &Fixture, name: &str) -> Vec<f64> {
    let info = fixture.tensors.iter().find(|tensor| tensor.name == name).unwrap();
    let (numbers, _) = fixture.data[info.range.clone()].as_chunks::<4>();
    numbers.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
}

#[test]
fn exit_heads_read_the_mean_state_of_each_depth() {
    for pooling in ["mean", "cls"] {
        let fixture = with_exits(&[("pooling", pooling), ("labels", "0=no,1=maybe,2=yes")]);
        let model = fixture.clone().model();
        let card = model.card();
        assert_eq!((card.subject, card.outputs, card.vocab), (Subject::Sample, 3, VOCAB));
        assert_eq!(card.classes, ["no", "maybe", "yes"]);
        let batch = batch(&[&[1, 2, 3, 4], &[5, 6]]);
        let all = streams(model.as_ref(), &batch, Run::Full);
        let got = read(model.as_ref(), &batch, &all, &[2, NO_TOKEN]);
        assert_eq!(got.max_prob.len(), 4 * 2);
        for (depth, stream) in all.iter().enumerate() {
            let weight = numbers(&fixture, &format!("exit.{depth}.weight"));
            let bias = numbers(&fixture, &format!("exit.{depth}.bias"));
            for (row, range) in [0..4, 4..6].into_iter().enumerate() {
                let tokens =
                    if pooling == "mean" { range.clone() } else { range.start..range.start + 1 };
                let state = |at: usize| {
                    let values = tokens.clone().map(|t| f64::from(stream.hidden[t * WIDTH + at]));
                    values.sum::<f64>() / tokens.len() as f64
                };
                let logits: Vec<f64> = weight
                    .chunks(WIDTH)
                    .zip(&bias)
                    .map(|(w, b)| {
                        w.iter().enumerate().map(|(at, w)| w * state(at)).sum::<f64>() + b
                    })
                    .collect();
                let sum: f64 = logits.iter().map(|z| z.exp()).sum();
                let best = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let at = depth * 2 + row;
                assert!((f64::from(got.max_prob[at]) - best.exp() / sum).abs() < 1e-5);
                if row == 0 {
                    assert!((f64::from(got.nll[at]) - (sum.ln() - logits[2])).abs() < 1e-5);
                } else {
                    assert!(got.nll[at].is_nan());
                }
                assert_eq!(got.top_ids[at][3..], [NO_TOKEN; 2]);
            }
        }
    }
}

#[test]
fn old_names_and_a_bare_body_give_the_same_numbers() {
    let new = bert_classes(json!({}));
    let mut old = Fixture::new("Hugging Face folder", "made/up".as_ref(), config(json!({})));
    for tensor in &new.tensors {
        let name = tensor.name.strip_prefix("bert.").unwrap_or(&tensor.name);
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        let name = name.replace("LayerNorm.bias", "LayerNorm.beta");
        let bytes = new.data[tensor.range.clone()].to_vec();
        old.push(&name, &tensor.shape, DType::F32, &bytes);
    }
    let batch = batch(&[&[1, 2, 3]]);
    let (new, old) = (new.model(), old.model());
    let all = streams(new.as_ref(), &batch, Run::Full);
    assert_eq!(all, streams(old.as_ref(), &batch, Run::Full));
    let (new, old) =
        (read(new.as_ref(), &batch, &all, &[1]), read(old.as_ref(), &batch, &all, &[1]));
    // NaN fills up what two classes do not have.
    assert_eq!(format!("{new:?}"), format!("{old:?}"));
}

#[test]
fn padding_inside_a_text_of_roberta_stands_at_its_own_place() {
    let model = every_kind(3, 4).model();
    let depth_0 = |ids: &[u32]| model.begin(&batch(&[ids])).unwrap().hidden;
    let (plain, padded) = (depth_0(&[5, 6, 7]), depth_0(&[5, 1, 6, 7]));
    assert_eq!(plain[..WIDTH], padded[..WIDTH]);
    assert_eq!(plain[WIDTH..], padded[2 * WIDTH..]);
}

#[test]
fn albert_uses_its_one_block_at_every_layer() {
    let fixture = every_kind(4, 5);
    let card = card(&fixture, None).unwrap();
    let block = 4 * (8 * 8 + 8) + 2 * 8 * 12 + 12 + 8 + 4 * 8;
    let input = (VOCAB + 20 + 2) * 4 + 2 * 4 + 8 * 4 + 8;
    let head = 4 * 8 + 4 + 2 * 4 + VOCAB;
    assert_eq!(card.parameters, (block + input + head) as u64);
    let model = fixture.model();
    let batch = batch(&[&[1, 2]]);
    let begun = model.begin(&batch).unwrap();
    let run = |layer: u16| {
        let mut stream = begun.clone();
        model.block(Layer(layer), Run::Full, &batch, &mut stream, &mut NoProbe).unwrap();
        stream
    };
    assert_eq!(run(0), run(2));
    assert_ne!(run(0), begun);
    let mut stream = begun.clone();
    let far = model.block(Layer(3), Run::Full, &batch, &mut stream, &mut NoProbe);
    assert!(far.unwrap_err().to_string().contains("the block is 3, but must be below 3"));
}

#[test]
fn what_would_change_a_number_is_refused_by_name() {
    for (more, words) in [
        (json!({"hidden_act": "silu"}), "`hidden_act` is \"silu\", but only gelu"),
        (json!({"position_embedding_type": "relative_key"}), "`position_embedding_type`"),
        (json!({"is_decoder": true}), "`is_decoder` is true"),
        (json!({"problem_type": "regression"}), "`problem_type` is \"regression\""),
        (json!({"num_attention_heads": 3}), "number of attention heads"),
        (json!({"num_labels": 1}), "`number of classes` is 1"),
        (json!({"id2label": {"0": "a", "2": "b"}}), "`id2label`"),
        (json!({"id2label": {"0": "a", "1": "b"}}), "asks for [2, 8]"),
        (json!({"quantization_config": {}}), "`quantization_config`"),
        (json!({"some_new_key": 3}), "a key `some_new_key` = 3"),
        (json!({"layer_norm_eps": 0}), "`layer_norm_eps` is 0"),
        (json!({"vocab_size": null}), "has no `vocab_size`"),
        (json!({"model_type": "albert", "num_hidden_groups": 2}), "`num_hidden_groups` is 2"),
    ] {
        let mut fixture = bert_classes(json!({}));
        fixture.config.extend(more.as_object().unwrap().clone());
        let text = card(&fixture, None).unwrap_err().to_string();
        assert!(text.contains(words), "{more}: {text}");
    }
    let harmless = json!({"output_past": true, "num_labels": 3, "hidden_dropout_prob": 0.1, "classifier_dropout": null, "use_cache": true,
        "id2label": {"0": "a", "1": "b", "2": "c"}, "gradient_checkpointing": false});
    let mut fixture = bert_classes(json!({}));
    fixture.config.extend(harmless.as_object().unwrap().clone());
    assert_eq!(card(&fixture, None).unwrap().classes, ["a", "b", "c"]);
}

#[test]
fn exit_heads_have_to_say_what_they_read() {
    for (metadata, found) in [(&[][..], "absent"), (&[("pooling", "max")], "max")] {
        let mut fixture = with_exits(&[("pooling", "mean")]);
        fixture.metadata =
            metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let text = card(&fixture, None).unwrap_err().to_string();
        assert!(
            text.contains("pooling") && text.contains(found) && text.contains("mean or cls"),
            "{text}"
        );
    }
    let mut fixture = with_exits(&[("pooling", "mean")]);
    fixture.remove("exit.3.bias");
    let text = card(&fixture, None).unwrap_err().to_string();
    assert_eq!(text, "the checkpoint has no tensor `exit.3.bias`");
}

#[test]
fn every_tensor_is_held_to_account_and_unused_heads_are_spare() {
    let mut fixture = with_exits(&[("pooling", "mean")]);
    for name in ["pooler.dense.weight", "cls.seq_relationship.bias", "classifier.weight"] {
        fixture.push(name, &[3, WIDTH], DType::F32, &[0; 4 * 3 * WIDTH]);
    }
    let card_of = |fixture: &Fixture| card(fixture, None);
    assert_eq!(
        card_of(&fixture).unwrap().readout,
        "an exit head at every depth, 3 classes, mean state"
    );
    fixture.push("encoder.layer.0.adapter.weight", &[1], DType::F32, &[0; 4]);
    let text = card_of(&fixture).unwrap_err().to_string();
    assert!(text.contains("`encoder.layer.0.adapter.weight` (F32 [1])"), "{text}");
    let mut fixture = bert_classes(json!({}));
    fixture.remove("bert.pooler.dense.weight");
    let text = card_of(&fixture).unwrap_err().to_string();
    assert_eq!(text, "the checkpoint has no tensor `bert.pooler.dense.weight`");
}

#[test]
fn a_request_that_makes_no_sense_is_an_error_and_no_panic() {
    let model = bert_classes(json!({})).model();
    let says = |error: crate::model::ModelError, words: &str| {
        let text = error.to_string();
        assert!(text.contains(words), "{text}");
    };
    let good = batch(&[&[1, 2], &[3]]);
    says(model.begin(&batch(&[&[30]])).unwrap_err(), "a token id is 30, but must be below 30");
    says(model.begin(&batch(&[&[1; 21]])).unwrap_err(), "context, 20 tokens");
    says(model.begin(&batch(&[&[1], &[]])).unwrap_err(), "a sequence is no token");
    let odd = |segments| Batch { segments, ..good.clone() };
    says(model.begin(&odd(vec![0, 2, 0])).unwrap_err(), "a segment is 2, but must be below 2");
    says(model.begin(&odd(vec![0])).unwrap_err(), "number of segments");
    says(model.begin(&Batch { pixels: vec![0.0], ..good.clone() }).unwrap_err(), "an image");
    let behind = Some(std::sync::Arc::new(crate::model::Cache::new(3, 8, 20)));
    says(model.begin(&Batch { behind, ..good.clone() }).unwrap_err(), "a shared start");
    let stream = model.begin(&good).unwrap();
    let read = |streams: &[&Stream], truths: &[u32]| {
        model.readout(&[Depth(0)], streams, truths, &Job::unattended()).unwrap_err()
    };
    says(read(&[&stream], &[0, 1]), "the stream");
    let states = model.subjects(&good, &stream).unwrap();
    says(read(&[&states], &[0, 3]), "the id of what is true is 3, but must be below 3");
    says(read(&[], &[0, 3]), "list of depths");
    assert!(model.begin(&batch(&[])).unwrap().hidden.is_empty());
}

#[test]
fn a_checkpoint_without_a_head_reads_nothing_out() {
    let model = every_kind(5, 6).model();
    let batch = batch(&[&[1, 2, 3]]);
    let all = streams(model.as_ref(), &batch, Run::Full);
    let got = read(model.as_ref(), &batch, &all, &[NO_TOKEN; 3]);
    assert!(got.max_prob.len() == 12 && got.max_prob.iter().all(|p| p.is_nan()));
    assert!(got.top_ids.iter().flatten().all(|id| *id == NO_TOKEN));
}
