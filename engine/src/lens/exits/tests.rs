use super::*;
use crate::figure::{Mark, to_csv};
use crate::knob::turned as knobs;
use crate::knob::{KnobKind, Value};
use crate::lens::ReadingKind;
use crate::policy::{RULES, choose};
use crate::recording::{rough, synthetic, synthetic_samples};
use crate::signal::NO_TOKEN;

fn choice(id: &str) -> Value {
    Value::Choice(id.to_owned())
}

fn view(recording: &Recording, turns: &[(&str, Value)]) -> View {
    LENS.view(recording, &knobs(turns), Selection::default())
}

fn reading(view: &View, id: &str) -> Option<f64> {
    let ids: Vec<_> = view.readings.iter().map(|r| r.id).collect();
    assert!(ids.contains(&id), "{id} of {ids:?}");
    view.readings.iter().find(|r| r.id == id)?.value
}

/// NaN equals NaN here, which it does not in a view.
fn bytes(view: &View) -> String {
    format!("{view:?}")
}

#[test]
fn figures_stand_in_the_order_of_the_window() {
    let ids: Vec<_> = view(&synthetic(40, 3, 1), &[]).figures.iter().map(|f| f.id).collect();
    assert_eq!(
        ids,
        [
            "grid",
            "exits",
            "slices",
            "distribution",
            "trade-off",
            "per-depth",
            "layers",
            "agreement"
        ]
    );
}

#[test]
fn words_that_every_sample_has_for_itself_are_not_compared_by_default() {
    let mut recording = synthetic_samples(6, 3, 1);
    for (number, sample) in recording.samples.iter_mut().enumerate() {
        let label = if number % 2 == 0 { "cat" } else { "dog" };
        let columns = [("sha256", format!("f{number}")), ("label", label.to_owned())];
        sample.columns = columns.map(|(name, value)| (name.to_owned(), value)).into();
    }
    recording.manifest.columns = ["label", "sha256"].map(str::to_owned).to_vec();
    let offered = |recording: &Recording| -> Vec<String> {
        let cards = LENS.knobs(Some(recording), &Knobs::default());
        let by = cards.into_iter().find(|card| card.id == "by").unwrap();
        let KnobKind::Choice { default, options } = by.kind else { panic!("{:?}", by.kind) };
        assert_eq!(default, options[0].id);
        options.into_iter().map(|option| option.id).collect()
    };
    assert_eq!(offered(&recording), ["label", "none", "sha256"]);
    for sample in &mut recording.samples {
        sample.columns.remove("label");
    }
    let mut alone = synthetic_samples(6, 3, 1);
    alone.samples.clone_from(&recording.samples);
    assert_eq!(offered(&alone), ["none", "sha256"]);
}

#[test]
fn every_knob_at_both_ends_views_every_strange_recording_twice_alike() {
    let mut all_nan = synthetic(20, 3, 1);
    all_nan.signals.values_mut().flatten().flatten().for_each(|value| *value = f32::NAN);
    let mut bare = synthetic(20, 3, 1);
    bare.signals.clear();
    bare.top1.clear();
    bare.top5.clear();
    bare.samples.clear();
    bare.manifest.flops_per_block.clear();
    let recordings = [
        synthetic(0, 3, 1),
        synthetic(1, 1, 1),
        synthetic(1, 3, 1),
        synthetic(5, 0, 1),
        rough(150, 4, 2),
        synthetic_samples(150, 4, 2),
        all_nan,
        bare,
    ];
    for recording in &recordings {
        for rule in RULES {
            let with_rule = knobs(&[("rule", choice(rule.card().id))]);
            for card in LENS.knobs(Some(recording), &with_rule) {
                let ends = match &card.kind {
                    KnobKind::Real { min, max, .. } => vec![Value::Real(*min), Value::Real(*max)],
                    KnobKind::Integer { min, max, .. } => {
                        vec![Value::Integer(*min), Value::Integer(*max)]
                    }
                    KnobKind::Choice { options, .. } => {
                        options.iter().map(|o| Value::Choice(o.id.clone())).collect()
                    }
                    KnobKind::Places { .. } => vec![choice("all"), choice("none")],
                };
                for end in ends {
                    let mut turned = with_rule.clone();
                    turned.set(card.id, end);
                    for token in [None, Some(0), Some(19), Some(usize::MAX)] {
                        let look = || LENS.view(recording, &turned, Selection { token });
                        assert_eq!(bytes(&look()), bytes(&look()));
                        look().figures.iter().for_each(|figure| drop(to_csv(figure)));
                    }
                }
            }
        }
    }
}

