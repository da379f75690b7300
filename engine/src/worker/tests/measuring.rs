//! Timing the embedded checkpoint, whose numbers are known from elsewhere.

use super::*;
use crate::generate::Settings;
use crate::measure::{Report, Source, Work};
use crate::recording::Sampling;

const TEXT: &str = "tom has a red ball . the ball is";

fn request(works: &[Work]) -> BenchRequest {
    let source = Source::Text(TEXT.to_owned());
    BenchRequest { source, tokens: None, steps: 12, repeats: 2, works: works.to_vec() }
}

fn ended(request: BenchRequest) -> Event {
    let mut engine = Engine::with_threads(2, || {}).unwrap();
    run(&mut engine, Command::OpenEmbedded);
    run(&mut engine, Command::Bench(request))
}

fn measured(request: BenchRequest) -> Arc<Report> {
    let end = ended(request);
    let Event::Measured(_, report) = end else { panic!("no report: {end:?}") };
    report
}

#[test]
fn every_work_is_timed_or_absent_with_a_reason() {
    let report = measured(request(Work::ALL));
    let ids = report.rows.iter().map(|row| row.id).chain(report.absent.iter().map(|row| row.id));
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    let mut all: Vec<_> = Work::ALL.iter().map(|work| work.id()).collect();
    all.sort_unstable();
    assert_eq!(ids, all);
    assert_eq!((report.machine.threads, report.tokens), (2, 10));
    for row in &report.rows {
        assert!(0.0 < row.min_secs && row.min_secs <= row.median_secs, "{row:?}");
        assert!(row.median_secs <= row.max_secs && row.secs.len() == 2, "{row:?}");
        let tokens = if row.id.starts_with("decode") { 12 } else { 10 };
        assert_eq!(row.tokens, tokens, "{row:?}");
        assert_eq!(row.percent_over_forward.is_some(), row.id == "probes", "{row:?}");
    }
    assert!(report.absent.iter().all(|absent| absent.id == "record-bf16"), "{:?}", report.absent);
}

#[test]
fn what_is_timed_makes_the_tokens_that_a_generation_makes() {
    let report = measured(request(Work::ALL));
    let ids = |id| {
        let row = report.rows.iter().find(|row| row.id == id).unwrap();
        row.first_ids.clone()
    };
    let decoded = ids("decode");
    assert_eq!(decoded, ids("decode-readout"));
    let first = ["forward", "forward-all", "probes", "prefill"].map(ids);
    assert_eq!(first, [0; 4].map(|at| vec![decoded[at]]));

    let mut engine = Engine::start(|| {}).unwrap();
    run(&mut engine, Command::OpenEmbedded);
    let settings = Settings { sampling: Sampling::default(), most_tokens: 12, stops: Vec::new() };
    let start = Start::Text(TEXT.to_owned());
    let numerics = Numerics::F32;
    let request = GenerateRequest { start, settings, numerics, show_every: None, folder: None };
    let recording = recorded(run(&mut engine, Command::Generate(request)));
    // A generation ends where the text does.
    let generated = &recording.tokens.ids[report.tokens..];
    assert!(generated.len() > 3);
    assert_eq!(decoded[..generated.len()], *generated);
}

#[test]
fn only_what_is_asked_for_is_timed() {
    let report = measured(request(&[Work::Probes, Work::Probes]));
    assert_eq!(report.rows.len(), 1);
    assert_eq!(report.rows[0].percent_over_forward, None, "there is nothing to compare with");
    assert!(report.absent.is_empty());
}

#[test]
fn inputs_that_do_not_fit_are_refused_in_words() {
    let refused = |change: &dyn Fn(&mut BenchRequest)| {
        let mut request = request(&[Work::Forward]);
        change(&mut request);
        problem(ended(request)).what
    };
    let words = refused(&|request| request.tokens = Some(11));
    assert_eq!(words, "the input has 10 tokens, and 11 are asked for");
    let words = refused(&|request| request.tokens = Some(1 << 20));
    assert!(words.starts_with("1048576 tokens are asked for, and the model's context is "));
    let words = refused(&|request| request.source = Source::Ids(Vec::new()));
    assert_eq!(words, "there is no token to run");
    let words = refused(&|request| request.source = Source::Ids(vec![u32::MAX]));
    assert!(words.starts_with("a token id is 4294967295, but must be below "), "{words}");
}

#[test]
fn the_built_in_text_is_as_long_as_needed_and_decoding_needs_room() {
    let built_in = |tokens| {
        let mut request = request(&[Work::Forward, Work::Decode]);
        (request.source, request.tokens, request.repeats) = (Source::BuiltIn, tokens, 1);
        measured(request)
    };
    let usual = built_in(None);
    assert!(usual.absent.is_empty());
    let context = usual.tokens + usual.steps;
    let full = built_in(Some(context));
    assert_eq!((full.tokens, full.rows.len()), (context, 1));
    assert!(full.absent[0].reason.contains("more than the context"), "{:?}", full.absent);
}

#[test]
fn a_cancel_in_the_middle_leaves_no_number() {
    let (arrived, arrival) = sync_channel(0);
    let (go, gate) = sync_channel(0);
    let mut engine = engine_with(PLENTY, move |begun| {
        // The second block of the second run.
        if begun == LAYERS + 2 {
            arrived.send(()).unwrap();
            gate.recv().unwrap();
        }
    });
    let job = engine.send(Command::Bench(request(&[Work::Record]))).unwrap();
    arrival.recv().unwrap();
    engine.cancel(job);
    go.send(()).unwrap();
    assert_eq!(end_of(&mut engine, job), Event::Cancelled(job));
}
