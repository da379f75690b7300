use super::*;
use crate::figure::{Mark, Size, Theme, to_csv, to_svg};
use crate::knob::{KnobKind, Value, turned as knobs};
use crate::lens::walk_tests::told;
use crate::lens::{LENSES, look, token_columns};
use crate::recording::{Top5, rough, synthetic, synthetic_samples};
use crate::signal::{NO_TOKEN, Signal};

fn choice(id: &str) -> Value {
    Value::Choice(id.to_owned())
}

/// A recording of the same `num` samples by a model of so many layers, two classes, with all probabilities: class 0 has
/// `probs`, and class 0 is right in every row but each fifth.
fn two_classes(probs: &[f32], layers: usize) -> Recording {
    let mut recording = synthetic_samples(probs.len(), layers, 1);
    recording.manifest.vocab = 2;
    recording.manifest.provenance.model = format!("of {layers}");
    recording.manifest.flops_per_block = vec![1e6; layers];
    recording.manifest.block_costs.clear();
    recording.pieces = [(0, "bad".to_owned()), (1, "good".to_owned())].into();
    let rows = 0..probs.len();
    recording.tokens.next_ids = rows.map(|row| u32::from(row % 5 == 4)).collect();
    let best = |p: &f32| u32::from(*p < 0.5);
    let sure = |p: &f32| p.max(1.0 - p);
    let entropy = |p: &f32| {
        -[*p, 1.0 - p].map(|p| if p > 0.0 { p * p.ln() } else { 0.0 }).iter().sum::<f32>()
    };
    let five = |p: &f32| {
        let ids = [best(p), 1 - best(p), NO_TOKEN, NO_TOKEN, NO_TOKEN];
        Top5 { ids, probs: [sure(p), 1.0 - sure(p), 0.0, 0.0, 0.0] }
    };
    recording.top1 = vec![probs.iter().map(best).collect(); layers + 1];
    recording.top5 = vec![probs.iter().map(five).collect(); layers + 1];
    for (signal, of) in [
        (Signal::MaxProb, &sure as &dyn Fn(&f32) -> f32),
        (Signal::Margin, &|p: &f32| 2.0 * sure(p) - 1.0),
        (Signal::Entropy, &entropy),
    ] {
        let column: Vec<f32> = probs.iter().map(of).collect();
        recording.signals.insert(signal, vec![column; layers + 1]);
    }
    recording
}

/// Probabilities between 0 and 1 in an order of no meaning.
fn spread(num: usize, step: usize) -> Vec<f32> {
    (0..num).map(|at| (at * step % num) as f32 / num as f32 * 0.98 + 0.01).collect()
}

/// A small, a middle and a large model.
fn three() -> [Recording; 3] {
    [
        two_classes(&spread(400, 149), 2),
        two_classes(&spread(400, 181), 4),
        two_classes(&spread(400, 233), 8),
    ]
}

fn view_of(members: &Members<'_>, turns: &[(&str, Value)]) -> View {
    LENS.view_members(members, &knobs(turns), Selection { token: Some(3) })
}

fn reading(view: &View, id: &str) -> Option<f64> {
    view.readings.iter().find(|r| r.id == id).unwrap_or_else(|| panic!("{id}")).value
}

#[test]
fn three_small_recordings_at_a_glance() {
    let [small, middle, large] = three();
    // The order in which they come means nothing.
    let members = Members::new(&large, [&small, &middle]).unwrap();
    insta::assert_snapshot!(told(&view_of(&members, &[("combine", choice("mean-of-scores"))])));
}