#[test]
fn readings_equal_a_count_over_the_tokens() {
    let recording = rough(300, 5, 7);
    for (rule, threshold) in
        [("max-prob", 0.9), ("margin", 0.123_45), ("entropy", 0.75), ("entropy", 2.5)]
    {
        let turns = [
            ("rule", choice(rule)),
            ("threshold", Value::Real(threshold)),
            ("least-depth", Value::Integer(1)),
        ];
        let view = view(&recording, &turns);
        let exits = choose(&recording, &knobs(&turns)).all_exits(&recording);
        let mean = exits.iter().map(|d| d.index() as f64).sum::<f64>() / 300.0;
        assert_eq!(reading(&view, "mean_exit_depth"), Some(mean));
        assert_eq!(reading(&view, "layers_saved"), Some(1.0 - mean / 5.0));
        let top1 = &recording.top1;
        let answered: Vec<usize> = (0..300).filter(|t| top1[5][*t] != NO_TOKEN).collect();
        assert!(answered.len() < 300, "some readouts have no first choice");
        let agrees = |t: &&usize| top1[exits[**t].index()][**t] == top1[5][**t];
        let agreeing = answered.iter().filter(agrees).count();
        assert_eq!(reading(&view, "agreement"), Some(agreeing as f64 / answered.len() as f64));
        assert!(reading(&view, "agreement_lower") < reading(&view, "agreement"));
        let nll = &recording.signals[&Signal::Nll];
        let known: Vec<f64> = (0..300)
            .map(|t| f64::from(nll[exits[t].index()][t]))
            .filter(|value| !value.is_nan())
            .collect();
        let mean_nll = known.iter().sum::<f64>() / known.len() as f64;
        assert!((reading(&view, "nll_exit").unwrap() - mean_nll).abs() < 1e-6);
        let table = &view.tables[0];
        for (depth, row) in table.rows.iter().enumerate() {
            assert_eq!(row[1], exits.iter().filter(|d| d.index() == depth).count() as f64);
        }
    }
}

#[test]
fn agreement_is_absent_where_the_full_model_has_no_answer() {
    let mut recording = synthetic(40, 4, 3);
    // As where a weight of a late block is NaN: readouts from there on choose nothing.
    recording.top1[3].fill(NO_TOKEN);
    recording.top1[4].fill(NO_TOKEN);
    for threshold in [0.0, 0.5, 1.0] {
        let view = view(&recording, &[("threshold", Value::Real(threshold))]);
        assert_eq!(reading(&view, "agreement"), None);
        assert_eq!(reading(&view, "agreement_lower"), None);
        assert!(view.tables[0].rows.iter().all(|row| row[2].is_nan()), "per depth");
        assert!(view.suggestions.iter().all(|suggestion| suggestion.sets.is_empty()));
    }
}

#[test]
fn agreement_is_one_when_no_token_exits() {
    let recording = rough(100, 4, 5);
    let view = view(&recording, &[("least-depth", Value::Integer(4))]);
    assert_eq!(reading(&view, "agreement"), Some(1.0));
    assert_eq!(reading(&view, "mean_exit_depth"), Some(4.0));
    assert_eq!(reading(&view, "layers_saved"), Some(0.0));
    assert_eq!(reading(&view, "nll_exit"), reading(&view, "nll_full"));
}

#[test]
fn readings_are_absent_where_nothing_is_known() {
    let view = view(&synthetic(0, 3, 1), &[]);
    assert_eq!(reading(&view, "tokens"), Some(0.0));
    for id in [
        "mean_exit_depth",
        "layers_saved",
        "agreement",
        "agreement_lower",
        "nll_full",
        "nll_exit",
        "flops_saved",
    ] {
        assert_eq!(reading(&view, id), None, "{id}");
    }
    assert!(view.suggestions[0].sets.is_empty());
    // One token has no next one.
    let view = super::tests::view(&synthetic(1, 3, 1), &[]);
    assert_eq!(reading(&view, "nll_exit"), None);
    assert!(reading(&view, "mean_exit_depth").is_some());
}

