//! The engine from outside, with a model that does what a test tells it.

mod generating;
mod means;
mod measuring;
mod rounding;
mod skipping;
mod verifying;

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::*;
use crate::job::Job;
use crate::kernel::numerics::Numerics;
use crate::knob::Knobs;
use crate::lens::Selection;
use crate::model::{
    Batch, LayeredModel, ModelCard, ModelError, NO_TOKEN, Probe, Readouts, Run, Stream,
};
use crate::recording::{ReadAt, synthetic};
use crate::signal::{Depth, Layer};

const LAYERS: usize = 4;
const PLENTY: fn() -> u64 = || 1 << 30;
/// Longer than any test; it ends one that hangs.
const HANGS: Duration = Duration::from_mins(5);

/// Computes nothing; `on_block` is told how many blocks have begun, and may wait or panic.
struct Puppet {
    card: ModelCard,
    begun: Cell<usize>,
    on_block: RefCell<Box<dyn FnMut(usize) + Send>>,
}

impl LayeredModel for Puppet {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError> {
        Ok(Stream { hidden: vec![1.0; batch.ids.len()], width: 1 })
    }

    fn block(
        &self,
        _layer: Layer,
        _run: Run,
        _batch: &Batch,
        _stream: &mut Stream,
        _probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        self.begun.set(self.begun.get() + 1);
        self.on_block.borrow_mut()(self.begun.get());
        Ok(())
    }

    fn subjects(&self, _: &Batch, stream: &Stream) -> Result<Stream, ModelError> {
        Ok(stream.clone())
    }

    fn readout(
        &self,
        _depths: &[Depth],
        streams: &[&Stream],
        _next_ids: &[u32],
        _job: &Job,
    ) -> Result<Readouts, ModelError> {
        let cells = streams.iter().map(|stream| stream.hidden.len()).sum();
        let numbers = || vec![0.5; cells];
        Ok(Readouts {
            max_prob: numbers(),
            margin: numbers(),
            entropy: numbers(),
            kl: numbers(),
            kl_prev: numbers(),
            prob_step: numbers(),
            nll: numbers(),
            rank: numbers(),
            top_ids: vec![[0, 1, 2, 3, NO_TOKEN]; cells],
            top_probs: vec![[0.5, 0.25, 0.125, 0.125, 0.0]; cells],
        })
    }
}

/// An engine in which the embedded checkpoint is open, with a puppet instead of its weights.
fn engine_with(budget: fn() -> u64, on_block: impl FnMut(usize) + Send + 'static) -> Engine {
    waking_engine(|| {}, budget, on_block)
}

fn waking_engine(
    wake: impl Fn() + Send + Sync + 'static,
    budget: fn() -> u64,
    on_block: impl FnMut(usize) + Send + 'static,
) -> Engine {
    let checkpoint = embedded::checkpoint().unwrap();
    let mut card = crate::model::card(checkpoint.as_ref(), None).unwrap();
    card.layers = LAYERS;
    let (begun, on_block) = (Cell::new(0), RefCell::new(Box::new(on_block) as Box<_>));
    let puppet = Puppet { card, begun, on_block };
    let models = move |outbox| Models::with_model(outbox, checkpoint, Box::new(puppet), budget);
    Engine::start_with(0, wake, models).unwrap()
}

fn record(limit_tokens: u64) -> Command {
    let limit_tokens = Some(limit_tokens);
    Command::Record(RecordRequest {
        input: Input::Embedded,
        limit_tokens,
        read_at: ReadAt::Every,
        numerics: Numerics::F32,
        folder: None,
    })
}

fn look(lens: &str, recording: &Shared<Recording>) -> Look {
    Look {
        versus: None,
        lens: lens.to_owned(),
        recording: recording.clone(),
        others: Vec::new(),
        knobs: Knobs::default(),
        selection: Selection::default(),
    }
}

