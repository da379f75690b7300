//! Walks through the state without an engine: each event is what the engine would tell.

use std::path::PathBuf;
use std::sync::Arc;

use layerscope_engine::api::{
    Blame, Command, Event, Input, JobId, KnobCard, KnobKind, Live, ModelCard, Problem, Progress,
    ReadAt, Sampling, Start, Value, View,
};

use super::*;

mod versus;

const JOB: JobId = JobId(1);

fn card(name: &str) -> Arc<ModelCard> {
    Arc::new(ModelCard {
        name: name.to_owned(),
        format: "GGUF".to_owned(),
        family: "Llama".to_owned(),
        layers: 2,
        width: 8,
        vocab: 16,
        subject: Default::default(),
        read_by: Default::default(),
        readout: "language-model head".to_owned(),
        outputs: 16,
        classes: Vec::new(),
        readout_weights: 0,
        heads: 2,
        kv_heads: 1,
        head_dim: 4,
        ffn_width: 32,
        context: 64,
        block_weights: 1,
        windows: Vec::new(),
        image_side: None,
        parameters: 1000,
        types: "F32 x 9".to_owned(),
        size_bytes: 4000,
        tokenizer: "llama, 16 tokens".to_owned(),
        chat_template: None,
        fingerprint: String::new(),
        tokenizer_fingerprint: String::new(),
        points: Vec::new(),
    })
}

fn threshold() -> KnobCard {
    let kind = KnobKind::Real { default: 0.9, min: 0.0, max: 1.0, step: 0.01 };
    KnobCard { id: "threshold", label: "Threshold", help: "", unit: "", kind }
}

fn problem() -> Problem {
    let (what, hint) = ("it is a pickle: /a/b.pt".to_owned(), "Convert it.".to_owned());
    Problem { what, hint, blame: Blame::Input }
}

/// Hands every command to an engine that takes it; returns the commands.
fn start(state: &mut State, effects: Vec<Effect>, job: JobId) -> Vec<Command> {
    let mut commands = Vec::new();
    for effect in effects {
        if let Effect::Start(task, command) = effect {
            state.started(task, Some(job));
            commands.push(command);
        }
    }
    commands
}

fn open(state: &mut State, path: &str, job: JobId) -> Vec<Command> {
    let effects = state.apply(Action::File(File::OpenModel(PathBuf::from(path))));
    start(state, effects, job)
}

fn with_model() -> State {
    let mut state = State::default();
    open(&mut state, "/models/first.gguf", JOB);
    state.hear(Event::Opened(JOB, card("first.gguf")));
    state
}

fn turn(value: f64, is_held: bool) -> Action {
    let knob = "threshold".to_owned();
    Action::Lens(Lens::Turn { knob, value: Value::Real(value), is_held })
}

#[test]
fn a_text_is_shown_while_it_is_written_and_stays() {
    let mut state = with_model();
    assert!(state.apply(Action::Run(Run::Generate)).is_empty(), "there is no prompt");
    assert_eq!(state.message, "Only a text can be gone on with");
    state.apply(Action::Run(Run::Prompt("Once".to_owned())));
    let writing = Writing { most_tokens: 7, temperature: 0.5, ..Writing::default() };
    state.apply(Action::Run(Run::Writing(writing)));
    let effects = state.apply(Action::Run(Run::Generate));
    let commands = start(&mut state, effects, JobId(5));
    let [Command::Generate(request)] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(request.start, Start::Text("Once".to_owned()));
    assert_eq!((request.settings.most_tokens, request.settings.sampling.temperature), (7, 0.5));
    assert!(state.why_no_run().is_some() && state.why_no_more().is_some());
    let live = |text: &str| Live { text: text.to_owned(), tokens: 1, recording: None };
    state.hear(Event::Generated(JobId(5), live(" upon")));
    assert_eq!(state.written, " upon");
    state.hear(Event::Generated(JobId(4), live("another job")));
    state.hear(Event::Cancelled(JobId(5)));
    assert_eq!(state.written, " upon");
    assert!(state.why_no_generation().is_none());
}

