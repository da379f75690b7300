//! A rule that is executed through the engine.

use super::*;
use crate::knob::Value;
use crate::lens::View;
use crate::live::Treatment;

fn request(recording: &Shared<Recording>, treatment: Treatment) -> VerifyRequest {
    let mut knobs = Knobs::default();
    knobs.set("threshold", Value::Real(0.8));
    knobs.set("least-depth", Value::Integer(1));
    let recording = recording.clone();
    VerifyRequest { recording, knobs, treatment, write: None, limit_tokens: None, repeats: 1 }
}

fn value(view: &View, id: &str) -> f64 {
    view.readings.iter().find(|reading| reading.id == id).unwrap().value.unwrap()
}

#[test]
fn a_rule_is_executed_with_every_treatment_and_its_view_is_written() {
    let mut engine = Engine::start(|| {}).unwrap();
    run(&mut engine, Command::OpenEmbedded);
    let recording = recorded(run(&mut engine, record(300)));
    let mut live = Vec::new();
    for treatment in Treatment::ALL {
        let request = request(&recording, treatment);
        let end = run(&mut engine, Command::Verify(request.clone()));
        let Event::Verified(_, view) = end else { panic!("{end:?}") };
        if treatment.is_exact() {
            assert_eq!(value(&view, "same_depth"), 1.0);
            assert_eq!(value(&view, "mean_depth_live"), value(&view, "mean_depth_replay"));
        }
        live.push(value(&view, "nll_live"));
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("verified");
        let command = Command::ExportVerified { request, view, folder: folder.clone() };
        assert!(matches!(run(&mut engine, command), Event::Wrote(..)));
        assert!(folder.join("live_rows.csv").is_file());
    }
    assert!(live[1..4].iter().all(|nll| (nll - live[0]).abs() > 1e-9), "{live:?}");
    // The model is as it was.
    let again = recorded(run(&mut engine, record(300)));
    assert_eq!(format!("{:?}", again.signals), format!("{:?}", recording.signals));
}

#[test]
fn a_verification_that_is_cancelled_leaves_the_model_open_and_no_view() {
    let mut engine = Engine::start(|| {}).unwrap();
    run(&mut engine, Command::OpenEmbedded);
    let recording = recorded(run(&mut engine, record(300)));
    let long = VerifyRequest { repeats: 10_000, ..request(&recording, Treatment::Recompute) };
    let job = engine.send(Command::Verify(long)).unwrap();
    until(&mut engine, |event| matches!(event, Event::Progress(..)));
    engine.cancel(job);
    assert!(matches!(end_of(&mut engine, job), Event::Cancelled(_)));
    let done = run(&mut engine, Command::Verify(request(&recording, Treatment::Recompute)));
    assert!(matches!(done, Event::Verified(..)), "{done:?}");
}

#[test]
fn without_an_open_checkpoint_nothing_is_verified() {
    let mut engine = Engine::start(|| {}).unwrap();
    let recording = Shared(Arc::new(synthetic(20, 2, 1)));
    let Event::Failed(_, told) =
        run(&mut engine, Command::Verify(request(&recording, Treatment::Absent)))
    else {
        panic!("nothing was open")
    };
    assert_eq!(told.what, "No checkpoint is open");
    run(&mut engine, Command::OpenEmbedded);
    let end = run(&mut engine, Command::Verify(request(&recording, Treatment::Absent)));
    let Event::Failed(_, told) = end else { panic!("another model's") };
    assert!(told.what.contains("the recording is of"), "{}", told.what);
}
