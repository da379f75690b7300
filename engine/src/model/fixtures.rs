//! Checkpoints for tests: made in memory, or read from reference files.

#![expect(clippy::cast_possible_truncation, reason = "sizes of test networks are small")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::{RngExt as _, SeedableRng as _};
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};

use crate::checkpoint::{Bytes, Checkpoint, DType, Marks, OpenError, TensorInfo, Tokenizer};
use crate::job::Job;
use crate::model::decoder::NormKind;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::model::{
    Batch, Depth, Layer, LayeredModel, NO_TOKEN, NoProbe, Readouts, Run, Stream, families, load,
};

/// A checkpoint that lies in memory.
#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    format: &'static str,
    path: PathBuf,
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) config: Map<String, Value>,
    pub(crate) data: Vec<u8>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) preprocessor: Option<Map<String, Value>>,
}

impl Fixture {
    pub(crate) fn new(format: &'static str, path: &Path, config: Value) -> Self {
        let Value::Object(config) = config else { panic!("a configuration is an object") };
        let (path, tensors, data) = (path.to_owned(), Vec::new(), Vec::new());
        let metadata = BTreeMap::new();
        Self { format, path, tensors, config, data, metadata, preprocessor: None }
    }

    pub(crate) fn push(&mut self, name: &str, shape: &[usize], dtype: DType, bytes: &[u8]) {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        let (name, shape) = (name.to_owned(), shape.to_vec());
        let info = TensorInfo { name, shape, dtype, file: 0, range: start..self.data.len() };
        let at = self.tensors.partition_point(|tensor| tensor.name < info.name);
        self.tensors.insert(at, info);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.tensors.retain(|tensor| tensor.name != name);
    }

