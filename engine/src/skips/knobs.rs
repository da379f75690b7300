//! Knobs of a run with skips: the rule's own, and what is measured besides.

use crate::knob::{Choice, ChoiceOption, Integer, KnobCard, Knobs};
use crate::model::MissingKv;
use crate::policy::About;
use crate::policy::skip;
use crate::recording::Recording;

/// Tokens that count as the prompt of a text that was given whole.
const USUAL_PROMPT: u32 = 16;

const PROMPT: Integer = Integer {
    id: "prompt-tokens",
    label: "Prompt (tokens)",
    help: "So many tokens of each text count as its prompt; only those behind it are counted in results",
    default: 16,
    min: 0,
    max: 1 << 20,
};
const MISSING: Choice = Choice {
    id: "missing-kv",
    label: "Missing keys and values",
    help: "What a token reads where an earlier one left the attention out; without effect where no such place is read",
};
const POINTS: Integer = Integer {
    id: "curve-points",
    label: "Points of the curve",
    help: "For how many settings of the rule, and for how many sizes of random sets, the texts are run again",
    default: 6,
    min: 0,
    max: 64,
};
const SEEDS: Integer = Integer {
    id: "seeds",
    label: "Random sets of a size",
    help: "How many random sets of each size stand beside the rule; each one that differs is one more run of the texts",
    default: 3,
    min: 0,
    max: 50,
};
const DAMAGE: Choice = Choice {
    id: "damage",
    label: "Damage of each part",
    help: "Also runs the texts without each single block or sublayer, which takes as many passes as there are",
};
const REPEATS: Integer = Integer {
    id: "repeats",
    label: "Timed turns",
    help: "How often the full model and the one with skips go on with the text, by turns; times are medians",
    default: 3,
    min: 1,
    max: 100,
};
/// What later tokens can read, in the order in which modes are compared.
pub(super) const MODES: [(MissingKv, &str, &str); 3] = [
    (MissingKv::Propagate, "propagate", "Made from the stream that passes by"),
    (MissingKv::CopyBelow, "copy-below", "Those of the nearest block below"),
    (MissingKv::Absent, "absent", "None: the place is not looked at"),
];
const DAMAGES: [(Damage, &str, &str); 3] = [
    (Damage::None, "none", "Not measured"),
    (Damage::Blocks, "blocks", "Of each block"),
    (Damage::Sublayers, "sublayers", "Of each sublayer"),
];

/// Of what the damage is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    None,
    Blocks,
    Sublayers,
}

/// How the knobs stand that are not the rule's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// With the prompt that was chosen.
    pub(super) about: About,
    pub(super) missing: MissingKv,
    pub(super) points: u32,
    /// Random sets of each size.
    pub(super) seeds: u64,
    pub(super) damage: Damage,
    pub(super) repeats: usize,
}

/// The cards as they are for this recording and this rule.
pub(crate) fn cards(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let about = about(recording, knobs);
    let mut cards = skip::cards(&about, knobs);
    let options = |all: &[(&str, &str)]| {
        all.iter().map(|(id, label)| ChoiceOption::new(*id, *label)).collect::<Vec<_>>()
    };
    cards.extend([
        prompt(recording).card(PROMPT.max),
        MISSING.card(options(&MODES.map(|(_, id, label)| (id, label)))),
        POINTS.card(POINTS.max),
        SEEDS.card(SEEDS.max),
        DAMAGE.card(options(&DAMAGES.map(|(_, id, label)| (id, label)))),
        REPEATS.card(REPEATS.max),
    ]);
    cards
}

/// Reads the knobs. A value outside its range counts as not chosen.
pub(super) fn settings(recording: &Recording, knobs: &Knobs) -> Settings {
    let mut allowed = knobs.clone();
    allowed.keep_allowed(&cards(Some(recording), knobs));
    let missing = MODES.into_iter().find(|(_, id, _)| allowed.choice(&MISSING) == Some(*id));
    let damage = DAMAGES.into_iter().find(|(_, id, _)| allowed.choice(&DAMAGE) == Some(*id));
    Settings {
        about: about(Some(recording), &allowed),
        missing: missing.map_or(MissingKv::Propagate, |(mode, _, _)| mode),
        points: u32::try_from(allowed.integer(&POINTS)).unwrap_or(0),
        seeds: u64::try_from(allowed.integer(&SEEDS)).unwrap_or(0),
        damage: damage.map_or(Damage::None, |(damage, _, _)| damage),
        repeats: usize::try_from(allowed.integer(&REPEATS)).unwrap_or(1),
    }
}

/// Of the recording, with the prompt that was chosen.
fn about(recording: Option<&Recording>, knobs: &Knobs) -> About {
    let chosen = knobs.integer(&prompt(recording));
    About { prompt: u32::try_from(chosen).unwrap_or(0), ..About::of(recording) }
}

/// What was given to the model; of a text that was given whole a beginning, at most its half.
fn prompt(recording: Option<&Recording>) -> Integer {
    let about = About::of(recording);
    let usual = if about.prompt > 0 { about.prompt } else { USUAL_PROMPT.min(about.longest / 2) };
    Integer { default: usual.into(), ..PROMPT }
}
