use super::*;
use crate::figure::{Axis, Direction, Figure, Ink, Mark, Scale, to_csv};
use crate::knob::Value;
use crate::knob::turned as knobs;
use crate::lens::{LENSES, ReadingKind};
use crate::recording::{rough, synthetic, synthetic_samples};

fn figure(x: Axis, marks: Vec<Mark>) -> Figure {
    let y = Axis::linear("Tokens", "fraction");
    Figure { id: "f", title: "F".to_owned(), x, y, marks, picks: Vec::new() }
}

fn bars(label: &str, width: f64, bars: &[[f64; 2]]) -> Mark {
    Mark::Bars { label: label.to_owned(), bars: bars.to_vec(), width, ink: Ink::Series(0) }
}

fn line(label: &str, points: &[[f64; 2]]) -> Mark {
    Mark::Line { label: label.to_owned(), points: points.to_vec(), ink: Ink::Series(1) }
}

fn joined(mut a: Figure, b: Figure) -> (Figure, Option<Note>) {
    let note = join::join(&mut a, b);
    (a, note)
}

/// How many marks a hand can drag.
fn held(figure: &Figure) -> usize {
    let is_held =
        |mark: &&Mark| matches!(mark, Mark::Rule { knob: Some(_), .. } | Mark::Handles { .. });
    figure.marks.iter().filter(is_held).count()
}

/// Places of the bars' edges, from left to right, each with the name of its series.
fn edges(figure: &Figure) -> Vec<(f64, f64, String)> {
    let mut found = Vec::new();
    for mark in &figure.marks {
        if let Mark::Bars { label, bars, width, .. } = mark {
            found.extend(
                bars.iter().map(|[x, _]| (x - width / 2.0, x + width / 2.0, label.clone())),
            );
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found
}

#[test]
fn bars_of_both_stand_side_by_side_and_never_on_each_other() {
    let a = [bars("one", 0.42, &[[-0.21, 0.5], [0.79, 0.1]]), bars("two", 0.42, &[[0.21, 0.4]])];
    let b = bars("all", 0.84, &[[0.0, 0.3], [1.0, 0.7]]);
    let over = Mark::Text { at: [1.0, 0.7], text: "7".to_owned() };
    let (figure, note) = joined(
        figure(Axis::integer("Depth"), a.to_vec()),
        figure(Axis::integer("Depth"), vec![b, over]),
    );
    assert_eq!(note, None);
    let found = edges(&figure);
    assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0 + 1e-12), "{found:?}");
    let names: Vec<_> = found.iter().map(|(_, _, name)| name.as_str()).collect();
    assert_eq!(names, ["one", "two", "B: all", "one", "B: all"]);
    assert!(found.iter().all(|(from, to, _)| from.round() == to.round()), "{found:?}");
    let Some(Mark::Text { at, text }) = figure.marks.last() else { panic!() };
    assert_eq!((at[0], text.as_str()), (1.21, "7"), "what is written over a bar goes with it");
}

#[test]
fn what_is_the_same_is_not_drawn_twice_though_it_is_no_number() {
    let marks = || {
        vec![
            bars("n", 0.8, &[[0.0, 0.5]]),
            line("mean", &[[0.0, f64::NAN], [1.0, 0.5]]),
            Mark::Rule {
                label: "Threshold".to_owned(),
                direction: Direction::Horizontal,
                at: 0.5,
                knob: Some("threshold"),
            },
        ]
    };
    let x = || Axis::integer("Depth");
    let (same, _) = joined(figure(x(), marks()), figure(x(), marks()));
    assert_eq!(format!("{same:?}"), format!("{:?}", figure(x(), marks())));
}

#[test]
fn a_rule_of_b_cannot_be_dragged_and_its_ink_is_another() {
    let rule = |at| Mark::Rule {
        label: "Threshold".to_owned(),
        direction: Direction::Horizontal,
        at,
        knob: Some("threshold"),
    };
    let x = || Axis::integer("Depth");
    let a = figure(x(), vec![line("mean", &[[0.0, 0.5]]), rule(0.5)]);
    let b = figure(x(), vec![line("mean", &[[0.0, 0.7]]), rule(0.9)]);
    let (figure, _) = joined(a, b);
    let [_, _, Mark::Line { label, ink, .. }, Mark::Rule { label: name, at, knob, .. }] =
        figure.marks.as_slice()
    else {
        panic!("{figure:?}")
    };
    assert_eq!((label.as_str(), *ink), ("B: mean", Ink::Other(1)));
    assert_eq!((name.as_str(), *at, *knob), ("B: Threshold", 0.9, None));
}

