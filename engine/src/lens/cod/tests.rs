use super::*;
use crate::figure::{Mark, to_csv};
use crate::knob::Value;
use crate::recording::{synthetic, synthetic_samples};
use crate::signal::{NO_TOKEN, Signal};

fn view(recording: &Recording, turns: &[(&str, Value)]) -> View {
    let mut knobs = Knobs::default();
    for (id, value) in turns {
        knobs.set(id, value.clone());
    }
    LENS.view(recording, &knobs, Selection::default())
}

fn reading(view: &View, id: &str) -> Option<f64> {
    let ids: Vec<_> = view.readings.iter().map(|r| r.id).collect();
    assert!(ids.contains(&id), "{id} of {ids:?}");
    view.readings.iter().find(|r| r.id == id)?.value
}

fn says(view: &View, words: &str) -> bool {
    view.notes.iter().any(|note| note.what.contains(words))
}

/// 12 blocks; every item follows one of three curves of compute, each shifted a little, and the third does not rise.
fn growing(num_tokens: usize) -> Recording {
    let mut recording = synthetic(num_tokens, 12, 5);
    let curve = |kind: usize, cost: f64| match kind {
        0 => (-4.0 * cost.powf(-1.2) - 0.02).exp(),
        1 => (-9.0 * cost.powf(-1.1) - 0.05).exp(),
        _ => 0.3,
    };
    let costs: Vec<f64> = (0..=12).map(|depth| (f64::from(depth) * 10.0 + 1.0) / 11.0).collect();
    let nll = recording.signals.get_mut(&Signal::Nll).unwrap();
    for (depth, column) in nll.iter_mut().enumerate() {
        for (row, value) in column.iter_mut().enumerate() {
            let shift = ((row * 7 + depth * 3) % 13) as f64 / 600.0 - 0.01;
            let probability = (curve(row % 3, costs[depth]) + shift).clamp(1e-6, 1.0);
            if !value.is_nan() {
                #[expect(clippy::cast_possible_truncation, reason = "a recording holds f32")]
                let nll = -probability.ln() as f32;
                *value = nll;
            }
        }
    }
    recording
}

#[test]
fn the_truth_is_the_mean_over_the_items_and_compute_is_counted() {
    let recording = growing(480);
    let view = view(&recording, &[]);
    let nll = &recording.signals[&Signal::Nll][12];
    let known: Vec<f64> =
        nll.iter().filter(|v| !v.is_nan()).map(|v| (-f64::from(*v)).exp()).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    assert_eq!(reading(&view, "items"), Some(known.len() as f64));
    assert!((reading(&view, "true_full").unwrap() - mean).abs() < 1e-12);
    // 12 blocks of 1e6 and a readout of 1e5, over 8 blocks and a readout.
    assert!((reading(&view, "compute_ratio").unwrap() - 121.0 / 81.0).abs() < 1e-12);
}

#[test]
fn items_of_three_curves_are_three_clusters_and_cod_is_near() {
    let view = view(&growing(480), &[]);
    assert_eq!(reading(&view, "clusters"), Some(3.0));
    assert_eq!(reading(&view, "outliers"), Some(0.0));
    let table = &view.tables[0];
    let (_, names) = table.names.as_ref().unwrap();
    assert_eq!(names.iter().filter(|name| name.ends_with(" predictable")).count(), 2, "{names:?}");
    // The third kind keeps all items from 1, where the map has to end: a third of them stays at 0.3.
    assert!(reading(&view, "error_cod").unwrap() < 0.03);
    assert!(reading(&view, "error_cod") < reading(&view, "error_no_change"));
    assert!(says(&view, "Extension"));
    let is_flat = |row: usize| names[row].ends_with("too flat");
    for (row, cells) in table.rows.iter().enumerate() {
        assert_eq!(cells[2].is_nan(), is_flat(row), "a of {}", names[row]);
    }
}

#[test]
fn more_known_exits_leave_less_to_predict() {
    let recording = growing(480);
    let error = |known: i64| {
        let view = view(&recording, &[("known-depth", Value::Integer(known))]);
        reading(&view, "error_no_change").unwrap()
    };
    assert!(error(11) < error(8) && error(8) < error(4));
}