    /// Overwrites one weight of an f32 tensor.
    pub(crate) fn poke(&mut self, name: &str, at: usize, value: f32) {
        let info = self.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        let start = info.range.start + 4 * at;
        self.data[start..start + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// A Llama of random weights, in Hugging Face's names.
    pub(crate) fn llama(config: Value, seed: u64) -> Self {
        let mut fixture = Self::new("Hugging Face folder", Path::new("made/up"), config);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let size = |key: &str| fixture.config[key].as_u64().unwrap() as usize;
        let (d, f, vocab) = (size("hidden_size"), size("intermediate_size"), size("vocab_size"));
        let heads = size("num_attention_heads");
        let dim =
            fixture.config.get("head_dim").map_or(d / heads, |v| v.as_u64().unwrap() as usize);
        let (inner, kv) = (heads * dim, size("num_key_value_heads") * dim);
        let layers = size("num_hidden_layers");
        let tied = fixture.config["tie_word_embeddings"] == true;
        let mut add = |name: String, shape: &[usize]| {
            let scale = if shape.len() == 1 { 0.2 } else { 1.5 / (shape[1] as f32).sqrt() };
            let bytes: Vec<u8> = (0..shape.iter().product())
                .map(|_| rng.random_range(-1.0..1.0_f32) * scale + f32::from(shape.len() == 1))
                .flat_map(f32::to_le_bytes)
                .collect();
            fixture.push(&name, shape, DType::F32, &bytes);
        };
        add("model.embed_tokens.weight".into(), &[vocab, d]);
        add("model.norm.weight".into(), &[d]);
        if !tied {
            add("lm_head.weight".into(), &[vocab, d]);
        }
        for layer in 0..layers {
            let mut put = |name: &str, shape: &[usize]| {
                add(format!("model.layers.{layer}.{name}.weight"), shape);
            };
            put("input_layernorm", &[d]);
            put("self_attn.q_proj", &[inner, d]);
            put("self_attn.k_proj", &[kv, d]);
            put("self_attn.v_proj", &[kv, d]);
            put("self_attn.o_proj", &[d, inner]);
            put("post_attention_layernorm", &[d]);
            put("mlp.gate_proj", &[f, d]);
            put("mlp.up_proj", &[f, d]);
            put("mlp.down_proj", &[d, f]);
        }
        fixture
    }

    /// An encoder of random weights: `first` decides prefix and head, the family's plan asks for the rest.
    pub(crate) fn encoder(
        config: Value,
        first: &[(&str, &[usize])],
        metadata: &[(&str, &str)],
        seed: u64,
    ) -> Self {
        let mut fixture = Self::new("Hugging Face folder", Path::new("made/up"), config);
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        fixture.metadata = metadata.iter().map(owned).collect();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut add = |fixture: &mut Self, name: &str, shape: &[usize]| {
            let scale = if shape.len() == 1 { 0.2 } else { 1.5 / (shape[1] as f32).sqrt() };
            // Weights of norms lie around 1.
            let middle = f32::from(name.ends_with("Norm.weight") || name.ends_with("gamma"));
            let bytes: Vec<u8> = (0..shape.iter().product())
                .map(|_| rng.random_range(-1.0..1.0_f32) * scale + middle)
                .flat_map(f32::to_le_bytes)
                .collect();
            fixture.push(name, shape, DType::F32, &bytes);
        };
        for (name, shape) in first {
            add(&mut fixture, name, shape);
        }
        let network = families::network(&fixture).unwrap();
        let wanted = network.tensors(&Weights::new(&fixture.clone()));
        for (name, shape) in wanted {
            if !fixture.tensors.iter().any(|tensor| tensor.name == name) {
                add(&mut fixture, &name, &shape);
            }
        }
        fixture
    }

    /// Random weights for whatever decoder this configuration describes, in Hugging Face's names.
    pub(crate) fn random(config: Value, seed: u64) -> Self {
        let mut fixture = Self::new("Hugging Face folder", Path::new("made/up"), config);
        let Network::Decoder(plan) = families::network(&fixture).unwrap() else {
            panic!("a decoder")
        };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let tensors = plan.tensors(&Weights::new(&fixture));
        for (name, shape) in tensors {
            let is_norm = name.contains("norm") || name.contains("ln_");
            let is_whole =
                name.ends_with(".weight") && is_norm && plan.norm != NormKind::RmsLessOne;
            let scale = if shape.len() == 1 { 0.2 } else { 1.8 / (shape[1] as f32).sqrt() };
            let bytes: Vec<u8> = (0..shape.iter().product())
                .map(|_| rng.random_range(-1.0..1.0_f32) * scale + f32::from(is_whole))
                .flat_map(f32::to_le_bytes)
                .collect();
            fixture.push(&name, &shape, DType::F32, &bytes);
        }
        fixture
    }

    /// The numbers of an f32 tensor.
    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let info = self.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        let (numbers, _) = self.data[info.range.clone()].as_chunks::<4>();
        numbers.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// Writes what it is made of as a Hugging Face folder; f32 only.
    pub(crate) fn save(&self, folder: &Path) {
        let view = |tensor: &TensorInfo| {
            let (shape, bytes) = (tensor.shape.clone(), &self.data[tensor.range.clone()]);
            let view = TensorView::new(safetensors::Dtype::F32, shape, bytes).unwrap();
            (tensor.name.clone(), view)
        };
        let bytes = safetensors::serialize(self.tensors.iter().map(view), None).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
        let config = serde_json::to_vec(&self.config).unwrap();
        std::fs::write(folder.join("config.json"), config).unwrap();
    }

    /// A usual small Llama.
    pub(crate) fn small() -> Self {
        Self::llama(small_config(), 7)
    }

    /// The model that this checkpoint holds.
    pub(crate) fn model(self) -> Box<dyn LayeredModel> {
        let checkpoint: Arc<dyn Checkpoint> = Arc::new(self);
        load(&checkpoint, None, &Job::unattended()).unwrap().0
    }
}

pub(crate) fn small_config() -> Value {
    json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16,
        "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 50, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "torch_dtype": "float32",
    })
}

/// Sequences end to end.
pub(crate) fn batch(sequences: &[&[u32]]) -> Batch {
    let mut starts = vec![0];
    starts.extend(sequences.iter().scan(0, |end, ids| {
        *end += ids.len();
        Some(*end)
    }));
    Batch { ids: sequences.concat(), starts, ..Batch::default() }
}

/// The true next token of each token.
pub(crate) fn next_ids(batch: &Batch) -> Vec<u32> {
    let mut next: Vec<u32> = batch.ids.iter().skip(1).copied().chain([NO_TOKEN]).collect();
    for &end in &batch.starts[1..] {
        if end > 0 {
            next[end - 1] = NO_TOKEN;
        }
    }
    next
}

/// The streams at every depth, each block run as `run` says.
pub(crate) fn streams(model: &dyn LayeredModel, batch: &Batch, run: Run) -> Vec<Stream> {
    let mut stream = model.begin(batch).unwrap();
    let mut all = vec![stream.clone()];
    for layer in 0..model.card().layers {
        model.block(Layer(layer as u16), run, batch, &mut stream, &mut NoProbe).unwrap();
        all.push(stream.clone());
    }
    all
}