#[test]
fn samples_with_labels_have_an_accuracy_beside_the_agreement() {
    let recording = synthetic_samples(300, 4, 3);
    let turns = [("threshold", Value::Real(0.6))];
    let view = view(&recording, &turns);
    let exits = choose(&recording, &knobs(&turns)).all_exits(&recording);
    let labelled: Vec<usize> =
        (0..300).filter(|row| recording.tokens.next_ids[*row] != NO_TOKEN).collect();
    let share = |depth: &dyn Fn(usize) -> usize| {
        let right =
            |row: &&usize| recording.top1[depth(**row)][**row] == recording.tokens.next_ids[**row];
        Some(labelled.iter().filter(right).count() as f64 / labelled.len() as f64)
    };
    assert!(labelled.len() < 300);
    assert_eq!(reading(&view, "accuracy_exit"), share(&|row| exits[row].index()));
    assert_eq!(reading(&view, "accuracy_full"), share(&|_| 4));
    for (depth, row) in view.tables[0].rows.iter().enumerate() {
        assert_eq!(row.last().copied(), share(&|_| depth));
    }
    // A whole sample leaves nothing out that another one reads.
    let kind = |id: &str| view.readings.iter().find(|r| r.id == id).unwrap().kind;
    for id in ["mean_exit_depth", "agreement", "nll_exit", "accuracy_exit"] {
        assert_eq!(kind(id), crate::lens::ReadingKind::Exact, "{id}");
    }
    assert!(view.notes.is_empty(), "{:?}", view.notes);
    let titles: Vec<_> = view.figures.iter().map(|f| f.title.as_str()).collect();
    assert!(titles.iter().all(|title| !title.to_lowercase().contains("token")), "{titles:?}");
    let mut unlabelled = synthetic_samples(30, 4, 3);
    unlabelled.tokens.next_ids.fill(NO_TOKEN);
    let view = LENS.view(&unlabelled, &knobs(&turns), Selection::default());
    assert!(view.readings.iter().all(|r| !r.id.starts_with("accuracy")));
}

#[test]
fn the_grid_of_samples_shows_neighbours() {
    let recording = synthetic_samples(300, 3, 3);
    let view = LENS.view(&recording, &Knobs::default(), Selection { token: Some(200) });
    let Mark::Heat(heat) = &view.figures[0].marks[0] else { unreachable!() };
    assert_eq!((heat.origin, heat.columns), ([128.0, 0.0], 128));
    assert_eq!(heat.selected_column, Some(72));
    assert!(heat.hovers[0].starts_with("Sample 128 “text 128”, depth 0"), "{}", heat.hovers[0]);
}

#[test]
fn the_suggested_threshold_keeps_the_agreement_that_it_promises() {
    let recording = synthetic(2000, 6, 3);
    for entry in RULES {
        let target = ("target", Value::Real(0.9));
        let rule = ("rule", choice(entry.card().id));
        let offered = view(&recording, &[rule.clone(), target.clone()]);
        let suggestion = &offered.suggestions[0];
        assert!(suggestion.label.ends_with(" for 90 % agreement"), "{}", suggestion.label);
        let Some((id, value)) = suggestion.sets.first().cloned() else {
            // It has to let some leave at every exit.
            assert_eq!(entry.card().id, "budget");
            assert!(suggestion.explanation.contains("the best agreement is"));
            continue;
        };
        let taken = view(&recording, &[rule, target, (id, value)]);
        assert!(reading(&taken, "agreement").unwrap() >= 0.9);
        let depth =
            format!(" at mean exit depth {:.2};", reading(&taken, "mean_exit_depth").unwrap());
        assert!(suggestion.explanation.contains(&depth), "{}", suggestion.explanation);
    }
}

#[test]
fn difficulties_stand_side_by_side_without_being_asked_for_and_rise() {
    let view = view(&synthetic(4000, 8, 3), &[("threshold", Value::Real(0.5))]);
    let table = &view.tables[1];
    let (_, names) = table.names.as_ref().unwrap();
    assert_eq!(names[1..], ["difficulty:1", "difficulty:2", "difficulty:3", "difficulty:4"]);
    assert!(table.rows[1..].windows(2).all(|pair| pair[0][1] < pair[1][1]));
}