#[test]
fn names_of_b_stand_where_a_has_them_and_new_ones_behind() {
    let axis =
        |names: &[&str]| Axis::category("task", names.iter().map(|n| (*n).to_owned()).collect());
    let a = figure(axis(&["hops", "story"]), vec![line("mean", &[[0.0, 1.0], [1.0, 2.0]])]);
    let b = figure(axis(&["sums", "hops"]), vec![line("mean", &[[0.0, 3.0], [1.0, 4.0]])]);
    let (figure, _) = joined(a, b);
    let Scale::Category(names) = &figure.x.scale else { panic!() };
    assert_eq!(names, &["hops", "story", "sums"]);
    let Some(Mark::Line { points, .. }) = figure.marks.last() else { panic!() };
    assert_eq!(points, &[[2.0, 3.0], [0.0, 4.0]]);
}

#[test]
fn another_quantity_is_never_drawn_on_the_same_axis() {
    let a = figure(Axis::integer("Depth"), vec![line("mean", &[[0.0, 0.5]])]);
    let mut b = a.clone();
    b.y = Axis::linear("Entropy", "nats");
    b.marks = vec![line("mean", &[[0.0, 2.0]])];
    let (figure, note) = joined(a.clone(), b);
    assert_eq!(figure.title, "F (A only)");
    assert_eq!((&figure.marks, &figure.y), (&a.marks, &a.y));
    let what = note.unwrap().what;
    assert_eq!(what, "“F” shows A only: the axes of B are Depth and Entropy (nats).");
}

#[test]
fn readings_stand_beside_each_other_and_one_that_only_b_has_is_absent_for_a() {
    let reading = |id, value, kind| Reading { id, label: id.to_owned(), value, unit: "", kind };
    let view = |readings| View { readings, ..View::default() };
    let a = view(vec![
        reading("depth", Some(1.0), ReadingKind::Exact),
        reading("cost", None, ReadingKind::Modelled),
        reading("time", Some(9.0), ReadingKind::Modelled),
    ]);
    assert!(a.reading_rows().iter().all(|row| row.versus.is_none()));
    let b = view(vec![
        reading("cost", Some(3.0), ReadingKind::Modelled),
        reading("depth", Some(2.0), ReadingKind::Exact),
        // Measured is not modelled: never in one row.
        reading("time", Some(8.0), ReadingKind::Measured),
    ]);
    let both = beside(a, b);
    let rows: Vec<_> =
        both.reading_rows().iter().map(|r| (r.reading.id, r.reading.value, r.versus)).collect();
    let expected = [
        ("depth", Some(1.0), Some(Some(2.0))),
        ("cost", None, Some(Some(3.0))),
        ("time", Some(9.0), Some(None)),
        ("time", None, Some(Some(8.0))),
    ];
    assert_eq!(rows, expected);
    let table = both.tables.last().unwrap();
    assert_eq!((table.id, table.rows.len()), ("readings", 4));
}

#[test]
fn every_lens_stands_two_settings_beside_each_other_on_every_strange_recording() {
    let recordings = [
        synthetic(0, 3, 1),
        synthetic(1, 1, 1),
        synthetic(5, 0, 1),
        rough(150, 4, 2),
        synthetic_samples(150, 4, 2),
    ];
    let entropy = knobs(&[("rule", Value::Choice("entropy".to_owned()))]);
    let low = knobs(&[("threshold", Value::Real(0.2)), ("least-depth", Value::Integer(1))]);
    for lens in LENSES {
        for recording in &recordings {
            let members = Members::only(recording);
            for (a, b) in [(&low, &entropy), (&entropy, &low), (&low, &low)] {
                let selection = Selection { token: Some(0) };
                let alone = look(*lens, &members, a, None, selection);
                let both = look(*lens, &members, a, Some(b), selection);
                assert_eq!(both.readings.len(), alone.readings.len());
                for (one, two) in alone.figures.iter().zip(&both.figures) {
                    assert_eq!(one.id, two.id);
                    assert_eq!(held(one), held(two), "{}", one.id);
                    if std::ptr::eq(a, b) {
                        assert_eq!(to_csv(one), to_csv(two));
                    }
                }
                let columns = token_columns(*lens, &members, a, Some(b));
                for token in 0..=recording.num_tokens() {
                    assert_eq!((columns.cells)(token).len(), columns.names.len());
                }
            }
        }
    }
}

#[test]
fn two_thresholds_of_a_small_recording() {
    let recording = synthetic(64, 4, 1);
    let at = |value| knobs(&[("threshold", Value::Real(value))]);
    let lens = crate::lens::find("exits").unwrap();
    let view =
        look(lens, &Members::only(&recording), &at(0.5), Some(&at(0.8)), Selection::default());
    let of = |id| to_csv(view.figures.iter().find(|figure| figure.id == id).unwrap());
    let readings = view.tables.last().unwrap();
    let (_, names) = readings.names.as_ref().unwrap();
    let rows = names.iter().zip(&readings.rows).map(|(name, row)| format!("{name} {row:.6?}"));
    let text = [of("exits"), of("slices"), rows.collect::<Vec<_>>().join("\n")].join("\n");
    insta::assert_snapshot!(text);
}
