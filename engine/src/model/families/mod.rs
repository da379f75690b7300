//! Which families exist: what each is called in a checkpoint, and how its configuration becomes a decoder's.
//! Families of encoders stand in `encoders`.

mod encoders;
mod gemma2;
mod gemma3;
mod gpt2;
mod gpt_neox;
mod llama;
mod mistral;
mod mixtral;
mod olmo2;
mod phi3;
mod qwen2;
mod qwen3;

use crate::checkpoint::Checkpoint;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::model::decoder::Plan;
use crate::model::encoder::mean_name;
use crate::model::network::Network;

/// One family of decoders.
pub(crate) struct Family {
    /// For people.
    pub(crate) name: &'static str,
    /// What people know that it covers.
    pub(crate) covers: &'static [&'static str],
    /// `model_type` and the architecture in config.json.
    pub(crate) hugging_face: &'static [(&'static str, &'static str)],
    /// `general.architecture` in GGUF.
    pub(crate) gguf: &'static [&'static str],
    /// Turns a config.json into a plan, or refuses what it cannot run.
    pub(crate) plan_hf: PlanOf,
    /// Turns the GGUF keys of its architecture into a plan, or refuses what it cannot run.
    pub(crate) plan_gguf: Option<PlanOf>,
}

/// Reads a plan from a configuration.
type PlanOf = fn(&Config<'_>, &dyn Checkpoint) -> Result<Plan, ModelError>;

/// Every family of decoders.
pub(crate) static FAMILIES: &[&Family] = &[
    &llama::FAMILY,
    &mistral::FAMILY,
    &mixtral::FAMILY,
    &qwen2::FAMILY,
    &qwen3::FAMILY,
    &gemma2::FAMILY,
    &gemma3::FAMILY,
    &phi3::FAMILY,
    &olmo2::FAMILY,
    &gpt2::FAMILY,
    &gpt_neox::FAMILY,
];

/// What a checkpoint holds, read out by its class means where it has some.
pub(crate) fn network(checkpoint: &dyn Checkpoint) -> Result<Network, ModelError> {
    match bare_network(checkpoint)? {
        Network::Encoder(plan) => {
            Ok(Network::Encoder(encoders::with_class_means(plan, checkpoint)?))
        }
        Network::Decoder(plan) if encoders::has(checkpoint, &mean_name(0)) => {
            Err(ModelError::Request {
                what: "the network that class means are to read out",
                found: format!("{}, a decoder", plan.family),
                allowed: "an encoder".to_owned(),
            })
        }
        decoder @ Network::Decoder(_) => Ok(decoder),
    }
}

fn bare_network(checkpoint: &dyn Checkpoint) -> Result<Network, ModelError> {
    let config = Config::new(checkpoint.config());
    if let Some(found) = config.text("general.architecture")? {
        let config = config.scoped(&format!("{found}."));
        let decoder = FAMILIES.iter().find(|family| family.gguf.contains(&found));
        if let Some(plan) = decoder.and_then(|family| family.plan_gguf) {
            return Ok(Network::Decoder(plan(&config, checkpoint)?));
        }
        let encoder = encoders::ENCODERS.iter().find(|family| family.gguf.contains(&found));
        let plan = encoder.and_then(|family| family.plan_gguf).ok_or_else(|| unknown(found))?;
        return Ok(Network::Encoder(plan(&config, checkpoint)?));
    }
    let kind = config.text("model_type")?;
    let architecture = match config.get("architectures") {
        None => None,
        Some(value) => {
            let first = value.as_array().and_then(|list| list.first()).and_then(|v| v.as_str());
            Some(first.ok_or_else(|| config.refuse("architectures", value, "a list of names"))?)
        }
    };
    let is_called = |names: &[(&str, &str)]| {
        names.iter().any(|(model_type, name)| {
            // Old configurations lack one of the two; where both stand both must fit.
            (kind.is_some() || architecture.is_some())
                && kind.is_none_or(|kind| kind == *model_type)
                && architecture.is_none_or(|architecture| architecture == *name)
        })
    };
    if let Some(family) = FAMILIES.iter().find(|family| is_called(family.hugging_face)) {
        return Ok(Network::Decoder((family.plan_hf)(&config, checkpoint)?));
    }
    if let Some(family) = encoders::ENCODERS.iter().find(|family| is_called(family.hugging_face)) {
        return Ok(Network::Encoder((family.plan_hf)(&config, checkpoint)?));
    }
    Err(unknown(architecture.or(kind).unwrap_or("(none named)")))
}

fn unknown(found: &str) -> ModelError {
    let decoders = FAMILIES.iter().flat_map(|family| family.covers);
    let encoders = encoders::ENCODERS.iter().flat_map(|family| family.covers);
    let allowed = decoders.chain(encoders).copied().collect();
    ModelError::UnknownFamily { found: found.to_owned(), allowed }
}
