//! The embedded checkpoint with blocks left out, through the whole engine.

use super::*;
use crate::knob::Value;
use crate::lens::View;

fn request(recording: &Shared<Recording>, turns: &[(&str, Value)]) -> SkipRequest {
    let mut knobs = Knobs::default();
    for (id, value) in turns {
        knobs.set(id, value.clone());
    }
    SkipRequest { recording: recording.clone(), knobs, limit_tokens: Some(200), generate: None }
}

fn word(text: &str) -> Value {
    Value::Choice(text.to_owned())
}

fn opened() -> (Engine, Shared<Recording>) {
    let mut engine = Engine::with_threads(2, || {}).unwrap();
    run(&mut engine, Command::OpenEmbedded);
    let recording = recorded(run(&mut engine, record(300)));
    (engine, recording)
}

fn verified(event: Event) -> Arc<View> {
    let Event::Verified(_, view) = event else { panic!("no view: {event:?}") };
    view
}

#[test]
fn a_run_with_skips_ends_in_a_view_that_can_be_written() {
    let (mut engine, recording) = opened();
    let mut request = request(&recording, &[("skip", word("3, 5f"))]);
    request.generate = Some(SkipGenerate { prompt: None, tokens: 5 });
    let knobs = request.knobs.clone();
    let view = verified(run(&mut engine, Command::Skip(request)));
    let of = |id: &str| view.readings.iter().find(|reading| reading.id == id).unwrap().value;
    assert_eq!(of("tokens"), Some(200.0));
    assert_eq!(of("attention_skipped"), Some(0.125));
    assert_eq!(of("feed_forward_skipped"), Some(0.25));
    assert!(of("decode_speedup").is_some_and(|speedup| speedup > 0.0));
    let texts = view.tables.iter().find(|table| table.id == "continuations").unwrap();
    assert_eq!(texts.names.as_ref().unwrap().1.len(), 2);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("skips");
    let export = |out: &Path| Command::ExportSkips {
        recording: recording.clone(),
        knobs: knobs.clone(),
        view: Arc::clone(&view),
        folder: out.to_owned(),
    };
    assert!(matches!(run(&mut engine, export(&out)), Event::Wrote(..)));
    let readings: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("readings.json")).unwrap()).unwrap();
    assert_eq!((&readings["lens"], &readings["knobs"]["skip"]), (&"skips".into(), &"3, 5f".into()));
    assert!(out.join("per_layer.csv").exists() && out.join("skip-map.svg").exists());
    // Twice is no contradiction.
    assert!(matches!(run(&mut engine, export(&out)), Event::Wrote(..)));
}

#[test]
fn a_cancelled_search_leaves_nothing_and_the_model_runs_on() {
    let (mut engine, recording) = opened();
    let turns = [
        ("skip-rule", word("draft-search")),
        ("enough", Value::Real(1.0)),
        ("most-tries", Value::Integer(10_000)),
    ];
    let job = engine.send(Command::Skip(request(&recording, &turns))).unwrap();
    until(
        &mut engine,
        |event| matches!(event, Event::Progress(_, progress) if progress.what == "Searching"),
    );
    engine.cancel(job);
    assert_eq!(end_of(&mut engine, job), Event::Cancelled(job));
    assert_eq!(recorded(run(&mut engine, record(20))).num_tokens(), 20);
}

#[test]
fn what_is_not_open_or_not_the_models_is_refused() {
    let (mut engine, recording) = opened();
    let foreign = Shared(Arc::new(synthetic(20, 3, 1)));
    let refused = problem(run(&mut engine, Command::Skip(request(&foreign, &[]))));
    assert!(refused.what.contains("another version of it"), "{}", refused.what);
    assert_eq!(refused.blame, Blame::Input);
    run(&mut engine, Command::Close);
    let refused = problem(run(&mut engine, Command::Skip(request(&recording, &[]))));
    assert_eq!(refused.what, "No checkpoint is open");
}