/// Events until one is as wanted, that one last.
fn until(engine: &mut Engine, is_wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let events = engine.wait(HANGS);
        assert!(!events.is_empty(), "nothing came after {all:?}");
        for event in events {
            all.push(event);
            if is_wanted(all.last().unwrap()) {
                return all;
            }
        }
    }
}

fn end_of(engine: &mut Engine, job: JobId) -> Event {
    until(engine, |event| event.ends() == Some(job)).pop().unwrap()
}

fn run(engine: &mut Engine, command: Command) -> Event {
    let job = engine.send(command).unwrap();
    end_of(engine, job)
}

fn recorded(event: Event) -> Shared<Recording> {
    let Event::Recorded(_, recording) = event else { panic!("no recording: {event:?}") };
    recording
}

fn problem(event: Event) -> Problem {
    let Event::Failed(_, problem) = event else { panic!("no failure: {event:?}") };
    problem
}

#[test]
fn after_a_panic_recordings_views_and_the_next_run_go_on() {
    let mut engine = engine_with(PLENTY, |begun| assert!(begun <= LAYERS, "a block broke"));
    let first = recorded(run(&mut engine, record(50)));
    let failed = problem(run(&mut engine, record(50)));
    assert_eq!(failed.what, "A defect of Layerscope stopped this work: a block broke");
    assert_eq!(failed.blame, Blame::Engine);

    let ticket = engine.look(look("exits", &first));
    let seen = until(&mut engine, |event| matches!(event, Event::Viewed(..))).pop();
    assert!(matches!(seen, Some(Event::Viewed(found, _)) if found == ticket));
    let folder = tempfile::tempdir().unwrap().path().join("saved");
    let save = Command::Save { recording: first.clone(), folder: folder.clone() };
    assert!(matches!(run(&mut engine, save), Event::Wrote(_, path) if path == folder));

    // The puppet broke, so the checkpoint's own weights take its place.
    let again = recorded(run(&mut engine, record(20)));
    assert_eq!(first.manifest().layers, LAYERS);
    assert_eq!(again.manifest().layers, 8);
    assert!(matches!(run(&mut engine, Command::OpenEmbedded), Event::Opened(..)));
    assert_eq!(recorded(run(&mut engine, record(20))).num_tokens(), 20);
}

#[test]
fn a_run_that_does_not_fit_into_memory_is_refused_and_a_smaller_one_works() {
    let mut engine = engine_with(|| 1 << 20, |_| {});
    let refused = problem(run(&mut engine, record(9000)));
    assert!(refused.what.contains("are free for a recording"), "{}", refused.what);
    assert!(refused.hint.starts_with("Limit the run to "), "{}", refused.hint);
    assert_eq!(refused.blame, Blame::Input);
    assert_eq!(recorded(run(&mut engine, record(100))).num_tokens(), 100);
}

#[test]
fn a_cancel_in_the_middle_of_a_recording_ends_it_within_one_block() {
    // The second block of the second batch waits until the job was cancelled.
    let cancel_at = LAYERS + 2;
    let blocks = Arc::new(AtomicUsize::new(0));
    let (arrived, arrival) = sync_channel(0);
    let (go, gate) = sync_channel(0);
    let counter = Arc::clone(&blocks);
    let mut engine = engine_with(PLENTY, move |begun| {
        counter.store(begun, Ordering::SeqCst);
        if begun == cancel_at {
            arrived.send(()).unwrap();
            gate.recv().unwrap();
        }
    });
    let job = engine.send(record(3000)).unwrap();
    arrival.recv().unwrap();
    engine.cancel(job);
    go.send(()).unwrap();
    let recording = recorded(end_of(&mut engine, job));
    assert_eq!(blocks.load(Ordering::SeqCst), cancel_at, "no block begins after the cancel");
    assert!(recording.manifest().partial);
    assert!((1..=512).contains(&recording.num_tokens()), "one batch is kept");
}

