//! Live readouts are those of a recording, and a generation ends where and as it says.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::checkpoint::{self, Checkpoint};
use crate::dataset::Sequence;
use crate::job::CancelSwitch;
use crate::model;
use crate::record;
use crate::recording::ReadAt;
use crate::signal::Signal;

static CONFIG: &[u8] = include_bytes!("../../../assets/default/config.json");
#[expect(clippy::large_include_file, reason = "the one checkpoint that is always there")]
static WEIGHTS: &[u8] = include_bytes!("../../../assets/default/model.safetensors");
static TOKENIZER: &[u8] = include_bytes!("../../../assets/default/tokenizer.json");

const STORY: &str = "tom has a red ball . the ball is";

struct Open {
    model: Box<dyn LayeredModel>,
    tokenizer: Tokenizer,
    marks: Marks,
}

fn open(checkpoint: &Arc<dyn Checkpoint>) -> Open {
    let tokenizer = checkpoint.tokenizer().unwrap().unwrap();
    let model = model::load(checkpoint, Some(&tokenizer), &Job::unattended()).unwrap().0;
    let marks = checkpoint.marks(&tokenizer).unwrap();
    Open { model, tokenizer, marks }
}

fn embedded() -> Open {
    open(&checkpoint::open_embedded("default", CONFIG, WEIGHTS, TOKENIZER).unwrap())
}

fn settings(most_tokens: u64) -> Settings {
    Settings { sampling: Sampling::default(), most_tokens, stops: Vec::new() }
}

impl Open {
    fn prompt(&self, text: &str) -> Prompt {
        plain(text, &self.tokenizer).unwrap()
    }

    fn asked<'a>(&'a self, prompt: &'a Prompt, settings: &'a Settings) -> Asked<'a> {
        let (marks, notes) = (&self.marks, Vec::new());
        Asked { prompt, settings, marks, budget_bytes: 1 << 30, notes, folder: None }
    }

    fn run(&self, prompt: &Prompt, settings: &Settings) -> Result<Generated, GenerateError> {
        let asked = self.asked(prompt, settings);
        generate(self.model.as_ref(), &self.tokenizer, asked, &Job::unattended(), &mut |_| {})
    }

    /// The same tokens, given and run as a whole.
    fn replay(&self, ids: &[u32]) -> Recording {
        let data = Data { name: "replay".to_owned(), ..Data::default() };
        let sequences = [Sequence { ids: ids.to_vec(), segments: Vec::new(), sample: 0 }];
        let (data, sequences, notes) = (&data, &sequences[..], Vec::new());
        let (preparation, folder, budget_bytes) = (None, None, 1 << 30);
        let read_at = ReadAt::Every;
        let asked =
            record::Asked { data, preparation, sequences, read_at, budget_bytes, notes, folder };
        let tokenizer = Some(&self.tokenizer);
        record::record(self.model.as_ref(), tokenizer, asked, &Job::unattended()).unwrap()
    }
}

fn ended(generated: &Generated) -> End {
    generated.recording.manifest.generation.as_ref().unwrap().ended
}

/// Statistics of two recordings of the same tokens.
fn check_same(live: &Recording, replayed: &Recording) {
    assert_eq!(live.tokens, replayed.tokens);
    assert_eq!(live.samples.len(), 1);
    for signal in Signal::ALL {
        for (depth, (got, want)) in
            live.signals[&signal].iter().zip(&replayed.signals[&signal]).enumerate()
        {
            assert_eq!(got.len(), want.len());
            for (token, (got, want)) in got.iter().zip(want).enumerate() {
                let what = format!("{} at depth {depth} of token {token}", signal.id());
                assert_eq!(got.is_nan(), want.is_nan(), "{what}: {got} and {want}");
                // Two tokens whose logits are closer than the rounding may change places.
                let by = if signal == Signal::Rank { 1.0 } else { 1e-4 };
                assert!(got.is_nan() || (got - want).abs() <= by, "{what}: {got} and {want}");
            }
        }
    }
    assert_eq!(live.top5.len(), replayed.top5.len());
    assert_eq!(live.pieces, replayed.pieces);
    for (got, want) in live.top5.iter().flatten().zip(replayed.top5.iter().flatten()) {
        for (got, want) in got.probs.iter().zip(want.probs) {
            assert!((got - want).abs() <= 1e-4);
        }
    }
}

