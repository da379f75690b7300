//! Replay and run side by side, on small networks with random weights.

use super::forced::{Forced, Stopped, Timed};
use super::texts::Text;
use super::writing::Compared;
use super::*;
use crate::dataset::{Data, Sequence, TextSample};
use crate::knob::{KnobKind, Value};
use crate::model::fixtures::{Fixture, bert_with_means, config_of};
use crate::policy::{About, Chosen, RULES, cards};
use crate::record;
use crate::recording::ReadAt;
use crate::signal::{Depth, ReadBy, Signal, Subject};

/// Records sequences, and gives them back as the texts that are run again.
fn recorded(model: &dyn LayeredModel, lengths: &[usize]) -> (Recording, Vec<Text>) {
    let mut ids = (1_u32..).map(|i| (i * i * 7 + i) % 40);
    let sequences: Vec<Sequence> = lengths
        .iter()
        .enumerate()
        .map(|(sample, length)| Sequence {
            ids: ids.by_ref().take(*length).collect(),
            segments: Vec::new(),
            sample,
        })
        .collect();
    let sample = |number: usize| TextSample {
        text: String::new(),
        columns: [("label".to_owned(), (number % 2).to_string())].into(),
    };
    let samples = (0..lengths.len()).map(sample).collect();
    let label = Some("label".to_owned());
    let data = Data { name: "made up".to_owned(), samples, label, ..Data::default() };
    let asked = record::Asked {
        data: &data,
        preparation: None,
        sequences: &sequences,
        read_at: ReadAt::Every,
        budget_bytes: 1 << 30,
        notes: Vec::new(),
        folder: None,
    };
    let recording = record::record(model, None, asked, &Job::unattended()).unwrap();
    let mut end = 0;
    let texts = sequences.into_iter().map(|sequence| {
        let begin = end;
        end += if recording.subject() == Subject::Sample { 1 } else { sequence.ids.len() };
        Text { ids: sequence.ids, rows: begin..end }
    });
    let texts = texts.collect();
    (recording, texts)
}

/// A rule with its main knob at a share of its range.
fn turned(recording: &Recording, rule: &str, share: f64) -> Knobs {
    let mut knobs = Knobs::default();
    knobs.set("rule", Value::Choice(rule.to_owned()));
    let entry = RULES.iter().find(|entry| entry.card().id == rule).unwrap();
    let cards = cards(&About::of(Some(recording)), &knobs);
    let main = cards.iter().find(|card| card.id == entry.card().main).unwrap();
    knobs.set(
        main.id,
        match main.kind {
            KnobKind::Real { min, max, .. } => Value::Real(min + share * (max - min)),
            KnobKind::Integer { min, max, .. } => {
                let steps = (0..=max - min).find(|step| *step as f64 >= (max - min) as f64 * share);
                Value::Integer(min + steps.unwrap())
            }
            KnobKind::Choice { .. } | KnobKind::Places { .. } => {
                panic!("a main knob without an order")
            }
        },
    );
    knobs
}

fn run(
    model: &dyn LayeredModel,
    (recording, texts): (&Recording, &[Text]),
    knobs: &Knobs,
    treatment: Treatment,
) -> Option<(Vec<Stopped>, Timed)> {
    let chosen = choose(recording, knobs);
    chosen.live(Vec::new())?;
    let forced = Forced { model, recording, chosen: &chosen, texts, treatment };
    let done = forced.timed(1, &Job::unattended()).unwrap();
    let exits = chosen.all_exits(recording);
    let replay = |row: usize| Stopped {
        row,
        depth: exits[row],
        id: recording.first_choice(exits[row].index(), row).unwrap(),
        nll: recording.column(Signal::Nll, exits[row]).unwrap()[row],
    };
    Some(((0..recording.num_tokens()).map(replay).collect(), done))
}

fn asked<'a>(
    recording: &'a Recording,
    knobs: &'a Knobs,
    treatment: Treatment,
    limit_tokens: Option<u64>,
) -> Asked<'a> {
    let piece = &|id| format!("<{id}>");
    Asked { recording, knobs, treatment, limit_tokens, repeats: 1, prompt: None, piece }
}