#[test]
fn members_stand_in_the_order_of_their_cost_and_equal_names_are_told_apart() {
    let [small, mut middle, large] = three();
    middle.manifest.provenance.model = "of 8".to_owned();
    let members = Members::new(&large, [&middle, &small]).unwrap();
    let names = |members: &Members<'_>| {
        let scene = Scene::new(members, &Knobs::default());
        scene.members.into_iter().map(|member| member.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&members), ["of 2", "of 8", "of 8 (2)"]);
    middle.manifest.flops_per_block.clear();
    let members = Members::new(&large, [&middle, &small]).unwrap();
    assert_eq!(names(&members), ["of 8", "of 8 (2)", "of 2"]);
    let view = view_of(&members, &[]);
    assert_eq!((reading(&view, "cost"), reading(&view, "relative_cost")), (None, None));
    assert!(reading(&view, "kept").is_some());
    assert!(view.notes.iter().any(|note| note.what.contains("costs is not recorded")));
}

#[test]
fn the_cost_is_that_of_all_members_that_ran() {
    let [small, _, large] = three();
    let members = Members::new(&small, [&large]).unwrap();
    let view = view_of(&members, &[]);
    // Blocks and one readout of 0.1 MFLOPs.
    assert_eq!(reading(&view, "cost_first"), Some(2.1));
    assert_eq!(reading(&view, "cost_last"), Some(8.1));
    let passed = reading(&view, "passed_on").unwrap();
    assert!(passed > 0.1 && passed < 0.3, "{passed}");
    let cost = reading(&view, "cost").unwrap();
    assert!((cost - (2.1 + passed * 8.1)).abs() < 1e-9, "{cost}");
    assert!((reading(&view, "relative_cost").unwrap() - cost / 8.1).abs() < 1e-12);
    let costs: Vec<f64> = view
        .tables
        .iter()
        .find(|t| t.id == "policies")
        .unwrap()
        .rows
        .iter()
        .map(|r| r[0])
        .collect();
    assert_eq!(costs[..3], [2.1e6, 8.1e6, 2.1e6 + 8.1e6]);
}

#[test]
fn the_readings_can_be_counted_again_from_the_columns_of_samples() {
    let [small, middle, large] = three();
    let members = Members::new(&middle, [&large, &small]).unwrap();
    for turns in [
        vec![],
        vec![("combine", choice("score-of-mean")), ("score", choice("entropy"))],
        vec![("window-form", choice("score")), ("operating-point", choice("by-hand"))],
        vec![("window-form", choice("single-threshold")), ("half-width", Value::Real(0.3))],
        vec![("window-form", choice("adjusted")), ("operating-point", choice("risk-10"))],
    ] {
        let view = view_of(&members, &turns);
        let columns = LENS.columns_of_members(&members, &knobs(&turns));
        let (mut rows, mut passed, mut right) = (0, 0, 0);
        for row in 0..400 {
            let cells = (columns.cells)(row);
            assert_eq!(cells.len(), columns.names.len());
            if cells[0] != "test" {
                assert_eq!(cells[0], "calibration");
                continue;
            }
            rows += 1;
            let own = LENS.columns_of_members(&Members::only(&small), &knobs(&turns));
            if cells[1] == "1" {
                // Outside the window the first member's answer and score stand as they are.
                assert_eq!(cells[2..], (own.cells)(row)[2..]);
                assert_eq!(cells[2], cells[3]);
            } else {
                passed += 1;
            }
            right += u32::from(cells[4] == u32::from(row % 5 == 4).to_string());
        }
        assert!(passed > 0 && passed < rows, "{turns:?}: {passed} of {rows}");
        let told = |id| reading(&view, id).unwrap();
        assert_eq!(told("counted"), f64::from(rows));
        assert_eq!(told("passed_on"), f64::from(passed) / f64::from(rows));
        assert_eq!(told("kept"), f64::from(right) / f64::from(rows), "{turns:?}");
    }
}