#[test]
fn live_statistics_are_those_of_the_same_tokens_run_as_a_whole() {
    let open = embedded();
    let prompt = open.prompt(STORY);
    let drawn = Sampling { temperature: 1.2, top_k: Some(40), seed: 3, ..Sampling::default() };
    for sampling in [Sampling::default(), drawn] {
        let settings = Settings { sampling: sampling.clone(), ..settings(24) };
        let live = open.run(&prompt, &settings).unwrap();
        let recording = &live.recording;
        let ids = &recording.tokens.ids;
        assert_eq!(ids[..prompt.ids.len()], prompt.ids);
        assert_eq!(ids.len() as u64, prompt.ids.len() as u64 + live.tokens);
        check_same(recording, &open.replay(ids));
        let manifest = &recording.manifest;
        let generation = manifest.generation.as_ref().unwrap();
        assert_eq!(generation.prompt_tokens, prompt.ids.len() as u64);
        assert_eq!(generation.sampling, sampling);
        assert!(!manifest.partial && manifest.complete && !generation.is_chat);
        assert!(manifest.block_secs.iter().all(|secs| *secs > 0.0));
        let text: Vec<u8> = ids[prompt.ids.len()..]
            .iter()
            .filter(|id| !open.marks.ends.contains(id))
            .flat_map(|id| open.tokenizer.bytes(*id))
            .collect();
        assert_eq!(live.text.as_bytes(), text);
    }
}

#[test]
fn without_temperature_every_token_is_the_first_choice_of_the_full_model() {
    let open = embedded();
    let prompt = open.prompt(STORY);
    let recording = open.run(&prompt, &settings(20)).unwrap().recording;
    let top = recording.top1.last().unwrap();
    let chosen = &recording.tokens.ids[prompt.ids.len()..];
    assert_eq!(top[prompt.ids.len() - 1..recording.num_tokens() - 1], *chosen);
}

#[test]
fn a_generation_ends_at_the_first_reason_and_says_which() {
    let open = embedded();
    let prompt = open.prompt(STORY);
    let free = open.run(&prompt, &settings(12)).unwrap();
    assert_eq!((free.tokens, ended(&free)), (12, End::MostTokens));
    // Any token can be one that ends a text.
    let end = free.recording.tokens.ids[prompt.ids.len() + 3];
    let ends = BTreeSet::from([end]);
    let first = free.recording.tokens.ids[prompt.ids.len()..].iter().position(|id| *id == end);
    let ending = Open { marks: Marks { ends, ..Marks::default() }, ..embedded() };
    let over = ending.run(&prompt, &settings(12)).unwrap();
    assert_eq!((over.tokens, ended(&over)), (first.unwrap() as u64 + 1, End::EndOfText));
    assert!(free.text.starts_with(&over.text));
    assert_eq!(over.recording.tokens.ids.last(), Some(&end));
    // A text to stop at.
    let stop: String = free.text.chars().skip(4).take(6).collect();
    let stops = vec![stop.clone()];
    let stopped = open.run(&prompt, &Settings { stops, ..settings(12) }).unwrap();
    assert_eq!(ended(&stopped), End::StopText);
    assert_eq!(stopped.text, free.text[..free.text.find(&stop).unwrap()]);
    let nothing = open.run(&prompt, &settings(0)).unwrap();
    assert_eq!((nothing.tokens, ended(&nothing)), (0, End::MostTokens));
    check_same(&nothing.recording, &open.replay(&prompt.ids));
    // The context.
    let context = open.model.card().context;
    let full = open.run(&prompt, &settings(1000)).unwrap();
    assert!(full.recording.num_tokens() == context || ended(&full) == End::EndOfText);
    let never = Open { marks: Marks::default(), ..embedded() };
    let full = never.run(&prompt, &settings(1000)).unwrap();
    assert_eq!((full.recording.num_tokens(), ended(&full)), (context, End::ContextFull));
    check_same(&full.recording, &open.replay(&full.recording.tokens.ids));
    let long = Prompt { ids: vec![5; context + 1], ..prompt };
    let told = open.run(&long, &settings(1)).unwrap_err().to_string();
    assert_eq!(told, "context is full: the prompt has 129 tokens, the model's context 128");
}