#[test]
fn all_that_is_set_about_writing_reaches_the_engine_and_chat_needs_a_template() {
    let mut state = with_model();
    state.apply(Action::Run(Run::Prompt("Hi".to_owned())));
    let writing = Writing {
        temperature: 0.7,
        top_k: Some(40),
        top_p: 0.9,
        repeat_penalty: 1.1,
        seed: 5,
        is_chat: true,
        stops: "User:\n\n\\n\\n\n".to_owned(),
        ..Writing::default()
    };
    state.apply(Action::Run(Run::Writing(writing)));
    let asked = |state: &mut State, job| {
        let effects = state.apply(Action::Run(Run::Generate));
        let commands = start(state, effects, JobId(job));
        state.hear(Event::Cancelled(JobId(job)));
        let [Command::Generate(request)] = commands.as_slice() else { panic!("{commands:?}") };
        request.clone()
    };
    let request = asked(&mut state, 5);
    assert_eq!(request.settings.stops, ["User:", "\n\n"]);
    let Sampling { temperature, top_k, top_p, repeat_penalty, seed } = request.settings.sampling;
    assert_eq!((temperature, top_k, top_p, repeat_penalty, seed), (0.7, Some(40), 0.9, 1.1, 5));
    assert_eq!(request.start, Start::Text("Hi".to_owned()), "there is no template");
    assert!(state.why_no_chat().is_some());
    let chat_template = Some("{{ messages[0].content }}".to_owned());
    state.model = Some(Arc::new(ModelCard { chat_template, ..(*card("first.gguf")).clone() }));
    assert_eq!(asked(&mut state, 6).start, Start::Chat("Hi".to_owned()));
}

#[test]
fn a_model_of_images_runs_its_folder_and_no_other_model_does() {
    let mut state = with_model();
    state.apply(Action::Run(Run::Prompt("Once".to_owned())));
    state.apply(Action::Run(Run::ImageFolder("/pictures".into())));
    assert!(state.problems.pop().unwrap().what.contains("no checkpoint that reads images"));
    assert_eq!(state.session.input.kind, InputKind::Prompt);
    open(&mut state, "/models/vit", JOB);
    let vit = ModelCard { image_side: Some(224), ..(*card("vit")).clone() };
    state.hear(Event::Opened(JOB, Arc::new(vit)));
    let Input::File { path, .. } = state.session.input.request().unwrap().input else { panic!() };
    assert_eq!(path, PathBuf::from("/pictures"));
    assert_eq!(state.why_no_generation(), Some("Only a text can be gone on with"));
    state.apply(Action::Run(Run::ImageFolder("/others".into())));
    assert!(state.problems.is_empty());
    state.session.input.images = None;
    assert_eq!(state.why_no_run(), Some("Choose a folder of images first"));
    open(&mut state, "/models/first.gguf", JOB);
    state.hear(Event::Opened(JOB, card("first.gguf")));
    assert_eq!(state.session.input.kind, InputKind::Embedded);
}

#[test]
fn the_rounding_of_readouts_is_part_of_what_is_asked_and_refused_where_it_cannot_be() {
    let mut state = with_model();
    state.apply(Action::Run(Run::Prompt("Once".to_owned())));
    state.apply(Action::Run(Run::Numerics(Numerics::Bf16)));
    assert_eq!(state.why_no_bf16(), Numerics::Bf16.why_not());
    assert_eq!(state.session.input.request().unwrap().numerics, Numerics::Bf16);
    let writing = state.session.input.writing.clone();
    assert_eq!(
        writing.request(Start::Text(String::new()), Numerics::Bf16).numerics,
        Numerics::Bf16
    );
    let classes = vec!["bad".to_owned(), "good".to_owned()];
    state.model = Some(Arc::new(ModelCard { classes, ..(*card("first.gguf")).clone() }));
    assert!(state.why_no_run().unwrap().contains("chooses among classes"));
    assert!(state.apply(Action::Run(Run::Record)).is_empty());
    state.apply(Action::Run(Run::Numerics(Numerics::F32)));
    assert_eq!(state.why_no_run(), None);
}