/// Max probability, with a threshold that half of the tokens reach at depth 1.
fn half(recording: &Recording) -> Knobs {
    let mut values = recording.column(Signal::MaxProb, Depth(1)).unwrap().to_vec();
    values.sort_by(f32::total_cmp);
    let mut knobs = Knobs::default();
    knobs.set("rule", Value::Choice("max-prob".to_owned()));
    knobs.set("least-depth", Value::Integer(1));
    knobs.set("threshold", Value::Real(f64::from(values[values.len() / 2])));
    knobs
}

fn same(got: &[Stopped], want: &[Stopped], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (got, want) in got.iter().zip(want) {
        let both = (got.row, got.depth, got.id);
        assert_eq!(both, (want.row, want.depth, want.id), "{what}");
        let is_near = (got.nll - want.nll).abs() < 1e-3 * want.nll.abs().max(1.0);
        assert!(is_near || (got.nll.is_nan() && want.nll.is_nan()), "{what} {got:?} {want:?}");
    }
}

#[test]
fn a_run_with_true_entries_is_the_replay_for_every_rule() {
    let mut early = 0;
    for (seed, kind) in (0..).zip(["llama", "gemma2", "gpt2", "gpt_neox", "mixtral"]) {
        let model = Fixture::random(config_of(kind), seed).model();
        let (recording, texts) = recorded(model.as_ref(), &[40, 17, 30, 1]);
        for rule in RULES {
            for share in [0.1, 0.35, 0.6] {
                let knobs = turned(&recording, rule.card().id, share);
                let what = format!("{kind} {} {share}", rule.card().id);
                let run = |treatment| run(model.as_ref(), (&recording, &texts), &knobs, treatment);
                let Some((replay, done)) = run(Treatment::Recompute) else { continue };
                same(&done.live.stopped, &replay, &what);
                early += replay.iter().filter(|row| row.depth.index() < 3).count();
                assert!(done.live.cache_bytes <= done.full_cache_bytes);
            }
        }
    }
    assert!(early > 1000, "rules that never stop prove nothing: {early}");
}

#[test]
fn whole_samples_stop_where_the_replay_says_for_every_rule() {
    let config = serde_json::json!({
        "architectures": ["BertForSequenceClassification"], "model_type": "bert",
        "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 24, "max_position_embeddings": 64, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu", "id2label": {"0": "0", "1": "1"},
    });
    let first: &[(&str, &[usize])] = &[("classifier.weight", &[2, 16]), ("classifier.bias", &[2])];
    let model = Fixture::encoder(config, first, &[], 3).model();
    let lengths: Vec<usize> = (0..60).map(|sample| 1 + sample * 7 % 23).collect();
    let (recording, texts) = recorded(model.as_ref(), &lengths);
    assert_eq!(recording.subject(), Subject::Sample);
    let mut early = 0;
    for rule in RULES {
        for share in [0.5, 0.7, 0.9] {
            let knobs = turned(&recording, rule.card().id, share);
            for treatment in [Treatment::Recompute, Treatment::Absent] {
                let run = run(model.as_ref(), (&recording, &texts), &knobs, treatment);
                let Some((replay, done)) = run else { continue };
                same(&done.live.stopped, &replay, rule.card().id);
                early += replay.iter().filter(|row| row.depth.index() < 3).count();
            }
        }
    }
    assert!(early > 100, "{early}");
}

#[test]
fn samples_that_are_read_by_class_means_stop_where_the_replay_says_for_every_rule() {
    let model = bert_with_means("mean", 3).model();
    let lengths: Vec<usize> = (0..60).map(|sample| 1 + sample * 7 % 23).collect();
    let (recording, texts) = recorded(model.as_ref(), &lengths);
    assert_eq!(recording.manifest.readout, ReadBy::ClassMeans);
    for rule in RULES {
        let mut knobs = half(&recording);
        knobs.set("rule", Value::Choice(rule.card().id.to_owned()));
        let run = run(model.as_ref(), (&recording, &texts), &knobs, Treatment::Recompute);
        let Some((replay, done)) = run else { continue };
        same(&done.live.stopped, &replay, rule.card().id);
        if rule.card().id == "class-means" {
            let early = replay.iter().filter(|row| row.depth == Depth(1)).count();
            assert!((20..=40).contains(&early), "{early}");
        }
    }
}

