use super::*;
use crate::figure::{Mark, to_csv};
use crate::knob::Value;
use crate::recording::{synthetic, synthetic_samples};
use crate::signal::{NO_TOKEN, Signal};

/// Of texts: an attempt succeeds if its last token is right, unless a turn says otherwise.
fn by_last_token() -> Knobs {
    let mut knobs = Knobs::default();
    knobs.set("outcome", choice("last"));
    knobs
}

fn view(recording: &Recording, turns: &[(&str, Value)]) -> View {
    let mut knobs = by_last_token();
    for (id, value) in turns {
        knobs.set(id, value.clone());
    }
    LENS.view(recording, &knobs, Selection::default())
}

fn choice(id: &str) -> Value {
    Value::Choice(id.to_owned())
}

fn reading(view: &View, id: &str) -> Option<f64> {
    let ids: Vec<_> = view.readings.iter().map(|r| r.id).collect();
    assert!(ids.contains(&id), "{id} of {ids:?}");
    view.readings.iter().find(|r| r.id == id)?.value
}

fn typed(numbers: [f64; 7]) -> Vec<(&'static str, Value)> {
    let ids = ["p", "alpha", "tau", "success-time", "failure-time", "call-time", "restart"];
    let turns = ids.into_iter().zip(numbers).map(|(id, value)| (id, Value::Real(value)));
    std::iter::once(("source", choice("hand"))).chain(turns).collect()
}

#[test]
fn golden_cases_typed_by_hand_stand_on_the_screen() {
    for (numbers, expected) in case::tests::GOLDEN {
        let view = view(&synthetic(0, 2, 1), &typed(numbers));
        assert!((reading(&view, "expected_calls").unwrap() - expected).abs() < 5e-4);
        let (mean, error) = (reading(&view, "simulated_calls"), reading(&view, "simulated_error"));
        assert!((mean.unwrap() - expected).abs() < 4.0 * error.unwrap(), "{numbers:?}");
    }
    // As the knobs stand: the published runs.
    let view = view(&synthetic(0, 2, 1), &[("source", choice("hand"))]);
    assert!((reading(&view, "expected_none").unwrap() - 102.17).abs() < 0.01);
    assert!((reading(&view, "expected_calls").unwrap() - 85.45).abs() < 0.01);
    assert!((reading(&view, "break_even").unwrap() - 0.399).abs() < 1e-3);
}

#[test]
fn what_never_finishes_has_no_number_and_says_so() {
    for rates in [[0.0, 0.2, 0.5], [0.5, 1.0, 0.5]] {
        let [p, alpha, tau] = rates;
        let view = view(&synthetic(0, 2, 1), &typed([p, alpha, tau, 9.0, 9.0, 2.0, 0.0]));
        assert_eq!(reading(&view, "expected_calls"), None);
        assert_eq!(reading(&view, "simulated_calls"), None);
        assert!(view.notes.iter().any(|n| n.what.contains("never finishes")), "{:?}", view.notes);
    }
}

/// 40 texts of 16 tokens whose first tokens are sure in those that succeed, but for every tenth.
fn telling() -> Recording {
    let mut recording = synthetic(640, 4, 3);
    for row in 0..640 {
        let (sample, position) = (row / 16, row % 16);
        let is_success = sample % 2 == 0;
        let looks_good = is_success != (sample % 10 == 0);
        let sure = if looks_good { 0.9 } else { 0.2 } + 0.001 * sample as f32;
        recording.signals.get_mut(&Signal::MaxProb).unwrap()[4][row] = sure;
        if position == 14 {
            let next = recording.tokens.next_ids[row];
            recording.top1[4][row] = if is_success { next } else { (next + 1) % 64 };
        }
    }
    recording
}

