//! Claims about the decoder on random networks, and about what is refused.

#![expect(clippy::cast_possible_truncation, reason = "sizes of test networks are small")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::checkpoint::{Checkpoint, DType};
use crate::job::{CancelSwitch, Job};
use crate::model::fixtures::{Fixture, batch, next_ids, readouts, small_config, streams};
use crate::model::{
    Batch, Cache, Depth, Layer, ModelError, NO_TOKEN, NoProbe, Point, Probe, Run, Stream, card,
    load,
};

fn with(key: &str, value: Value) -> Value {
    let mut config = small_config();
    config[key] = value;
    config
}

/// The one sentence of what is wrong with a checkpoint.
fn complaint(fixture: &Fixture) -> String {
    card(fixture, None).unwrap_err().to_string()
}

fn complaint_about(key: &str, value: Value) -> String {
    let mut fixture = Fixture::small();
    fixture.config.insert(key.to_owned(), value);
    complaint(&fixture)
}

prop_compose! {
    fn any_config()(
        kv in 1_usize..3, share in 1_usize..3, half in 1_usize..5, free_dim in any::<bool>(),
        layers in 1_usize..4, ffn in 1_usize..20, vocab in 1_usize..60, tied in any::<bool>(),
        scaling in 0_usize..3,
    ) -> Value {
        let heads = kv * share;
        let mut config = json!({
            "model_type": "llama", "hidden_size": if free_dim { 9 } else { heads * 2 * half },
            "intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": kv, "vocab_size": vocab, "max_position_embeddings": 100,
            "tie_word_embeddings": tied, "head_dim": 2 * half,
        });
        match scaling {
            0 => {}
            1 => config["rope_scaling"] = json!({"type": "linear", "factor": 2.0}),
            _ => config["rope_parameters"] = json!({
                "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
            }),
        }
        config
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn two_sequences_of_a_batch_are_each_as_if_alone(
        config in any_config(), seed in 0_u64..1000, first in 1_usize..70, second in 1_usize..40,
    ) {
        let vocab = config["vocab_size"].as_u64().unwrap() as usize;
        let model = Fixture::llama(config, seed).model();
        let ids: Vec<u32> = (0..first + second).map(|i| (i * 31 % vocab) as u32).collect();
        let (a, b) = ids.split_at(first);
        let together = batch(&[a, b]);
        let all = streams(model.as_ref(), &together, Run::Full);
        let read = readouts(model.as_ref(), &together, &all);
        for (part, from) in [(batch(&[a]), 0), (batch(&[b]), first)] {
            let alone = streams(model.as_ref(), &part, Run::Full);
            for (whole, alone) in all.iter().zip(&alone) {
                let rows = whole.hidden[from * whole.width..].iter().zip(&alone.hidden);
                for (x, y) in rows {
                    prop_assert!((x - y).abs() <= 1e-5 * y.abs().max(1.0), "{x} {y}");
                }
            }
            let alone = readouts(model.as_ref(), &part, &alone);
            let count = part.ids.len();
            for depth in 0..all.len() {
                for token in 0..count {
                    let (i, j) = (depth * (first + second) + from + token, depth * count + token);
                    prop_assert!((read.entropy[i] - alone.entropy[j]).abs() < 1e-4);
                    prop_assert!((read.kl[i] - alone.kl[j]).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn a_block_is_the_sum_of_what_its_probe_sees(config in any_config(), seed in 0_u64..1000) {
        let vocab = config["vocab_size"].as_u64().unwrap() as u32;
        let model = Fixture::llama(config, seed).model();
        let ids: Vec<u32> = (0..9).map(|i| i * 5 % vocab).collect();
        let batch = batch(&[&ids]);
        for run in [Run::Full, Run::SkipAttn, Run::SkipMlp, Run::SkipBlock] {
            let before = model.begin(&batch).unwrap();
            let (mut after, mut seen) = (before.clone(), Seen::default());
            model.block(Layer(0), run, &batch, &mut after, &mut seen).unwrap();
            let mut sum = before.hidden.clone();
            for (point, values) in &seen.0 {
                match point {
                    Point::AttnOut | Point::MlpOut => {
                        for (s, v) in sum.iter_mut().zip(values) { *s += v; }
                    }
                    Point::ResidPre => prop_assert_eq!(values, &before.hidden),
                    Point::ResidMid | Point::ResidPost => prop_assert_eq!(values, &sum),
                    Point::AttnColumns | Point::Router => {}
                }
            }
            prop_assert_eq!(&sum, &after.hidden);
            let points: Vec<Point> = seen.0.iter().map(|(point, _)| *point).collect();
            prop_assert_eq!(points.contains(&Point::AttnOut), matches!(run, Run::Full | Run::SkipMlp));
            prop_assert_eq!(points.contains(&Point::MlpOut), matches!(run, Run::Full | Run::SkipAttn));
            if run == Run::SkipBlock { prop_assert_eq!(after, before); }
        }
    }

    #[test]
    fn a_readout_is_the_softmax_of_the_plain_logits(config in any_config(), seed in 0_u64..99) {
        let tied = config["tie_word_embeddings"] == true;
        let eps = 1e-6_f64;
        let fixture = Fixture::llama(config, seed);
        let floats = |name: &str| -> Vec<f64> {
            fixture.floats(name).into_iter().map(f64::from).collect()
        };
        let norm = floats("model.norm.weight");
        let head = floats(if tied { "model.embed_tokens.weight" } else { "lm_head.weight" });
        let vocab = head.len() / norm.len();
        let model = fixture.model();
        let ids: Vec<u32> = (0..12).map(|i| (i * 7 % vocab) as u32).collect();
        let batch = batch(&[&ids]);
        let all = streams(model.as_ref(), &batch, Run::Full);
        let got = readouts(model.as_ref(), &batch, &all);
        // ln p of one token at one depth.
        let readout = |row: &[f32]| -> Vec<f64> {
            let squares: f64 = row.iter().map(|h| f64::from(*h).powi(2)).sum();
            let scale = (squares / row.len() as f64 + eps).sqrt().recip();
            let logits: Vec<f64> = head.chunks(norm.len()).map(|w| {
                row.iter().zip(&norm).zip(w).map(|((h, n), w)| f64::from(*h) * scale * n * w).sum()
            }).collect();
            let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let lse = max + logits.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
            logits.into_iter().map(|z| z - lse).collect()
        };
        let near = |got: f32, want: f64| (f64::from(got) - want).abs() < 1e-4;
        for token in 0..ids.len() {
            let mut before: Option<Vec<f64>> = None;
            for (depth, stream) in all.iter().enumerate() {
                let at = depth * ids.len() + token;
                let own = readout(&stream.hidden[token * stream.width..][..stream.width]);
                let max = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(near(got.max_prob[at], max.exp()));
                match next_ids(&batch)[token] {
                    NO_TOKEN => prop_assert!(got.nll[at].is_nan()),
                    id => prop_assert!(near(got.nll[at], -own[id as usize])),
                }
                if let Some(before) = before {
                    let pairs = || own.iter().zip(&before);
                    let kl = pairs().map(|(p, q)| p.exp() * (p - q)).sum::<f64>();
                    let squares = pairs().map(|(p, q)| (p.exp() - q.exp()).powi(2)).sum::<f64>();
                    prop_assert!(near(got.kl_prev[at], kl));
                    prop_assert!(near(got.prob_step[at], squares.sqrt()));
                }
                before = Some(own);
            }
            prop_assert_eq!(got.kl[(all.len() - 1) * ids.len() + token], 0.0);
        }
    }
}

/// Everything that a probe can see.
#[derive(Default)]
struct Seen(Vec<(Point, Vec<f32>)>);

impl Probe for Seen {
    fn wants(&self, _: Point, _: Layer) -> bool {
        true
    }

    fn see(&mut self, point: Point, _: Layer, values: &[f32]) {
        self.0.push((point, values.to_vec()));
    }
}

#[test]
fn the_card_says_what_the_header_says() {
    let card = card(&Fixture::small(), None).unwrap();
    assert_eq!((card.layers, card.width, card.vocab, card.context), (3, 16, 50, 64));
    assert_eq!((card.heads, card.kv_heads, card.head_dim, card.ffn_width), (4, 2, 4, 24));
    assert_eq!((card.family.as_str(), card.tokenizer.as_str()), ("Llama", "none"));
    assert_eq!(card.types, "F32 x 30");
    let block = 2 * 16 + 2 * 16 * 16 + 2 * 8 * 16 + 3 * 24 * 16;
    assert_eq!(card.parameters, 2 * 50 * 16 + 16 + 3 * block);
    // q, k, v, o; scores and values of 10 keys; three matrices of the feed-forward sublayer.
    let flops = 2 * 16 * (16 + 8 + 8 + 16) + 4 * 10 * 16 + 6 * 16 * 24;
    assert_eq!(card.flops_fixed() + 10.0 * card.flops_per_key(), f64::from(flops));
    assert_eq!(card.flops_per_readout(), 1600.0);
}

#[test]
fn another_family_is_refused_with_what_is_supported() {
    let text = complaint_about("architectures", json!(["BloomForCausalLM"]));
    assert_eq!(
        text,
        "the architecture `BloomForCausalLM` is not supported; supported are Llama, SmolLM, TinyLlama, \
         Mistral, Mixtral, Qwen2, Qwen2.5, Qwen3, Gemma 2, Gemma 3 (text), Phi-3, OLMo 2, GPT-2, GPT-NeoX, \
         Pythia, BERT, MiniLM, RoBERTa, XLM-RoBERTa, DistilBERT, ALBERT, ViT"
    );
    assert!(complaint_about("model_type", json!("gemma2")).contains("not supported"));
    for architecture in ["falcon", "olmo2"] {
        let gguf = json!({"general.architecture": architecture});
        let text = complaint(&Fixture::new("GGUF", "x".as_ref(), gguf));
        assert!(text.contains(&format!("`{architecture}` is not supported; supported are Llama")));
    }
    let nothing = Fixture::new("Hugging Face folder", "x".as_ref(), json!({}));
    assert!(complaint(&nothing).contains("(none named)"));
}

#[test]
fn what_would_change_a_number_is_refused_by_name() {
    for (key, value, words) in [
        ("hidden_act", json!("gelu"), "`hidden_act` is \"gelu\", but only \"silu\""),
        ("attention_bias", json!(true), "`attention_bias` is true, but only false"),
        ("mlp_bias", json!(true), "`mlp_bias` is true"),
        ("pretraining_tp", json!(2), "`pretraining_tp` is 2"),
        ("partial_rotary_factor", json!(0.5), "`partial_rotary_factor` is 0.5"),
        ("quantization_config", json!({"bits": 4}), "`quantization_config`"),
        ("num_local_experts", json!(8), "`num_local_experts` is 8"),
        ("sliding_window", json!(8), "sliding window 8"),
        ("logit_scale", json!(0.1), "a key `logit_scale` = 0.1 that this version does not know"),
        (
            "rope_scaling",
            json!({"rope_type": "yarn", "factor": 2.0}),
            "`rope_scaling.rope_type` is \"yarn\"",
        ),
        ("rope_scaling", json!({"type": "linear"}), "has no `rope_scaling.factor`"),
        ("rope_scaling", json!({"factor": 2.0}), "has no `rope_scaling.rope_type`"),
        ("rope_scaling", json!({"type": "linear", "factor": 2.0, "odd": 1}), "`rope_scaling.odd`"),
        ("rope_theta", json!(0), "`rope_theta` is 0"),
        ("hidden_size", json!(0), "`hidden_size` is 0"),
        ("hidden_size", json!(-16), "`hidden_size` is -16"),
        ("hidden_size", json!("16"), "`hidden_size` is \"16\""),
        ("hidden_size", json!(u64::MAX), "`hidden_size` is 18446744073709551615"),
        ("hidden_size", json!(18), "number of attention heads"),
        ("num_key_value_heads", json!(3), "`number of key/value heads` is 3"),
        ("num_key_value_heads", json!(8), "number of key/value heads"),
        ("num_hidden_layers", json!(5000), "number of blocks"),
        ("head_dim", json!(3), "width of a head"),
        ("vocab_size", json!(null), "has no `vocab_size`"),
        ("architectures", json!("LlamaForCausalLM"), "`architectures`"),
    ] {
        let text = complaint_about(key, value);
        assert!(text.contains(words), "{key}: {text}");
    }
}

#[test]
fn what_changes_no_number_is_passed_over() {
    for (key, value) in [
        ("sliding_window", json!(64)),
        ("sliding_window", json!(null)),
        ("use_cache", json!(true)),
        ("rope_scaling", json!({"rope_type": "default"})),
        ("rope_parameters", json!({"rope_type": "default", "rope_theta": 10000.0})),
        ("some_future_key", json!(null)),
        ("layer_types", json!(["full_attention"])),
    ] {
        let fixture = Fixture::llama(with(key, value), 7);
        assert!(card(&fixture, None).is_ok(), "{key}: {}", complaint(&fixture));
    }
}

#[test]
fn a_mistral_without_a_word_about_its_window_has_one() {
    let mut config = with("max_position_embeddings", json!(32768));
    config["model_type"] = json!("mistral");
    config["architectures"] = json!(["MistralForCausalLM"]);
    let windows = |config: &Value| card(&Fixture::llama(config.clone(), 7), None).unwrap().windows;
    assert_eq!(windows(&config), [Some(4096); 3]);
    config["sliding_window"] = json!(null);
    assert_eq!(windows(&config), [None; 3]);
    config["sliding_window"] = json!(9);
    assert_eq!(windows(&config), [Some(9); 3]);
}

#[test]
fn every_tensor_is_held_to_account() {
    let mut fixture = Fixture::small();
    fixture.remove("model.layers.2.mlp.up_proj.weight");
    assert_eq!(
        complaint(&fixture),
        "the checkpoint has no tensor `model.layers.2.mlp.up_proj.weight`"
    );
    let mut fixture = Fixture::small();
    fixture.push("model.layers.0.self_attn.q_proj.bias", &[1], DType::F32, &[0; 4]);
    assert!(complaint(&fixture).contains("`model.layers.0.self_attn.q_proj.bias` (F32 [1])"));
    let mut fixture = Fixture::small();
    fixture.push("model.layers.0.self_attn.rotary_emb.inv_freq", &[1], DType::F32, &[0; 4]);
    assert!(card(&fixture, None).is_ok());
    let text = complaint_about("vocab_size", json!(51));
    assert_eq!(
        text,
        "tensor `model.embed_tokens.weight` has shape [50, 16], but the configuration asks for [51, 16]"
    );
}

#[test]
fn a_stored_copy_of_a_tied_head_is_spare() {
    let mut fixture = Fixture::small();
    fixture.config.insert("tie_word_embeddings".to_owned(), json!(true));
    let tied = card(&fixture, None).unwrap();
    let untied = card(&Fixture::small(), None).unwrap();
    assert_eq!(tied.parameters + 50 * 16, untied.parameters);
}

#[test]
fn nan_weights_are_opened_with_a_note_that_names_them() {
    let mut fixture = Fixture::small();
    fixture.poke("model.layers.1.mlp.up_proj.weight", 5, f32::NAN);
    fixture.poke("model.norm.weight", 0, f32::INFINITY);
    let checkpoint: Arc<dyn Checkpoint> = Arc::new(fixture);
    let (model, notes) = load(&checkpoint, None, &Job::unattended()).unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(
        notes[0].what,
        "Weights are NaN or infinite in `model.norm.weight` and one more tensor."
    );
    let batch = batch(&[&[1, 2, 3]]);
    let all = streams(model.as_ref(), &batch, Run::Full);
    assert!(readouts(model.as_ref(), &batch, &all).max_prob.iter().all(|p| p.is_nan()));
}

#[test]
fn loading_reports_every_tensor_and_ends_when_cancelled() {
    let checkpoint: Arc<dyn Checkpoint> = Arc::new(Fixture::small());
    let (switch, seen) = (CancelSwitch::default(), Arc::new(AtomicU64::new(0)));
    let (inner, count) = (switch.clone(), Arc::clone(&seen));
    let job = Job::new(switch, move |progress| {
        assert_eq!((progress.total, progress.unit), (30, "tensors"));
        if count.fetch_add(1, Ordering::Relaxed) == 4 {
            inner.cancel();
        }
    });
    let end = load(&checkpoint, None, &job).err().unwrap();
    assert!(matches!(end, ModelError::Cancelled(_)));
    assert_eq!(seen.load(Ordering::Relaxed), 5);
}

#[test]
fn a_request_that_makes_no_sense_is_an_error_and_no_panic() {
    let model = Fixture::small().model();
    let says = |error: ModelError, words: &str| {
        let text = error.to_string();
        assert!(text.contains(words), "{text}");
    };
    let made = |ids: Vec<u32>, starts: Vec<usize>| Batch { ids, starts, ..Batch::default() };
    says(model.begin(&batch(&[&[50]])).unwrap_err(), "a token id is 50, but must be below 50");
    says(model.begin(&made(vec![1], vec![0])).unwrap_err(), "sequence starts");
    says(model.begin(&made(vec![1, 2], vec![0, 3, 2])).unwrap_err(), "sequence starts");
    says(model.begin(&made(vec![1], vec![])).unwrap_err(), "sequence starts");
    says(model.begin(&batch(&[&[1; 65]])).unwrap_err(), "context, 64 tokens");
    let shared = |cache| Batch { behind: Some(Arc::new(cache)), ..batch(&[&[1; 63]]) };
    says(
        model.begin(&shared(Cache::new(3, 7, 64))).unwrap_err(),
        "the cache is of another network",
    );
    let mut cache = model.cache().unwrap();
    let mut start = model.begin_step(&[1, 2], &cache).unwrap();
    for layer in 0..3 {
        model.step(Layer(layer), &mut cache, &mut start, &mut NoProbe).unwrap();
    }
    says(model.begin(&shared(cache)).unwrap_err(), "the longest sequence is 65 tokens");
    let good = batch(&[&[1, 2]]);
    let mut stream = model.begin(&good).unwrap();
    let job = Job::unattended();
    let far = model.block(Layer(3), Run::Full, &good, &mut stream, &mut NoProbe);
    says(far.unwrap_err(), "the block is 3, but must be below 3");
    let read = |depths: &[Depth], streams: &[&Stream], next: &[u32]| {
        model.readout(depths, streams, next, &job).unwrap_err()
    };
    says(read(&[Depth(4)], &[&stream], &[1, 2]), "list of depths");
    says(read(&[Depth(0), Depth(1)], &[&stream], &[1, 2]), "list of depths");
    says(read(&[Depth(0)], &[&stream], &[1]), "the stream");
    says(read(&[Depth(0)], &[&stream], &[1, 50]), "the id of a next token is 50");
    let narrow = Stream { hidden: vec![0.0; 32], width: 8 };
    says(read(&[Depth(0)], &[&narrow], &[1, 2]), "the stream");
    assert!(model.begin(&batch(&[])).unwrap().hidden.is_empty());
    assert!(model.readout(&[], &[], &[], &job).unwrap().kl.is_empty());
}

#[test]
fn what_compares_depths_is_absent_without_the_other_one() {
    let model = Fixture::small().model();
    let batch = batch(&[&[4, 5, 6]]);
    let all = streams(model.as_ref(), &batch, Run::Full);
    let some = [&all[0], &all[2]];
    let next = next_ids(&batch);
    let got = model.readout(&[Depth(0), Depth(2)], &some, &next, &Job::unattended()).unwrap();
    assert!(got.kl.iter().chain(&got.kl_prev).chain(&got.prob_step).all(|value| value.is_nan()));
    assert!(got.entropy.iter().all(|entropy| entropy.is_finite()));
}
