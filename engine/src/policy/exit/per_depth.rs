//! A threshold for every depth, set by hand: drag each.

use std::sync::LazyLock;

use super::at_depth::{AtDepth, Comparison, Score};
use super::rule::{Entry, RuleCard};
use crate::knob::{Choice, ChoiceOption, Knobs, Real};
use crate::signal::Signal;

/// Most depths that a recording has.
const MOST_DEPTHS: usize = 1025;
/// Ids and labels of the knobs; they live as long as the program, as those of every other knob do.
static NAMES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let name = |depth| (format!("threshold-{depth}"), format!("Threshold at depth {depth}"));
    (0..MOST_DEPTHS).map(name).collect()
});

const SHIFT: Real = Real {
    id: "shift",
    label: "Shift of all thresholds",
    help: "Added to the threshold of every depth",
    unit: "",
    default: 0.0,
    min: -1.0,
    max: 1.0,
    step: 0.001,
};
const SCORE: Choice = Choice {
    id: "score",
    label: "Score",
    help: "What is compared with the threshold of its depth",
};

/// Registry entry.
pub(super) static RULE: Entry<AtDepth> = Entry {
    card: RuleCard {
        id: "per-depth",
        label: "Threshold per depth",
        meaning: "Stops where the score reaches the threshold of its depth; each can be dragged",
        source: "Teerapittayanon et al. 2016 (BranchyNet), a threshold for every exit",
        signal: Some(Signal::MaxProb),
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: false,
        main: "shift",
    },
    knobs: |about| {
        let scores = [("max-prob", "Max probability"), ("margin", "Margin p1 − p2")];
        let scores = scores.map(|(id, label)| ChoiceOption::new(id, label)).to_vec();
        let mut cards = vec![SCORE.card(scores), SHIFT.card()];
        cards.extend(thresholds(about.layers).map(|knob| knob.card()));
        cards
    },
    ladder: None,
    build: |knobs, fit| {
        let shift = knobs.real(&SHIFT);
        let thresholds = thresholds(fit.about.layers);
        Ok(AtDepth {
            score: score(knobs),
            comparison: Comparison::AtLeast,
            thresholds: thresholds
                .map(|knob| (knobs.real(&knob) + shift).clamp(0.0, 1.0))
                .collect(),
        })
    },
};

fn score(knobs: &Knobs) -> Score {
    if knobs.choice(&SCORE) == Some("margin") { Score::Margin } else { Score::MaxProb }
}

/// One for each depth below L.
fn thresholds(layers: usize) -> impl Iterator<Item = Real> {
    NAMES.iter().take(layers).map(|(id, label)| Real {
        id,
        label,
        ..super::probability("A token stops at this depth where its score reaches this")
    })
}
