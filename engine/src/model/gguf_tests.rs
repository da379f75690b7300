//! Every GGUF architecture against the same weights in Hugging Face's spelling.

use std::fs;
use std::sync::Arc;

use serde_json::json;

use crate::checkpoint::{self, Checkpoint, DType, GgufWriter};
use crate::job::Job;
use crate::model::fixtures::{Fixture, batch, config_of, readouts, streams};
use crate::model::{LayeredModel, Run, card, load};

/// Hugging Face's names, and llama.cpp's.
const NAMES: &[(&str, &str)] = &[
    ("model.embed_tokens", "token_embd"),
    ("model.norm", "output_norm"),
    ("lm_head", "output"),
    ("model.layers.", "blk."),
    ("input_layernorm", "attn_norm"),
    ("block_sparse_moe.gate", "ffn_gate_inp"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.qkv_proj", "attn_qkv"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.gate_up_proj", "ffn_up"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("transformer.wte", "token_embd"),
    ("transformer.wpe", "position_embd"),
    ("transformer.ln_f", "output_norm"),
    ("transformer.h.", "blk."),
    ("ln_1", "attn_norm"),
    ("attn.c_attn", "attn_qkv"),
    ("attn.c_proj", "attn_output"),
    ("ln_2", "ffn_norm"),
    ("mlp.c_fc", "ffn_up"),
    ("mlp.c_proj", "ffn_down"),
    ("embeddings.word_embeddings", "token_embd"),
    ("embeddings.position_embeddings", "position_embd"),
    ("embeddings.token_type_embeddings", "token_types"),
    ("embeddings.LayerNorm", "token_embd_norm"),
    ("encoder.layer.", "blk."),
    ("attention.self.query", "attn_q"),
    ("attention.self.key", "attn_k"),
    ("attention.self.value", "attn_v"),
    ("attention.output.dense", "attn_output"),
    ("attention.output.LayerNorm", "attn_output_norm"),
    ("intermediate.dense", "ffn_up"),
    ("output.dense", "ffn_down"),
    ("output.LayerNorm", "layer_output_norm"),
];

/// A key of a GGUF file without its architecture.
#[derive(Debug, Clone, Copy)]
enum Key {
    Whole(&'static str, u32),
    Float(&'static str, f32),
    Flag(&'static str, bool),
}

/// Sizes of `config_of`, as llama.cpp's converter writes them.
const SIZES: [Key; 8] = [
    Key::Whole("context_length", 64),
    Key::Whole("embedding_length", 16),
    Key::Whole("block_count", 3),
    Key::Whole("feed_forward_length", 24),
    Key::Whole("attention.head_count", 4),
    Key::Whole("attention.head_count_kv", 2),
    Key::Whole("attention.key_length", 6),
    Key::Whole("attention.value_length", 6),
];

const RMS: Key = Key::Float("attention.layer_norm_rms_epsilon", 1e-3);
const BASE: Key = Key::Float("rope.freq_base", 500.0);

/// One tensor as the converter of an architecture stores it: shape and numbers.
fn stored(
    fixture: &Fixture,
    architecture: &str,
    name: &str,
    shape: &[usize],
) -> (Vec<usize>, Vec<f32>) {
    let mut values = fixture.floats(name);
    let is_norm = name.ends_with("norm.weight");
    match (architecture, shape) {
        ("gemma2" | "gemma3", _) if is_norm => {
            for value in &mut values {
                *value += 1.0;
            }
        }
        // Conv1D.
        ("gpt2", &[rows, cols]) if name.contains(".h.") => {
            let turned = (0..cols).flat_map(|c| (0..rows).map(move |r| (r, c)));
            let values = turned.map(|(r, c)| values[r * cols + c]).collect();
            return (vec![cols, rows], values);
        }
        // Pairs of rotary numbers become neighbours.
        ("llama", &[rows, cols]) if name.contains("q_proj") || name.contains("k_proj") => {
            let dim = 6;
            let from = |row: usize| {
                let (head, at) = (row / dim, row % dim);
                head * dim + (at % 2) * (dim / 2) + at / 2
            };
            let values =
                (0..rows).flat_map(|row| &values[from(row) * cols..][..cols]).copied().collect();
            return (shape.to_vec(), values);
        }
        _ => {}
    }
    (shape.to_vec(), values)
}

/// The experts of each block in one tensor.
fn stacked(fixture: &Fixture) -> Fixture {
    let mut out = fixture.clone();
    for (short, long) in [("w1", "ffn_gate_exps"), ("w2", "ffn_down_exps"), ("w3", "ffn_up_exps")] {
        for layer in 0..3 {
            let name = |expert: usize| {
                format!("model.layers.{layer}.block_sparse_moe.experts.{expert}.{short}.weight")
            };
            let there = |expert: &usize| fixture.tensors.iter().any(|t| t.name == name(*expert));
            let names: Vec<String> = (0..5).filter(there).map(name).collect();
            let Some(first) = names.first() else { continue };
            let shape = fixture.tensors.iter().find(|t| t.name == *first).unwrap().shape.clone();
            let values: Vec<f32> = names.iter().flat_map(|name| fixture.floats(name)).collect();
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let shape = [&[names.len()], &shape[..]].concat();
            out.push(&format!("model.layers.{layer}.{long}.weight"), &shape, DType::F32, &bytes);
            for name in &names {
                out.remove(name);
            }
        }
    }
    out
}

/// The file that llama.cpp's converter would make.
fn converted(fixture: &Fixture, architecture: &str, keys: &[Key]) -> Vec<u8> {
    let tensors = stacked(fixture).tensors.len() as u64;
    let mut file = GgufWriter::new(tensors, keys.len() as u64 + 1)
        .key_text("general.architecture", architecture);
    for key in keys {
        file = match *key {
            Key::Whole(name, value) => file.key_u32(&format!("{architecture}.{name}"), value),
            Key::Float(name, value) => file.key_f32(&format!("{architecture}.{name}"), value),
            Key::Flag(name, value) => file.key_flag(&format!("{architecture}.{name}"), value),
        };
    }
    let (mut offset, mut all) = (0_u64, Vec::new());
    let fixture = &stacked(fixture);
    for tensor in &fixture.tensors {
        let (shape, values) = stored(fixture, architecture, &tensor.name, &tensor.shape);
        let mut name = tensor.name.clone();
        // One name means two things: before the feed-forward sublayer, or after attention.
        let after =
            if architecture.starts_with("gemma") { "post_attention_norm" } else { "ffn_norm" };
        name = name.replace("post_attention_layernorm", after);
        for (hugging_face, gguf) in NAMES {
            name = name.replace(hugging_face, gguf);
        }
        let axes: Vec<u64> = shape.iter().rev().map(|axis| *axis as u64).collect();
        file = file.tensor(&name, &axes, 0, offset);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        offset = (offset + bytes.len() as u64).next_multiple_of(32);
        all.push(bytes);
    }
    all.iter().fold(file, |file, bytes| file.weights(bytes)).0
}

fn opened(file: &[u8]) -> Arc<dyn Checkpoint> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.gguf");
    fs::write(&path, file).unwrap();
    checkpoint::open(&path).unwrap()
}

/// Both networks say the same at every depth.
fn check(kind: &str, config: serde_json::Value, architecture: &str, keys: &[Key]) {
    let fixture = Fixture::random(config, 11);
    let file = opened(&converted(&fixture, architecture, keys));
    let gguf = load(&file, None, &Job::unattended()).unwrap().0;
    let model = fixture.model();
    assert_eq!(gguf.card().parameters, model.card().parameters, "{kind}");
    assert_eq!(gguf.card().points, model.card().points, "{kind}");
    assert_eq!(gguf.card().windows, model.card().windows, "{kind}");
    let batch = batch(&[&[3, 9, 27, 1, 3, 9, 33, 19, 17, 11, 0, 39], &[2, 6, 18, 14, 5]]);
    let said = |model: &dyn LayeredModel| {
        let all = streams(model, &batch, Run::Full);
        let read = readouts(model, &batch, &all);
        let hidden = all.into_iter().flat_map(|stream| stream.hidden);
        let read = [read.max_prob, read.entropy, read.kl].concat();
        hidden.chain(read).collect::<Vec<f32>>()
    };
    let (got, want) = (said(gguf.as_ref()), said(model.as_ref()));
    let off = got.iter().zip(&want).map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
    let worst = off.fold(0.0, f32::max);
    assert!(worst <= 2e-5, "{kind} is off by {worst}");
}

#[test]
fn a_converted_file_says_what_the_folder_says() {
    let with = |more: &[Key]| [&SIZES[..], more].concat();
    check("llama", config_of("llama"), "llama", &with(&[RMS, BASE, Key::Whole("vocab_size", 40)]));
    let mut config = config_of("mixtral");
    config["sliding_window"] = json!(null);
    let experts = [Key::Whole("expert_count", 5), Key::Whole("expert_used_count", 2)];
    check("mixtral", config, "llama", &with(&[RMS, BASE, experts[0], experts[1]]));
    let mut config = config_of("qwen2");
    config["use_sliding_window"] = json!(false);
    check("qwen2", config, "qwen2", &with(&[RMS, BASE]));
    let mut config = config_of("qwen3");
    config["tie_word_embeddings"] = json!(true);
    config["layer_types"] = json!(["full_attention", "full_attention", "full_attention"]);
    check("qwen3", config, "qwen3", &with(&[RMS, BASE]));
    let phi3 = [
        RMS,
        BASE,
        Key::Whole("rope.dimension_count", 4),
        Key::Whole("rope.scaling.original_context_length", 64),
        Key::Whole("attention.sliding_window", 7),
    ];
    check("phi3", config_of("phi3"), "phi3", &with(&phi3));
    let gpt2 = [SIZES[0], SIZES[1], SIZES[2], SIZES[3], SIZES[4]];
    let eps = Key::Float("attention.layer_norm_epsilon", 1e-3);
    check("gpt2", config_of("gpt2"), "gpt2", &[&gpt2[..], &[eps]].concat());
}

#[test]
fn a_converted_gemma_scales_its_scores_by_what_its_size_says() {
    let with = |more: &[Key]| [&SIZES[..], more].concat();
    let mut config = config_of("gemma2");
    config["query_pre_attn_scalar"] = json!(6);
    config["rope_theta"] = json!(10000.0);
    let window = Key::Whole("attention.sliding_window", 5);
    let caps =
        [Key::Float("attn_logit_softcapping", 1.5), Key::Float("final_logit_softcapping", 2.5)];
    check("gemma2", config.clone(), "gemma2", &with(&[RMS, window, caps[0], caps[1]]));
    let mut bare = config.clone();
    bare["sliding_window"] = json!(4096);
    bare["attn_logit_softcapping"] = json!(50.0);
    bare["final_logit_softcapping"] = json!(30.0);
    check("gemma2 bare", bare, "gemma2", &with(&[RMS]));

    // With the number of blocks of the model of 27 billion weights: the width over the heads.
    config["num_hidden_layers"] = json!(46);
    config["query_pre_attn_scalar"] = json!(4);
    let mut large = with(&[RMS, window, caps[0], caps[1]]);
    large[2] = Key::Whole("block_count", 46);
    check("gemma2 27B", config, "gemma2", &large);

    let mut config = config_of("gemma3_text");
    config["query_pre_attn_scalar"] = json!(6);
    config["sliding_window_pattern"] = json!(6);
    config["num_hidden_layers"] = json!(7);
    let gemma3 = [
        RMS,
        BASE,
        window,
        Key::Float("rope.scaling.factor", 2.0),
        Key::Float("rope.freq_base_swa", 30.0),
    ];
    let mut keys = with(&gemma3);
    keys[2] = Key::Whole("block_count", 7);
    check("gemma3", config.clone(), "gemma3", &keys);

    // Without a word about the base of blocks with a window: ten thousand.
    config["rope_local_base_freq"] = json!(1e4);
    keys.pop();
    check("gemma3 bare", config, "gemma3", &keys);
}

#[test]
fn a_key_of_the_architecture_that_nobody_knows_is_refused() {
    for (kind, architecture, key, words) in [
        ("qwen2", "qwen2", Key::Float("rope.scaling.attn_factor", 1.2), "`qwen2.rope.scaling.attn"),
        ("qwen2", "qwen2", Key::Whole("expert_count", 4), "`qwen2.expert_count` is 4"),
        ("qwen2", "qwen2", Key::Whole("attention.sliding_window", 8), "`qwen2.attention.sliding"),
        ("llama", "llama", Key::Whole("rope.dimension_count", 4), "`llama.rope.dimension_count`"),
        ("phi3", "phi3", Key::Whole("rope.dimension_count", 5), "turned for its position"),
        ("gemma2", "gemma2", Key::Float("final_logit_softcapping", 0.0), "`gemma2.final_logit"),
        ("qwen3", "qwen3", Key::Float("attention.scale", 2.0), "`qwen3.attention.scale`"),
    ] {
        let fixture = Fixture::random(config_of(kind), 12);
        let keys = [&SIZES[..], &[RMS, BASE, key]].concat();
        let text = card(opened(&converted(&fixture, architecture, &keys)).as_ref(), None);
        let text = text.unwrap_err().to_string();
        assert!(text.contains(words), "{architecture}: {text}");
    }
    let fixture = Fixture::random(config_of("gemma3_text"), 12);
    let file = converted(&fixture, "gemma3", &[&SIZES[..], &[RMS]].concat());
    let text = card(opened(&file).as_ref(), None).unwrap_err().to_string();
    assert_eq!(text, "the configuration has no `gemma3.rope.freq_base`");
}

/// As the converter writes BERT.
const BERT: [Key; 8] = [
    Key::Whole("block_count", 3),
    Key::Whole("context_length", 20),
    Key::Whole("embedding_length", 8),
    Key::Whole("feed_forward_length", 12),
    Key::Whole("attention.head_count", 2),
    Key::Float("attention.layer_norm_epsilon", 1e-3),
    Key::Flag("attention.causal", false),
    Key::Whole("pooling_type", 1),
];

fn bert() -> Fixture {
    let config = json!({
        "model_type": "bert", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 3,
        "num_attention_heads": 2, "hidden_act": "gelu", "vocab_size": 40,
        "max_position_embeddings": 20, "type_vocab_size": 2, "layer_norm_eps": 1e-3,
    });
    Fixture::encoder(config, &[], &[], 13)
}

#[test]
fn a_converted_bert_is_the_folder_that_it_was_made_from() {
    let batch = batch(&[&[3, 9, 27, 1, 3, 9, 33, 19, 17, 11, 0, 39], &[2, 6, 18, 14, 5]]);
    let bare = |mut fixture: Fixture| {
        // DistilBERT has no segments: the file has no table of them.
        fixture.remove("embeddings.token_type_embeddings.weight");
        fixture
    };
    for fixture in [bert(), bare(bert())] {
        let file = opened(&converted(&fixture, "bert", &BERT));
        let gguf = load(&file, None, &Job::unattended()).unwrap().0;
        let mut folder = fixture.clone();
        if !folder.tensors.iter().any(|tensor| tensor.name.contains("token_type")) {
            // A table of zeros adds nothing.
            folder.push("embeddings.token_type_embeddings.weight", &[2, 8], DType::F32, &[0; 64]);
        }
        let folder = folder.model();
        let (got, want) = (gguf.card(), folder.card());
        assert_eq!((got.subject, got.context), (want.subject, want.context));
        assert_eq!((&got.family, &got.readout), (&want.family, &want.readout));
        assert_eq!(got.points, want.points);
        let said = |model: &dyn LayeredModel| streams(model, &batch, Run::Full);
        assert_eq!(said(gguf.as_ref()), said(folder.as_ref()));
    }
}

#[test]
fn what_is_no_bert_is_refused_by_name() {
    let with = |key| [&BERT[..6], &[key]].concat();
    for (key, words) in [
        (Key::Flag("attention.causal", true), "`bert.attention.causal` is true"),
        (Key::Float("rope.freq_base", 1e4), "`bert.rope.freq_base`"),
        (Key::Whole("attention.head_count_kv", 1), "`bert.attention.head_count_kv` is 1"),
        (Key::Whole("vocab_size", 41), "token_embd.weight"),
    ] {
        let file = opened(&converted(&bert(), "bert", &with(key)));
        let text = card(file.as_ref(), None).unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
    }
    // A head that pools: not what the checkpoint was trained with.
    let mut classes = bert();
    classes.push("cls.output.weight", &[2, 8], DType::F32, &[0; 64]);
    let file = opened(&converted(&classes, "bert", &BERT));
    let text = card(file.as_ref(), None).unwrap_err().to_string();
    assert!(text.contains("cls.output.weight"), "{text}");
}
