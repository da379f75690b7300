//! Writes a finished run as an ordinary Hugging Face folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use candle_core::DType;
use serde_json::{Value, json};

use super::TrainError;
use super::files::{Stored, replace, write_tensors};
use super::grammar::{HOPS, Sample};
use super::network::{NORM_EPS, Network, ROPE_THETA, Shape};
use super::resume;
use super::vocabulary::{BEGIN, END, Vocabulary};

/// Everything that a finished run leaves.
const FILES: [&str; 6] =
    ["README.md", "config.json", "data.jsonl", "model.safetensors", "tokenizer.json", resume::LOG];

/// Makes the folder, or finds out that nothing in it would be lost: it is empty, or what lies there are the files of
/// a run, its log or its place among them. Half-written files of a killed run end in `.part`.
pub(crate) fn claim(folder: &Path) -> Result<(), TrainError> {
    let failed = |source| TrainError::Io { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let is_place = |name: &str| [resume::FILE, resume::LOG].contains(&name);
    let has_run = names.iter().any(|name| is_place(name.trim_end_matches(".part")));
    let is_ours = |name: &String| {
        let name = name.trim_end_matches(".part");
        has_run && (is_place(name) || FILES.contains(&name))
    };
    match names.into_iter().find(|name| !is_ours(name)) {
        Some(found) => Err(TrainError::Foreign { found, path: folder.to_owned() }),
        None => Ok(()),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_in_which_nothing_can_be_lost_is_claimed() {
        let place = tempfile::tempdir().unwrap();
        let claimed = |names: &[&str]| {
            let folder = tempfile::tempdir_in(place.path()).unwrap();
            for name in names {
                fs::write(folder.path().join(name), "mine").unwrap();
            }
            claim(folder.path())
        };
        assert!(claim(&place.path().join("a/new/one")).is_ok());
        for ours in
            [&[][..], &FILES, &["resume.safetensors", "training.log"], &["resume.safetensors.part"]]
        {
            assert!(claimed(ours).is_ok(), "{ours:?}");
        }
        // A project has a README.md as well, and a model a config.json.
        for (others, found) in [
            (&["README.md"][..], "README.md"),
            (&["config.json", "model.safetensors", "tokenizer.json"], "config.json"),
            (&["training.log", "thesis.txt"], "thesis.txt"),
        ] {
            let error = claimed(others).unwrap_err();
            assert!(
                matches!(&error, TrainError::Foreign { found: f, .. } if f == found),
                "{error}"
            );
            assert!(error.is_input());
        }
        fs::write(place.path().join("file"), "").unwrap();
        let error = claim(&place.path().join("file")).unwrap_err();
        assert!(error.is_input(), "{error}");
    }
}