#[test]
fn where_depths_fall_along_positions_every_treatment_is_the_replay() {
    let model = Fixture::random(config_of("qwen3"), 5).model();
    let (recording, texts) = recorded(model.as_ref(), &[33, 20]);
    for rule in ["schedule", "fixed"] {
        let knobs = turned(&recording, rule, 0.3);
        for treatment in Treatment::ALL {
            let run = run(model.as_ref(), (&recording, &texts), &knobs, treatment);
            let (replay, done) = run.unwrap();
            same(&done.live.stopped, &replay, rule);
        }
    }
}

#[test]
fn what_later_tokens_read_instead_changes_what_they_say() {
    let model = Fixture::random(config_of("llama"), 1).model();
    let (recording, texts) = recorded(model.as_ref(), &[40, 40]);
    let knobs = half(&recording);
    let nll = |treatment| {
        let (_, done) = run(model.as_ref(), (&recording, &texts), &knobs, treatment).unwrap();
        done.live.stopped.iter().map(|row| row.nll).filter(|nll| !nll.is_nan()).sum::<f32>()
    };
    let all = Treatment::ALL.map(nll);
    // Both exact ones are the same.
    assert_eq!(all[0], all[4]);
    let mut different = all[..4].to_vec();
    different.sort_by(f32::total_cmp);
    assert!(different.windows(2).all(|pair| pair[1] - pair[0] > 1e-3), "{all:?}");
}

