//! Claims that hold for every family of decoders, on random networks.

use serde_json::{Value, json};

use crate::model::decoder::plan::Residual;
use crate::model::decoder::{Plan, Positions};
use crate::model::families::{FAMILIES, network};
use crate::model::fixtures::{Fixture, KINDS, batch, config_of, next_ids, readouts, streams};
use crate::model::network::Network;
use crate::model::{Layer, Point, Probe, Run, card};

const IDS: [u32; 17] = [3, 9, 27, 1, 3, 9, 33, 19, 17, 11, 0, 39, 2, 6, 18, 14, 5];

fn near(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let by = 2e-5 * want.abs().max(1.0);
        assert!((got - want).abs() <= by, "{what}[{at}]: {got} instead of {want}");
    }
}

/// What a network says, in numbers: the last stream and its readout.
fn said(fixture: Fixture) -> Vec<f32> {
    let (model, batch) = (fixture.model(), batch(&[&IDS]));
    let mut all = streams(model.as_ref(), &batch, Run::Full);
    let last = all.pop().unwrap();
    let read = readouts(model.as_ref(), &batch, std::slice::from_ref(&last));
    // The last token has no next one.
    [&last.hidden[..], &read.entropy, &read.nll[..16], &read.max_prob].concat()
}

/// The plan of a decoder.
fn plan(fixture: &Fixture) -> Option<Plan> {
    match network(fixture).unwrap() {
        Network::Decoder(plan) => Some(plan),
        Network::Encoder(_) => None,
    }
}

#[test]
fn every_family_has_a_small_network_here() {
    let known = FAMILIES.iter().flat_map(|family| family.hugging_face).map(|(kind, _)| *kind);
    assert_eq!(known.collect::<Vec<_>>(), KINDS);
}

#[test]
fn two_sequences_of_a_batch_are_each_as_if_alone() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = Fixture::random(config_of(kind), seed).model();
        let (a, b) = IDS.split_at(11);
        let together = streams(model.as_ref(), &batch(&[a, b]), Run::Full);
        for (ids, from) in [(a, 0), (b, a.len())] {
            let alone = streams(model.as_ref(), &batch(&[ids]), Run::Full);
            for (whole, alone) in together.iter().zip(alone) {
                let part = &whole.hidden[from * whole.width..][..alone.hidden.len()];
                near(kind, part, &alone.hidden);
            }
        }
    }
}

#[test]
fn what_comes_later_changes_nothing() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = Fixture::random(config_of(kind), seed).model();
        let whole = streams(model.as_ref(), &batch(&[&IDS]), Run::Full);
        let start = streams(model.as_ref(), &batch(&[&IDS[..8]]), Run::Full);
        for (whole, start) in whole.iter().zip(start) {
            near(kind, &whole.hidden[..start.hidden.len()], &start.hidden);
        }
    }
}

