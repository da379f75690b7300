//! Generation through the engine: what is told meanwhile, how it ends, and how it goes on.

use super::*;
use crate::generate::Settings;
use crate::recording::{End, Sampling};
use crate::worker::{GenerateRequest, Live, Start};

fn embedded() -> Engine {
    let mut engine = Engine::start(|| {}).unwrap();
    assert!(matches!(run(&mut engine, Command::OpenEmbedded), Event::Opened(..)));
    engine
}

fn request(start: Start, most_tokens: u64) -> GenerateRequest {
    let settings = Settings { sampling: Sampling::default(), most_tokens, stops: Vec::new() };
    let (numerics, show_every) = (Numerics::F32, Some(Duration::ZERO));
    GenerateRequest { start, settings, numerics, show_every, folder: None }
}

fn story() -> Start {
    Start::Text("tom has a red ball . the ball is".to_owned())
}

/// What was told until the job ended, and how it ended.
fn generated(engine: &mut Engine, request: GenerateRequest) -> (Vec<Live>, Event) {
    let job = engine.send(Command::Generate(request)).unwrap();
    let mut events = until(engine, |event| event.ends() == Some(job));
    let end = events.pop().unwrap();
    let live = events.into_iter().filter_map(|event| match event {
        Event::Generated(id, live) if id == job => Some(live),
        _ => None,
    });
    (live.collect(), end)
}

fn recorded(end: Event) -> Shared<Recording> {
    let Event::Recorded(_, recording) = end else { panic!("{end:?}") };
    recording
}

#[test]
fn text_grows_before_its_recording_and_goes_on_from_it() {
    let mut engine = embedded();
    let (live, end) = generated(&mut engine, request(story(), 8));
    let first = recorded(end);
    assert_eq!(live.last().unwrap().tokens, 8);
    for pair in live.windows(2) {
        assert!(pair[1].text.starts_with(&pair[0].text) && pair[1].tokens >= pair[0].tokens);
    }
    for shown in live.iter().filter_map(|live| live.recording.as_ref()) {
        assert!(shown.manifest.partial && shown.num_tokens() <= first.num_tokens());
    }
    assert_eq!(first.manifest.generation.as_ref().unwrap().ended, End::MostTokens);
    let (live, end) = generated(&mut engine, request(Start::More(first.clone()), 4));
    let more = recorded(end);
    assert_eq!((live.last().unwrap().tokens, more.num_tokens()), (4, first.num_tokens() + 4));
    assert_eq!(more.tokens.ids[..first.num_tokens()], first.tokens.ids);
}

#[test]
fn what_cannot_be_gone_on_with_is_told_and_the_model_stays() {
    let mut engine = embedded();
    let foreign = Shared(Arc::new(synthetic(40, 3, 1)));
    for (start, words) in [
        (Start::Chat("tom".to_owned()), "no chat template: Embedded default"),
        (Start::More(foreign), "the recording is of synthetic"),
        (Start::Text("tom ".repeat(300)), "context is full"),
    ] {
        let told = problem(generated(&mut engine, request(start, 4)).1);
        assert!(told.what.contains(words), "{}", told.what);
        assert_eq!(told.blame, Blame::Input);
    }
    recorded(generated(&mut engine, request(story(), 1)).1);
    assert!(matches!(run(&mut engine, Command::Close), Event::Closed(_)));
    let told = problem(generated(&mut engine, request(story(), 1)).1);
    assert_eq!(told.what, "No checkpoint is open");
    let mut puppet = engine_with(PLENTY, |_| {});
    let told = problem(generated(&mut puppet, request(story(), 1)).1);
    assert!(told.what.contains("must be a decoder"), "{}", told.what);
}