#[test]
fn no_width_is_the_first_member_and_a_full_one_the_last_or_the_average() {
    let [small, _, large] = three();
    let members = Members::new(&small, [&large]).unwrap();
    let at = |half_width, combine| {
        view_of(&members, &[("half-width", Value::Real(half_width)), ("combine", choice(combine))])
    };
    let view = at(1.0, "last");
    assert_eq!(reading(&view, "passed_on"), Some(1.0));
    assert_eq!(reading(&view, "kept"), reading(&view, "kept_last"));
    let view = at(1.0, "mean-of-scores");
    assert_eq!(reading(&view, "kept"), reading(&view, "kept_average"));
    let policies = &view.tables[0];
    assert_eq!(policies.names.as_ref().unwrap().1[2..], ["Average of all", "Cascade"]);
    // As text: a coverage that no threshold has is NaN in both.
    let [average, cascade] = [2, 3].map(|row| format!("{:?}", policies.rows[row]));
    assert_eq!(average, cascade, "the full average in every metric");
    let view = at(0.0, "last");
    assert!(reading(&view, "passed_on").unwrap() < 0.01);
    assert_eq!(reading(&view, "kept"), reading(&view, "kept_first"));
}

#[test]
fn the_average_is_absent_and_said_where_a_probability_is_not_recorded() {
    let [small, _, mut large] = three();
    large.top5.clear();
    let members = Members::new(&small, [&large]).unwrap();
    let asked = [("combine", choice("mean-of-scores"))];
    let (view, plain) = (view_of(&members, &asked), view_of(&members, &[]));
    assert_eq!(reading(&view, "kept_average"), None);
    assert_eq!(reading(&view, "kept"), reading(&plain, "kept"));
    assert!(view.notes.iter().any(|note| note.what.contains("in the place of the average")));
    assert!(plain.notes.iter().any(|note| note.what.contains("There is no average")));
    // Where the first lacks them it is not even offered.
    let cards = LENS.knobs(Some(&large), &Knobs::default());
    let combine = cards.iter().find(|card| card.id == "combine").unwrap();
    let KnobKind::Choice { options, .. } = &combine.kind else { panic!() };
    assert_eq!(options.len(), 1);
}

#[test]
fn without_labels_answers_are_held_against_the_last_member() {
    let [mut small, _, mut large] = three();
    small.tokens.next_ids.fill(NO_TOKEN);
    large.tokens.next_ids.fill(NO_TOKEN);
    let members = Members::new(&small, [&large]).unwrap();
    let view = view_of(&members, &[]);
    assert_eq!(reading(&view, "kept_last"), Some(1.0));
    assert!(reading(&view, "kept_first").unwrap() < 1.0);
    assert!(view.notes.iter().any(|note| note.what.contains("held against those of the last")));
}

#[test]
fn one_recording_alone_says_how_to_add_another() {
    let [small, ..] = three();
    let view = LENS.view(&small, &Knobs::default(), Selection::default());
    assert!(
        view.notes
            .iter()
            .any(|note| note.hint.contains("Add a recording…") && note.hint.contains("--with"))
    );
    let absent = ["passed_on", "kept", "kept_last", "cost", "window_low"];
    assert!(absent.iter().all(|id| reading(&view, id).is_none()));
    assert!(reading(&view, "kept_first").is_some());
    assert_eq!(view.figures.len(), 2);
}

#[test]
fn what_can_be_dragged_is_the_threshold_and_the_half_width() {
    let [small, _, large] = three();
    let members = Members::new(&small, [&large]).unwrap();
    let bound = |turns: &[(&str, Value)]| -> Vec<(&'static str, f64)> {
        let figures = view_of(&members, turns).figures;
        let marks = figures.iter().flat_map(|figure| &figure.marks);
        let rule = |mark: &Mark| match mark {
            Mark::Rule { at, knob: Some(knob), .. } => Some((*knob, *at)),
            _ => None,
        };
        marks.filter_map(rule).collect()
    };
    assert_eq!(bound(&[]), [("operating-coverage", 0.8), ("half-width", 0.1)]);
    let by_hand = [("operating-point", choice("by-hand")), ("centre", Value::Real(0.75))];
    assert_eq!(bound(&by_hand), [("centre", 0.75), ("half-width", 0.1)]);
    // A click on a bar puts the centre there; one on a point of the sweep takes its half width.
    let view = view_of(&members, &[]);
    for pick in view.figures.iter().flat_map(|figure| &figure.picks) {
        let mut turned = Knobs::default();
        pick.sets.iter().for_each(|(id, value)| turned.set(id, value.clone()));
        let cards = LENS.knobs(Some(&small), &turned);
        for (id, value) in &pick.sets {
            assert!(cards.iter().any(|card| card.id == *id && card.kind.allows(value)), "{id}");
        }
    }
    assert!(view.figures.iter().filter(|figure| !figure.picks.is_empty()).count() == 2);
}