#[test]
fn a_header_is_shown_before_the_model_is_open() {
    let mut state = State::default();
    assert_eq!(open(&mut state, "/m.gguf", JOB), [Command::Open("/m.gguf".into())]);
    state.hear(Event::Header(JOB, card("m.gguf")));
    assert_eq!(state.header.as_ref().unwrap().layers, 2);
    assert!(state.model.is_none());
    assert!(state.why_no_run().is_some());
    let effects = state.hear(Event::Opened(JOB, card("m.gguf")));
    assert!(state.header.is_none());
    assert!(state.jobs.is_empty());
    assert!(effects.contains(&Effect::Remember("/m.gguf".into())));
    assert_eq!(state.title(), "m.gguf - Layerscope");
}

#[test]
fn a_failed_open_leaves_what_was_open() {
    let mut state = with_model();
    let job = JobId(2);
    open(&mut state, "/models/second.pt", job);
    state.hear(Event::Header(job, card("second.pt")));
    state.hear(Event::Failed(job, problem()));
    assert_eq!(state.model.as_ref().unwrap().name, "first.gguf");
    assert_eq!(state.session.model, Source::Path("/models/first.gguf".into()));
    assert!(state.header.is_none());
    assert_eq!(state.problems, [problem()]);
    state.apply(Action::Layout(Layout::Dismiss(0)));
    assert!(state.problems.is_empty());
}

#[test]
fn the_embedded_checkpoint_runs_its_data_as_soon_as_it_is_open() {
    let mut state = State::default();
    let effects = state.apply(Action::File(File::OpenEmbedded));
    start(&mut state, effects, JOB);
    let effects = state.hear(Event::Opened(JOB, card("Embedded default")));
    let commands = start(&mut state, effects, JobId(2));
    let [Command::Record(request)] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(request.input, Input::Embedded);
}

#[test]
fn a_typed_prompt_is_what_is_run() {
    let mut state = with_model();
    state.apply(Action::Run(Run::Prompt("Once".to_owned())));
    let effects = state.apply(Action::Run(Run::Record));
    let commands = start(&mut state, effects, JobId(2));
    let [Command::Record(request)] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(request.input, Input::Text("Once".to_owned()));
    // A second run waits for the first; the reason is said.
    assert!(state.apply(Action::Run(Run::Record)).is_empty());
    assert!(!state.message.is_empty());
}

#[test]
fn nothing_is_run_without_a_model_or_without_a_prompt() {
    let mut state = State::default();
    assert!(state.apply(Action::Run(Run::Record)).is_empty());
    assert!(state.message.contains("checkpoint"), "{}", state.message);
    let mut state = with_model();
    state.apply(Action::Run(Run::Prompt("  ".to_owned())));
    assert!(state.apply(Action::Run(Run::Record)).is_empty());
    assert!(state.message.contains("prompt"), "{}", state.message);
}

#[test]
fn what_is_read_out_is_asked_for_and_kept_in_the_session() {
    let mut state = with_model();
    let read_at = ReadAt::EveryNth(std::num::NonZeroU32::new(8).unwrap());
    assert!(state.apply(Action::Run(Run::ReadAt(read_at))).is_empty());
    let effects = state.apply(Action::Run(Run::Record));
    let commands = start(&mut state, effects, JobId(7));
    let [Command::Record(request)] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(request.read_at, read_at);
    let text = serde_json::to_string(&state.session).unwrap();
    assert_eq!(Session::from_json(&text).unwrap().input.read_at, read_at);
    let old = text.replace("\"read_at\":{\"every_nth\":8},", "");
    assert_ne!(old, text);
    assert_eq!(Session::from_json(&old).unwrap().input.read_at, ReadAt::Every);
}