#[test]
fn a_cancel_in_the_first_batch_leaves_nothing_and_the_model_stays() {
    let (arrived, arrival) = sync_channel(0);
    let (go, gate) = sync_channel(0);
    let mut engine = engine_with(PLENTY, move |begun| {
        if begun == 1 {
            arrived.send(()).unwrap();
            gate.recv().unwrap();
        }
    });
    let job = engine.send(record(3000)).unwrap();
    arrival.recv().unwrap();
    engine.cancel(job);
    go.send(()).unwrap();
    assert_eq!(end_of(&mut engine, job), Event::Cancelled(job));
    assert_eq!(recorded(run(&mut engine, record(100))).manifest().layers, LAYERS);
}

#[test]
fn dropping_the_engine_in_the_middle_of_a_job_ends_both_threads() {
    let (arrived, arrival) = sync_channel(0);
    let (hand_over, switches) = sync_channel::<CancelSwitch>(0);
    let blocks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&blocks);
    let held = Arc::new(());
    let by_outbox = Arc::clone(&held);
    let wake = move || assert!(Arc::strong_count(&by_outbox) > 0);
    let mut engine = waking_engine(wake, PLENTY, move |begun| {
        counter.store(begun, Ordering::SeqCst);
        if begun == 2 {
            arrived.send(()).unwrap();
            let switch = switches.recv().unwrap();
            while !switch.is_cancelled() {
                std::thread::yield_now();
            }
        }
    });
    let job = engine.send(record(9000)).unwrap();
    arrival.recv().unwrap();
    hand_over.send(engine.switches[&job].clone()).unwrap();
    drop(engine);
    assert_eq!(blocks.load(Ordering::SeqCst), 2);
    assert_eq!(Arc::strong_count(&held), 1, "no thread holds the outbox any more");
}

#[test]
fn an_open_that_fails_leaves_what_was_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.gguf");
    fs::write(&file, b"GGUF and nothing more").unwrap();
    let mut engine = engine_with(PLENTY, |_| {});
    assert_eq!(problem(run(&mut engine, Command::Open(file))).blame, Blame::Input);
    assert_eq!(recorded(run(&mut engine, record(30))).manifest().layers, LAYERS);
}

#[test]
fn a_folder_without_tokenizer_is_not_opened_and_the_file_that_is_missing_is_named() {
    let assets = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/default"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(assets.join(name), folder.path().join(name)).unwrap();
    }
    let mut engine = Engine::start(|| {}).unwrap();
    let open = || Command::Open(folder.path().to_owned());
    assert_no_tokenizer(&problem(run(&mut engine, open())));
    fs::copy(assets.join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    assert!(matches!(run(&mut engine, open()), Event::Opened(..)));
}

fn assert_no_tokenizer(found: &Problem) {
    assert!(found.what.contains("the checkpoint has no tokenizer"), "{}", found.what);
    assert!(found.hint.contains("tokenizer.json"), "{}", found.hint);
    assert_eq!(found.blame, Blame::Input);
}

#[cfg(feature = "shared-checks")]
#[test]
fn shared_a_reference_folder_without_tokenizer_is_not_opened() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/golden/tiny/llama");
    let mut engine = Engine::start(|| {}).unwrap();
    assert_no_tokenizer(&problem(run(&mut engine, Command::Open(folder.into()))));
}

#[test]
fn a_folder_of_images_is_no_input_of_a_model_of_text() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.png"), "never read").unwrap();
    let mut engine = engine_with(PLENTY, |_| panic!("no block may run"));
    let (path, cut) = (folder.path().to_owned(), crate::dataset::Cut::Line);
    let input = Input::File { path, column: None, label: None, pair: None, cut };
    let (read_at, numerics) = (ReadAt::Every, Numerics::F32);
    let request = RecordRequest { input, limit_tokens: None, read_at, numerics, folder: None };
    let told = problem(run(&mut engine, Command::Record(request)));
    assert_eq!(told.what, "This checkpoint reads text, and the input is a folder of images");
}