#[test]
fn the_grid_shows_the_sample_of_the_selected_token() {
    let recording = synthetic(600, 3, 3);
    let view = LENS.view(&recording, &Knobs::default(), Selection { token: Some(40) });
    let Mark::Heat(heat) = &view.figures[0].marks[0] else { unreachable!() };
    let sample = &recording.samples[recording.tokens.sample[40] as usize];
    assert_eq!(heat.origin, [sample.first_token as f64, 0.0]);
    assert_eq!(heat.columns, sample.num_tokens);
    assert_eq!(heat.selected_column, Some(40 - sample.first_token));
    assert_eq!(heat.values.len(), heat.columns * heat.rows);
    assert_eq!(heat.texts.len(), heat.values.len());
    assert!(heat.hovers[0].contains("Max probability"));
}

#[test]
fn a_threshold_move_shares_the_cells_of_the_grid() {
    let recording = synthetic(60, 3, 3);
    let cells = |threshold| {
        let view = view(&recording, &[("threshold", Value::Real(threshold))]);
        let Mark::Heat(heat) = view.figures[0].marks[0].clone() else { unreachable!() };
        heat
    };
    let (a, b) = (cells(0.1), cells(0.9));
    assert!(std::sync::Arc::ptr_eq(&a.values, &b.values));
    assert!(std::sync::Arc::ptr_eq(&a.hovers, &b.hovers));
}

#[test]
fn the_threshold_line_is_there_only_for_the_rules_own_signal() {
    let recording = synthetic(60, 3, 3);
    let has_line = |signal: &str| {
        let view = view(&recording, &[("signal", choice(signal))]);
        let is_line = |mark: &Mark| matches!(mark, Mark::Rule { knob: Some("threshold"), .. });
        view.figures[3].marks.iter().any(is_line)
    };
    assert!(has_line("max-prob"));
    assert!(!has_line("kl"));
}

#[test]
fn every_token_of_every_strange_recording_has_a_cell_in_every_column() {
    let mut bare = synthetic(20, 3, 1);
    bare.signals.clear();
    bare.top1.clear();
    for recording in [synthetic(0, 3, 1), synthetic(1, 0, 1), rough(60, 4, 2), bare] {
        let columns = LENS.token_columns(&recording, &Knobs::default());
        // One more: a token that does not exist says nothing wrong and does not panic.
        for token in 0..=recording.num_tokens() {
            assert_eq!((columns.cells)(token).len(), columns.names.len());
        }
    }
}

#[test]
fn an_older_recording_says_that_it_cannot_price_a_slice() {
    let mut recording = synthetic(64, 4, 1);
    let says = |recording: &Recording, slice: &str| {
        let view = view(recording, &[("slice", choice(slice))]);
        view.notes.iter().any(|note| note.what.starts_with("FLOPs saved"))
    };
    assert!(!says(&recording, "task:hops"));
    recording.manifest.block_costs.clear();
    assert!(says(&recording, "task:hops") && !says(&recording, "all"));
}

#[test]
fn thresholds_of_depths_stand_only_over_the_signal_that_they_are_of() {
    let recording = synthetic(60, 3, 3);
    let has_handles = |score: &str, signal: &str| {
        let turns = [("rule", choice("per-depth")), ("score", choice(score))];
        let view = view(&recording, &[&turns[..], &[("signal", choice(signal))]].concat());
        let marks = &view.figures.iter().find(|figure| figure.id == "distribution").unwrap().marks;
        assert!(!marks.iter().any(|mark| matches!(mark, Mark::Rule { .. })), "{marks:?}");
        marks.iter().any(|mark| matches!(mark, Mark::Handles { points, .. } if points.len() == 3))
    };
    assert!(has_handles("max-prob", "max-prob") && has_handles("margin", "margin"));
    assert!(!has_handles("margin", "max-prob") && !has_handles("max-prob", "margin"));
}