#[test]
fn a_block_adds_what_its_probe_sees() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = Fixture::random(config_of(kind), seed).model();
        let batch = batch(&[&IDS]);
        let before = model.begin(&batch).unwrap();
        let (mut after, mut seen) = (before.clone(), Seen(Vec::new()));
        model.block(Layer(1), Run::Full, &batch, &mut after, &mut seen).unwrap();
        let of = |point| seen.0.iter().find(|(p, _)| *p == point).map(|(_, values)| values);
        let added = of(Point::AttnOut).unwrap().iter().zip(of(Point::MlpOut).unwrap());
        let sum: Vec<f32> =
            before.hidden.iter().zip(added).map(|(h, (attn, mlp))| h + attn + mlp).collect();
        near(kind, &after.hidden, &sum);
        let mut points: Vec<Point> = seen.0.iter().map(|(point, _)| *point).collect();
        let mut promised = model.card().points.clone();
        points.sort_unstable();
        promised.sort_unstable();
        assert_eq!(points, promised, "{kind}");
        // Every query gives away a weight of 1 in every head.
        let columns = of(Point::AttnColumns).unwrap();
        assert_eq!(columns.len(), model.card().heads * IDS.len());
        let totals: Vec<f32> = columns.chunks(IDS.len()).map(|head| head.iter().sum()).collect();
        near(kind, &totals, &vec![17.0; model.card().heads]);
        if let Some(router) = of(Point::Router) {
            let totals: Vec<f32> = router.chunks(5).map(|row| row.iter().sum()).collect();
            near(kind, &totals, &[1.0; 17]);
        }
    }
}

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
fn a_nan_in_one_token_leaves_the_tokens_before_it_alone() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = Fixture::random(config_of(kind), seed).model();
        let batch = batch(&[&IDS[..9], &IDS[9..]]);
        let mut stream = model.begin(&batch).unwrap();
        let width = stream.width;
        stream.hidden[4 * width] = f32::NAN;
        let mut no_probe = Seen(Vec::new());
        for layer in 0..3 {
            model.block(Layer(layer), Run::Full, &batch, &mut stream, &mut no_probe).unwrap();
        }
        for (token, row) in stream.hidden.chunks(width).enumerate() {
            let reached = row.iter().any(|h| h.is_nan());
            assert!(reached == (4..9).contains(&token) || (kind != "llama" && token > 4), "{kind}");
            assert!(token < 9 || !reached, "{kind}: another sequence");
        }
    }
}

/// Keys that say the same twice or nothing in these configurations, or that only name the family.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("*", "model_type"),
    // A longer context changes no number; a shorter one refuses the text or the table.
    ("*", "max_position_embeddings"),
    // The blocks are listed one by one.
    ("qwen3", "max_window_layers"),
];

#[test]
fn every_value_of_a_configuration_matters() {
    for (seed, kind) in (0..).zip(KINDS) {
        let config = config_of(kind);
        let want = said(Fixture::random(config.clone(), seed));
        for (key, value) in config.as_object().unwrap() {
            if WITHOUT_EFFECT.iter().any(|(k, name)| ["*", kind].contains(k) && name == key) {
                continue;
            }
            let mut fixture = Fixture::random(config.clone(), seed);
            let other = changed(value);
            fixture.config.insert(key.clone(), other.clone());
            if card(&fixture, None).is_err() {
                continue;
            }
            let got = said(fixture);
            let off = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off > 1e-4, "{kind}: {key} = {other} instead of {value} changes nothing");
        }
    }
}

/// Another value of the same kind.
fn changed(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(number) => match number.as_u64() {
            Some(2) => json!(1),
            Some(whole) => json!(whole + 1),
            None => json!(number.as_f64().unwrap() * 1.5),
        },
        Value::String(text) if text == "gelu" => json!("gelu_new"),
        Value::String(_) => json!("gelu"),
        Value::Array(list) => Value::Array(list.iter().rev().cloned().collect()),
        Value::Object(map) => {
            let factor = json!(map["factor"].as_f64().unwrap() * 2.0);
            let mut map = map.clone();
            map.insert("factor".to_owned(), factor);
            Value::Object(map)
        }
        Value::Null => unreachable!(),
    }
}

