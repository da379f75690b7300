//! What configurations and checkpoints of encoders share: activations, classes, exit heads, class means, spellings.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkpoint::{Checkpoint, class_means};
use crate::kernel::activation::Activation;
use crate::model::ModelError;
use crate::model::config::{Config, hugging_face};
use crate::model::encoder::{
    Classes, HeadPlan, Masked, NormSpelling, Plan, Pooled, Pooling, mean_name,
};

/// Keys of encoders that change no number of a forward pass in evaluation.
const HARMLESS: &[&str] = &[
    "attention_probs_dropout_prob",
    "classifier_dropout_prob",
    "directionality",
    "dropout",
    "encoder_stride",
    "hidden_dropout_prob",
    "num_labels",
    "output_past",
    "pooler_act",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_output_size",
    "pooler_size_per_head",
    "pooler_type",
    "qa_dropout",
    "seq_classif_dropout",
    "tie_weights_",
    "xla_device",
];

/// The first tensor of exit heads.
const FIRST_EXIT: &str = "exit.0.weight";

/// Refuses what would make another network, and every key that nobody knows.
pub(super) fn finish(config: &Config<'_>) -> Result<(), ModelError> {
    let off = [false.into()];
    config.only("is_decoder", &off)?;
    config.only("add_cross_attention", &off)?;
    config.only("is_encoder_decoder", &off)?;
    config.only("cross_attention_hidden_size", &[])?;
    config.only("quantization_config", &[])?;
    config.only("position_embedding_type", &["absolute".into()])?;
    config.finish(|key| HARMLESS.contains(&key) || hugging_face::HARMLESS.contains(&key))
}

pub(super) fn size(config: &Config<'_>, key: &str) -> Result<usize, ModelError> {
    config.required(key, config.size(key)?)
}

/// The activation at `key`; `otherwise` where the key is not there.
pub(super) fn activation(
    config: &Config<'_>,
    key: &str,
    otherwise: Activation,
) -> Result<Activation, ModelError> {
    Ok(match config.text(key)? {
        None => otherwise,
        Some("gelu" | "gelu_python") => Activation::GeluErf,
        Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Activation::GeluTanh,
        Some("relu") => Activation::Relu,
        Some(other) => {
            let allowed = "gelu, gelu_new, gelu_pytorch_tanh, gelu_fast or relu";
            return Err(config.refuse(key, &other.into(), allowed));
        }
    })
}

pub(in crate::model::families) fn has(checkpoint: &dyn Checkpoint, name: &str) -> bool {
    rows(checkpoint, name).is_some()
}

/// Length of a tensor's first axis.
pub(super) fn rows(checkpoint: &dyn Checkpoint, name: &str) -> Option<usize> {
    let tensors = checkpoint.tensors();
    let at = tensors.binary_search_by(|tensor| tensor.name.as_str().cmp(name)).ok()?;
    tensors.get(at).map(|tensor| tensor.shape.first().copied().unwrap_or(0))
}

/// `prefix` where the body's tensors have it: a bare body is stored without.
pub(super) fn prefix(
    checkpoint: &dyn Checkpoint,
    prefix: &'static str,
    first: &str,
) -> &'static str {
    if has(checkpoint, &format!("{prefix}{first}")) { prefix } else { "" }
}

/// How the norm `stem` is spelt.
pub(super) fn norm_spelling(checkpoint: &dyn Checkpoint, stem: &str) -> NormSpelling {
    if has(checkpoint, &format!("{stem}.gamma")) {
        NormSpelling::GammaBeta
    } else {
        NormSpelling::WeightBias
    }
}

/// Where a family keeps its heads.
pub(super) struct HeadNames {
    /// The layer before the classifier.
    pub(super) hidden: (String, Activation),
    pub(super) classifier: &'static str,
    /// With the matrix that it has where that is not the embedding.
    pub(super) masked: Masked,
    /// The other name of the masked head's bias.
    pub(super) decoder_bias: &'static str,
}

/// The head that a checkpoint holds: own exit heads before a classifier before a masked-language-model head.
pub(super) fn head(
    config: &Config<'_>,
    checkpoint: &dyn Checkpoint,
    heads: HeadNames,
) -> Result<HeadPlan, ModelError> {
    let HeadNames { hidden, classifier, masked, decoder_bias } = heads;
    let holds = |stem: &str| has(checkpoint, &format!("{stem}.weight"));
    if let Some(exits) = exits(checkpoint)? {
        return Ok(exits);
    }
    if holds(classifier) {
        return classes(config, checkpoint, None, Some(hidden), classifier);
    }
    if !holds(masked.dense) {
        return Ok(HeadPlan::None);
    }
    // The matrix is the embedding, unless the configuration says that it is not.
    let is_tied = config.flag("tie_word_embeddings")?.unwrap_or(true);
    // The bias is one tensor under two names; a file may have either.
    let bias = if has(checkpoint, masked.bias) { masked.bias } else { decoder_bias };
    let matrix = masked.matrix.filter(|_| !is_tied);
    Ok(HeadPlan::Masked(Masked { matrix, bias, ..masked }))
}

