//! How a checkpoint wants its images: preprocessor_config.json becomes a preparation, or is refused.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::dataset::images::{Filter, Preparation};
use crate::model::config::Config;
use crate::model::{ModelCard, ModelError};

/// Keys that change no number of what ViT's image processor does.
const HARMLESS: &[&str] = &[
    "_valid_processor_keys",
    "data_format",
    "default_to_square",
    "do_convert_rgb",
    "feature_extractor_type",
    "image_processor_type",
    "processor_class",
];

/// How images become numbers for the network of `card`; `None` where it reads text.
pub(crate) fn preparation(
    checkpoint: &dyn Checkpoint,
    card: &ModelCard,
) -> Result<Option<Preparation>, ModelError> {
    let Some(side) = card.image_side else { return Ok(None) };
    let map = checkpoint.preprocessor()?.ok_or(ModelError::NoPreparation)?;
    let config = Config::new(&map);
    config.only("do_resize", &[true.into()])?;
    config.only("do_center_crop", &[false.into()])?;
    // Only used where images are cropped.
    config.get("crop_size");
    check_size(&config, side)?;
    let filter = match config.get("resample").map(Value::as_u64) {
        None | Some(Some(2)) => Filter::Bilinear,
        Some(Some(3)) => Filter::Bicubic,
        Some(_) => {
            let found = config.get("resample").cloned().unwrap_or_default();
            return Err(config.refuse("resample", &found, "2 (bilinear) or 3 (bicubic)"));
        }
    };
    let factor = config.positive("rescale_factor")?.unwrap_or(1.0 / 255.0);
    let scale = if config.flag("do_rescale")?.unwrap_or(true) { factor } else { 1.0 };
    let (mean, spread) = (three(&config, "image_mean")?, three(&config, "image_std")?);
    let (mean, spread) = if config.flag("do_normalize")?.unwrap_or(true) {
        (mean, spread)
    } else {
        ([0.0; 3], [1.0; 3])
    };
    if let Some(zero) = spread.iter().find(|spread| **spread <= 0.0) {
        return Err(config.refuse("image_std", &(*zero).into(), "numbers above 0"));
    }
    config.finish(|key| HARMLESS.contains(&key))?;
    Ok(Some(Preparation { side, filter, scale, mean, spread }))
}

/// A number, or the two sides of a square.
fn check_size(config: &Config<'_>, side: usize) -> Result<(), ModelError> {
    let Some(value) = config.get("size") else { return Ok(()) };
    let is_side = |value: &Value| value.as_u64() == Some(side as u64);
    let both = ["height", "width"].map(|key| value.get(key).is_some_and(is_side));
    if is_side(value) || both == [true, true] {
        return Ok(());
    }
    Err(config.refuse("size", value, &format!("the image size of the network, {side}")))
}

/// One number for each channel; a half where none is given.
fn three(config: &Config<'_>, key: &str) -> Result<[f64; 3], ModelError> {
    let Some(value) = config.get(key) else { return Ok([0.5; 3]) };
    let numbers = value.as_array().map(|list| list.iter().filter_map(Value::as_f64).collect());
    let three = numbers.and_then(|list: Vec<f64>| <[f64; 3]>::try_from(list).ok());
    three.ok_or_else(|| config.refuse(key, value, "three numbers"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::card;
    use crate::model::fixtures::Fixture;

    #[expect(clippy::unwrap_in_result, reason = "the network is valid; its preparation may not be")]
    fn of(preprocessor: Option<Value>) -> Result<Option<Preparation>, String> {
        let config = json!({
            "model_type": "vit", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
            "num_attention_heads": 2, "hidden_act": "gelu", "image_size": 16, "patch_size": 8,
        });
        let mut fixture = Fixture::encoder(config, &[("classifier.weight", &[3, 8])], &[], 1);
        fixture.preprocessor = preprocessor.map(|value| value.as_object().unwrap().clone());
        let card = card(&fixture, None).unwrap();
        assert_eq!(card.image_side, Some(16));
        preparation(&fixture, &card).map_err(|error| error.to_string())
    }

    #[test]
    fn published_spellings_are_read() {
        let half = Preparation {
            side: 16,
            filter: Filter::Bilinear,
            scale: 1.0 / 255.0,
            mean: [0.5; 3],
            spread: [0.5; 3],
        };
        assert_eq!(of(Some(json!({}))), Ok(Some(half.clone())));
        let old = json!({"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": 16});
        assert_eq!(of(Some(old)), Ok(Some(half.clone())));
        let new = json!({"do_rescale": true, "rescale_factor": 0.01, "resample": 3,
            "size": {"height": 16, "width": 16}, "image_mean": [0.1, 0.2, 0.3],
            "image_processor_type": "ViTImageProcessor", "do_convert_rgb": null});
        let filter = Filter::Bicubic;
        let other = Preparation { filter, scale: 0.01, mean: [0.1, 0.2, 0.3], ..half };
        assert_eq!(of(Some(new)), Ok(Some(other)));
        let raw = json!({"do_normalize": false, "do_rescale": false});
        let plain = Preparation {
            side: 16,
            filter: Filter::Bilinear,
            scale: 1.0,
            mean: [0.0; 3],
            spread: [1.0; 3],
        };
        assert_eq!(of(Some(raw)), Ok(Some(plain)));
    }

    #[test]
    fn what_would_change_a_number_is_refused_by_name() {
        assert!(of(None).unwrap_err().contains("preprocessor_config.json"));
        for (value, words) in [
            (json!({"do_resize": false}), "`do_resize` is false"),
            (json!({"do_center_crop": true}), "`do_center_crop` is true"),
            (json!({"size": 224}), "`size` is 224, but only the image size of the network, 16"),
            (json!({"size": {"shortest_edge": 16}}), "`size`"),
            (json!({"resample": 1}), "`resample` is 1"),
            (json!({"image_mean": [0.5]}), "`image_mean`"),
            (json!({"image_std": [0.5, 0.0, 1.0]}), "`image_std` is 0"),
            (json!({"do_flip": true}), "a key `do_flip` = true"),
        ] {
            let text = of(Some(value.clone())).unwrap_err();
            assert!(text.contains(words), "{value}: {text}");
        }
    }
}