#[test]
fn what_cannot_be_had_is_absent_and_says_why() {
    let none = |view: &View| reading(view, "predicted_cod").is_none();
    let shallow = view(&synthetic(64, 4, 1), &[]);
    assert!(none(&shallow) && says(&shallow, "4 known exits"));
    let mut recording = growing(480);
    recording.manifest.flops_per_block.clear();
    let unpriced = view(&recording, &[]);
    assert!(none(&unpriced) && says(&unpriced, "does not say what its blocks cost"));
    let mut recording = growing(480);
    recording.tokens.next_ids.fill(NO_TOKEN);
    let unknown = view(&recording, &[]);
    assert!(none(&unknown) && says(&unknown, "No token has a known truth"));
    let lonely = view(&growing(480), &[("least-size", Value::Integer(200))]);
    assert!(none(&lonely) && says(&lonely, "No cluster"));
    assert!(reading(&lonely, "predicted_one_curve").is_some());
    let strict = view(&growing(480), &[("least-b", Value::Real(5.0))]);
    assert!(none(&strict) && says(&strict, "COD predicts nothing"));
}

#[test]
fn many_items_are_drawn_from_the_seed() {
    let recording = growing(480);
    let drawn = |seed: i64| {
        let turns = [("items", Value::Integer(100)), ("seed", Value::Integer(seed))];
        view(&recording, &turns)
    };
    let first = drawn(1);
    assert_eq!(reading(&first, "items"), Some(100.0));
    assert!(says(&first, "100 tokens of 450 were drawn"), "{:?}", first.notes);
    assert_eq!(reading(&first, "true_full"), reading(&drawn(1), "true_full"));
    assert_ne!(reading(&first, "true_full"), reading(&drawn(2), "true_full"));
}

#[test]
fn right_or_wrong_can_stand_for_the_pass_rate() {
    let recording = synthetic_samples(400, 8, 3);
    let view = view(&recording, &[("feature", Value::Choice("correct".to_owned()))]);
    let labelled: Vec<usize> =
        (0..400).filter(|row| recording.tokens.next_ids[*row] != NO_TOKEN).collect();
    let right = labelled.iter().filter(|row| recording.is_right(8, **row) == Some(true)).count();
    let accuracy = right as f64 / labelled.len() as f64;
    assert!((reading(&view, "true_full").unwrap() - accuracy).abs() < 1e-12);
    assert!(view.readings.iter().any(|r| r.label == "Accuracy at full depth, true"));
}

#[test]
fn tokens_carry_their_cluster() {
    let recording = growing(480);
    let columns = LENS.token_columns(&recording, &Knobs::default());
    let cells = |token: usize| (columns.cells)(token);
    assert_eq!(cells(0)[0], cells(3)[0]);
    assert_ne!(cells(0)[0], cells(1)[0]);
    assert_eq!(cells(2)[1], "0", "what does not rise is not predictable");
    assert!(cells(15).iter().all(String::is_empty), "the last of a text has no next token");
    assert!(cells(99_999).iter().all(String::is_empty));
}

#[test]
fn the_known_depth_can_be_dragged() {
    let view = view(&growing(480), &[("known-depth", Value::Integer(6))]);
    let rule = view.figures[0].marks.iter().find_map(|mark| match mark {
        Mark::Rule { knob, at, .. } => Some((*knob, *at)),
        _ => None,
    });
    assert_eq!(rule, Some((Some("known-depth"), 6.0)));
}

#[test]
fn readings_and_figures_of_a_small_recording() {
    let view = view(&growing(160), &[]);
    let mut lines = Vec::new();
    for r in &view.readings {
        lines.push(format!("{}: {} = {:.3?} {} ({:?})", r.id, r.label, r.value, r.unit, r.kind));
    }
    lines.extend(view.notes.iter().map(|note| format!("note: {}", note.line())));
    // Parameters of a flat curve could be any; they are not held here.
    for table in view.tables.iter().skip(1) {
        lines.push(format!("\n{} {:?}\n{}", table.id, table.names, table.columns.join(",")));
        let row = |row: &Vec<f64>| row.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>();
        lines.extend(table.rows.iter().map(|cells| row(cells).join(",")));
    }
    lines.push(format!("\nclusters {:?}", view.tables[0].names));
    let sizes = &view.figures[4];
    lines.push(format!("\n{}\n{}", sizes.title, to_csv(sizes)));
    insta::assert_snapshot!(lines.join("\n"));
}
