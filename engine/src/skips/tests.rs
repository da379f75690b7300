//! Runs with skips of small models, against what is known of them.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dataset::{Data, Sequence, TextSample};
use crate::figure::to_csv;
use crate::job::{CancelSwitch, Job};
use crate::kernel::geometry::cosine;
use crate::knob::{Part, Value};
use crate::lens::{DataTable, View};
use crate::model::fixtures::{Fixture, config_of, small_config};
use crate::model::{LayeredModel, MissingKv, ModelError, NoProbe, Point, Probe, Run, Stream};
use crate::policy::Place;
use crate::policy::skip::{Measure as _, Placed, Plan, RULES, Set, Similarity};
use crate::record;
use crate::recording::{ReadAt, depth_of};
use crate::signal::{Layer, Signal};
use crate::skips::measure::Measurer;
use crate::skips::pass::{Outcome, pass};
use crate::skips::texts::Texts;
use crate::skips::through::{How, through};
use crate::skips::walk::{median, walk};

mod random;

const LAYERS: usize = 6;
const IDS: [u32; 48] = [
    3, 9, 27, 1, 3, 9, 33, 19, 17, 11, 0, 39, 2, 6, 18, 14, 5, 8, 21, 22, 3, 3, 36, 7, 7, 30, 12,
    4, 25, 38, 1, 0, 16, 20, 9, 31, 29, 13, 10, 26, 35, 4, 8, 15, 16, 23, 1, 2,
];

fn deep(seed: u64) -> Box<dyn LayeredModel> {
    let mut config = small_config();
    config["num_hidden_layers"] = json!(LAYERS);
    Fixture::llama(config, seed).model()
}

/// A decoder whose sublayers run side by side.
fn parallel() -> Box<dyn LayeredModel> {
    let mut config = config_of("gpt_neox");
    config["num_hidden_layers"] = json!(LAYERS);
    Fixture::random(config, 4).model()
}

/// Texts of 20, 12 and 16 tokens.
fn pieces() -> Vec<Vec<u32>> {
    vec![IDS[..20].to_vec(), IDS[20..32].to_vec(), IDS[32..].to_vec()]
}

fn recording(model: &dyn LayeredModel) -> Recording {
    let sample = TextSample { text: String::new(), columns: Default::default() };
    let data = Data { name: "made up".to_owned(), samples: vec![sample; 3], ..Data::default() };
    let sequence = |(sample, ids)| Sequence { ids, segments: Vec::new(), sample };
    let sequences: Vec<_> = pieces().into_iter().enumerate().map(sequence).collect();
    let asked = record::Asked {
        data: &data,
        preparation: None,
        sequences: &sequences,
        read_at: ReadAt::Every,
        budget_bytes: 1 << 30,
        notes: Vec::new(),
        folder: None,
    };
    record::record(model, None, asked, &Job::unattended()).unwrap()
}

fn knobs(turns: &[(&str, Value)]) -> Knobs {
    let mut knobs = Knobs::default();
    for (id, value) in turns {
        knobs.set(id, value.clone());
    }
    knobs
}

fn word(text: &str) -> Value {
    Value::Choice(text.to_owned())
}

fn asked<'a>(recording: &'a Recording, knobs: &'a Knobs) -> Asked<'a> {
    Asked { recording, knobs, limit_tokens: None, generate: None, budget_bytes: 1 << 30 }
}

fn viewed(model: &dyn LayeredModel, recording: &Recording, turns: &[(&str, Value)]) -> View {
    run(model, &asked(recording, &knobs(turns)), &Job::unattended()).unwrap()
}

fn reading(view: &View, id: &str) -> f64 {
    let found = view.readings.iter().find(|reading| reading.id == id);
    found.unwrap().value.unwrap_or_else(|| panic!("{id} is absent"))
}

fn table<'a>(view: &'a View, id: &str) -> Option<&'a DataTable> {
    view.tables.iter().find(|table| table.id == id)
}

fn texts<'a>(model: &dyn LayeredModel, recording: &'a Recording) -> Texts<'a> {
    texts::texts(recording, model.card(), None).unwrap()
}

