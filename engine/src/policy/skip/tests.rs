//! What holds for every rule.

use super::rule::Measure;
use super::*;
use crate::knob::{KnobKind, Knobs, Value};
use crate::model::ModelError;
use crate::policy::exit::{About, Place};
use crate::recording::synthetic;

/// A model whose draft set never matters and whose streams turn least in the middle.
struct Still(Vec<Vec<f64>>);

impl Still {
    fn new(layers: usize) -> Self {
        let away = |layer: usize, n: usize| {
            let middle = layer as f64 + n as f64 / 2.0 - layers as f64 / 2.0;
            0.1 * n as f64 + 0.01 * middle.abs()
        };
        let from = |layer| (1..=layers - layer).map(|n| away(layer, n)).collect();
        Self((0..layers).map(from).collect())
    }
}

impl Measure for Still {
    fn angles(&mut self) -> Result<&[Vec<f64>], ModelError> {
        Ok(&self.0)
    }

    fn matching(&mut self, _: &Set, _: u64, _: u64) -> Result<f64, ModelError> {
        Ok(0.5)
    }
}

fn planned(layers: usize, turns: &[(&str, Value)]) -> Planned {
    let recording = synthetic(60, layers, 1);
    let mut knobs = Knobs::default();
    for (id, value) in turns {
        knobs.set(id, value.clone());
    }
    plan(About::of(Some(&recording)), &recording, &knobs, &mut Still::new(layers)).unwrap()
}

fn word(text: &str) -> Value {
    Value::Choice(text.to_owned())
}

#[test]
fn ids_are_unique_and_kebab_case_and_every_main_knob_is_there() {
    let mut ids: Vec<_> = RULES.iter().map(|rule| rule.card.id).collect();
    assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        let mut knobs = Knobs::default();
        knobs.set(RULE.id, word(rule.card.id));
        let cards = cards(&About::of(None), &knobs);
        let mut ids: Vec<_> = cards.iter().map(|card| card.id).collect();
        assert!(rule.card.main.is_empty() || ids.contains(&rule.card.main), "{}", rule.card.id);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), cards.len(), "{}: a knob twice", rule.card.id);
        for card in cards {
            assert!(card.kind.allows(&card.kind.default_value()), "{} {}", rule.card.id, card.id);
        }
    }
}

/// Both ends of a knob, or all its options.
fn ends(kind: &KnobKind) -> Vec<Value> {
    match kind {
        KnobKind::Real { min, max, .. } => vec![Value::Real(*min), Value::Real(*max)],
        KnobKind::Integer { min, max, .. } => vec![Value::Integer(*min), Value::Integer(*max)],
        KnobKind::Choice { options, .. } => {
            options.iter().map(|option| Value::Choice(option.id.clone())).collect()
        }
        KnobKind::Places { .. } => vec![word("all"), word("none")],
    }
}

#[test]
fn every_rule_plans_at_both_ends_of_every_knob_whatever_the_number_of_blocks() {
    for (layers, rule) in [1, 2, 3, 7].into_iter().flat_map(|n| RULES.iter().map(move |r| (n, r))) {
        let recording = synthetic(40, layers, 1);
        let about = About::of(Some(&recording));
        let mut base = Knobs::default();
        base.set(RULE.id, word(rule.card.id));
        let own = cards(&about, &base).into_iter().skip(1);
        for (id, end) in own.flat_map(|c| ends(&c.kind).into_iter().map(move |end| (c.id, end))) {
            let what = format!("{} {id} {end:?}", rule.card.id);
            let mut knobs = base.clone();
            knobs.set(id, end);
            match plan(about, &recording, &knobs, &mut Still::new(layers)) {
                Ok(Planned { plan: Plan::Placed(placed), .. }) => {
                    let places = (0..50).map(|at| Place::new(at, 10));
                    assert!(places.map(|at| placed.at(at).layers()).all(|n| n == layers), "{what}");
                }
                Ok(_) => {}
                Err(Unplanned::Refused(why)) => assert!(layers < 3, "{what}: {why}"),
                Err(other) => panic!("{what}: {other:?}"),
            }
        }
    }
}

#[test]
fn only_a_set_that_is_skipped_in_the_prompt_alone_is_not_nested() {
    for rule in RULES {
        let own = [("skip-rule", word(rule.card.id)), ("skip", word("2, 4a"))];
        assert!(planned(8, &own).plan.is_nested(), "{}", rule.card.id);
    }
    let prompt_only = |skip| {
        let turns = [("skip", word(skip)), ("skip-where", word("prompt-only"))];
        planned(8, &turns).plan.is_nested()
    };
    assert!(!prompt_only("2a"));
    // No attention is left out.
    assert!(prompt_only("2f"));
}

#[test]
fn the_blocks_of_the_smallest_turn_go() {
    let turns = |criterion| {
        [
            ("skip-rule", word("angular-window")),
            ("skipped-blocks", Value::Integer(2)),
            ("criterion", word(criterion)),
        ]
    };
    let skipped = |criterion| match planned(8, &turns(criterion)).plan {
        Plan::Placed(placed) => placed.one().unwrap().skipped().to_string(),
        Plan::Similarity(_) => panic!("a set"),
    };
    assert_eq!(skipped("angle"), "3-4");
    assert_eq!(skipped("before-last"), "5-6");
}

#[test]
fn the_budget_falls_behind_the_prompt_and_stays() {
    let recording = synthetic(60, 24, 1);
    let about = About { prompt: 4, ..About::of(Some(&recording)) };
    let mut knobs = Knobs::default();
    let turns = [("most-blocks", 16), ("least-blocks", 4), ("schedule-length", 14)];
    knobs.set(RULE.id, word("skip-decode"));
    for (id, value) in turns {
        knobs.set(id, Value::Integer(value));
    }
    let planned = plan(about, &recording, &knobs, &mut Still::new(24)).unwrap();
    let Plan::Placed(placed) = planned.plan else { panic!("by position") };
    let runs = |at| {
        let set = placed.at(Place::new(at, 4));
        (0..24).filter(|layer| set.attends(*layer)).count()
    };
    let golden = [16, 16, 16, 16, 16, 15, 13, 12, 11, 9, 8, 7, 5, 4, 4, 4];
    assert_eq!((0..16).map(runs).collect::<Vec<_>>(), golden);
    assert!(placed.is_nested());
}

#[test]
fn a_rule_asks_for_nothing_that_a_recording_does_not_hold() {
    let mut recording = synthetic(20, 3, 1);
    recording.signals.remove(&crate::signal::Signal::CosNext);
    let about = About::of(Some(&recording));
    let mut knobs = Knobs::default();
    knobs.set(RULE.id, word("block-influence"));
    let refused = plan(about, &recording, &knobs, &mut Still::new(3));
    let Err(Unplanned::Refused(why)) = refused else { panic!("refused") };
    assert!(why.contains("no cosine"), "{why}");
}