#[test]
fn what_cannot_be_run_again_is_refused_with_a_sentence() {
    let model = Fixture::random(config_of("llama"), 1).model();
    let (mut recording, _) = recorded(model.as_ref(), &[12, 12]);
    let refusal = |recording: &Recording, knobs: &Knobs, limit_tokens| {
        let treatment = Treatment::Recompute;
        let asked = asked(recording, knobs, treatment, limit_tokens);
        verify(model.as_ref(), None, &asked, &Job::unattended())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let none = Knobs::default();
    assert!(refusal(&recording, &none, Some(11)).contains("no sequence within the limit"));
    let oracle = turned(&recording, "oracle", 0.0);
    assert!(refusal(&recording, &oracle, None).contains("only a finished run knows"));
    let last = recording.num_layers();
    let column = recording.signals.get_mut(&Signal::MaxProb).unwrap();
    column[last].iter_mut().for_each(|value| *value = 0.999);
    let told = refusal(&recording, &none, None);
    assert!(told.contains("other numbers than the recording holds for 24 of 24"), "{told}");
    recording.manifest.read_at = ReadAt::Last;
    assert!(refusal(&recording, &none, None).contains("every token has to be run again"));
    recording.manifest.provenance.model_fingerprint = "another".to_owned();
    assert!(refusal(&recording, &none, None).contains("the recording is of"));
}

#[test]
fn a_view_has_a_row_for_each_token_and_says_which_treatment_is_exact() {
    let model = Fixture::random(config_of("llama"), 1).model();
    let (recording, _) = recorded(model.as_ref(), &[30, 12]);
    let knobs = half(&recording);
    let look = |treatment, limit_tokens| {
        let asked = Asked { repeats: 2, ..asked(&recording, &knobs, treatment, limit_tokens) };
        verify(model.as_ref(), None, &asked, &Job::unattended()).unwrap()
    };
    let exact = look(Treatment::Recompute, None);
    let of = |view: &View, id: &str| {
        let reading = view.readings.iter().find(|reading| reading.id == id).unwrap();
        (reading.value, reading.kind)
    };
    use crate::lens::ReadingKind::{Estimate, Exact, Measured, Modelled};
    assert_eq!(of(&exact, "rows"), (Some(42.0), Exact));
    assert_eq!(of(&exact, "same_depth"), (Some(1.0), Exact));
    assert_eq!(of(&exact, "same_answer"), (Some(1.0), Exact));
    assert_eq!(of(&exact, "mean_depth_replay"), (of(&exact, "mean_depth_live").0, Exact));
    assert_eq!(of(&exact, "speedup").1, Measured);
    assert_eq!(of(&exact, "speedup_modelled").1, Modelled);
    assert!(exact.notes[0].what.starts_with("The run is exact"));
    assert_eq!(exact.tables[0].rows.len(), 42);
    assert_eq!(exact.tables[0].rows[0].len(), exact.tables[0].columns.len());
    let absent = look(Treatment::Absent, Some(40));
    assert_eq!(of(&absent, "rows"), (Some(30.0), Exact));
    assert_eq!(of(&absent, "mean_depth_replay").1, Estimate);
    assert!(absent.notes[0].what.starts_with("The run is not the replay"));
    assert!(
        absent.notes.iter().any(|note| note.what.contains("Not run within the limit: 12 tokens"))
    );
    let bytes = |view: &View| of(view, "cache_bytes_live").0.unwrap();
    assert!(bytes(&absent) < of(&absent, "cache_bytes_full").0.unwrap());
}

#[test]
fn a_run_that_is_cancelled_leaves_nothing() {
    let model = Fixture::random(config_of("llama"), 1).model();
    let (recording, _) = recorded(model.as_ref(), &[30, 12]);
    let knobs = Knobs::default();
    let treatment = Treatment::Recompute;
    let asked = asked(&recording, &knobs, treatment, None);
    let switch = crate::job::CancelSwitch::default();
    let inner = switch.clone();
    let job = Job::new(switch, move |progress| {
        assert_eq!((progress.total, progress.unit), (84, "tokens"));
        if progress.done >= 42 {
            inner.cancel();
        }
    });
    assert!(matches!(verify(model.as_ref(), None, &asked, &job), Err(LiveError::Cancelled(_))));
}

#[test]
fn drafts_that_are_verified_write_what_the_full_model_writes() {
    for (seed, kind) in (0..).zip(["llama", "gemma3_text", "gpt2", "gpt_neox", "mixtral"]) {
        let model = Fixture::random(config_of(kind), seed).model();
        let (recording, _) = recorded(model.as_ref(), &[12]);
        let chosen = choose(&recording, &Knobs::default());
        for depth in 0..3 {
            for length in [1, 3, 9] {
                let done = written(model.as_ref(), &chosen, Treatment::Speculate, (depth, length));
                assert_eq!(done.live.ids, done.full.ids, "{kind} {depth} {length}");
                assert_eq!(done.full.ids.len(), 30, "{kind}");
                assert!(done.live.accepted <= done.live.drafted);
                assert_eq!(done.live.cache_bytes, done.full.cache_bytes, "{kind} {depth} {length}");
                // Every round but the last says one token more than was accepted.
                assert!(done.live.accepted < 30);
            }
        }
    }
}

#[test]
fn a_text_whose_tokens_never_stop_is_the_full_models_with_every_treatment() {
    let model = Fixture::random(config_of("qwen3"), 4).model();
    let (recording, _) = recorded(model.as_ref(), &[12]);
    let chosen = choose(&recording, &turned(&recording, "max-prob", 1.0));
    for treatment in Treatment::ALL {
        let done = written(model.as_ref(), &chosen, treatment, (1, 4));
        assert_eq!(done.live.ids, done.full.ids, "{}", treatment.id());
        assert!(done.live.depths.iter().all(|depth| depth.0 == 3));
    }
}

/// Greedy, with no cache: every token runs anew, and what a token that stopped said is said at its depth.
fn slowly(model: &dyn LayeredModel, ids: &[u32], depth: usize, most: usize) -> Vec<u32> {
    use crate::model::fixtures::{batch, streams};
    let mut all = ids.to_vec();
    while all.len() < ids.len() + most {
        let streams = streams(model, &batch(&[&all]), crate::model::Run::Full);
        // The first new token is the prompt's, which runs through every block.
        let depth = if all.len() == ids.len() { 3 } else { depth };
        let last = reader::pick(&streams[depth], &[all.len() - 1]);
        all.push(crate::generate::largest(&model.logits(&last).unwrap()).unwrap());
    }
    all.split_off(ids.len())
}

#[test]
fn tokens_that_wait_write_what_every_token_run_anew_writes() {
    for (seed, kind) in (0..).zip(["llama", "gpt2", "mistral"]) {
        let model = Fixture::random(config_of(kind), seed).model();
        let (recording, _) = recorded(model.as_ref(), &[12]);
        let chosen = choose(&recording, &turned(&recording, "fixed", 0.5));
        let done = written(model.as_ref(), &chosen, Treatment::Recompute, (1, 4));
        let depth = done.live.depths[1];
        assert!(done.live.depths[1..].iter().all(|here| *here == depth) && depth.0 < 3);
        assert_eq!(done.live.ids, slowly(model.as_ref(), &PROMPT, depth.index(), 30), "{kind}");
    }
}

#[test]
fn treatments_write_with_a_rule_that_stops_some() {
    let model = Fixture::random(config_of("llama"), 2).model();
    let (recording, _) = recorded(model.as_ref(), &[60]);
    let chosen = choose(&recording, &half(&recording));
    for treatment in Treatment::ALL {
        let done = written(model.as_ref(), &chosen, treatment, (1, 4));
        let early = done.live.depths.iter().filter(|depth| depth.0 < 3).count();
        assert_eq!(early > 0, treatment != Treatment::Speculate, "{}", treatment.id());
        let kept = done.live.cache_bytes.cmp(&done.full.cache_bytes);
        let wanted = match treatment {
            Treatment::Speculate | Treatment::Propagate | Treatment::CopyBelow => kept.is_eq(),
            Treatment::Absent => kept.is_lt(),
            Treatment::Recompute => kept.is_le(),
        };
        assert!(wanted, "{} {kept:?}", treatment.id());
        let mut view = View::default();
        written::add(&mut view, (&done, treatment), model.card(), &|id| format!("<{id}>"));
        assert_eq!(view.tables[0].rows.len(), 30);
        let has = |id| view.readings.iter().any(|reading| reading.id == id);
        assert_eq!(has("acceptance_rate"), treatment == Treatment::Speculate);
        assert!(view.readings.iter().all(|reading| reading.value.is_none_or(f64::is_finite)));
    }
}

const PROMPT: [u32; 6] = [3, 17, 8, 22, 5, 11];

fn written(
    model: &dyn LayeredModel,
    chosen: &Chosen,
    treatment: Treatment,
    (depth, length): (u16, usize),
) -> Compared {
    let draft = Draft { depth: Depth(depth), length };
    let (ids, ends) = (PROMPT.to_vec(), std::collections::BTreeSet::new());
    let prompt = Prompt { ids, most_tokens: 30, ends, draft };
    let job = Job::unattended();
    Writer { model, chosen, treatment, prompt: &prompt, job: &job }.compared(1).unwrap()
}

#[test]
#[cfg(feature = "shared-checks")]
fn shared_drafts_of_stories_write_what_the_full_model_writes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/stories260K_hf");
    let checkpoint = crate::checkpoint::open(std::path::Path::new(path)).unwrap();
    let tokenizer = checkpoint.tokenizer().unwrap().unwrap();
    let (model, _) = crate::model::load(&checkpoint, Some(&tokenizer), &Job::unattended()).unwrap();
    let ends = checkpoint.marks(&tokenizer).unwrap().ends;
    let (recording, _) = recorded(model.as_ref(), &[12]);
    let chosen = choose(&recording, &Knobs::default());
    let layers = u16::try_from(model.card().layers).unwrap();
    let mut accepted = 0;
    for text in ["Once upon a time", "Tom and Lily went to the park. They"] {
        let ids = tokenizer.encode(text).unwrap();
        for (depth, length) in [(1, 6), (2, 3), (layers - 1, 6), (layers - 1, 12)] {
            let draft = Draft { depth: Depth(depth), length };
            let (ids, ends) = (ids.clone(), ends.clone());
            let prompt = Prompt { ids, most_tokens: 120, ends, draft };
            let (treatment, job) = (Treatment::Speculate, Job::unattended());
            let writer = Writer {
                model: model.as_ref(),
                chosen: &chosen,
                treatment,
                prompt: &prompt,
                job: &job,
            };
            let done = writer.compared(1).unwrap();
            assert_eq!(done.live.ids, done.full.ids, "{text} {depth} {length}");
            assert!(done.live.ids.len() > 60);
            accepted += done.live.accepted;
        }
    }
    assert!(accepted > 50, "drafts that are never right prove little: {accepted}");
}