fn outcome(model: &dyn LayeredModel, recording: &Recording, plan: &Plan, prompt: u32) -> Outcome {
    let missing = if plan.is_nested() { MissingKv::Never } else { MissingKv::Propagate };
    let how = How { model, plan, missing };
    pass(how, &texts(model, recording), prompt, &Job::unattended()).unwrap()
}

fn full(layers: usize) -> Plan {
    Plan::everywhere(Set::full(layers))
}

fn by_similarity(threshold: f64) -> Plan {
    Plan::Similarity(Similarity { threshold, warm_up: 2, middle: (1, LAYERS - 1), run: 2 })
}

/// Fewer blocks by position: the lowest and the upper ones.
fn shrinking() -> Plan {
    let of =
        |blocks: usize| Set::only(LAYERS, std::iter::once(0).chain(LAYERS + 1 - blocks..LAYERS));
    let behind = [6, 5, 5, 4, 3, 2].map(of).to_vec();
    Plan::Placed(Placed::new(Set::full(LAYERS), behind))
}

fn bits(outcome: &Outcome) -> (Vec<u32>, &[u32]) {
    (outcome.nll.iter().map(|nll| nll.to_bits()).collect(), &outcome.top1)
}

#[test]
fn what_leaves_nothing_out_is_the_full_model_bit_for_bit() {
    for model in [deep(1), parallel()] {
        let recording = recording(&*model);
        let want = outcome(&*model, &recording, &full(LAYERS), 0);
        // A threshold above 1 that looks at every sublayer, and sets that are full by position.
        let by_position = Plan::Placed(Placed::new(Set::full(LAYERS), vec![Set::full(LAYERS); 3]));
        for plan in [by_similarity(1.01), by_position] {
            let got = outcome(&*model, &recording, &plan, 5);
            assert_eq!(bits(&got), bits(&want));
            assert_eq!(got.kept_bytes, want.kept_bytes);
        }
        // And that is what was recorded.
        let recorded = recording.column(Signal::Nll, depth_of(LAYERS)).unwrap();
        let recorded: Vec<u32> = recorded.iter().map(|nll| nll.to_bits()).collect();
        assert_eq!(bits(&want).0, recorded);
        assert_eq!(want.top1, recording.top1[LAYERS]);
    }
}

#[test]
fn every_rule_turned_to_nothing_is_the_full_model() {
    let model = deep(2);
    let recording = recording(&*model);
    let none: [(&str, &[(&str, Value)]); 7] = [
        ("by-hand", &[("skip", word("none"))]),
        ("unified", &[("target-speedup", Value::Real(1.0))]),
        ("ffn-similarity", &[("similarity", Value::Real(1.01))]),
        ("skip-decode", &[("least-blocks", Value::Integer(6)), ("most-blocks", Value::Integer(6))]),
        ("block-influence", &[("skipped-blocks", Value::Integer(0))]),
        ("angular-window", &[("skipped-blocks", Value::Integer(0))]),
        ("draft-search", &[("skip-ratio", Value::Real(0.0))]),
    ];
    for (rule, turns) in none {
        let turns: Vec<_> = turns.iter().cloned().chain([("skip-rule", word(rule))]).collect();
        let view = viewed(&*model, &recording, &turns);
        assert_eq!(reading(&view, "agreement"), 1.0, "{rule}");
        assert_eq!(reading(&view, "nll_increase"), 0.0, "{rule}");
        assert_eq!(reading(&view, "flops_saved"), 0.0, "{rule}");
        assert_eq!(reading(&view, "kv_bytes_kept"), reading(&view, "kv_bytes_full"), "{rule}");
    }
}

