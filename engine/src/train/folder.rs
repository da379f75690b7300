//! Writes a finished run as an ordinary Hugging Face folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use candle_core::DType;
use serde_json::{Value, json};

use super::TrainError;
use super::files::{Stored, replace, write_tensors};
use super::grammar::{HOPS, Sample};
use super::network::{NORM_EPS, Network, ROPE_THETA, Shape};
use super::vocabulary::{BEGIN, END, Vocabulary};

/// Rounds every weight to f16, as the file holds it, so that what is measured is what is shipped.
pub(crate) fn round_to_half(network: &Network) -> Result<(), TrainError> {
    for (_, var) in network.named() {
        var.set(&var.as_detached_tensor().to_dtype(DType::F16)?.to_dtype(DType::F32)?)?;
    }
    Ok(())
}

/// Writes config.json, tokenizer.json, model.safetensors and data.jsonl.
pub(crate) fn write(
    folder: &Path,
    network: &Network,
    vocabulary: &Vocabulary,
    data: &[Sample],
) -> Result<(), TrainError> {
    let mut tensors = BTreeMap::new();
    for (name, var) in network.named() {
        tensors.insert(name.clone(), Stored::half(var.as_tensor())?);
    }
    write_tensors(&folder.join("model.safetensors"), tensors)?;
    write_json(&folder.join("config.json"), &config(network.shape()))?;
    write_json(&folder.join("tokenizer.json"), &vocabulary.tokenizer_json())?;
    replace(&folder.join("data.jsonl"), lines(data).as_bytes())
}

fn write_json(path: &Path, value: &Value) -> Result<(), TrainError> {
    replace(path, format!("{value:#}\n").as_bytes())
}

fn config(shape: Shape) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": false,
        "bos_token_id": BEGIN,
        "eos_token_id": END,
        "head_dim": shape.width / shape.heads,
        "hidden_act": "silu",
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "max_position_embeddings": shape.context,
        "mlp_bias": false,
        "model_type": "llama",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.blocks,
        "num_key_value_heads": shape.heads,
        "rms_norm_eps": NORM_EPS,
        "rope_scaling": null,
        "rope_theta": ROPE_THETA,
        "tie_word_embeddings": false,
        "torch_dtype": "float16",
        "vocab_size": shape.vocabulary,
    })
}

/// One JSON object per line: text, task, difficulty, and the number of look-ups ("none" for other tasks).
fn lines(data: &[Sample]) -> String {
    let mut lines = String::new();
    for sample in data {
        let is_hops = sample.task == HOPS.id();
        let hops = if is_hops { sample.difficulty.to_string() } else { "none".to_owned() };
        let text = json!(sample.text());
        let (task, difficulty) = (json!(sample.task), sample.difficulty);
        let _infallible = writeln!(
            lines,
            r#"{{"text": {text}, "task": {task}, "difficulty": {difficulty}, "hops": "{hops}"}}"#
        );
    }
    lines
}