#[test]
fn attempts_are_counted_as_by_hand() {
    let view =
        view(&telling(), &[("look-tokens", Value::Integer(4)), ("restart", Value::Real(3.0))]);
    // 20 of 40 succeed; of samples 0, 10, 20, 30 (successes) the scores are low.
    assert_eq!(reading(&view, "attempts"), Some(40.0));
    assert_eq!(reading(&view, "success_rate"), Some(0.5));
    assert_eq!(reading(&view, "alpha"), Some(0.2));
    assert_eq!(reading(&view, "tau"), Some(1.0));
    // 16 tokens, or 4, through 4 blocks.
    assert_eq!(reading(&view, "success_time"), Some(64.0));
    assert_eq!(reading(&view, "call_time"), Some(16.0));
    let expected = 64.0 + (3.0 + 0.6 * 16.0) / 0.4;
    assert!((reading(&view, "expected_calls").unwrap() - expected).abs() < 1e-9);
    assert!((reading(&view, "expected_none").unwrap() - (64.0 + (3.0 + 32.0) / 0.5)).abs() < 1e-9);
    let confusion = &view.tables[0];
    assert_eq!(confusion.rows, [vec![4.0, 16.0, 0.0], vec![20.0, 0.0, 0.0]]);
    assert!(reading(&view, "gain_low").unwrap() > 0.0);
    assert!(view.notes.iter().any(|note| note.what.starts_with("Calling pays")));
    let error = reading(&view, "simulated_error").unwrap();
    assert!((reading(&view, "simulated_calls").unwrap() - expected).abs() < 4.0 * error);
}

#[test]
fn without_calls_nothing_is_gained() {
    let view = view(&telling(), &[("threshold", Value::Real(0.0))]);
    assert_eq!(reading(&view, "gain"), Some(0.0));
    assert_eq!(reading(&view, "expected_calls"), reading(&view, "expected_none"));
    assert_eq!(reading(&view, "break_even"), None);
}

#[test]
fn the_suggested_threshold_is_the_best_of_the_sweep() {
    let recording = telling();
    let before = view(&recording, &[]);
    let (id, value) = before.suggestions[0].sets[0].clone();
    let after = view(&recording, &[(id, value)]);
    let sweep = after.tables.iter().find(|table| table.id == "thresholds").unwrap();
    let best = sweep.rows.iter().map(|row| row[4]).min_by(f64::total_cmp);
    assert_eq!(reading(&after, "expected_calls"), best);
    assert!(best < reading(&after, "expected_none"));
}

#[test]
fn attempts_shorter_than_the_look_are_not_called() {
    let view = view(&telling(), &[("look-tokens", Value::Integer(15))]);
    assert!(reading(&view, "tau").unwrap() > 0.0);
    let mut short = telling();
    for position in &mut short.tokens.position {
        *position = (*position).min(14);
    }
    let view = super::tests::view(&short, &[("look-tokens", Value::Integer(14))]);
    assert!(reading(&view, "tau").unwrap() > 0.0, "15 tokens are more than 14");
    for position in &mut short.tokens.position {
        *position = (*position).min(3);
    }
    short.tokens.position[0] = 20;
    let view = super::tests::view(&short, &[("look-tokens", Value::Integer(4))]);
    assert_eq!(view.tables[0].rows, [vec![0.0, 0.0, 20.0], vec![0.0, 0.0, 20.0]]);
    assert!(view.notes.iter().any(|note| note.what.contains("got no call")));
}

#[test]
fn a_regression_is_shown_on_the_half_that_it_was_not_fitted_on() {
    let turns = [("predictor", choice("logistic")), ("look-tokens", Value::Integer(4))];
    let view = view(&telling(), &turns);
    assert_eq!(reading(&view, "attempts"), Some(20.0));
    assert!(view.notes.iter().any(|note| note.what.contains("fitted on 20 attempts")));
    let mut alike = telling();
    alike.top1[4] = alike.tokens.next_ids.clone();
    let view = super::tests::view(&alike, &turns);
    assert_eq!(reading(&view, "expected_calls"), None);
    assert!(view.notes.iter().any(|note| note.what.contains("nothing to learn from")));
}

#[test]
fn samples_with_labels_are_attempts_that_are_called_at_a_depth() {
    let recording = synthetic_samples(300, 4, 3);
    let view = view(&recording, &[("look-depth", Value::Integer(1))]);
    let labelled = recording.tokens.next_ids.iter().filter(|id| **id != NO_TOKEN).count();
    assert_eq!(reading(&view, "attempts"), Some(labelled as f64));
    assert_eq!(reading(&view, "call_time"), Some(1.0));
    assert_eq!(reading(&view, "failure_time"), Some(4.0));
    assert_eq!(view.readings.iter().find(|r| r.id == "call_time").unwrap().unit, "blocks");
    // A block takes 0.125 s for all 300.
    let view = super::tests::view(
        &recording,
        &[("look-depth", Value::Integer(1)), ("unit", choice("ms"))],
    );
    assert!((reading(&view, "call_time").unwrap() - 125.0 / 300.0).abs() < 1e-12);
}