/// Readouts of every depth.
pub(crate) fn readouts(model: &dyn LayeredModel, batch: &Batch, streams: &[Stream]) -> Readouts {
    let depths: Vec<Depth> = (0..streams.len()).map(|depth| Depth(depth as u16)).collect();
    let streams: Vec<&Stream> = streams.iter().collect();
    model.readout(&depths, &streams, &next_ids(batch), &Job::unattended()).unwrap()
}

impl Checkpoint for Fixture {
    fn format(&self) -> &'static str {
        self.format
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    fn bytes(&self, tensor: &TensorInfo) -> Result<Bytes, OpenError> {
        let owner = Arc::new(self.data[tensor.range.clone()].to_vec());
        Ok(Bytes::new(owner, 0..tensor.range.len()).unwrap())
    }

    fn tokenizer(&self) -> Result<Option<Tokenizer>, OpenError> {
        Ok(None)
    }

    fn preprocessor(&self) -> Result<Option<Map<String, Value>>, OpenError> {
        Ok(self.preprocessor.clone())
    }

    fn chat_template(&self) -> Option<String> {
        None
    }

    fn marks(&self, _: &Tokenizer) -> Result<Marks, OpenError> {
        Ok(Marks::default())
    }

    fn size_bytes(&self) -> u64 {
        self.data.len() as u64
    }

    fn fingerprint(&self) -> Result<String, OpenError> {
        Ok("made up".to_owned())
    }
}

/// A small BERT without a head.
pub(crate) fn bert_config() -> Value {
    json!({
        "model_type": "bert", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
        "num_attention_heads": 4, "hidden_act": "gelu", "vocab_size": 40,
        "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    })
}

/// The same, read out by random means of two classes.
pub(crate) fn bert_with_means(pooling: &str, seed: u64) -> Fixture {
    let metadata = [("class_means.pooling", pooling), ("class_means.labels", r#"["no","yes"]"#)];
    Fixture::encoder(bert_config(), &[("mean.0", &[2, 16])], &metadata, seed)
}

/// One small configuration of every family of decoders, by `model_type`.
pub(crate) fn config_of(kind: &str) -> Value {
    let mut config = json!({
        "model_type": kind, "vocab_size": 40, "max_position_embeddings": 64, "hidden_size": 16,
        "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 6, "rms_norm_eps": 1e-3, "rope_theta": 500.0,
    });
    let more = match kind {
        "llama" | "olmo2" => json!({}),
        "mistral" => json!({"sliding_window": 5}),
        "mixtral" => json!({
            "sliding_window": 9, "num_local_experts": 5, "num_experts_per_tok": 2,
        }),
        "qwen2" => json!({"use_sliding_window": true, "sliding_window": 4, "max_window_layers": 2}),
        "qwen3" => json!({
            "use_sliding_window": true, "sliding_window": 4,
            "layer_types": ["sliding_attention", "full_attention", "full_attention"],
        }),
        "gemma2" => json!({
            "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 9,
            "sliding_window": 5, "attn_logit_softcapping": 1.5, "final_logit_softcapping": 2.5,
        }),
        "gemma3_text" => json!({
            "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 9,
            "sliding_window": 5, "sliding_window_pattern": 2, "rope_local_base_freq": 30.0,
            "rope_scaling": {"rope_type": "linear", "factor": 2.0},
        }),
        "phi3" => json!({"sliding_window": 7, "partial_rotary_factor": 0.67}),
        "gpt2" => {
            return json!({
                "model_type": kind, "vocab_size": 40, "n_positions": 64, "n_embd": 16,
                "n_layer": 3, "n_head": 4, "n_inner": 24, "layer_norm_epsilon": 1e-3,
                "activation_function": "gelu_new",
            });
        }
        "gpt_neox" => {
            return json!({
                "model_type": kind, "vocab_size": 40, "max_position_embeddings": 64,
                "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
                "num_attention_heads": 2, "layer_norm_eps": 1e-3, "rotary_pct": 0.5,
                "rotary_emb_base": 500, "use_parallel_residual": true, "hidden_act": "gelu",
            });
        }
        other => panic!("{other}"),
    };
    let (Value::Object(all), Value::Object(more)) = (&mut config, more) else { unreachable!() };
    all.extend(more);
    config
}

/// Every `model_type` of a decoder.
pub(crate) const KINDS: [&str; 11] = [
    "llama",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen3",
    "gemma2",
    "gemma3_text",
    "phi3",
    "olmo2",
    "gpt2",
    "gpt_neox",
];