/// Default knobs, and each knob at its ends.
fn turned(recording: &Recording) -> Vec<Knobs> {
    let mut turned = vec![Knobs::default()];
    for card in LENS.knobs(Some(recording), &knobs(&[("operating-point", choice("by-hand"))])) {
        let ends = match card.kind {
            KnobKind::Real { min, max, .. } => vec![Value::Real(min), Value::Real(max)],
            KnobKind::Integer { min, max, .. } => vec![Value::Integer(min), Value::Integer(max)],
            KnobKind::Choice { options, .. } => {
                options.into_iter().map(|option| Value::Choice(option.id)).collect()
            }
            KnobKind::Places { .. } => Vec::new(),
        };
        turned.extend(ends.into_iter().map(|end| knobs(&[(card.id, end)])));
    }
    turned
}

#[test]
fn strange_members_at_both_ends_of_every_knob_give_whole_views() {
    let bare = |mut recording: Recording| {
        recording.signals.clear();
        recording.top1.clear();
        recording.top5.clear();
        recording.manifest.flops_per_block.clear();
        recording.manifest.block_costs.clear();
        recording
    };
    let pairs = [
        [synthetic(0, 3, 1), synthetic(0, 3, 1)],
        [synthetic(1, 1, 1), synthetic(1, 1, 1)],
        [synthetic_samples(2, 0, 1), synthetic_samples(2, 0, 1)],
        [rough(90, 4, 2), rough(90, 4, 2)],
        [synthetic_samples(90, 4, 2), bare(synthetic_samples(90, 4, 2))],
        [two_classes(&spread(40, 7), 1), two_classes(&spread(40, 11), 2)],
    ];
    for [first, second] in &pairs {
        let members = Members::new(first, [second]).unwrap();
        for knobs in turned(first) {
            let view = LENS.view_members(&members, &knobs, Selection { token: Some(1) });
            let again = LENS.view_members(&members, &knobs, Selection { token: Some(1) });
            assert_eq!(format!("{view:?}"), format!("{again:?}"));
            for figure in &view.figures {
                assert!(to_csv(figure).starts_with("mark,kind,label"));
                let svg = to_svg(figure, Size { width: 400, height: 300 }, Theme::Light, &[]);
                assert!(svg.contains("</svg>") && !svg.contains("NaN"), "{}", figure.id);
            }
            for table in &view.tables {
                assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
            }
            assert!(view.readings.iter().all(|r| r.value.is_none_or(f64::is_finite)));
        }
    }
}

#[test]
fn every_other_lens_looks_at_the_first_alone() {
    let [small, _, large] = three();
    let both = Members::new(&small, [&large]).unwrap();
    let only = Members::only(&small);
    let (knobs, selection) = (Knobs::default(), Selection::default());
    for lens in LENSES {
        let told = |members| format!("{:?}", look(*lens, members, &knobs, None, selection));
        let is_alike = told(&both) == told(&only);
        assert_eq!(is_alike, lens.over_members().is_none(), "{}", lens.card().id);
        let names = |members| token_columns(*lens, members, &knobs, None).names;
        assert_eq!(names(&both), names(&only));
    }
}