#[test]
fn token_by_token_behind_ragged_caches_gives_what_the_pass_gives() {
    for model in [deep(3), parallel()] {
        for plan in [
            shrinking(),
            by_similarity(0.6),
            Plan::everywhere(Set::without(LAYERS, [(2, Part::Whole), (4, Part::Attention)])),
        ] {
            let prompt = 4;
            let how = How { model: &*model, plan: &plan, missing: MissingKv::Never };
            let ids = &IDS[..20];
            let places: Vec<_> = (0..20).map(|at| Place::new(at, prompt)).collect();
            let job = Job::unattended();
            let mut whole = model.begin_at(ids, 0).unwrap();
            let mut caches = [model.cache().unwrap()];
            let ran = through(how, (&[0, 20], &places), &mut caches, &mut whole, &job).unwrap();
            let width = whole.width;
            let mut cache = [model.cache().unwrap()];
            for (at, place) in places.iter().enumerate() {
                let mut stream = model.begin_at(&ids[at..=at], at).unwrap();
                let here =
                    through(how, (&[0, 1], &[*place]), &mut cache, &mut stream, &job).unwrap();
                let want = &whole.hidden[at * width..][..width];
                for (got, want) in stream.hidden.iter().zip(want) {
                    assert!((got - want).abs() <= 2e-5 * want.abs().max(1.0), "{got} {want}");
                }
                for (here, ran) in here.iter().zip(&ran) {
                    assert_eq!(here.attention[0], ran.attention[at]);
                    assert_eq!(here.feed_forward[0], ran.feed_forward[at]);
                }
            }
            assert_eq!(cache[0].bytes(), caches[0].bytes());
            let entries: usize =
                ran.iter().flat_map(|ran| &ran.attention).filter(|runs| **runs).count();
            let card = model.card();
            assert_eq!(cache[0].bytes(), entries as u64 * cost::entry_bytes(card));
        }
    }
}

/// The values of one block at the points that a probe names.
#[derive(Default)]
struct Points(Vec<(Point, Vec<f32>)>);

impl Probe for Points {
    fn wants(&self, point: Point, _: Layer) -> bool {
        matches!(point, Point::ResidPre | Point::AttnOut | Point::MlpOut | Point::ResidPost)
    }

    fn see(&mut self, point: Point, _: Layer, values: &[f32]) {
        self.0.push((point, values.to_vec()));
    }
}

#[test]
fn similarities_are_those_of_the_stream_before_and_behind() {
    for model in [deep(1), parallel()] {
        let recording = recording(&*model);
        let got = outcome(&*model, &recording, &by_similarity(1.01), 0);
        let all = texts(&*model, &recording);
        let part = all.parts(0).next().unwrap();
        let mut stream = model.begin(&part.batch).unwrap();
        for layer in 0..LAYERS {
            let mut points = Points::default();
            let at = Layer(u16::try_from(layer).unwrap());
            model.block(at, Run::Full, &part.batch, &mut stream, &mut points).unwrap();
            let of = |wanted| &points.0.iter().find(|(point, _)| *point == wanted).unwrap().1;
            let before: Vec<f32> =
                of(Point::ResidPre).iter().zip(of(Point::AttnOut)).map(|(a, b)| a + b).collect();
            let (a, b) = (
                cosine(&before, of(Point::ResidPost), stream.width),
                cosine(&before, of(Point::MlpOut), stream.width),
            );
            let similarities = &got.ran[layer].similarities;
            assert_eq!(similarities.len(), IDS.len());
            for ((got_a, got_b), (a, b)) in similarities.iter().zip(a.iter().zip(&b)) {
                assert!((got_a - a).abs() < 1e-5 && (got_b - b).abs() < 1e-5, "{got_a} {a}");
            }
        }
    }
}

#[test]
fn only_the_middle_skips_and_what_it_skips_depends_on_the_stream_of_this_run() {
    let model = deep(5);
    let recording = recording(&*model);
    let got = outcome(&*model, &recording, &by_similarity(0.3), 4);
    let skipped = |layer: usize| got.ran[layer].feed_forward.iter().filter(|runs| !**runs).count();
    assert_eq!((skipped(0), skipped(1), skipped(LAYERS - 1)), (0, 0, 0));
    assert!((2..LAYERS - 1).any(|layer| skipped(layer) > 0));
    assert!(got.ran.iter().all(|ran| ran.attention.iter().all(|runs| *runs)));
    for ran in &got.ran {
        let run = ran.feed_forward.iter().filter(|runs| **runs).count();
        assert_eq!(ran.similarities.len(), run);
        // Prompt and warm-up of the first text.
        assert!(ran.feed_forward[..6].iter().all(|runs| *runs));
    }
}