#[test]
fn progress_is_kept_until_the_job_is_cancelled() {
    let mut state = with_model();
    let effects = state.apply(Action::Run(Run::Record));
    let job = JobId(7);
    start(&mut state, effects, job);
    let (what, unit) = ("Recording", "tokens");
    let progress = Progress { what, done: 5, total: 10, unit, elapsed_secs: 1.0, done_secs: 1.0 };
    state.hear(Event::Progress(job, progress.clone()));
    assert_eq!(state.at_work().unwrap().1.progress, Some(progress));
    assert_eq!(state.apply(Action::Run(Run::Cancel)), [Effect::Cancel(job)]);
    assert!(state.at_work().unwrap().1.is_cancelling);
    state.hear(Event::Cancelled(job));
    assert!(state.at_work().is_none());
    assert!(state.model.is_some());
    assert!(state.problems.is_empty());
}

#[test]
fn cancel_without_a_job_does_nothing() {
    assert!(State::default().apply(Action::Run(Run::Cancel)).is_empty());
}

#[test]
fn a_busy_engine_is_said_and_not_waited_for() {
    let mut state = State::default();
    state.started(Task::Record, None);
    assert!(state.jobs.is_empty());
    assert!(state.problems[0].what.contains("busy"));
}

#[test]
fn undo_of_a_drag_is_one_step() {
    let mut state = State { knob_cards: vec![threshold()], ..State::default() };
    let value = |state: &State| state.session.knobs.get("threshold").cloned();
    // Without a recording the lens says which cards there are; the walk keeps its own.
    for at in [0.8, 0.7, 0.6] {
        let cards = state.knob_cards.clone();
        state.apply(turn(at, true));
        state.knob_cards = cards;
    }
    let cards = state.knob_cards.clone();
    state.apply(turn(0.5, false));
    state.knob_cards.clone_from(&cards);
    state.apply(turn(0.4, false));
    assert_eq!(value(&state), Some(Value::Real(0.4)));
    state.apply(Action::Lens(Lens::Undo));
    assert_eq!(value(&state), Some(Value::Real(0.5)));
    state.apply(Action::Lens(Lens::Undo));
    assert_eq!(value(&state), None);
    state.apply(Action::Lens(Lens::Redo));
    assert_eq!(value(&state), Some(Value::Real(0.5)));
}

#[test]
fn a_rule_that_is_dragged_past_the_end_stops_there() {
    let mut state = State { knob_cards: vec![threshold()], ..State::default() };
    state.apply(Action::Lens(Lens::Drag { knob: "threshold", value: 7.0, is_held: true }));
    assert_eq!(state.session.knobs.get("threshold"), Some(&Value::Real(1.0)));
    state.knob_cards = vec![threshold()];
    state.apply(Action::Lens(Lens::Drag { knob: "threshold", value: f64::NAN, is_held: true }));
    assert_eq!(state.session.knobs.get("threshold"), Some(&Value::Real(1.0)));
}

#[test]
fn a_value_outside_of_its_knob_changes_nothing() {
    let mut state = State { knob_cards: vec![threshold()], ..State::default() };
    assert!(state.apply(turn(1.5, false)).is_empty());
    assert_eq!(state.undo_state(), (false, false));
}

