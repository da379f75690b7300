//! Readouts in bf16 are a choice of the run: what they change, what they leave, and who says so.

use super::*;
use crate::signal::Signal;

/// The embedded checkpoint and the begin of its data.
fn recorded_in(engine: &mut Engine, numerics: Numerics) -> Event {
    let (input, limit_tokens) = (Input::Embedded, Some(600));
    run(
        engine,
        Command::Record(RecordRequest {
            input,
            limit_tokens,
            read_at: ReadAt::Every,
            numerics,
            folder: None,
        }),
    )
}

fn recording(end: Event) -> Shared<Recording> {
    let Event::Recorded(_, recording) = end else { panic!("{end:?}") };
    recording
}

#[test]
fn bf16_moves_probabilities_a_little_and_streams_not_at_all() {
    let mut engine = Engine::start(|| {}).unwrap();
    assert!(matches!(run(&mut engine, Command::OpenEmbedded), Event::Opened(..)));
    if let Some(why) = Numerics::Bf16.why_not() {
        let told = problem(recorded_in(&mut engine, Numerics::Bf16));
        assert!(told.what.contains(why), "{}", told.what);
        return;
    }
    let first = recording(recorded_in(&mut engine, Numerics::F32));
    let rounded = recording(recorded_in(&mut engine, Numerics::Bf16));
    // The choice ends with its run.
    let exact = recording(recorded_in(&mut engine, Numerics::F32));
    let bits = |of: &Recording, signal: Signal| -> Vec<u32> {
        of.signals[&signal].iter().flatten().map(|value| value.to_bits()).collect()
    };
    for signal in Signal::ALL {
        assert_eq!(bits(&first, signal), bits(&exact, signal), "{signal:?}");
    }
    for signal in [Signal::CosNext, Signal::Update, Signal::Rms] {
        assert_eq!(bits(&exact, signal), bits(&rounded, signal), "{signal:?}");
    }
    let of = |recording: &Recording| recording.signals[&Signal::MaxProb].concat();
    let moved =
        of(&exact).iter().zip(&of(&rounded)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(moved > 0.0 && moved <= 1e-2, "{moved}");
    assert_eq!(
        (exact.manifest.numerics, rounded.manifest.numerics),
        (Numerics::F32, Numerics::Bf16)
    );
    let caveat = Numerics::Bf16.caveat().unwrap();
    let says_so = |of: &Recording| of.manifest.notes.iter().any(|n| n.what.starts_with(caveat));
    assert!(says_so(&rounded) && !says_so(&exact));
    let json = serde_json::to_value(&rounded.manifest).unwrap();
    assert_eq!(json["numerics"], "bf16");
}

#[test]
fn a_head_that_does_not_round_is_never_run_exactly_instead() {
    let mut engine = engine_with(PLENTY, |_| panic!("no block may run"));
    let told = problem(recorded_in(&mut engine, Numerics::Bf16));
    assert_eq!(told.blame, Blame::Input);
    insta::assert_snapshot!(told.what, @"the rounding of readouts is bf16, but must be f32: only readouts over a vocabulary round, and this has: language-model head");
}