#[test]
fn every_rule_shows_what_it_did_on_every_kind_of_model() {
    for model in [deep(1), parallel()] {
        let recording = recording(&*model);
        for rule in RULES {
            let turns = [
                ("skip-rule", word(rule.card.id)),
                ("skip", word("2, 3a, 4f")),
                ("prompt-tokens", Value::Integer(4)),
                ("curve-points", Value::Integer(3)),
                ("most-tries", Value::Integer(30)),
                ("similarity", Value::Real(0.3)),
            ];
            let view = viewed(&*model, &recording, &turns);
            let what = rule.card.id;
            assert_eq!(reading(&view, "tokens"), 48.0);
            assert_eq!(reading(&view, "tokens_counted"), 36.0);
            let agreement = reading(&view, "agreement");
            assert!((0.0..=1.0).contains(&agreement), "{what}");
            assert!(
                reading(&view, "flops_saved") > 0.0,
                "{what}: {}",
                reading(&view, "flops_saved")
            );
            assert!(reading(&view, "nll_increase").abs() > 0.0, "{what}");
            assert!(reading(&view, "kv_bytes_kept") == reading(&view, "kv_bytes_needed"), "{what}");
            assert!(table(&view, "missing_kv").is_none());
            assert_eq!(table(&view, "per_layer").unwrap().rows.len(), LAYERS);
            assert_eq!(table(&view, "per_token").unwrap().rows.len(), 48);
            let curve = table(&view, "curve").unwrap();
            let (_, names) = curve.names.as_ref().unwrap();
            assert_eq!(
                names.iter().any(|name| name == "rule"),
                !rule.card.main.is_empty(),
                "{what}"
            );
            assert!(names.iter().any(|name| name == "random"), "{what}");
            for figure in &view.figures {
                assert!(to_csv(figure).lines().count() > 1, "{what} {}", figure.id);
            }
            let mut ids: Vec<_> = view.figures.iter().map(|figure| figure.id).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), view.figures.len());
        }
    }
}

#[test]
fn modes_are_compared_only_where_a_missing_key_is_read() {
    let model = deep(1);
    let recording = recording(&*model);
    let turns = [
        ("skip", word("1, 3")),
        ("skip-where", word("prompt-only")),
        ("prompt-tokens", Value::Integer(6)),
        ("curve-points", Value::Integer(0)),
    ];
    let view = viewed(&*model, &recording, &turns);
    let modes = table(&view, "missing_kv").unwrap();
    assert_eq!(modes.names.as_ref().unwrap().1, ["propagate", "copy-below", "absent"]);
    let nll = |row: usize| modes.rows[row][1];
    assert!(nll(0) != nll(1) && nll(1) != nll(2) && nll(0) != nll(2));
    assert_eq!(reading(&view, "nll_skipped"), nll(0));
    // Behind the prompt everything runs, and propagated entries are kept.
    assert_eq!(reading(&view, "attention_skipped"), 0.0);
    assert!(reading(&view, "kv_bytes_kept") > reading(&view, "kv_bytes_needed"));
    let mut turned = turns.to_vec();
    turned.push(("missing-kv", word("absent")));
    let absent = viewed(&*model, &recording, &turned);
    assert_eq!(reading(&absent, "nll_skipped"), nll(2));
    assert_eq!(reading(&absent, "kv_bytes_kept"), reading(&absent, "kv_bytes_needed"));
}

#[test]
fn the_damage_of_a_part_is_what_its_absence_costs() {
    let model = deep(1);
    let recording = recording(&*model);
    let base = [("curve-points", Value::Integer(0)), ("damage", word("sublayers"))];
    let view = viewed(&*model, &recording, &base);
    let damage = &table(&view, "per_layer").unwrap().rows;
    for (layer, part, column) in [(2, "a", 7), (2, "f", 8), (5, "a", 7)] {
        let turns =
            [("curve-points", Value::Integer(0)), ("skip", word(&format!("{layer}{part}")))];
        let alone = viewed(&*model, &recording, &turns);
        assert_eq!(damage[layer][column], reading(&alone, "nll_increase"), "{layer}{part}");
    }
    assert!(damage.iter().all(|row| row[6].is_nan()));
}

