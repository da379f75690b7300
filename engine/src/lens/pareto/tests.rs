use std::collections::BTreeMap;

use super::*;
use crate::figure::{Figure, Ink, Mark};
use crate::knob::turned as knobs;
use crate::policy::{RULES, RuleEntry};
use crate::recording::{ReadAt, synthetic, synthetic_samples};

fn choice(id: &str) -> Value {
    Value::Choice(id.to_owned())
}

fn view(recording: &Recording, turns: &[(&str, Value)]) -> View {
    LENS.view(recording, &knobs(turns), Selection::default())
}

fn reading(view: &View, id: &str) -> Option<f64> {
    view.readings.iter().find(|r| r.id == id).unwrap_or_else(|| panic!("{id}")).value
}

fn present(figure: &Figure) -> Vec<[f64; 2]> {
    let is_present =
        |mark: &&Mark| matches!(mark, Mark::Points { label, .. } if label == "Present setting");
    match figure.marks.iter().find(is_present) {
        Some(Mark::Points { points, .. }) => points.clone(),
        _ => panic!("no present setting"),
    }
}

#[test]
fn a_pick_makes_the_point_that_it_stands_at() {
    let recording = synthetic_samples(240, 4, 3);
    for cost in ["depth", "flops", "time"] {
        for part in ["test", "all"] {
            let turns =
                [("cost", choice(cost)), ("part", choice(part)), ("goal", choice("accuracy"))];
            let figure = &view(&recording, &turns).figures[0];
            assert!(figure.picks.len() > 60, "{}", figure.picks.len());
            for pick in figure.picks.iter().step_by(3) {
                let mut turned = knobs(&turns);
                for (id, value) in &pick.sets {
                    turned.set(id, value.clone());
                }
                let taken = LENS.view(&recording, &turned, Selection::default());
                assert_eq!(present(&taken.figures[0]), [pick.at], "{}", pick.label);
            }
        }
    }
}

#[test]
fn nothing_beats_the_front_and_the_oracle_is_on_no_front() {
    let recording = synthetic_samples(400, 5, 2);
    let view = view(&recording, &[("part", choice("all"))]);
    let table = &view.tables[0];
    let rules = &table.names.as_ref().unwrap().1;
    let of = |row: &Vec<f64>| (row[1], row[2], row[4] == 1.0);
    let can_run: Vec<_> = table
        .rows
        .iter()
        .zip(rules)
        .filter(|(_, rule)| *rule != "oracle")
        .map(|(r, _)| of(r))
        .collect();
    for (cost, kept, on_front) in &can_run {
        let is_beaten =
            can_run.iter().any(|(c, k, _)| (c < cost && k >= kept) || (c <= cost && k > kept));
        assert!(
            !(is_beaten && *on_front)
                && (is_beaten
                    || *on_front
                    || kept.is_nan()
                    || can_run.iter().any(|(c, k, f)| *f && c == cost && k == kept))
        );
    }
    let bound = reading(&view, "bound_cost").unwrap();
    for (cost, kept, _) in &can_run {
        assert!(*kept < 1.0 || *cost >= bound, "{cost} {kept} under {bound}");
    }
    assert!(rules.iter().any(|rule| rule == "oracle"));
    let oracle = table.rows.iter().zip(rules).filter(|(_, rule)| *rule == "oracle");
    assert!(oracle.into_iter().all(|(row, _)| row[4] == 0.0));
    // Every rule of the registry is there, but the one of class means where a head read out.
    let is_there = |rule: &&&dyn RuleEntry| rules.iter().any(|id| id == rule.card().id);
    let absent: Vec<_> = RULES.iter().filter(|rule| !is_there(rule)).map(|r| r.card().id).collect();
    assert_eq!(absent, ["class-means"]);
}

#[test]
fn the_present_rule_and_most_of_the_front_are_in_colour_and_every_curve_has_its_name() {
    let recording = synthetic_samples(400, 5, 2);
    for rule in ["max-prob", "schedule", "kl"] {
        let view = view(&recording, &[("part", choice("all")), ("rule", choice(rule))]);
        let of_rules = view.figures[0].marks.iter().filter_map(|mark| match mark {
            Mark::Points { label, ink, .. } => {
                let rule = RULES.iter().position(|rule| rule.card().label == label)?;
                Some((rule, *ink))
            }
            _ => None,
        });
        let of_rules: Vec<(usize, Ink)> = of_rules.collect();
        assert_eq!(of_rules.len(), RULES.len() - 2, "all but the oracle and class means");
        let colored: Vec<_> = of_rules.iter().filter(|(_, ink)| *ink != Ink::Faint).collect();
        assert!(colored.iter().all(|(rule, ink)| *ink == Ink::Series(*rule)), "{colored:?}");
        assert!((2..=7).contains(&colored.len()), "{colored:?}");
        assert!(colored.iter().any(|(idx, _)| RULES[*idx].card().id == rule));
    }
}