/// A classification head on the first token.
pub(super) fn classes(
    config: &Config<'_>,
    checkpoint: &dyn Checkpoint,
    norm: Option<String>,
    hidden: Option<(String, Activation)>,
    out: &'static str,
) -> Result<HeadPlan, ModelError> {
    // A regression and independent labels have other readouts than a softmax.
    config.only("problem_type", &["single_label_classification".into()])?;
    let stored = rows(checkpoint, &format!("{out}.weight"));
    let said = config.size("num_labels")?.or(config.size("_num_labels")?);
    let missing = || ModelError::MissingTensor { name: format!("{out}.weight") };
    let count = said.or(stored).ok_or_else(missing)?;
    let names = match class_names(config)? {
        Some(names) => names,
        None => numbers(count),
    };
    Ok(HeadPlan::Classes(Classes { norm, hidden, out, names }))
}

/// `id2label`, whose keys have to be 0, 1, 2 and so on.
fn class_names(config: &Config<'_>) -> Result<Option<Vec<String>>, ModelError> {
    let Some(value) = config.get("id2label") else { return Ok(None) };
    let wrong = || config.refuse("id2label", value, "an object of names at \"0\", \"1\", …");
    let object = value.as_object().ok_or_else(wrong)?;
    let name = |id: usize| object.get(&id.to_string())?.as_str().map(str::to_owned);
    let names: Option<Vec<_>> = (0..object.len()).map(name).collect();
    names.ok_or_else(wrong).map(Some)
}

fn numbers(count: usize) -> Vec<String> {
    // Beyond any number of classes nothing is made; the plan refuses it.
    (0..count.min(1 << 21)).map(|id| id.to_string()).collect()
}

/// Exit heads that lie beside the weights; `None` without any.
pub(super) fn exits(checkpoint: &dyn Checkpoint) -> Result<Option<HeadPlan>, ModelError> {
    let Some(count) = rows(checkpoint, FIRST_EXIT) else { return Ok(None) };
    let pooling =
        pooling(checkpoint.metadata("pooling"), "pooling in the metadata of the exit heads")?;
    let named = checkpoint.metadata("labels").and_then(|labels| listed(labels, count));
    let names = named.unwrap_or_else(|| numbers(count));
    Ok(Some(HeadPlan::Exits(Pooled { pooling, names })))
}

/// Which state is read, as metadata say; `key` names the place.
fn pooling(said: Option<&str>, key: &str) -> Result<Pooling, ModelError> {
    match said {
        Some("first") => Ok(Pooling::First),
        other => other.and_then(Pooling::find).ok_or_else(|| ModelError::UnsupportedValue {
            key: key.to_owned(),
            found: other.unwrap_or("absent").to_owned(),
            allowed: "mean or cls".to_owned(),
        }),
    }
}

/// Class means that were opened with the checkpoint read out in the place of every head.
pub(in crate::model::families) fn with_class_means(
    plan: Plan,
    checkpoint: &dyn Checkpoint,
) -> Result<Plan, ModelError> {
    let Some(count) = rows(checkpoint, &mean_name(0)) else { return Ok(plan) };
    let said = checkpoint.metadata(class_means::POOLING);
    let pooling = pooling(said, "pooling in the metadata of the class means")?;
    let labels = checkpoint.metadata(class_means::LABELS);
    let names = labels.map_or_else(|| Some(numbers(count)), |labels| names_of(labels, count));
    let names = names.ok_or_else(|| ModelError::UnsupportedValue {
        key: "labels in the metadata of the class means".to_owned(),
        found: shortened(labels.unwrap_or_default()),
        allowed: format!("a JSON list of {count} different names"),
    })?;
    Plan { head: HeadPlan::Means(Pooled { pooling, names }), ..plan }.checked()
}

/// A JSON list of exactly `count` different names.
fn names_of(labels: &str, count: usize) -> Option<Vec<String>> {
    let names: Vec<String> = serde_json::from_str(labels).ok()?;
    let different: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    (names.len() == count && different.len() == count).then_some(names)
}

/// The begin of a text from a file, as an error repeats it.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// "0=negative,1=positive"; `None` unless it names exactly the classes that there are.
fn listed(labels: &str, count: usize) -> Option<Vec<String>> {
    let pairs: Option<BTreeMap<usize, &str>> = labels
        .split(',')
        .map(|part| {
            part.split_once('=').and_then(|(id, name)| Some((id.trim().parse().ok()?, name)))
        })
        .collect();
    let pairs = pairs.filter(|pairs| pairs.len() == count)?;
    (0..count).map(|id| pairs.get(&id).map(|name| name.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_exit_heads_name_every_class_or_none() {
        let both = Some(vec!["negative".to_owned(), "positive".to_owned()]);
        assert_eq!(listed("0=negative,1=positive", 2), both);
        assert_eq!(listed("1=positive, 0=negative", 2), both);
        for wrong in ["", "0=a", "0=a,2=b", "0=a,0=b", "a,b", "0=a,1=b,2=c"] {
            assert_eq!(listed(wrong, 2), None, "{wrong}");
        }
    }

    #[test]
    fn labels_of_class_means_are_as_many_different_names() {
        let both = Some(vec!["no, never".to_owned(), "1=1".to_owned()]);
        assert_eq!(names_of(r#"["no, never", "1=1"]"#, 2), both);
        for wrong in ["", "a,b", "[]", r#"["a"]"#, r#"["a","a"]"#, r#"["a",1]"#, r#"{"0":"a"}"#] {
            assert_eq!(names_of(wrong, 2), None, "{wrong}");
        }
    }
}