#[test]
fn modelled_cost_is_counted_from_what_ran() {
    let model = deep(1);
    let recording = recording(&*model);
    let turns = [
        ("skip", word("1, 3a")),
        ("prompt-tokens", Value::Integer(0)),
        ("curve-points", Value::Integer(0)),
    ];
    let view = viewed(&*model, &recording, &turns);
    let card = model.card();
    // Attention: 2 * 2 * 16 * (4 + 2) * 4 FLOPs of weights; feed-forward: 2 * 3 * 16 * 24.
    assert_eq!(card.flops_attention(), 1536.0);
    assert_eq!(card.flops_fixed() - card.flops_attention(), 2304.0);
    let keys = |len: f64| len * (len + 1.0) / 2.0;
    let (tokens, keys) = (48.0, keys(20.0) + keys(12.0) + keys(16.0));
    let attention = tokens * 1536.0 + keys * card.flops_per_key();
    let full = 6.0 * (attention + tokens * 2304.0) + tokens * 2.0 * 16.0 * 50.0;
    let saved = (2.0 * attention + tokens * 2304.0) / full;
    assert!((reading(&view, "flops_saved") - saved).abs() < 1e-12);
    assert!((reading(&view, "speedup_modelled") - 1.0 / (1.0 - saved)).abs() < 1e-12);
    assert_eq!(reading(&view, "attention_skipped"), 2.0 / 6.0);
    assert_eq!(reading(&view, "feed_forward_skipped"), 1.0 / 6.0);
}

#[test]
fn angles_and_scores_are_those_of_their_definitions() {
    let model = deep(4);
    let recording = recording(&*model);
    let (all, job) = (texts(&*model, &recording), Job::unattended());
    let whole = outcome(&*model, &recording, &full(LAYERS), 0);
    let mut measurer =
        Measurer { model: &*model, texts: &all, full: &whole.top1, job: &job, angles: None };
    let angles = measurer.angles().unwrap().to_vec();
    let mut sum = 0.0;
    for ids in pieces() {
        let mut stream = model.begin_at(&ids, 0).unwrap();
        let mut cache = model.cache().unwrap();
        let last = |stream: &Stream| stream.hidden[stream.hidden.len() - stream.width..].to_vec();
        let mut depths = vec![last(&stream)];
        for layer in 0..LAYERS {
            let at = Layer(u16::try_from(layer).unwrap());
            model.step(at, &mut cache, &mut stream, &mut NoProbe).unwrap();
            depths.push(last(&stream));
        }
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let (a, b) = (&depths[1], &depths[4]);
        sum += (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).acos() / std::f64::consts::PI;
    }
    assert!((angles[1][2] - sum / 3.0).abs() < 1e-5, "{} {}", angles[1][2], sum / 3.0);
    assert_eq!(angles.iter().map(Vec::len).collect::<Vec<_>>(), [6, 5, 4, 3, 2, 1]);

    assert_eq!(measurer.matching(&Set::full(LAYERS), 0, 1).unwrap(), 1.0);
    let draft = Set::without(LAYERS, [(2, Part::Whole)]);
    let score = measurer.matching(&draft, 0, 1).unwrap();
    let skipped = outcome(&*model, &recording, &Plan::everywhere(draft), 0);
    let same = skipped.top1.iter().zip(&whole.top1).filter(|(a, b)| a == b).count();
    assert_eq!(score, same as f64 / 48.0);
}

#[test]
fn a_walk_says_what_steps_of_the_full_model_say() {
    let model = deep(6);
    let plan = full(LAYERS);
    let how = How { model: &*model, plan: &plan, missing: MissingKv::Never };
    let walked = walk(how, &IDS[..7], 9, &Job::unattended()).unwrap();
    let mut ids = IDS[..7].to_vec();
    for _ in 0..9 {
        // From the start each time.
        let mut stream = model.begin_at(&ids, 0).unwrap();
        let mut cache = model.cache().unwrap();
        for layer in 0..LAYERS {
            let at = Layer(u16::try_from(layer).unwrap());
            model.step(at, &mut cache, &mut stream, &mut NoProbe).unwrap();
        }
        let logits = model.logits(&stream).unwrap();
        ids.push(crate::generate::largest(&logits).unwrap());
    }
    assert_eq!(walked.ids, ids[7..]);
    assert_eq!(walked.kept_bytes, 16 * LAYERS as u64 * cost::entry_bytes(model.card()));
    assert!(walked.prefill_secs > 0.0 && walked.decode_secs > 0.0);
}

#[test]
fn a_median_is_in_the_middle() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
}

