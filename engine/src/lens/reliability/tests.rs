use super::*;
use crate::knob::Value;
use crate::knob::turned as knobs;
use crate::recording::{synthetic, synthetic_samples};
use crate::signal::{NO_TOKEN, Signal};

fn choice(id: &str) -> Value {
    Value::Choice(id.to_owned())
}

fn view(recording: &Recording, turns: &[(&str, Value)]) -> View {
    LENS.view(recording, &knobs(turns), Selection::default())
}

fn reading(view: &View, id: &str) -> Option<f64> {
    view.readings.iter().find(|r| r.id == id).unwrap_or_else(|| panic!("{id}")).value
}

/// Five samples, two blocks, label 1 (the last has none).
fn five() -> Recording {
    let mut recording = synthetic_samples(5, 2, 1);
    recording.tokens.next_ids = vec![1, 1, 1, 1, NO_TOKEN];
    recording.top1 = vec![vec![1, 0, 0, 0, 1], vec![1, 0, 1, 0, 1], vec![0, 1, 1, 0, 1]];
    let sure = recording.signals.get_mut(&Signal::MaxProb).unwrap();
    *sure = vec![vec![0.5; 5], vec![0.75, 0.75, 1.0, 0.5, 0.5], vec![1.0, 0.5, 0.5, f32::NAN, 0.5]];
    recording
}

#[test]
fn right_early_and_wrong_late_is_counted_by_hand() {
    let view = view(&five(), &[("at-depth", Value::Integer(1))]);
    // Row 0 is right at depths 0 and 1 only, row 1 at the last only, row 2 from depth 1 on, row 3 never.
    assert_eq!(reading(&view, "overthought"), Some(0.25));
    assert_eq!(reading(&view, "needed_all"), Some(0.25));
    assert_eq!(reading(&view, "never_right"), Some(0.25));
    let table = &view.tables[0];
    let last_two: Vec<_> = table.rows.iter().map(|row| [row[5], row[6]]).collect();
    assert_eq!(last_two, [[0.25, 0.5], [0.25, 0.25], [0.0, 0.0]]);
    // Depth 1: right 1 0 1 0 at .75 .75 1 .5.
    assert_eq!((reading(&view, "kept"), reading(&view, "confidence")), (Some(0.5), Some(0.75)));
    // Bins of 1/15: .5 | .75 .75 | 1: (.5 + 2 * .25 + 0) / 4.
    assert_eq!(reading(&view, "ece"), Some(0.25));
}

#[test]
fn a_probability_that_is_no_number_is_in_no_bin_and_said() {
    let view = view(&five(), &[]);
    assert_eq!(reading(&view, "counted"), Some(3.0));
    assert!(
        view.notes
            .iter()
            .any(|note| note.what.starts_with("1 value of max probability at depth 2 is"))
    );
}

#[test]
fn samples_in_another_order_have_the_same_numbers() {
    let recording = synthetic_samples(200, 3, 5);
    let mut turned = synthetic_samples(200, 3, 5);
    turned.signals.values_mut().flatten().for_each(|column| column.reverse());
    for column in &mut turned.top1 {
        column.reverse();
    }
    turned.tokens.next_ids.reverse();
    for binning in ["width", "mass"] {
        for goal in ["agreement", "accuracy"] {
            let turns = [("binning", choice(binning)), ("goal", choice(goal))];
            // NaN equals NaN here.
            let told = |recording| format!("{:?}", view(recording, &turns));
            assert_eq!(told(&recording), told(&turned));
        }
    }
}

#[test]
fn the_bins_of_every_depth_hold_every_judged_row() {
    for recording in [synthetic(320, 4, 2), synthetic_samples(300, 4, 2)] {
        let known = recording.tokens.next_ids.iter().filter(|id| **id != NO_TOKEN).count() as f64;
        for (binning, bins) in [("width", 10), ("mass", 50)] {
            let turns = [("binning", choice(binning)), ("bins", Value::Integer(bins))];
            let view = view(&recording, &turns);
            for depth in 0..=4 {
                let here = view.tables[1].rows.iter().filter(|row| row[0] == f64::from(depth));
                assert_eq!(here.map(|row| row[3]).sum::<f64>(), known);
            }
        }
    }
}

#[test]
fn without_labels_only_agreement_is_counted() {
    let mut recording = synthetic_samples(40, 3, 1);
    recording.tokens.next_ids.fill(NO_TOKEN);
    let view = view(&recording, &[("goal", choice("accuracy")), ("at-depth", Value::Integer(0))]);
    assert_eq!(reading(&view, "overthought"), None);
    assert_eq!(reading(&view, "counted"), Some(40.0));
    assert!(view.figures.iter().all(|figure| figure.id != "overthinking"));
    assert!(view.notes.iter().any(|note| note.what.contains("only agreement")));
}

#[test]
fn readings_and_depths_of_a_small_recording() {
    let mut view = view(&synthetic_samples(300, 4, 1), &[("at-depth", Value::Integer(2))]);
    view.tables[1].rows.retain(|row| row[0] == 2.0);
    insta::assert_snapshot!(crate::lens::walk_tests::told(&view));
}