#[test]
fn what_a_family_does_not_do_is_refused_by_name() {
    for (kind, key, value, words) in [
        ("mistral", "hidden_act", json!("gelu"), "`hidden_act` is \"gelu\", but only \"silu\""),
        ("mistral", "layer_types", json!(["full_attention"]), "only sliding_attention"),
        ("mixtral", "num_experts_per_tok", json!(6), "number of experts of a token"),
        ("mixtral", "num_local_experts", json!(5000), "number of experts"),
        ("qwen2", "attention_bias", json!(true), "`attention_bias` is true"),
        ("qwen2", "use_mrope", json!(true), "`use_mrope` is true"),
        ("qwen2", "layer_types", json!(["full_attention"]), "full_attention or sliding_attention"),
        ("qwen3", "use_sliding_window", json!(false), "only full_attention for each block"),
        ("qwen3", "attention_bias", json!(true), "`attention_bias` is true"),
        ("gemma2", "hidden_activation", json!("silu"), "`hidden_activation` is \"silu\""),
        ("gemma2", "attn_logit_softcapping", json!(0), "`attn_logit_softcapping` is 0"),
        ("gemma2", "sliding_window_size", json!(6), "`sliding_window_size` is 6"),
        (
            "gemma3_text",
            "use_bidirectional_attention",
            json!(true),
            "`use_bidirectional_attention`",
        ),
        ("gemma3_text", "rope_scaling", json!({"rope_type": "yarn"}), "`rope_scaling.rope_type`"),
        (
            "gemma3_text",
            "rope_parameters",
            json!({"full_attention": {"rope_type": "yarn"}, "sliding_attention": {}}),
            "`rope_parameters.full_attention.rope_type` is \"yarn\"",
        ),
        (
            "gemma3_text",
            "rope_parameters",
            json!({"sliding_attention": {"rope_type": "linear", "factor": 2.0}}),
            "`rope_parameters.rope_type`",
        ),
        (
            "phi3",
            "rope_scaling",
            json!({"type": "longrope", "long_factor": [1.0], "short_factor": [1.0]}),
            "`rope_scaling.rope_type` is \"longrope\", but only default, linear or llama3",
        ),
        ("phi3", "rope_scaling", json!({"type": "su"}), "is \"su\""),
        ("phi3", "partial_rotary_factor", json!(0.5), "turned for its position` is 3"),
        ("phi3", "partial_rotary_factor", json!(1.5), "turned for its position` is 9"),
        ("olmo2", "clip_qkv", json!(8.0), "a key `clip_qkv` = 8.0 that this version does not know"),
        ("olmo2", "sliding_window", json!(8), "a key `sliding_window`"),
        ("gpt2", "activation_function", json!("quick_gelu"), "`activation_function`"),
        ("gpt2", "scale_attn_by_inverse_layer_idx", json!(true), "`scale_attn_by_inverse"),
        ("gpt2", "scale_attn_weights", json!(false), "`scale_attn_weights` is false"),
        ("gpt2", "n_ctx", json!(32), "`n_ctx` is 32, but only 64"),
        ("gpt_neox", "attention_bias", json!(false), "`attention_bias` is false"),
        ("gpt_neox", "rope_scaling", json!({"type": "dynamic"}), "`rope_scaling.rope_type`"),
        ("gpt_neox", "rotary_pct", json!(0.01), "turned for its position` is 0"),
    ] {
        let mut fixture = Fixture::random(config_of(kind), 1);
        fixture.config.insert(key.to_owned(), value);
        let text = card(&fixture, None).unwrap_err().to_string();
        assert!(text.contains(words), "{kind} {key}: {text}");
    }
}

#[test]
fn names_without_their_prefix_are_found() {
    for (kind, prefix) in [("qwen2", "model."), ("gpt2", "transformer."), ("gpt_neox", "gpt_neox.")]
    {
        let fixture = Fixture::random(config_of(kind), 2);
        let mut bare = fixture.clone();
        for tensor in &mut bare.tensors {
            tensor.name = tensor.name.strip_prefix(prefix).unwrap_or(&tensor.name).to_owned();
        }
        bare.tensors.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(said(fixture), said(bare), "{kind}");
    }
}

#[test]
fn stored_masks_are_spare_and_biases_are_not() {
    use crate::checkpoint::DType;
    for (kind, name, is_spare) in [
        ("gpt2", "transformer.h.0.attn.bias", true),
        ("gpt2", "transformer.h.0.attn.masked_bias", true),
        ("gpt2", "lm_head.weight", true),
        ("gpt2", "transformer.h.0.attn.c_proj.biases", false),
        ("gpt_neox", "gpt_neox.layers.1.attention.masked_bias", true),
        ("gpt_neox", "gpt_neox.layers.1.attention.rotary_emb.inv_freq", true),
        ("gemma2", "lm_head.weight", true),
        ("olmo2", "model.layers.0.input_layernorm.weight", false),
        ("mistral", "model.layers.0.self_attn.q_proj.bias", false),
    ] {
        let mut fixture = Fixture::random(config_of(kind), 3);
        fixture.push(name, &[1], DType::F32, &[0; 4]);
        assert_eq!(card(&fixture, None).is_ok(), is_spare, "{kind} {name}");
    }
}

