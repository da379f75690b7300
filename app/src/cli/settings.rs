//! What `--set KNOB=VALUE` says, and flags like it.

use layerscope_engine::api::{KnobCard, Knobs};

use super::Failure;

/// Reads settings against the cards as they are for what was read so far: the range of one knob may depend on the
/// position of another (the threshold on the rule), so their order on the command line has no meaning.
pub(super) fn knobs(
    flag: &str,
    settings: &[String],
    cards: impl Fn(&Knobs) -> Vec<KnobCard>,
) -> Result<Knobs, Failure> {
    let mut pairs = Vec::new();
    for setting in settings {
        let Some(pair) = setting.split_once('=') else {
            return Err(Failure::Usage(format!("{flag} {setting}: expected KNOB=VALUE")));
        };
        pairs.push(pair);
    }
    let mut knobs = Knobs::default();
    // Until nothing changes any more.
    for _ in 0..=pairs.len() {
        let cards = cards(&knobs);
        for (id, value) in &pairs {
            // Errors are told by the last pass, when every other knob stands where it was asked to.
            drop(knobs.parse(&cards, id, value));
        }
    }
    let cards = cards(&knobs);
    for (id, value) in &pairs {
        knobs.parse(&cards, id, value).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    Ok(knobs)
}