#[test]
fn a_text_succeeds_by_its_mean_nll_or_its_share_of_right_tokens() {
    let recording = synthetic(640, 4, 3);
    let nll = &recording.signals[&Signal::Nll][4];
    let (mut low, mut right) = (0, 0);
    for sample in 0..40 {
        let rows = sample * 16..sample * 16 + 15;
        let sum: f64 = rows.clone().map(|row| f64::from(nll[row])).sum();
        low += usize::from(sum / 15.0 <= 3.0);
        let hits = rows.filter(|row| recording.is_right(4, *row) == Some(true)).count();
        right += usize::from(hits as f64 / 15.0 >= 0.6);
    }
    assert!((1..40).contains(&low) && (1..40).contains(&right), "{low} {right}");
    let by_nll = view(&recording, &[("outcome", choice("nll")), ("most-nll", Value::Real(3.0))]);
    assert_eq!(reading(&by_nll, "success_rate"), Some(low as f64 / 40.0));
    let turns = [("outcome", choice("share")), ("least-share", Value::Real(0.6))];
    assert_eq!(reading(&view(&recording, &turns), "success_rate"), Some(right as f64 / 40.0));
}

#[test]
fn without_failures_there_is_nothing_to_end() {
    let turns = [("outcome", choice("nll")), ("most-nll", Value::Real(20.0))];
    let view = view(&telling(), &turns);
    assert_eq!(reading(&view, "success_rate"), Some(1.0));
    assert!(view.notes.iter().any(|note| note.what.starts_with("Every attempt succeeds")));
}

#[test]
fn a_column_of_two_values_can_be_the_outcome() {
    let view = view(&synthetic(640, 3, 1), &[("outcome", choice("task:hops"))]);
    assert_eq!(reading(&view, "success_rate"), Some(0.5));
}

#[test]
fn tokens_carry_their_attempt() {
    let recording = telling();
    let mut knobs = by_last_token();
    let columns = LENS.token_columns(&recording, &knobs);
    assert_eq!(columns.names[0], "attempt_success");
    let cells = (columns.cells)(17);
    assert_eq!((cells[0].as_str(), cells[2].as_str(), cells[3].as_str()), ("0", "1", "64"));
    assert!((columns.cells)(99_999).iter().all(String::is_empty));
    knobs.set("source", choice("hand"));
    assert!(LENS.token_columns(&recording, &knobs).names.is_empty());
}

#[test]
fn the_map_is_one_where_nobody_calls_and_the_line_parts_it() {
    let view = view(&telling(), &[]);
    let Mark::Heat(heat) = &view.figures[1].marks[0] else { unreachable!() };
    assert!((heat.values[0] - 1.0).abs() < 1e-6);
    let Mark::Line { points, .. } = &view.figures[1].marks[1] else { unreachable!() };
    assert!(points.len() > 20);
    for [alpha, tau] in points {
        // Cells below the line and above it, in this column.
        let column =
            heat.values.iter().enumerate().filter(|(place, _)| (place % 101) as f64 == *alpha);
        for (row, (_, ratio)) in column.enumerate() {
            let is_above = row as f64 > *tau;
            assert!(*ratio == 1.0 || (*ratio < 1.0) == is_above || (ratio - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn readings_and_figures_of_a_small_recording() {
    let view = view(&telling(), &[]);
    let mut lines = Vec::new();
    for r in &view.readings {
        lines.push(format!("{}: {} = {:.6?} {} ({:?})", r.id, r.label, r.value, r.unit, r.kind));
    }
    lines.extend(view.notes.iter().map(|note| format!("note: {}", note.line())));
    lines.extend(view.suggestions.iter().map(|s| format!("{}: {}", s.label, s.explanation)));
    for table in view.tables.iter().take(3) {
        lines.push(format!("\n{} {:?}\n{}", table.id, table.names, table.columns.join(",")));
        let row = |row: &Vec<f64>| row.iter().map(|v| format!("{v:.6}")).collect::<Vec<_>>();
        lines.extend(table.rows.iter().map(|cells| row(cells).join(",")));
    }
    for figure in [&view.figures[3], &view.figures[4]] {
        lines.push(format!("\n{}\n{}", figure.title, to_csv(figure)));
    }
    insta::assert_snapshot!(lines.join("\n"));
}