#[test]
fn what_runs_is_what_exits_behind() {
    let recording = rough(300, 5, 7);
    let turns = [("threshold", Value::Real(0.6))];
    let mut figures = view(&recording, &turns).figures.into_iter();
    let figure = figures.find(|figure| figure.id == "layers").unwrap();
    let exits = choose(&recording, &knobs(&turns)).all_exits(&recording);
    let share = |is: &dyn Fn(usize) -> bool| {
        exits.iter().filter(|depth| is(depth.index())).count() as f64 / 300.0
    };
    let [Mark::Bars { bars: reach, .. }, Mark::Bars { bars: run, .. }, Mark::Line { points, .. }] =
        figure.marks.as_slice()
    else {
        panic!("{figure:?}")
    };
    for layer in 0..5 {
        assert_eq!(reach[layer], [layer as f64, share(&|depth| depth >= layer)]);
        assert_eq!(run[layer], [layer as f64, share(&|depth| depth > layer)]);
    }
    assert!(reach[2][1] > run[2][1]);
    assert!((points.iter().map(|point| point[1]).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn the_rule_is_offered_with_what_it_means_and_where_it_comes_from() {
    let cards = LENS.knobs(None, &Knobs::default());
    let rule = cards.iter().find(|card| card.id == "rule").unwrap();
    let KnobKind::Choice { options, .. } = &rule.kind else { panic!("{rule:?}") };
    assert_eq!(options.len(), RULES.len());
    assert!(options.iter().all(|option| !option.help.is_empty() && !option.source.is_empty()));
}

#[test]
fn a_slider_position_and_a_typed_number_give_the_same_view() {
    let recording = synthetic(60, 3, 3);
    let slider = 0.1 + 0.2;
    assert_ne!(slider, 0.3);
    let with = |t: f64| bytes(&view(&recording, &[("threshold", Value::Real(t))]));
    assert_eq!(with(slider), with(0.3));
}

#[test]
fn readings_and_per_depth_of_a_small_recording() {
    let view = view(&synthetic(64, 4, 1), &[("threshold", Value::Real(0.5))]);
    let mut lines = Vec::new();
    for r in &view.readings {
        lines.push(format!("{} = {:.6?} {} ({:?})", r.id, r.value, r.unit, r.kind));
    }
    for table in &view.tables {
        lines.push(format!("\n{} {:?}", table.id, table.names));
        lines.push(table.columns.join(","));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(|v| format!("{v:.6}")).collect();
            lines.push(cells.join(","));
        }
    }
    for s in &view.suggestions {
        lines.push(format!("\n{}: {} -> {:?}", s.label, s.explanation, s.sets));
    }
    let text = lines.join("\n");
    insta::assert_snapshot!(text);
}

#[test]
fn the_saving_follows_the_chosen_cost_and_its_name_says_which() {
    let recording = synthetic(800, 4, 3);
    let saved = |turns: &[(&str, Value)]| {
        let turns = [&[("threshold", Value::Real(0.7))], turns].concat();
        let view = view(&recording, &turns);
        let found =
            view.readings.iter().filter(|r| r.id.ends_with("_saved") && r.id != "layers_saved");
        let [reading] = found.collect::<Vec<_>>()[..] else { panic!("one saving") };
        (reading.id, reading.label.clone(), reading.value.unwrap(), reading.kind)
    };
    let usual = saved(&[]);
    assert_eq!(usual, saved(&[("cost", choice("flops"))]));
    assert_eq!((usual.0, usual.1.as_str()), ("flops_saved", "FLOPs saved (modelled)"));
    for (turn, saves_more) in [
        (("exit-heads", choice("answer")), true),
        (("readout-price", Value::Real(4.0)), false),
        (("readout-price", Value::Real(0.0)), true),
        (("skipped-keys", choice("propagated")), false),
    ] {
        let (id, label, value, kind) = saved(std::slice::from_ref(&turn));
        assert_eq!((id, kind), ("flops_saved", ReadingKind::Modelled));
        assert!(label.starts_with("FLOPs saved (modelled: "), "{label}");
        assert!(
            value != usual.2 && (value > usual.2) == saves_more,
            "{turn:?}: {value} {}",
            usual.2
        );
    }
    // Every block of the recording took equally long, so time is saved as blocks are.
    let (id, label, value, kind) = saved(&[("cost", choice("time"))]);
    assert_eq!((id, kind), ("time_saved", ReadingKind::Measured));
    assert_eq!(label, "Time in blocks saved (measured)");
    let view = view(&recording, &[("threshold", Value::Real(0.7)), ("cost", choice("time"))]);
    assert!((value - reading(&view, "layers_saved").unwrap()).abs() < 1e-12);
    assert!(view.notes.iter().any(|note| note.what.starts_with("Milliseconds are")));
    let layers = view.figures.iter().find(|figure| figure.id == "layers").unwrap();
    let Some(Mark::Line { label, points, .. }) = layers.marks.last() else { panic!("{layers:?}") };
    assert_eq!(label, "Its share of all blocks' time (measured)");
    assert_eq!(points[0], [0.0, 0.25]);
}