#[test]
fn what_cannot_be_run_is_refused_in_words() {
    let model = deep(1);
    let whole = recording(&*model);
    let refused =
        |recording: &Recording, change: &dyn Fn(&mut Asked<'_>), turns: &[(&str, Value)]| {
            let knobs = knobs(turns);
            let mut asked = asked(recording, &knobs);
            change(&mut asked);
            let error = run(&*model, &asked, &Job::unattended()).unwrap_err();
            assert!(error.is_input() && !error.hint().is_empty());
            error.to_string()
        };
    let told = refused(&whole, &|asked| asked.limit_tokens = Some(1), &[]);
    assert_eq!(told, "the recording has no text with two tokens within the limit");
    let told = refused(&whole, &|asked| asked.budget_bytes = 1000, &[]);
    assert!(told.contains("bytes, 1000 are free"), "{told}");
    let told = refused(&whole, &|_| {}, &[("prompt-tokens", Value::Integer(20))]);
    assert_eq!(told, "no text has a token behind the first 20, which count as its prompt");
    let mut other = recording(&*model);
    other.manifest.provenance.model_fingerprint = "another".to_owned();
    assert!(refused(&other, &|_| {}, &[]).contains("another version of it"));
    let mut gaps = recording(&*model);
    gaps.manifest.read_at = ReadAt::Last;
    assert!(refused(&gaps, &|_| {}, &[]).contains("every token has to be run again"));
}

#[test]
fn a_limit_cuts_the_last_text() {
    let model = deep(1);
    let recording = recording(&*model);
    let knobs = knobs(&[("curve-points", Value::Integer(0)), ("prompt-tokens", Value::Integer(2))]);
    let asked = Asked { limit_tokens: Some(25), ..asked(&recording, &knobs) };
    let view = run(&*model, &asked, &Job::unattended()).unwrap();
    assert_eq!((reading(&view, "tokens"), reading(&view, "tokens_counted")), (25.0, 21.0));
    assert_eq!(table(&view, "per_token").unwrap().rows[24][1], 4.0);
}

#[test]
fn a_cancel_at_any_pass_leaves_nothing() {
    let model = deep(1);
    let recording = recording(&*model);
    for (rule, at) in [("by-hand", 0), ("by-hand", 3), ("draft-search", 5)] {
        let knobs =
            knobs(&[("skip-rule", word(rule)), ("skip", word("2")), ("enough", Value::Real(1.0))]);
        let switch = CancelSwitch::default();
        let (thrown, seen) = (switch.clone(), AtomicU64::new(0));
        let job = Job::new(switch, move |_| {
            if seen.fetch_add(1, Ordering::Relaxed) == at {
                thrown.cancel();
            }
        });
        let ended = run(&*model, &asked(&recording, &knobs), &job);
        assert!(matches!(ended, Err(SkipError::Cancelled(_))), "{rule} {at}");
    }
}

#[test]
fn a_model_error_is_told_as_it_is() {
    let cancelled = SkipError::from(ModelError::Cancelled(crate::job::Cancelled));
    assert!(matches!(cancelled, SkipError::Cancelled(_)) && !cancelled.is_input());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sets_that_shrink_read_no_missing_key_whatever_they_are(
        drawn in proptest::collection::vec(0_usize..=LAYERS, 2 * LAYERS), prompt in 0_u32..8,
    ) {
        // Each sublayer runs up to some step behind the prompt.
        let set = |step: usize| {
            let ends = drawn.iter().enumerate().filter(|(_, end)| **end <= step);
            let part = |number: usize| if number.is_multiple_of(2) { Part::Attention } else { Part::FeedForward };
            Set::without(LAYERS, ends.map(|(number, _)| (number / 2, part(number))))
        };
        let plan = Plan::Placed(Placed::new(set(0), (0..=LAYERS).map(set).collect()));
        prop_assert!(plan.is_nested());
        let model = deep(1);
        let recording = recording(&*model);
        let of = |missing| {
            let how = How { model: &*model, plan: &plan, missing };
            pass(how, &texts(&*model, &recording), prompt, &Job::unattended())
        };
        let never = of(MissingKv::Never);
        prop_assert!(never.is_ok(), "{:?}", never.err());
        let never = never.unwrap();
        for missing in [MissingKv::Propagate, MissingKv::CopyBelow, MissingKv::Absent] {
            let other = of(missing).unwrap();
            prop_assert_eq!(bits(&other), bits(&never));
        }
    }
}