#[test]
fn a_decoder_refuses_pairs_of_texts() {
    let mut engine = engine_with(PLENTY, |_| panic!("no block may run"));
    let (pair, cut) = (Some("second".to_owned()), crate::dataset::Cut::Line);
    let input = Input::File { path: "pairs.csv".into(), column: None, label: None, pair, cut };
    let (read_at, numerics) = (ReadAt::Every, Numerics::F32);
    let request = RecordRequest { input, limit_tokens: None, read_at, numerics, folder: None };
    let told = problem(run(&mut engine, Command::Record(request)));
    let what = "This checkpoint reads one text from left to right, and the input has a column of second texts";
    assert_eq!(told.what, what);
}

#[test]
fn a_run_into_a_folder_that_is_in_use_is_refused_and_blamed_on_the_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "three years of work").unwrap();
    let mut engine = engine_with(PLENTY, |_| panic!("no block may run"));
    let (input, folder) = (Input::Embedded, Some(folder.path().to_owned()));
    let (read_at, numerics) = (ReadAt::Every, Numerics::F32);
    let request = RecordRequest { input, limit_tokens: Some(10), read_at, numerics, folder };
    let refused = problem(run(&mut engine, Command::Record(request)));
    assert!(refused.what.contains("thesis.txt"), "{}", refused.what);
    assert_eq!(refused.blame, Blame::Input);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_written_is_not_blamed_on_the_input() {
    let recording = Shared(Arc::new(synthetic(40, 3, 1)));
    let mut engine = engine_with(PLENTY, |_| {});
    let folder = Path::new("/proc/layerscope").to_owned();
    let failed = problem(run(&mut engine, Command::Save { recording, folder }));
    assert!(failed.what.starts_with("cannot be written: "), "{}", failed.what);
    assert_eq!(failed.blame, Blame::Engine);
}

#[test]
fn every_command_ends_in_exactly_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name);
    let recording = Shared(Arc::new(synthetic(40, 3, 1)));
    let mut engine = engine_with(PLENTY, |_| {});
    let commands = [
        Command::Open(inside("nothing")),
        record(10),
        Command::OpenEmbedded,
        record(0),
        Command::Save { recording: recording.clone(), folder: inside("saved") },
        Command::Load(inside("saved")),
        Command::Load(inside("nothing")),
        Command::Export { look: look("no-such-lens", &recording), folder: inside("view") },
        Command::Export { look: look("exits", &recording), folder: inside("view") },
        Command::ExportFigure {
            look: look("exits", &recording),
            figure: "no-such-figure".to_owned(),
            file: inside("figure.svg"),
        },
        Command::Train { name: "no-such-model".to_owned(), folder: inside("trained"), seed: 1 },
        Command::Close,
        record(10),
    ];
    let jobs: Vec<JobId> = commands.into_iter().map(|c| engine.send(c).unwrap()).collect();
    let last = *jobs.last().unwrap();
    let mut events = until(&mut engine, |event| event.ends() == Some(last));
    drop(engine);
    let ends: Vec<_> = events.iter().filter_map(Event::ends).collect();
    assert_eq!(ends, jobs, "one end each, in order");
    events.retain(|event| event.ends().is_some());
    let worked: Vec<bool> = events.iter().map(|e| !matches!(e, Event::Failed(..))).collect();
    let expected =
        [false, true, true, false, true, true, false, false, true, false, false, true, false];
    assert_eq!(worked, expected, "{events:?}");
}

