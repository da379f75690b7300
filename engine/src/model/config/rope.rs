//! Rotary positions as config.json describes them: base, scaling and share of a head.

use serde_json::Value;

use crate::kernel::rotary::Scaling;
use crate::model::ModelError;
use crate::model::config::Config;

/// What a family calls its rotary positions and what it means where a key is absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RopeKeys {
    pub(crate) theta: &'static str,
    pub(crate) default_theta: f64,
    /// Share of a head that is turned; `None`: always all of it.
    pub(crate) share: Option<(&'static str, f64)>,
    /// Whether `rope_parameters` may hold an object for each kind of block.
    pub(crate) is_by_kind: bool,
}

const FULL: &str = "full_attention";
const SLIDING: &str = "sliding_attention";

/// A family that says nothing of its own.
pub(crate) const USUAL: RopeKeys =
    RopeKeys { theta: "rope_theta", default_theta: 10000.0, share: None, is_by_kind: false };

/// Rotary positions of a configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rope {
    pub(crate) theta: f64,
    pub(crate) scaling: Scaling,
    /// Share of a head that is turned.
    pub(crate) share: f64,
}

/// From a key for the base and `rope_scaling`, or from the newer `rope_parameters`.
pub(crate) fn rope(config: &Config<'_>, keys: RopeKeys) -> Result<Rope, ModelError> {
    let mut theta = config.positive(keys.theta)?;
    let mut share = share_of(config, keys)?;
    let mut scaling = None;
    let default_share = keys.share.map_or(1.0, |(_, absent)| absent);
    let inner_keys =
        RopeKeys { share: keys.share.map(|(_, one)| ("partial_rotary_factor", one)), ..keys };
    for key in ["rope_scaling", "rope_parameters"] {
        let Some(rope) = config.object(key)? else { continue };
        let rope = match rope.object(FULL)? {
            // One object for each kind of block; the other kind is read by `windowed`.
            Some(full) if keys.is_by_kind => {
                rope.finish(|key| key == SLIDING)?;
                full
            }
            _ => rope,
        };
        let inner = Rope {
            theta: rope.positive("rope_theta")?.or(theta).unwrap_or(keys.default_theta),
            scaling: scaling_of(&rope)?,
            share: share_of(&rope, inner_keys)?.or(share).unwrap_or(default_share),
        };
        rope.finish(|_| false)?;
        refuse_other(&rope, "rope_theta", theta, inner.theta)?;
        refuse_other(&rope, "partial_rotary_factor", share, inner.share)?;
        if scaling.is_some_and(|other| other != inner.scaling) {
            return Err(ModelError::UnsupportedValue {
                key: "rope_parameters".to_owned(),
                found: "another scaling than `rope_scaling`".to_owned(),
                allowed: "the same scaling in both".to_owned(),
            });
        }
        (theta, scaling) = (Some(inner.theta), Some(inner.scaling));
        share = keys.share.map(|_| inner.share);
    }
    Ok(Rope {
        theta: theta.unwrap_or(keys.default_theta),
        scaling: scaling.unwrap_or(Scaling::None),
        share: share.unwrap_or(default_share),
    })
}

/// Rotary positions of blocks with a window, where `rope_parameters` has an object for each kind of block.
pub(crate) fn windowed(config: &Config<'_>) -> Result<Option<(f64, Scaling)>, ModelError> {
    let Some(all) = config.object("rope_parameters")? else { return Ok(None) };
    let Some(rope) = all.object(SLIDING)? else { return Ok(None) };
    let theta = rope.required("rope_theta", rope.positive("rope_theta")?)?;
    let scaling = scaling_of(&rope)?;
    rope.finish(|_| false)?;
    Ok(Some((theta, scaling)))
}

/// The share at the key of the family; only 1 where the family has none.
fn share_of(config: &Config<'_>, keys: RopeKeys) -> Result<Option<f64>, ModelError> {
    if let Some((key, _)) = keys.share {
        return config.positive(key);
    }
    config.only("partial_rotary_factor", &[1.into(), 1.0.into()])?;
    Ok(None)
}

fn refuse_other(
    rope: &Config<'_>,
    key: &str,
    outer: Option<f64>,
    inner: f64,
) -> Result<(), ModelError> {
    if let Some(outer) = outer.filter(|outer| *outer != inner) {
        return Err(rope.refuse(key, &inner.into(), &format!("{outer}, as it stands elsewhere,")));
    }
    Ok(())
}

/// The scaling of `rope_scaling` or of an object like it.
fn scaling_of(rope: &Config<'_>) -> Result<Scaling, ModelError> {
    let number = |key: &str| rope.positive(key).and_then(|value| rope.required(key, value));
    let old_spelling = rope.text("type")?;
    match rope.text("rope_type")?.or(old_spelling) {
        None => rope.required("rope_type", None),
        Some("default") => Ok(Scaling::None),
        Some("linear") => Ok(Scaling::Linear { factor: number("factor")? }),
        Some("llama3") => {
            let (low, high) = (number("low_freq_factor")?, number("high_freq_factor")?);
            if high <= low {
                let allowed = format!("a number above low_freq_factor = {low}");
                return Err(rope.refuse("high_freq_factor", &high.into(), &allowed));
            }
            let original = number("original_max_position_embeddings")?;
            Ok(Scaling::Llama3 { factor: number("factor")?, low, high, original })
        }
        Some(other) => {
            Err(rope.refuse("rope_type", &Value::from(other), "default, linear or llama3"))
        }
    }
}