#[test]
fn the_newest_view_wins_and_ends_the_waiting() {
    let mut state = State::default();
    state.awaits(4, Knobs::default());
    state.awaits(6, Knobs::default());
    let (old, new) = (Arc::new(View::default()), Arc::new(View::default()));
    assert!(state.hear(Event::Viewed(4, old)).is_empty());
    assert!(state.is_awaiting());
    let told = state.hear(Event::Viewed(6, Arc::clone(&new)));
    assert!(!state.is_awaiting());
    assert!(Arc::ptr_eq(state.view.as_ref().unwrap(), &new));
    let [Effect::Tell(line)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(line["event"], "viewed");
    // A straggler changes nothing any more.
    state.hear(Event::Viewed(5, Arc::new(View::default())));
    assert!(Arc::ptr_eq(state.view.as_ref().unwrap(), &new));
}

#[test]
fn a_view_that_fails_is_a_card_and_ends_the_waiting() {
    let mut state = State::default();
    state.awaits(4, Knobs::default());
    state.hear(Event::ViewFailed(4, problem()));
    assert!(!state.is_awaiting());
    assert_eq!(state.problems.len(), 1);
}

#[test]
fn a_session_with_an_unknown_lens_is_shown_through_a_known_one_and_said() {
    let session = Session { lens: "telepathy".to_owned(), ..Session::default() };
    let mut state = State::default();
    state.apply(Action::File(File::OpenSession(Box::new(session))));
    assert_eq!(state.session.lens, "exits");
    assert!(state.problems[0].what.contains("telepathy"));
}

#[test]
fn a_session_opens_its_model_and_then_its_recording() {
    let session = Session {
        model: Source::Path("/m.gguf".into()),
        recording: Some("/r".into()),
        ..Session::default()
    };
    let mut state = State::default();
    let effects = state.apply(Action::File(File::OpenSession(Box::new(session))));
    assert_eq!(start(&mut state, effects, JOB), [Command::Open("/m.gguf".into())]);
    let effects = state.hear(Event::Opened(JOB, card("m.gguf")));
    assert_eq!(start(&mut state, effects, JobId(2)), [Command::Load("/r".into())]);
}

#[test]
fn a_session_survives_its_file() {
    let mut state = with_model();
    state.apply(Action::Run(Run::Prompt("Once".to_owned())));
    state.apply(Action::Layout(Layout::Theme(Lights::Light)));
    let effects = state.apply(Action::File(File::SaveSession("/s.layerscope.json".into())));
    let [Effect::Write(_, text)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(Session::from_json(text).unwrap(), state.session);
}

#[test]
fn an_old_session_file_is_read_and_a_newer_one_refused() {
    let old = r#"{"version": 1, "model": {"path": "/m.gguf"}, "knobs": {"threshold": 0.5}}"#;
    let session = Session::from_json(old).unwrap();
    assert_eq!(session.model, Source::Path("/m.gguf".into()));
    assert_eq!(session.knobs.get("threshold"), Some(&Value::Real(0.5)));
    assert_eq!(session.lens, "exits");
    assert!(Session::from_json(r#"{"version": 2}"#).unwrap_err().contains("version 2"));
    assert!(Session::from_json("[]").is_err());
}

#[test]
fn columns_of_a_file_that_was_replaced_come_too_late() {
    let mut state = State::default();
    state.apply(Action::Run(Run::DataFile("/a.csv".into())));
    state.apply(Action::Run(Run::DataFile("/b.csv".into())));
    state.apply(Action::Run(Run::Columns("/a.csv".into(), Ok(vec!["text".to_owned()]))));
    assert!(state.columns.is_empty());
    state.apply(Action::Run(Run::Columns("/b.csv".into(), Ok(vec!["body".to_owned()]))));
    assert_eq!(state.session.input.column.as_deref(), Some("body"));
}

#[test]
fn a_column_of_labels_is_asked_for_and_forgotten_with_its_file() {
    let mut state = State::default();
    state.apply(Action::Run(Run::Kind(InputKind::File)));
    state.apply(Action::Run(Run::DataFile("/a.csv".into())));
    state.apply(Action::Run(Run::Label(Some("kind".to_owned()))));
    state.apply(Action::Run(Run::Pair(Some("second".to_owned()))));
    let label = |state: &State| match state.session.input.request().unwrap().input {
        Input::File { label, pair, .. } => (label, pair),
        other => panic!("{other:?}"),
    };
    assert_eq!(label(&state), (Some("kind".to_owned()), Some("second".to_owned())));
    state.apply(Action::Run(Run::DataFile("/b.csv".into())));
    assert_eq!(label(&state), (None, None));
}

#[test]
fn without_a_recording_nothing_is_asked_or_written() {
    let mut state = State::default();
    for ask in [Ask::Export, Ask::SaveRecording] {
        assert!(state.apply(Action::File(File::Ask(ask))).is_empty());
        assert!(!state.message.is_empty());
    }
    assert!(state.apply(Action::File(File::Export("/x".into()))).is_empty());
}