#[test]
fn going_on_gives_what_one_long_generation_gives() {
    let open = embedded();
    let prompt = open.prompt(STORY);
    let whole = open.run(&prompt, &settings(20)).unwrap();
    let first = open.run(&prompt, &settings(8)).unwrap();
    let more = more(&first.recording, open.model.card()).unwrap();
    assert_eq!((more.given, more.ids.len()), (prompt.ids.len(), prompt.ids.len() + 8));
    let second = open.run(&more, &settings(12)).unwrap();
    assert_eq!((second.text, second.tokens), (whole.text, 12));
    check_same(&second.recording, &whole.recording);
    let generation = second.recording.manifest.generation.unwrap();
    assert_eq!(generation.prompt_tokens, prompt.ids.len() as u64);
    let foreign = crate::recording::synthetic(40, 3, 1);
    let told = super::more(&foreign, open.model.card()).unwrap_err().to_string();
    assert_eq!(told, "the recording is of synthetic, and default is open");
    let mut gaps = first.recording;
    gaps.manifest.read_at = ReadAt::Last;
    let told = super::more(&gaps, open.model.card()).unwrap_err().to_string();
    assert_eq!(
        told,
        "the recording holds only the last token of each sequence: the text between is not there to go on with"
    );
}

#[test]
fn a_cancel_keeps_every_token_that_was_told() {
    let open = embedded();
    let prompt = open.prompt(STORY);
    let whole = open.run(&prompt, &settings(20)).unwrap();
    let switch = CancelSwitch::default();
    let job = Job::new(switch.clone(), |_| {});
    let (settings, told) = (settings(20), Cell::new(0));
    let mut watch = |step: Step<'_>| {
        told.set(step.tokens);
        assert!(whole.text.starts_with(step.text));
        let so_far = (step.recording)();
        assert!(so_far.manifest.partial);
        assert_eq!(so_far.num_tokens() as u64, prompt.ids.len() as u64 + step.tokens - 1);
        assert_eq!(so_far.tokens.next_ids.last(), Some(&NO_TOKEN));
        if step.tokens == 5 {
            switch.cancel();
        }
    };
    let asked = open.asked(&prompt, &settings);
    let cut = generate(open.model.as_ref(), &open.tokenizer, asked, &job, &mut watch).unwrap();
    assert_eq!((told.get(), cut.tokens, ended(&cut)), (5, 5, End::Cancelled));
    assert!(cut.recording.manifest.partial);
    let ids = &whole.recording.tokens.ids[..prompt.ids.len() + 5];
    check_same(&cut.recording, &open.replay(ids));

    let switch = CancelSwitch::default();
    switch.cancel();
    let (asked, job) = (open.asked(&prompt, &settings), Job::new(switch, |_| {}));
    let none = generate(open.model.as_ref(), &open.tokenizer, asked, &job, &mut |_| {});
    assert!(matches!(none, Err(GenerateError::Record(RecordError::Cancelled(_)))));
}

#[test]
fn a_generated_recording_is_saved_and_read_like_any_other() {
    let open = embedded();
    let recording = open.run(&open.prompt(STORY), &settings(6)).unwrap().recording;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("generated");
    recording.save(&folder, &Job::unattended()).unwrap();
    let back = Recording::load(&folder, 1 << 30, &Job::unattended()).unwrap();
    assert_eq!(back.manifest.generation, recording.manifest.generation);
    assert_eq!(back.tokens, recording.tokens);
    let text = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert!(text.contains("\"ended\": \"most_tokens\""), "{text}");
}

#[test]
fn a_folder_is_kept_while_a_text_is_generated_and_given_back_where_nothing_was_written() {
    let open = embedded();
    let (prompt, settings) = (open.prompt(STORY), settings(4));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("generated");
    let asked = || Asked { folder: Some(&folder), ..open.asked(&prompt, &settings) };
    let mut watch = |_: Step<'_>| {
        let claimed = crate::recording::header(&folder).unwrap();
        assert!(!claimed.complete && claimed.partial && claimed.generation.is_some());
    };
    let (model, job) = (open.model.as_ref(), Job::unattended());
    let done = generate(model, &open.tokenizer, asked(), &job, &mut watch).unwrap();
    // Sooner than the first part, and whoever asked saves the whole.
    assert!(!folder.exists());
    done.recording.save(&folder, &job).unwrap();
    std::fs::write(folder.join("thesis.txt"), "three years of work").unwrap();
    let none = generate(model, &open.tokenizer, asked(), &job, &mut |_| {}).unwrap_err();
    assert!(none.is_input() && none.to_string().contains("thesis.txt"), "{none}");
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_block() {
    let open = embedded();
    let (prompt, settings) = (open.prompt(STORY), settings(50));
    let asked = Asked { budget_bytes: 100_000, ..open.asked(&prompt, &settings) };
    let none =
        generate(open.model.as_ref(), &open.tokenizer, asked, &Job::unattended(), &mut |_| {});
    let told = none.unwrap_err();
    assert!(told.is_input() && told.to_string().contains("are free for a recording"), "{told}");
}

