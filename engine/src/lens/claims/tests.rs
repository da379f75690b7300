use super::*;
use crate::knob::Value;
use crate::knob::turned as knobs;
use crate::lens::exits::LENS as EXITS;
use crate::policy::choose;
use crate::recording::{synthetic, synthetic_samples};

fn choice(id: &str) -> Value {
    Value::Choice(id.to_owned())
}

fn view(recording: &Recording, turns: &[(&str, Value)]) -> View {
    LENS.view(recording, &knobs(turns), Selection::default())
}

fn reading(view: &View, id: &str) -> Option<f64> {
    view.readings.iter().find(|r| r.id == id).unwrap_or_else(|| panic!("{id}")).value
}

#[test]
fn both_parts_are_counted_as_anybody_else_would_count_them() {
    let recording = synthetic_samples(1200, 4, 3);
    for (goal, delta) in [("agreement", 0.4), ("accuracy", 0.6), ("kept", 0.3)] {
        let turns = [
            ("goal", choice(goal)),
            ("delta", Value::Real(delta)),
            ("split-seed", Value::Integer(3)),
        ];
        let view = view(&recording, &turns);
        let (id, found) = view.suggestions[0].sets[0].clone();
        assert_eq!(
            (id, &found),
            ("threshold", &Value::Real(reading(&view, "setting_found").unwrap()))
        );
        let exits = choose(&recording, &knobs(&[(id, found)])).all_exits(&recording);
        let columns = LENS.token_columns(&recording, &knobs(&turns));
        for part in ["calibration", "test"] {
            let rows = (0..1200).filter(|row| (columns.cells)(*row) == [part]);
            let fails: Vec<bool> = rows
                .filter_map(|row| {
                    let depth = exits[row].index();
                    let right = |depth| recording.is_right(depth, row);
                    match goal {
                        "agreement" => Some(recording.top1[depth][row] != recording.top1[4][row]),
                        "accuracy" => right(depth).map(|right| !right),
                        _ => Some(right(4)? && !right(depth)?),
                    }
                })
                .collect();
            let failing = fails.iter().filter(|fails| **fails).count() as f64;
            let of = |what: &str| reading(&view, &format!("{what}_{part}"));
            assert_eq!(of("n"), Some(fails.len() as f64), "{goal} {part}");
            assert_eq!(of("failing"), Some(failing), "{goal} {part}");
            assert_eq!(of("risk"), Some(failing / fails.len() as f64));
        }
        let holds = reading(&view, "risk_test").unwrap() <= delta;
        assert_eq!(reading(&view, "holds_on_test"), Some(f64::from(u8::from(holds))));
    }
}

#[test]
fn the_exits_lens_follows_what_is_suggested() {
    let recording = synthetic_samples(1200, 4, 3);
    let found = view(&recording, &[("delta", Value::Real(0.2))]);
    let sets = &found.suggestions[0].sets;
    let followed = EXITS.view(&recording, &knobs(&[sets[0].clone()]), Selection::default());
    // All rows are those of both parts.
    let agreement = followed.readings.iter().find(|r| r.id == "agreement").unwrap().value.unwrap();
    let failing =
        reading(&found, "failing_calibration").unwrap() + reading(&found, "failing_test").unwrap();
    assert!((agreement - (1.0 - failing / 1200.0)).abs() < 1e-12);
}

#[test]
fn a_claim_that_cannot_be_made_leaves_the_full_depth_and_says_why() {
    let recording = synthetic_samples(400, 4, 3);
    let view = view(&recording, &[("delta", Value::Real(0.001))]);
    assert_eq!(reading(&view, "setting_found"), None);
    assert_eq!(reading(&view, "mean_depth_test"), Some(4.0));
    assert_eq!(
        (reading(&view, "risk_test"), reading(&view, "holds_on_test")),
        (Some(0.0), Some(1.0))
    );
    assert_eq!(reading(&view, "cost_saved_test"), Some(0.0));
    // ln .05 / ln .999 = 2994.2.
    assert_eq!(reading(&view, "least_n"), Some(2995.0));
    assert!(view.suggestions[0].sets.is_empty());
    let words = &view.suggestions[0].explanation;
    assert!(
        words.ends_with("it needs at least 2995 samples, and the calibration part has 200"),
        "{words}"
    );
    assert!(view.notes.iter().any(|note| note.what.starts_with("No setting is accepted")));
}

#[test]
fn tokens_are_said_to_depend_on_each_other_and_texts_take_hoeffding() {
    let recording = synthetic(3200, 4, 3);
    let says = |view: &View, what: &str| view.notes.iter().any(|note| note.what.contains(what));
    let tokens = view(&recording, &[]);
    assert!(says(&tokens, "not independent"));
    assert_eq!(
        (reading(&tokens, "least_n"), reading(&tokens, "n_calibration")),
        (Some(59.0), Some(1600.0))
    );
    let texts = view(&recording, &[("unit", choice("text"))]);
    assert!(!says(&texts, "not independent") && says(&texts, "Hoeffding is used"));
    assert_eq!(
        (reading(&texts, "least_n"), reading(&texts, "n_calibration")),
        (Some(600.0), Some(100.0))
    );
    assert_eq!(reading(&texts, "setting_found"), None);
    // All texts are equally long, so their mean risk is that of their tokens.
    let loose = [("unit", choice("text")), ("delta", Value::Real(0.5))];
    let loose = view(&recording, &loose);
    assert!(reading(&loose, "setting_found").is_some());
    let kept = choose(&recording, &knobs(&loose.suggestions[0].sets)).all_exits(&recording);
    let rows = Split::of(&Knobs::default()).rows(&recording, Side::Test);
    let failing = rows
        .into_iter()
        .flatten()
        .filter(|row| recording.agrees(kept[*row].index(), *row) == Some(false));
    let risk = failing.count() as f64 / 1600.0;
    assert!((reading(&loose, "risk_test").unwrap() - risk).abs() < 1e-9);
}

#[test]
fn every_value_has_its_own_claim_beside_the_common_one() {
    let recording = synthetic_samples(4000, 5, 3);
    let view = view(&recording, &[("delta", Value::Real(0.2)), ("by", choice("difficulty"))]);
    let table = &view.tables[0];
    let at = |row: &[f64], name: &str| row[table.columns.iter().position(|c| *c == name).unwrap()];
    let (whole, parts) = table.rows.split_first().unwrap();
    assert_eq!(table.names.as_ref().unwrap().1.len(), 5);
    assert_eq!(Some(at(whole, "own_setting")), reading(&view, "setting_found"));
    for name in ["n_calibration", "n_test"] {
        assert_eq!(parts.iter().map(|row| at(row, name)).sum::<f64>(), at(whole, name));
    }
    for row in parts {
        assert_eq!(at(row, "common_setting"), at(whole, "common_setting"));
        assert_eq!(at(row, "suffices"), 1.0);
    }
    // Together the values keep at the common setting what all keep.
    let kept: f64 =
        parts.iter().map(|row| at(row, "common_kept_on_test") * at(row, "n_test")).sum();
    assert!((kept / at(whole, "n_test") - at(whole, "common_kept_on_test")).abs() < 1e-9);
}

#[test]
fn readings_and_slices_of_a_small_recording() {
    let recording = synthetic_samples(1200, 4, 1);
    let view = view(&recording, &[("delta", Value::Real(0.3)), ("by", choice("task"))]);
    insta::assert_snapshot!(crate::lens::walk_tests::told(&view));
}
