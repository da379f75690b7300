//! Class means from the data to the rule, through the engine.

use super::*;
use crate::checkpoint::ClassMeansFrom;
use crate::checkpoint::class_means::FILE;
use crate::knob::Value;
use crate::live::Treatment;
use crate::model::Pooling;
use crate::model::fixtures::{Fixture, bert_config};
use crate::recording::Recording;
use crate::signal::{ReadBy, Signal, Subject};

/// A bare BERT of random weights with a tokenizer, and texts whose label is which words they are made of.
fn folder(home: &Path) {
    Fixture::encoder(bert_config(), &[], &[], 4).save(home);
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let vocab: Vec<_> = specials.into_iter().chain((5..40).map(|id| format!("w{id}"))).collect();
    fs::write(home.join("vocab.txt"), vocab.join("\n")).unwrap();
    let text = |row: usize, mixed: usize| {
        let word = |at: usize| {
            let own = if (row + usize::from(at < mixed)).is_multiple_of(2) { 5 } else { 22 };
            format!("w{}", own + (row * 5 + at * 3) % 17)
        };
        let words: Vec<_> = (0..4 + row % 5).map(word).collect();
        let label = ["low", "high"][row % 2];
        format!("{}\t{label}\n", words.join(" "))
    };
    let rows = |mixed: usize| (0..40).map(|row| text(row, mixed)).collect::<String>();
    fs::write(home.join("made-of.tsv"), format!("text\tlabel\n{}", rows(0))).unwrap();
    fs::write(home.join("read.tsv"), format!("text\tlabel\n{}", rows(1))).unwrap();
}

fn input(path: &Path) -> Input {
    Input::File {
        path: path.to_owned(),
        column: None,
        label: None,
        pair: None,
        cut: Default::default(),
    }
}

fn asked(home: &Path, data: &str, file: &Path) -> Command {
    Command::MakeMeans(MeansRequest {
        input: input(&home.join(data)),
        pooling: Some(Pooling::Mean),
        limit_tokens: None,
        file: file.to_owned(),
    })
}

fn read(engine: &mut Engine, home: &Path) -> Shared<Recording> {
    let request = RecordRequest {
        input: input(&home.join("read.tsv")),
        limit_tokens: None,
        read_at: ReadAt::Every,
        numerics: Numerics::F32,
        folder: None,
    };
    recorded(run(engine, Command::Record(request)))
}

#[test]
fn means_of_one_data_set_read_out_another_and_their_rule_runs() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    folder(home);
    let mut engine = Engine::start(|| {}).unwrap();
    let bare = || Command::OpenWith(home.to_owned(), ClassMeansFrom::Nowhere);
    run(&mut engine, bare());
    let file = home.join(FILE);
    let end = run(&mut engine, asked(home, "made-of.tsv", &file));
    let Event::MadeMeans(_, made) = end else { panic!("{end:?}") };
    assert_eq!(made.classes, [("high".to_owned(), 20), ("low".to_owned(), 20)]);
    assert_eq!((made.depths, made.pooling, made.notes.len()), (4, Pooling::Mean, 0));
    // Nothing changed in what is open.
    assert_eq!(read(&mut engine, home).manifest().readout, ReadBy::Head);
    run(&mut engine, Command::Open(home.to_owned()));
    let recording = read(&mut engine, home);
    let manifest = recording.manifest();
    assert_eq!((manifest.readout, manifest.subject), (ReadBy::ClassMeans, Subject::Sample));
    assert_eq!(serde_json::to_value(manifest).unwrap()["readout"], "class_means");
    let caveat = ReadBy::ClassMeans.caveat().unwrap();
    assert!(manifest.notes.iter().any(|note| note.what.starts_with(caveat)));
    // Most words are of the sample's own class.
    let right = (0..40).filter(|row| recording.is_right(3, *row) == Some(true)).count();
    assert!(right >= 25, "{right}");
    let mut knobs = Knobs::default();
    knobs.set("rule", Value::Choice("class-means".to_owned()));
    let mut sure = recording.signals[&Signal::MaxProb][1].clone();
    sure.sort_by(f32::total_cmp);
    knobs.set("threshold", Value::Real(f64::from(sure[20])));
    let (treatment, write, limit_tokens) = (Treatment::Recompute, None, None);
    let recording = recording.clone();
    let verify = VerifyRequest { recording, knobs, treatment, write, limit_tokens, repeats: 1 };
    let end = run(&mut engine, Command::Verify(verify.clone()));
    let Event::Verified(_, view) = end else { panic!("{end:?}") };
    let value = |id| view.readings.iter().find(|reading| reading.id == id).unwrap().value.unwrap();
    assert_eq!(value("same_depth"), 1.0);
    assert!(value("mean_depth_live") < 2.5);
    // The same weights with no means, or with others, did not make the recording.
    run(&mut engine, bare());
    let told = problem(run(&mut engine, Command::Verify(verify)));
    assert!(told.what.contains("another version of it"), "{}", told.what);
}

#[test]
fn a_recording_of_class_means_opens_again_and_one_that_lies_about_them_does_not() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    folder(home);
    let mut engine = Engine::start(|| {}).unwrap();
    run(&mut engine, Command::OpenWith(home.to_owned(), ClassMeansFrom::Nowhere));
    let elsewhere = home.join("elsewhere.safetensors");
    run(&mut engine, asked(home, "made-of.tsv", &elsewhere));
    run(&mut engine, Command::OpenWith(home.to_owned(), ClassMeansFrom::File(elsewhere)));
    let recording = read(&mut engine, home);
    let folder = home.join("recording");
    run(&mut engine, Command::Save { recording: recording.clone(), folder: folder.clone() });
    let loaded = recorded(run(&mut engine, Command::Load(folder.clone())));
    assert_eq!(loaded.manifest(), recording.manifest());
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let lies = manifest.replace(r#""subject": "sample""#, r#""subject": "own_token""#);
    assert_ne!(lies, manifest);
    fs::write(folder.join("manifest.json"), lies).unwrap();
    let told = problem(run(&mut engine, Command::Load(folder)));
    assert!(told.what.contains("readout") && told.what.contains("class_means"), "{}", told.what);
}

#[test]
fn means_are_made_only_of_a_checkpoint_that_is_open_without_any() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    folder(home);
    let mut engine = Engine::start(|| {}).unwrap();
    let file = home.join(FILE);
    let told = problem(run(&mut engine, asked(home, "made-of.tsv", &file)));
    assert!(told.what.contains("No checkpoint is open"), "{}", told.what);
    run(&mut engine, Command::OpenWith(home.to_owned(), ClassMeansFrom::Nowhere));
    let weights = home.join("model.safetensors");
    let told = problem(run(&mut engine, asked(home, "made-of.tsv", &weights)));
    assert!(told.what.contains("holds no class means"), "{}", told.what);
    run(&mut engine, asked(home, "made-of.tsv", &file));
    run(&mut engine, Command::Open(home.to_owned()));
    let told = problem(run(&mut engine, asked(home, "made-of.tsv", &file)));
    assert!(told.what.contains("open with class means"), "{}", told.what);
    // A pass that is cancelled writes nothing.
    fs::remove_file(&file).unwrap();
    run(&mut engine, Command::Open(home.to_owned()));
    let job = engine.send(asked(home, "made-of.tsv", &file)).unwrap();
    engine.cancel(job);
    assert!(matches!(end_of(&mut engine, job), Event::Cancelled(_)));
    assert!(!file.exists());
}