#[test]
fn cost_counts_what_a_token_is_multiplied_with() {
    let weights = |kind: &str| card(&Fixture::random(config_of(kind), 4), None).unwrap();
    // Width 16, 4 heads of 6 and 2 key/value heads, feed-forward width 24.
    let attention = 2 * 16 * (24 + 12);
    for kind in ["llama", "qwen2", "gemma2", "phi3", "olmo2"] {
        assert_eq!(weights(kind).block_weights, attention + 3 * 16 * 24, "{kind}");
    }
    // Two of five experts, and the router.
    assert_eq!(weights("mixtral").block_weights, attention + 2 * 3 * 16 * 24 + 16 * 5);
    for kind in ["gpt2", "gpt_neox"] {
        assert_eq!(weights(kind).block_weights, 4 * 16 * 16 + 2 * 16 * 24, "{kind}");
    }
    let gemma2 = weights("gemma2");
    assert_eq!(gemma2.windows, [Some(5), None, Some(5)]);
    assert_eq!((gemma2.window(0), gemma2.window(1)), (Some(5), None));
    assert_eq!(gemma2.flops_fixed(), 2.0 * (attention + 3 * 16 * 24) as f64);
    assert_eq!(gemma2.flops_per_key(), 4.0 * 4.0 * 6.0);
}

#[test]
fn the_true_next_token_is_ranked_under_a_cap_too() {
    let model = Fixture::random(config_of("gemma2"), 5).model();
    let batch = batch(&[&IDS]);
    let all = streams(model.as_ref(), &batch, Run::Full);
    let read = readouts(model.as_ref(), &batch, &all);
    // exp of the widest gap that caps of 2.5 allow, spread over 40 tokens.
    assert!(read.max_prob.iter().all(|p| *p <= (5.0_f32).exp() / 39.0));
    for (token, next) in next_ids(&batch).iter().enumerate().take(16) {
        let is_first = read.top_ids[token][0] == *next;
        assert_eq!(is_first, read.rank[token] == 1.0);
    }
}

#[test]
fn rotary_bases_by_kind_of_block_are_those_of_the_older_keys() {
    let old = config_of("gemma3_text");
    let mut new = old.clone();
    let map = new.as_object_mut().unwrap();
    for key in ["rope_theta", "rope_scaling", "rope_local_base_freq"] {
        map.remove(key);
    }
    map.insert(
        "rope_parameters".to_owned(),
        json!({
            "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 30.0},
        }),
    );
    assert_eq!(said(Fixture::random(old, 6)), said(Fixture::random(new, 6)));
}

