//! Random sets beside a rule.

use std::sync::Arc;

use super::*;

#[test]
fn random_sets_of_as_many_blocks_stand_beside_the_rule_in_mean_least_and_most() {
    let model = deep(1);
    let recording = recording(&*model);
    let turns = [
        ("skip-rule", word("random")),
        ("skipped-blocks", Value::Integer(2)),
        ("prompt-tokens", Value::Integer(4)),
        ("curve-points", Value::Integer(0)),
    ];
    let with = |seeds| [&turns[..], &[("seeds", Value::Integer(seeds))]].concat();
    let view = viewed(&*model, &recording, &with(5));
    let single = |seed| {
        let turns = [&with(0)[..], &[("skip-seed", Value::Integer(seed))]].concat();
        let view = viewed(&*model, &recording, &turns);
        assert!(table(&view, "random").is_none());
        assert!(view.readings.iter().all(|reading| !reading.id.contains("random")));
        (reading(&view, "nll_skipped"), reading(&view, "agreement"), reading(&view, "flops_saved"))
    };
    let singles: Vec<(f64, f64, f64)> = (0..5).map(single).collect();
    let nll = || singles.iter().map(|(nll, _, _)| *nll);
    let agreement = || singles.iter().map(|(_, agreement, _)| *agreement);
    let mean = nll().sum::<f64>() / 5.0;
    assert!((reading(&view, "nll_random") - mean).abs() < 1e-12);
    assert_eq!(reading(&view, "nll_random_least"), nll().fold(f64::INFINITY, f64::min));
    assert_eq!(reading(&view, "nll_random_most"), nll().fold(f64::NEG_INFINITY, f64::max));
    assert!(reading(&view, "nll_random_least") < reading(&view, "nll_random_most"));
    assert_eq!(reading(&view, "agreement_random_most"), agreement().fold(0.0, f64::max));
    // All blocks of this model cost the same.
    assert!((reading(&view, "flops_saved_random") - singles[0].2).abs() < 1e-12);
    let row = table(&view, "random").unwrap();
    assert_eq!(row.names.as_ref().unwrap().1, ["random, 5 seeds"]);
    assert_eq!(row.rows[0][..2], [2.0, 1.0]);
    let label = &view.readings.iter().find(|r| r.id == "nll_random").unwrap().label;
    assert_eq!(label, "Mean NLL, random, 5 seeds");
}

#[test]
fn what_random_sets_cost_is_in_the_progress_and_in_the_notes() {
    let model = deep(1);
    let recording = recording(&*model);
    let passes = |seeds| {
        let knobs = knobs(&[
            ("skip", word("1, 3")),
            ("curve-points", Value::Integer(0)),
            ("seeds", Value::Integer(seeds)),
        ]);
        let most = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&most);
        let job = Job::new(CancelSwitch::default(), move |progress| {
            seen.fetch_max(progress.total, Ordering::Relaxed);
        });
        let view = run(&*model, &asked(&recording, &knobs), &job).unwrap();
        let told = view.notes.iter().find(|note| note.what.starts_with("Random sets"));
        (most.load(Ordering::Relaxed), told.map(|note| note.what.clone()))
    };
    assert_eq!(passes(0).1, None);
    for seeds in [1, 4] {
        let (total, told) = passes(seeds);
        // The full model and the rule are the other two.
        let runs = crate::count::counted(total - 2, "run");
        assert!(
            told.as_ref().unwrap().ends_with(&format!("took {runs} of the texts.")),
            "{told:?}"
        );
    }
    assert_eq!(passes(1).0, 3);
}
