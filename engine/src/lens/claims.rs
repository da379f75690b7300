//! Which threshold can be claimed to keep the answers? Found on one part of the recording, judged on the other.
//!
//! # Question
//! Which threshold keeps, say, 95 % agreement with 95 % confidence, and does it hold on samples that did not choose it?
//! # Source
//! Learn then Test: Angelopoulos et al. 2021, with fixed-sequence testing as in Schuster et al. 2022 (CALM); p-values of Clopper and
//! Pearson 1934 and Hoeffding 1963.
//! # What it records
//! Nothing of its own: the signals that the rule compares, and first choices.
//! # What it shows
//! The share that fails at every threshold on both parts, the p-values, exits on the test part, and the same for every value of
//! a column: a threshold of its own beside the common one.
//! # Knobs
//! Those of the rule; goal, delta, error, method, unit, calibration, split-seed, slice, by.
//! # What is modelled
//! Cost saved: FLOPs by the formula of `policy/cost.rs`.
//! # What cannot be known here
//! Whether later samples come from where these came from, which every claim assumes; and, for tokens, what a stopped token
//! would have left for later ones.

mod figures;
mod knobs;
mod readings;
mod slices;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::knob::{KnobCard, Knobs};
use crate::lens::exits::{self, Settings};
use crate::lens::{Lens, LensCard, Selection, TokenColumns, View};
use crate::policy::{Claim, Goal, Outcome, Outcomes, POSITIONS, Part, Side, Split, sides};
use crate::recording::{Recording, Slice};

/// Registry entry.
pub(super) static LENS: Claims = Claims;

/// Which threshold can be claimed to keep the answers?
#[derive(Debug)]
pub(super) struct Claims;

static CARD: LensCard = LensCard {
    id: "claims",
    name: "Choosing a threshold",
    question: "Which threshold keeps the answers with a stated confidence, and does it hold on other samples?",
    source: "Learn then Test: Angelopoulos et al. 2021, fixed-sequence testing as in Schuster et al. 2022 (CALM); Clopper and Pearson 1934; Hoeffding 1963",
    modelled: "FLOPs saved: blocks that are not run, less one readout at every depth at which a token was checked; keys and values of skipped blocks are left out",
    unknown: "Whether later samples come from where these came from, which every claim assumes; and what a stopped token would have left for later ones: exits of tokens are those of the replay",
};

/// What a threshold does on both parts.
struct Found {
    calibration: Arc<Outcomes>,
    test: Arc<Outcomes>,
    /// The riskiest position that the claim allows; `None`: only the full depth.
    accepted: Option<Outcome>,
    /// How many rows the calibration part has.
    num_calibration: usize,
}

impl Found {
    /// What a position does on the test part; the full depth where it is `None`.
    fn judged(&self, at: Option<f64>) -> &Outcome {
        at.and_then(|at| self.test.at(at)).unwrap_or(&self.test.full)
    }

    fn accepted_at(&self) -> Option<f64> {
        self.accepted.as_ref().map(|outcome| outcome.at)
    }
}

/// All that the figures are drawn from.
struct Scene<'a> {
    recording: &'a Recording,
    settings: Settings,
    split: Split,
    goal: Goal,
    claim: Claim,
    whole: Found,
    /// The values of the compared column inside the slice.
    parts: Vec<(String, Found)>,
}

impl<'a> Scene<'a> {
    fn new(recording: &'a Recording, knobs: &Knobs) -> Self {
        let mut allowed = knobs.clone();
        allowed.keep_allowed(&knobs::cards(Some(recording), knobs));
        let settings = exits::settings(recording, &allowed);
        let split = Split::of(&allowed);
        let goal = Goal::of(recording, &allowed, Goal::OF_EXITS);
        let claim = knobs::claim(&allowed);
        let find = |slice: &Slice| {
            let [find, judge] = sides(settings.rule.rule.card().is_fitted)
                .map(|side| Part::side(recording, slice, split, side));
            let rule = (&settings.rule, &settings.knobs);
            let calibration = find.outcomes(recording, rule, goal, POSITIONS);
            let test = judge.outcomes(recording, rule, goal, POSITIONS);
            let accepted = if settings.rule.rule.card().is_fitted {
                // The order of the walk must not depend on the rows that it is walked on.
                let fitted = Part::side(recording, slice, split, Side::Calibration);
                let fitted = fitted.outcomes(recording, rule, goal, POSITIONS);
                claim.accepted(&calibration.in_order_of(&fitted)).cloned()
            } else {
                claim.accepted(&calibration).cloned()
            };
            Found { calibration, test, accepted, num_calibration: find.num_rows() }
        };
        let whole = find(&settings.slice);
        let column = settings.by.iter();
        let values = column.flat_map(|column| column.values.iter().map(move |v| (&column.name, v)));
        let parts = values
            .map(|(name, value)| (value.clone(), find(&settings.slice.with(name, value))))
            .filter(|(_, found)| found.num_calibration > 0)
            .collect();
        Self { recording, settings, split, goal, claim, whole, parts }
    }

    /// Name of the compared column; "slice" without one.
    fn column(&self) -> &str {
        self.settings.by.as_ref().map_or("slice", |column| column.name.as_str())
    }
}

impl Lens for Claims {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
        knobs::cards(recording, knobs)
    }

    fn view(&self, recording: &Recording, knobs: &Knobs, _selection: Selection) -> View {
        let scene = Scene::new(recording, knobs);
        let mut figures =
            vec![figures::risk(&scene), figures::p_values(&scene), figures::exits(&scene)];
        figures.extend(slices::figure(&scene));
        View {
            figures,
            readings: readings::readings(&scene),
            tables: vec![slices::table(&scene)],
            suggestions: vec![readings::suggestion(&scene)],
            notes: readings::notes(&scene),
            versus: None,
        }
    }

    fn token_columns<'a>(&self, recording: &'a Recording, knobs: &Knobs) -> TokenColumns<'a> {
        let scene = Scene::new(recording, knobs);
        let mut sides = vec![""; recording.num_tokens()];
        for (side, name) in [
            (Side::Calibration, "calibration"),
            (Side::Test, "test"),
            (Side::Proof, "proof"),
            (Side::Verdict, "verdict"),
        ] {
            let is_of_fitted = matches!(side, Side::Proof | Side::Verdict);
            if is_of_fitted && !scene.settings.rule.rule.card().is_fitted {
                continue;
            }
            for rows in scene.split.rows(recording, side) {
                sides.get_mut(rows).into_iter().flatten().for_each(|side| *side = name);
            }
        }
        TokenColumns {
            names: vec!["part".to_owned()],
            cells: Box::new(move |token| {
                vec![sides.get(token).map(|side| (*side).to_owned()).unwrap_or_default()]
            }),
        }
    }
}
