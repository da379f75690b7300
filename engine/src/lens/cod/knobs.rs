//! Knobs of the Growing exits lens, and how they stand for a recording.

use super::forecast::{Filter, Groups, Settings};
use super::items::{Choice as Series, Feature, LEAST_EXITS};
use super::monotone::Form;
use crate::knob::{Choice, ChoiceOption, Integer, KnobCard, Knobs, Real};
use crate::recording::Recording;

const KNOWN: Integer = Integer {
    id: "known-depth",
    label: "Known to depth",
    help: "The full depth is predicted from the exits up to here",
    default: 20,
    min: 0,
    max: 1023,
};
const FIRST: Integer = Integer {
    id: "first-depth",
    label: "First exit",
    help: "Depth of the first exit of the series; its compute is the unit of all",
    default: 1,
    min: 0,
    max: 1023,
};
const FEATURE: Choice = Choice {
    id: "feature",
    label: "Pass rate",
    help: "What stands for the pass rate of a token at an exit",
};
const RADIUS: Real = Real {
    id: "radius",
    label: "Cluster radius",
    help: "Most distance from the middle of a cluster, as root mean square over the known exits",
    unit: "",
    default: 0.1,
    min: 0.01,
    max: 0.5,
    step: 0.005,
};
const LEAST_SIZE: Integer = Integer {
    id: "least-size",
    label: "Least size",
    help: "A cluster has at least so many items",
    default: 10,
    min: 2,
    max: 200,
};
const GUESS: Choice = Choice {
    id: "guess",
    label: "Guess rate",
    help: "What a curve begins at: fitted, or what chance gives",
};
const LEAST_A: Real = Real {
    id: "least-a",
    label: "a above",
    help: "A curve with a smaller a is near its end at the first exit and is not extrapolated",
    unit: "",
    default: 1.0,
    min: 0.0,
    max: 10.0,
    step: 0.01,
};
const LEAST_B: Real = Real {
    id: "least-b",
    label: "b above",
    help: "A curve with a smaller b hardly rises with compute and is not extrapolated",
    unit: "",
    default: 0.1,
    min: 0.0,
    max: 5.0,
    step: 0.01,
};
const MOST_C: Real = Real {
    id: "most-c",
    label: "c below",
    help: "A curve with a larger c ends far below 1 and is not extrapolated",
    unit: "",
    default: 1.0,
    min: 0.0,
    max: 10.0,
    step: 0.01,
};
const LEAST_LEVEL: Real = Real {
    id: "least-level",
    label: "Least final level",
    help: "A curve that ends lower is not extrapolated; the paper's value is not known to us",
    unit: "fraction",
    default: 0.0,
    min: 0.0,
    max: 1.0,
    step: 0.01,
};
const LEAST_RISE: Real = Real {
    id: "least-rise",
    label: "Least rise",
    help: "A curve that rises less over the known exits is taken as flat; our bound, the paper's is not known to us",
    unit: "",
    default: 0.05,
    min: 0.0,
    max: 1.0,
    step: 0.01,
};
const MAP: Choice = Choice {
    id: "map",
    label: "Map to all items",
    help: "From the accuracy of the predictable subset to that of all items",
};
const ITEMS: Integer = Integer {
    id: "items",
    label: "Most items",
    help: "So many are drawn where the recording has more",
    default: 1000,
    min: 50,
    max: 4000,
};
const SEED: Integer = Integer {
    id: "seed",
    label: "Seed",
    help: "Of the draw of items",
    default: 1,
    min: 0,
    max: 999_999,
};

const CORRECT: &str = "correct";
const CHANCE: &str = "chance";
const QUARTIC: &str = "quartic";
const NONE: &str = "none";

/// The cards as they are for this recording.
pub(super) fn cards(recording: Option<&Recording>) -> Vec<KnobCard> {
    let noun = recording.map(Recording::subject).unwrap_or_default().noun();
    let known = known(recording);
    vec![
        known.card(known.max),
        FIRST.card(last_known(recording)),
        FEATURE.card(vec![
            ChoiceOption::new("probability", format!("Probability of the true answer of a {noun}")),
            ChoiceOption::new(CORRECT, "First choice is true (0 or 1)"),
        ]),
        RADIUS.card(),
        LEAST_SIZE.card(LEAST_SIZE.max),
        GUESS.card(vec![
            ChoiceOption::new("fitted", "Fitted"),
            ChoiceOption::new(CHANCE, "Chance, 1 / V"),
        ]),
        LEAST_A.card(),
        LEAST_B.card(),
        MOST_C.card(),
        LEAST_LEVEL.card(),
        LEAST_RISE.card(),
        MAP.card(vec![
            ChoiceOption::new("spline", "Cubic smoothing spline"),
            ChoiceOption::new(QUARTIC, "Quartic of the first version (form from memory)"),
            ChoiceOption::new(NONE, "None"),
        ]),
        ITEMS.card(ITEMS.max),
        SEED.card(SEED.max),
    ]
}

/// How the knobs stand; a value that this recording does not allow counts as not chosen.
pub(super) fn settings(recording: &Recording, knobs: &Knobs) -> Settings {
    let mut allowed = knobs.clone();
    allowed.keep_allowed(&cards(Some(recording)));
    let whole = |knob: &Integer| usize::try_from(allowed.integer(knob)).unwrap_or(0);
    let is_correctness = allowed.choice(&FEATURE) == Some(CORRECT);
    let chance = 1.0 / recording.manifest().vocab.max(1) as f64;
    let full = recording.num_layers();
    Settings {
        groups: Groups {
            series: Series {
                feature: if is_correctness { Feature::Correctness } else { Feature::Probability },
                // Narrowed by the card only where somebody chose it.
                first: whole(&FIRST).min(full.saturating_sub(1)),
                known: whole(&known(Some(recording))),
                most_items: whole(&ITEMS),
                seed: allowed.integer(&SEED).unsigned_abs(),
            },
            radius: allowed.real(&RADIUS),
            least_size: whole(&LEAST_SIZE),
            guess: (allowed.choice(&GUESS) == Some(CHANCE)).then_some(chance),
        },
        filter: Filter {
            a: allowed.real(&LEAST_A),
            b: allowed.real(&LEAST_B),
            c: allowed.real(&MOST_C),
            level: allowed.real(&LEAST_LEVEL),
            rise: allowed.real(&LEAST_RISE),
        },
        form: match allowed.choice(&MAP) {
            Some(QUARTIC) => Form::Quartic,
            Some(NONE) => Form::Identity,
            _ => Form::Spline,
        },
    }
}

/// Two thirds of the depth are known unless somebody says otherwise, and at least as many exits as a curve needs.
fn known(recording: Option<&Recording>) -> Integer {
    let Some(recording) = recording else {
        return KNOWN;
    };
    let two_thirds = recording.num_layers() * 2 / 3;
    let default = i64::try_from(two_thirds.max(LEAST_EXITS)).unwrap_or(KNOWN.max);
    let max = last_known(Some(recording));
    Integer { default: default.min(max), max, ..KNOWN }
}

/// The deepest exit that leaves something to predict.
fn last_known(recording: Option<&Recording>) -> i64 {
    recording.map_or(KNOWN.max, |r| {
        i64::try_from(r.num_layers()).unwrap_or(KNOWN.max).saturating_sub(1).clamp(0, KNOWN.max)
    })
}
