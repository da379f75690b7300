//! Gemma 3 (text): Gemma 2 without caps, with norms on q and k, and with rotary positions of another base in
//! the blocks that have a window.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::kernel::rotary::{Scaling, Turning};
use crate::kernel::rounded;
use crate::model::ModelError;
use crate::model::config::hugging_face::Defaults;
use crate::model::config::rope::{RopeKeys, USUAL, windowed};
use crate::model::config::{Config, gguf, hugging_face};
use crate::model::decoder::names::{self, Names};
use crate::model::decoder::{Plan, Positions};
use crate::model::families::{Family, gemma2};

pub(crate) static FAMILY: Family = Family {
    name: "Gemma 3",
    covers: &["Gemma 3 (text)"],
    hugging_face: &[("gemma3_text", "Gemma3ForCausalLM")],
    gguf: &["gemma3"],
    plan_hf,
    plan_gguf: Some(plan_gguf),
};

const NAMES: Names = Names { qk_norm: Some(names::HUGGING_FACE_QK), ..gemma2::NAMES };

const GGUF_NAMES: Names = Names { qk_norm: Some(names::GGUF_QK), ..gemma2::GGUF_NAMES };

const DEFAULTS: Defaults = Defaults {
    context: 131_072,
    rope: RopeKeys { default_theta: 1e6, is_by_kind: true, ..USUAL },
    ..gemma2::DEFAULTS
};

/// Base of blocks with a window where nothing else is said.
const LOCAL_THETA: f64 = 10000.0;

/// Every so many blocks one has no window, where nothing else is said.
const PERIOD: usize = 6;

/// See `gemma2::LAYERS_27B`.
const LAYERS_27B: usize = 62;

fn plan_hf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    let plan = hugging_face::decoder(config, checkpoint, FAMILY.name, &NAMES, DEFAULTS)?;
    let mut plan = gemma2::gemma_hf(config, plan, (None, None))?;
    let hidden = config.size("_sliding_window_pattern")?;
    let period = config.size("sliding_window_pattern")?.or(hidden).unwrap_or(PERIOD);
    let window = config.size_or("sliding_window", Some(4096))?;
    let has_window = |layer: usize| !(layer + 1).is_multiple_of(period);
    plan.windows = hugging_face::some_windows(config, plan.layers, window, has_window)?;
    config.only("use_bidirectional_attention", &[Value::Bool(false)])?;
    let old = config.positive("rope_local_base_freq")?;
    let new = windowed(config)?;
    if let (Some(old), Some((new, _))) = (old, new)
        && old != new
    {
        let allowed = format!("{new}, as `rope_parameters` says,");
        return Err(config.refuse("rope_local_base_freq", &old.into(), &allowed));
    }
    let unsaid = (old.unwrap_or(LOCAL_THETA), Scaling::None);
    let (theta, scaling) = new.unwrap_or(unsaid);
    plan.positions = with_local(plan.positions, theta, scaling);
    hugging_face::finish(config)?;
    plan.checked()
}

fn plan_gguf(config: &Config<'_>, checkpoint: &dyn Checkpoint) -> Result<Plan, ModelError> {
    // The usual base would be wrong for every published size.
    config.required("rope.freq_base", config.get("rope.freq_base"))?;
    let plan = gguf::decoder(config, checkpoint, FAMILY.name, &GGUF_NAMES)?;
    let mut plan = gemma2::gemma_gguf(plan, LAYERS_27B);
    plan.logit_cap = config.positive("final_logit_softcapping")?.map(rounded);
    let period = config.size("attention.sliding_window_pattern")?.unwrap_or(PERIOD);
    let window = gguf::window(config)?;
    plan.windows = (0..plan.layers)
        .map(|layer| window.filter(|_| !(layer + 1).is_multiple_of(period)))
        .collect();
    let theta = config.positive("rope.freq_base_swa")?.unwrap_or(LOCAL_THETA);
    plan.positions = with_local(plan.positions, theta, Scaling::None);
    gguf::finish(config)?;
    plan.checked()
}

/// Blocks with a window turn by a base of their own.
fn with_local(positions: Positions, theta: f64, scaling: Scaling) -> Positions {
    let Positions::Rotary { turning, .. } = positions else { return positions };
    let local = Turning { theta, scaling, ..turning };
    Positions::Rotary { turning, windowed: Some(local) }
}