/// Configurations with the keys and sizes of published checkpoints.
#[test]
fn published_configurations_are_read() {
    let usual = json!({
        "_name_or_path": "x", "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": [1, 2],
        "hidden_act": "silu", "initializer_range": 0.02, "torch_dtype": "bfloat16",
        "transformers_version": "4.45.0", "use_cache": true, "rms_norm_eps": 1e-6,
    });
    let of = |more: Value| {
        let mut config = usual.clone();
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan(&Fixture::new("Hugging Face folder", "x".as_ref(), config)).unwrap()
    };
    let windows = |plan: &Plan| plan.windows.iter().flatten().count();

    let qwen2 = of(json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896,
        "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 24,
        "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
        "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true,
        "use_mrope": false, "use_sliding_window": false, "vocab_size": 151936,
    }));
    assert_eq!((qwen2.heads.dim, windows(&qwen2), qwen2.tied), (64, 0, true));

    let mixtral = of(json!({
        "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 4096,
        "intermediate_size": 14336, "max_position_embeddings": 32768, "num_attention_heads": 32,
        "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_key_value_heads": 8,
        "num_local_experts": 8, "output_router_logits": false, "rope_theta": 1000000.0,
        "router_aux_loss_coef": 0.02, "sliding_window": null, "tie_word_embeddings": false,
        "vocab_size": 32000,
    }));
    assert_eq!((mixtral.experts.count, mixtral.experts.used, windows(&mixtral)), (8, 2, 0));

    let gemma2 = of(json!({
        "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "hidden_size": 4608,
        "attention_bias": false, "attn_logit_softcapping": 50.0, "cache_implementation": "hybrid",
        "final_logit_softcapping": 30.0, "head_dim": 128, "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "intermediate_size": 36864,
        "max_position_embeddings": 8192, "num_attention_heads": 32, "num_hidden_layers": 46,
        "num_key_value_heads": 16, "pad_token_id": 0, "query_pre_attn_scalar": 144,
        "rope_theta": 10000.0, "sliding_window": 4096, "sliding_window_size": 4096,
        "vocab_size": 256000,
    }));
    assert_eq!((windows(&gemma2), gemma2.score_scale, gemma2.tied), (23, 1.0 / 12.0, true));

    let gemma3 = of(json!({
        "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_size": 1152,
        "attention_bias": false, "attn_logit_softcapping": null, "cache_implementation": "hybrid",
        "final_logit_softcapping": null, "head_dim": 256, "hidden_act": null,
        "hidden_activation": "gelu_pytorch_tanh", "intermediate_size": 6912,
        "max_position_embeddings": 32768, "num_attention_heads": 4, "num_hidden_layers": 26,
        "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 256,
        "rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000,
        "sliding_window": 512, "sliding_window_pattern": 6, "vocab_size": 262144,
    }));
    assert_eq!((windows(&gemma3), gemma3.windows[5], gemma3.score_cap), (22, None, None));

    let phi3 = of(json!({
        "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_size": 3072,
        "attention_bias": false, "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"},
        "embd_pdrop": 0.0, "intermediate_size": 8192, "max_position_embeddings": 4096,
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
        "original_max_position_embeddings": 4096, "pad_token_id": 32000, "resid_pdrop": 0.0,
        "rope_scaling": null, "rope_theta": 10000.0, "sliding_window": 2047,
        "tie_word_embeddings": false, "vocab_size": 32064,
    }));
    assert_eq!((windows(&phi3), phi3.heads.dim), (32, 96));

    let plain =
        |config: Value| plan(&Fixture::new("Hugging Face folder", "x".as_ref(), config)).unwrap();
    let gpt2 = plain(json!({
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256,
        "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
        "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
        "resid_pdrop": 0.1, "summary_activation": null, "summary_first_dropout": 0.1,
        "summary_proj_to_labels": true, "summary_type": "cls_index", "summary_use_proj": true,
        "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
        "vocab_size": 50257,
    }));
    assert_eq!((gpt2.ffn_width, gpt2.tied, gpt2.context), (3072, true, 1024));
    let pythia = plain(json!({
        "architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "eos_token_id": 0,
        "hidden_act": "gelu", "hidden_size": 512, "initializer_range": 0.02,
        "intermediate_size": 2048, "layer_norm_eps": 1e-05, "max_position_embeddings": 2048,
        "model_type": "gpt_neox", "num_attention_heads": 8, "num_hidden_layers": 6,
        "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": false,
        "torch_dtype": "float16", "transformers_version": "4.24.0", "use_cache": true,
        "use_parallel_residual": true, "vocab_size": 50304,
    }));
    let Positions::Rotary { turning, .. } = pythia.positions else { panic!() };
    assert_eq!((turning.dims, pythia.residual), (16, Residual::Parallel));
}