#[test]
fn a_chat_needs_a_template_and_is_said_in_the_manifest() {
    let open = embedded();
    let path = Path::new("here");
    let of = |template| chat("Tom", template, &open.marks, &open.tokenizer, path);
    let told = of(None).unwrap_err().to_string();
    assert_eq!(told, "the checkpoint has no chat template: here");
    let template = "{{ bos_token }} tell {{ messages[0].content }}";
    let prompt = of(Some(template)).unwrap();
    assert_eq!(prompt.ids[0], 1, "the template begins the text");
    assert_eq!(prompt.ids.len(), 3);
    let recording = open.run(&prompt, &settings(2)).unwrap().recording;
    assert!(recording.manifest.generation.unwrap().is_chat);
    assert!(matches!(of(Some("{# nothing #}")), Err(GenerateError::EmptyPrompt)));
}

#[cfg(feature = "shared-checks")]
mod shared {
    use std::path::PathBuf;

    use super::*;

    fn shared(inside: &str) -> PathBuf {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(inside)
    }

    const KNOWN: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in \
                         the park. One day, she saw a big, red ball.";

    #[test]
    fn shared_stories_go_on_as_known_and_their_replay_says_the_same() {
        for inside in [
            "data/stories260K_hf",
            "data/stories260K_gguf/stories260K-f32.gguf",
            "data/stories260K_gguf/stories260K-q8_0.gguf",
        ] {
            let open = open(&checkpoint::open(&shared(inside)).unwrap());
            assert_eq!(open.marks.ends, BTreeSet::from([2]));
            let prompt = open.prompt("Once upon a time");
            assert_eq!(prompt.ids, [1, 403, 407, 261, 378]);
            let live = open.run(&prompt, &settings(100)).unwrap();
            let text = format!("Once upon a time{}", live.text);
            assert!(text.starts_with(KNOWN), "{inside}: {text}");
            check_same(&live.recording, &open.replay(&live.recording.tokens.ids));
        }
    }

    #[test]
    fn shared_stories_with_experts_say_live_what_their_replay_says() {
        let open = open(&checkpoint::open(&shared("data/stories_moe_4x")).unwrap());
        let live = open.run(&open.prompt("Once upon a time"), &settings(60)).unwrap();
        check_same(&live.recording, &open.replay(&live.recording.tokens.ids));
    }

    #[test]
    fn shared_every_family_goes_on_with_the_known_tokens() {
        let mut families = 0;
        for entry in std::fs::read_dir(shared("golden/tiny")).unwrap() {
            let folder = entry.unwrap().path();
            let expected = std::fs::read(folder.join("expected.json")).unwrap();
            let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
            let Some(known) = expected.get("greedy") else { continue };
            let ids =
                |key: &str| -> Vec<u32> { serde_json::from_value(known[key].clone()).unwrap() };
            let checkpoint = checkpoint::open(&folder).unwrap();
            let model = model::load(&checkpoint, None, &Job::unattended()).unwrap().0;
            // These have no tokenizer; any will do for the text.
            let open = Open { model, marks: Marks::default(), ..embedded() };
            let (ids, want) = (ids("prompt"), ids("continuation"));
            let prompt = Prompt { given: ids.len(), ids, is_chat: false };
            let live = open.run(&prompt, &settings(want.len() as u64)).unwrap();
            let got = &live.recording.tokens.ids[prompt.ids.len()..];
            assert_eq!(got, want, "{}", folder.display());
            check_same(&live.recording, &open.replay(&live.recording.tokens.ids));
            families += 1;
        }
        assert!(families >= 13, "{families}");
    }
}