#[test]
fn every_view_and_every_table_that_is_asked_for_alone_gets_its_one_answer() {
    let recording = Shared(Arc::new(synthetic(40, 3, 1)));
    let wakes = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&wakes);
    let wake = move || {
        counter.fetch_add(1, Ordering::SeqCst);
    };
    let mut engine = Engine::start(wake).unwrap();
    let view = engine.look(look("exits", &recording));
    let seen = until(&mut engine, |event| matches!(event, Event::Viewed(..)));
    assert!(matches!(seen[..], [Event::Viewed(found, _)] if found == view));
    let unknown = engine.look(look("no-such-lens", &recording));
    let seen = until(&mut engine, |event| matches!(event, Event::ViewFailed(..)));
    let [Event::ViewFailed(found, problem)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(*found, unknown);
    assert!(problem.what.contains("exits"), "{}", problem.what);
    let rows = engine.rows(recording, RowsRequest::default());
    let seen = until(&mut engine, |event| matches!(event, Event::Rows(..)));
    assert!(matches!(seen[..], [Event::Rows(found, _)] if found == rows));
    drop(engine);
    assert_eq!(wakes.load(Ordering::SeqCst), 3);
}

#[test]
fn the_newest_look_wins_and_the_ones_between_are_never_computed() {
    let recording = Shared(Arc::new(synthetic(40, 3, 1)));
    let wakes = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&wakes);
    let (arrived, arrival) = sync_channel(0);
    let (go, gate) = sync_channel(0);
    let gate = std::sync::Mutex::new(gate);
    // The lens thread is held where it tells of its first view.
    let wake = move || {
        if counter.fetch_add(1, Ordering::SeqCst) == 0 {
            arrived.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
        }
    };
    let mut engine = Engine::start(wake).unwrap();
    let first = engine.look(look("exits", &recording));
    arrival.recv().unwrap();
    assert!(matches!(engine.drain()[..], [Event::Viewed(found, _)] if found == first));
    for _ in 0..100 {
        engine.look(look("exits", &recording));
    }
    let newest = engine.look(look("exits", &recording));
    go.send(()).unwrap();
    let seen = until(&mut engine, |event| matches!(event, Event::Viewed(..)));
    assert!(matches!(seen[..], [Event::Viewed(found, _)] if found == newest));
    drop(engine);
    assert_eq!(wakes.load(Ordering::SeqCst), 2, "one view before, one after");
}

#[test]
fn too_many_commands_are_refused_and_one_cancelled_in_the_queue_never_begins() {
    let (arrived, arrival) = sync_channel(0);
    let (go, gate) = sync_channel(0);
    let mut engine = engine_with(PLENTY, move |begun| {
        if begun == 1 {
            arrived.send(()).unwrap();
            gate.recv().unwrap();
        }
    });
    let running = engine.send(record(10)).unwrap();
    arrival.recv().unwrap();
    let waiting: Vec<_> =
        (0..WAITING_COMMANDS).map(|_| engine.send(Command::Close).unwrap()).collect();
    assert_eq!(engine.send(Command::Close), None);
    engine.cancel(waiting[0]);
    go.send(()).unwrap();
    let events = until(&mut engine, |event| event.ends() == Some(waiting[1]));
    let ends: Vec<_> = events.into_iter().filter(|event| event.ends().is_some()).collect();
    let [Event::Recorded(first, _), second, third] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!(*first, running);
    assert_eq!(*second, Event::Cancelled(waiting[0]));
    assert_eq!(*third, Event::Closed(waiting[1]));
}

#[test]
fn no_number_depends_on_how_many_threads_compute_it() {
    let bits = |threads| {
        let mut engine = Engine::with_threads(threads, || {}).unwrap();
        run(&mut engine, Command::OpenEmbedded);
        let recording = recorded(run(&mut engine, record(700)));
        let bits = |column: &Vec<f32>| column.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let signals: Vec<_> = recording.signals.values().flatten().map(bits).collect();
        (signals, recording.top1.clone())
    };
    let one = bits(1);
    assert!(one.0.iter().any(|column| !column.is_empty()));
    for threads in [2, 3] {
        assert!(bits(threads) == one, "{threads} threads");
    }
}