#[test]
fn the_cheapest_setting_is_found_among_all_and_not_only_among_those_drawn() {
    let recording = synthetic_samples(600, 5, 2);
    let turns = [("part", choice("all")), ("threshold", Value::Real(0.7))];
    let view = view(&recording, &turns);
    let rows = &view.tables[1].rows;
    let cost_at_90 = rows[0][0];
    let depth = |threshold: f64| {
        let knobs = knobs(&[("threshold", Value::Real(threshold))]);
        let chosen = choose(&recording, &knobs);
        let tally = crate::policy::Counts::new(&recording, &chosen, None).of(&Default::default());
        (tally.agreement().unwrap(), tally.mean_depth().unwrap())
    };
    let by_hand = (0..=1000).map(|rung| depth(f64::from(rung) / 1000.0));
    let by_hand = by_hand.filter(|(kept, _)| *kept >= 0.9).map(|(_, depth)| depth);
    assert_eq!(Some(cost_at_90), by_hand.min_by(f64::total_cmp));
    // And it is drawn.
    assert!(view.tables[0].rows.iter().any(|row| row[1] == cost_at_90 && row[2] >= 0.9));
    let (kept, cost) = depth(0.7);
    assert_eq!(reading(&view, "present_kept"), Some(kept));
    assert_eq!(reading(&view, "present_cost"), Some(cost));
    assert!(reading(&view, "cheapest_cost").unwrap() <= cost);
}

#[test]
fn prices_move_costs_and_nothing_else() {
    let recording = synthetic(800, 4, 3);
    let flops = |turns: &[(&str, Value)]| -> BTreeMap<(String, u64), [f64; 3]> {
        let turns = [&[("cost", choice("flops"))], turns].concat();
        let table = view(&recording, &turns).tables[0].clone();
        let names = table.names.unwrap().1.into_iter();
        let key =
            |(rule, row): (String, Vec<f64>)| ((rule, row[0].to_bits()), [row[1], row[2], row[3]]);
        names.zip(table.rows).map(key).collect()
    };
    let usual = flops(&[]);
    for (turn, is_dearer) in [
        (("exit-heads", choice("answer")), false),
        (("readout-price", Value::Real(4.0)), true),
        (("readout-price", Value::Real(0.0)), false),
        (("skipped-keys", choice("propagated")), true),
    ] {
        let other = flops(std::slice::from_ref(&turn));
        // Some drawn settings are chosen by their price.
        let both = usual.iter().filter_map(|(key, before)| Some((before, other.get(key)?)));
        let both: Vec<_> = both.collect();
        assert!(both.len() * 4 > usual.len() * 3);
        assert!(both.iter().all(|(before, after)| before[1..] == after[1..]), "{turn:?}");
        let before: f64 = both.iter().map(|(before, _)| before[0]).sum();
        let after: f64 = both.iter().map(|(_, after)| after[0]).sum();
        assert!(before != after && (after > before) == is_dearer, "{turn:?}: {before} {after}");
    }
}

#[test]
fn measured_time_stands_on_an_axis_of_its_own_or_not_at_all() {
    let mut recording = synthetic(800, 4, 3);
    let timed = view(&recording, &[("cost", choice("time"))]);
    // 4 blocks of 0.125 s over 800 tokens.
    assert_eq!(reading(&timed, "full_cost"), Some(0.625));
    assert!(timed.figures[0].x.label.contains("measured"));
    let modelled = view(&recording, &[("cost", choice("flops"))]);
    assert!(modelled.figures[0].x.label.contains("modelled"));
    assert_eq!(reading(&modelled, "full_cost"), Some(1.0));
    recording.manifest.read_at = ReadAt::Last;
    let offered = LENS.knobs(Some(&recording), &Knobs::default());
    let cost = offered.iter().find(|card| card.id == "cost").unwrap();
    assert!(!cost.kind.allows(&choice("time")));
    // What is not offered counts as not asked.
    assert_eq!(view(&recording, &[("cost", choice("time"))]).figures[0].x.label, "Mean exit depth");
}

#[test]
fn a_larger_recording_is_replayed_at_fewer_positions_and_says_so() {
    assert_eq!(curves::most_positions(1 << 19), 33);
    assert_eq!(curves::most_positions(1 << 20), 17);
    assert_eq!(curves::most_positions((1 << 20) + 1), 9);
}

#[test]
fn readings_and_rules_of_a_small_recording() {
    let recording = synthetic_samples(300, 4, 1);
    let mut view = view(&recording, &[("cost", choice("flops"))]);
    // All points would be a long list of the same kind.
    view.tables[0].rows.truncate(12);
    view.tables[0].names.as_mut().unwrap().1.truncate(12);
    insta::assert_snapshot!(crate::lens::walk_tests::told(&view));
}
