//! The decoder against PyTorch's values in `../shared/golden`.

#![expect(clippy::cast_possible_truncation, reason = "reference values are small numbers")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::SafeTensors;
use serde_json::Value;

use crate::checkpoint::{self, Checkpoint};
use crate::job::Job;
use crate::kernel::geometry;
use crate::kernel::routing::chosen;
use crate::model::fixtures::{batch, readouts, streams};
use crate::model::{
    Batch, Layer, LayeredModel, NO_TOKEN, NoProbe, Point, Probe, Readouts, Run, Stream, card, load,
};

pub(super) fn shared(inside: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(inside)
}

pub(super) fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub(super) fn opened(inside: &str) -> Arc<dyn Checkpoint> {
    checkpoint::open(&shared(inside)).unwrap()
}

pub(super) fn model(checkpoint: &Arc<dyn Checkpoint>) -> Box<dyn LayeredModel> {
    load(checkpoint, None, &Job::unattended()).unwrap().0
}

/// Reference tensors, and which rows of [rows, tokens] are real.
pub(super) struct Expected {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    longest: usize,
}

impl Expected {
    pub(super) fn open(path: &Path) -> (Self, Batch) {
        let mut expected = Self { bytes: fs::read(path).unwrap(), lengths: vec![], longest: 0 };
        if !expected.has("input_ids") {
            // Images: every place is real, and its number says nothing.
            let (shape, _) = expected.raw("hidden.0");
            expected.longest = shape[1];
            expected.lengths = vec![shape[1]; shape[0]];
            let row = vec![0; shape[1]];
            return (expected, batch(&vec![row.as_slice(); shape[0]]));
        }
        let (shape, ids) = expected.whole("input_ids");
        let (_, mask) = expected.whole("attention_mask");
        expected.longest = shape[1];
        expected.lengths = mask
            .chunks(shape[1])
            .map(|row| usize::try_from(row.iter().sum::<i64>()).unwrap())
            .collect();
        let rows: Vec<Vec<u32>> = ids
            .chunks(shape[1])
            .zip(&expected.lengths)
            .map(|(row, &length)| {
                row[..length].iter().map(|id| u32::try_from(*id).unwrap()).collect()
            })
            .collect();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        (expected, batch(&rows))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.bytes).unwrap().tensor(name).is_ok()
    }

    fn raw(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let all = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = all.tensor(name).unwrap();
        (view.shape().to_vec(), view.data().to_vec())
    }

    pub(super) fn whole(&self, name: &str) -> (Vec<usize>, Vec<i64>) {
        let (shape, raw) = self.raw(name);
        (shape, raw.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect())
    }

    pub(super) fn floats(&self, name: &str) -> Vec<f32> {
        self.raw(name).1.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// The real values of [outer, rows, tokens - short], laid end to end as a batch is; `short` values
    /// are absent at the end of each row and come back as NaN.
    pub(super) fn packed<T: Copy>(&self, values: &[T], short: usize, absent: T) -> Vec<T> {
        let per_row = self.longest - short;
        let mut out = Vec::new();
        for outer in values.chunks(per_row * self.lengths.len()) {
            for (row, &length) in outer.chunks(per_row).zip(&self.lengths) {
                out.extend_from_slice(&row[..length - short]);
                out.extend(std::iter::repeat_n(absent, short));
            }
        }
        out
    }

    /// Of [blocks, rows, heads, tokens] the real tokens, as [blocks, heads, tokens of all rows].
    pub(super) fn columns(&self, heads: usize) -> Vec<f32> {
        let whole = self.floats("attn_colsum");
        let mut out = Vec::new();
        for block in whole.chunks(self.lengths.len() * heads * self.longest) {
            for head in 0..heads {
                for (row, &length) in self.lengths.iter().enumerate() {
                    out.extend(&block[(row * heads + head) * self.longest..][..length]);
                }
            }
        }
        out
    }

    pub(super) fn signal(&self, name: &str) -> Vec<f32> {
        self.packed(&self.floats(name), 0, f32::NAN)
    }
}

pub(super) fn near(what: &str, got: &[f32], want: &[f32], by: f32) {
    assert_eq!(got.len(), want.len(), "{what}");
    let mut worst = 0.0_f32;
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert_eq!(g.is_nan(), w.is_nan(), "{what}[{i}]: {g} instead of {w}");
        worst = worst.max((g - w).abs());
    }
    println!("{what}: off by {worst:.1e}");
    assert!(worst <= by, "{what} is off by {worst}");
}

/// Everything that a reference file holds about hidden states, geometry and readouts.
fn check(model: &dyn LayeredModel, values: &Path) {
    let expected_json = json_of(&values.with_extension("json"));
    let (expected, batch) = Expected::open(values);
    let width = model.card().width;
    let all = streams(model, &batch, Run::Full);
    for (depth, stream) in all.iter().enumerate() {
        let name = format!("hidden.{depth}");
        let whole = expected.floats(&name);
        let rows: Vec<&[f32]> = whole.chunks(width).collect();
        let want = expected.packed(&rows, 0, &[][..]).concat();
        near(&name, &stream.hidden, &want, 1e-4);
    }
    let got = readouts(model, &batch, &all);
    near("max_prob", &got.max_prob, &expected.signal("lens.max_prob"), 1e-4);
    near("margin", &got.margin, &expected.signal("lens.margin"), 1e-4);
    near("entropy", &got.entropy, &expected.signal("lens.entropy"), 1e-4);
    let kl = expected.signal("lens.kl_final");
    near("kl_final", &got.kl, &kl, 1e-4);
    near("kl_prev", last_depth(&got.kl_prev, &all), depth_before_last(&kl, &all), 1e-4);
    let nll = expected.packed(&expected.floats("lens.nll"), 1, f32::NAN);
    near("nll", &got.nll, &nll, 1e-4);
    let top1 = expected.packed(&expected.whole("lens.top1").1, 0, -1);
    for (at, want) in top1.iter().enumerate() {
        // Where the two best are closer than the error of this run, either may come first.
        let close = got.margin[at] < 1e-5;
        assert!(close || i64::from(got.top_ids[at][0]) == *want, "top1[{at}]");
    }
    for (at, rank) in got.rank.iter().enumerate().filter(|(_, rank)| !rank.is_nan()) {
        let next = batch.ids[at % batch.ids.len() + 1];
        assert!(*rank >= 1.0 && (*rank == 1.0) == (got.top_ids[at][0] == next), "rank[{at}]");
    }
    near("loss", &[mean(last_depth(&got.nll, &all))], &[number(&expected_json["loss"])], 1e-4);

    let norms: Vec<f32> = all
        .iter()
        .flat_map(|stream| geometry::rms(&stream.hidden, width))
        .map(|rms| rms * (width as f32).sqrt())
        .collect();
    near("hidden_norm", &norms, &expected.signal("hidden_norm"), 1e-4);
    let pairs = || all.windows(2).map(|pair| (&pair[0].hidden, &pair[1].hidden));
    let cosines: Vec<f32> =
        pairs().flat_map(|(h, next)| geometry::cosine(h, next, width)).collect();
    near("cos_next", &cosines, &expected.signal("cos_next"), 1e-4);
    let updates: Vec<f32> =
        pairs().flat_map(|(h, next)| geometry::update(h, next, width)).collect();
    near("update_norm", &updates, &expected.signal("update_norm"), 1e-4);

    check_points(model, &expected, &batch);
    if let Some(known) = expected_json.get("greedy") {
        check_greedy(model, known);
    }
    for skipped in 0..model.card().layers {
        let loss = loss_without(model, &batch, skipped);
        let want = number(&expected_json["loss_without_block"][skipped]);
        near("loss_without_block", &[loss], &[want], 1e-4);
    }
}

/// Attention column sums, [heads, tokens] per block, and, where there are experts, where tokens are routed to.
fn check_points(model: &dyn LayeredModel, expected: &Expected, batch: &Batch) {
    let card = model.card();
    let seen = points(model, batch);
    let columns: Vec<f32> = seen[&Point::AttnColumns].concat();
    near("attn_colsum", &columns, &expected.columns(card.heads), 1e-4);
    assert_eq!(seen.contains_key(&Point::Router), card.points.contains(&Point::Router));
    let Some(router) = seen.get(&Point::Router).map(|layers| layers.concat()) else { return };
    let experts = router.len() / (batch.ids.len() * card.layers);
    let floats = |name: &str, per_token: usize| -> Vec<f32> {
        let whole = expected.floats(name);
        let rows: Vec<&[f32]> = whole.chunks(per_token).collect();
        expected.packed(&rows, 0, &[][..]).concat()
    };
    near("router_probs", &router, &floats("router_probs", experts), 1e-4);
    let (ids, weights): (Vec<i64>, Vec<f32>) = router
        .chunks(experts)
        .flat_map(|row| chosen(row, 2))
        .map(|(expert, weight)| (i64::try_from(expert).unwrap(), weight))
        .unzip();
    near("router_weights", &weights, &floats("router_weights", 2), 1e-4);
    let (_, whole) = expected.whole("router_top");
    let rows: Vec<&[i64]> = whole.chunks(2).collect();
    assert_eq!(ids, expected.packed(&rows, 0, &[][..]).concat());
}

/// What a probe sees in every block.
pub(super) fn points(model: &dyn LayeredModel, batch: &Batch) -> BTreeMap<Point, Vec<Vec<f32>>> {
    let mut seen = Seen::default();
    let mut stream = model.begin(batch).unwrap();
    for layer in 0..model.card().layers {
        model.block(Layer(layer as u16), Run::Full, batch, &mut stream, &mut seen).unwrap();
    }
    seen.0
}

#[derive(Default)]
struct Seen(BTreeMap<Point, Vec<Vec<f32>>>);

impl Probe for Seen {
    fn wants(&self, point: Point, _: Layer) -> bool {
        matches!(point, Point::AttnColumns | Point::Router)
    }

    fn see(&mut self, point: Point, _: Layer, values: &[f32]) {
        self.0.entry(point).or_default().push(values.to_vec());
    }
}

/// The known continuation of a prompt, token by token.
fn check_greedy(model: &dyn LayeredModel, known: &Value) {
    let ids = |key: &str| -> Vec<u32> { serde_json::from_value(known[key].clone()).unwrap() };
    let (mut text, continuation) = (ids("prompt"), ids("continuation"));
    for next in continuation {
        let batch = batch(&[&text]);
        let last = streams(model, &batch, Run::Full).pop().unwrap();
        let got = readouts(model, &batch, &[last]);
        assert_eq!(got.top_ids[text.len() - 1][0], next, "after {text:?}");
        text.push(next);
    }
}

pub(super) fn number(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

pub(super) fn last_depth<'a>(values: &'a [f32], all: &[Stream]) -> &'a [f32] {
    &values[values.len() / all.len() * (all.len() - 1)..]
}

/// What is said of the depth before the last.
pub(super) fn depth_before_last<'a>(values: &'a [f32], all: &[Stream]) -> &'a [f32] {
    let tokens = values.len() / all.len();
    &values[tokens * (all.len() - 2)..][..tokens]
}

pub(super) fn mean(values: &[f32]) -> f32 {
    let present: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| f64::from(*v)).collect();
    (present.iter().sum::<f64>() / present.len() as f64) as f32
}

fn loss_without(model: &dyn LayeredModel, batch: &Batch, skipped: usize) -> f32 {
    let mut stream = model.begin(batch).unwrap();
    for layer in 0..model.card().layers {
        let run = if layer == skipped { Run::SkipBlock } else { Run::Full };
        model.block(Layer(layer as u16), run, batch, &mut stream, &mut NoProbe).unwrap();
    }
    mean(&readouts(model, batch, &[stream]).nll)
}

#[test]
fn shared_tiny_decoders_agree_with_pytorch() {
    for name in [
        "llama",
        "llama_tied",
        "llama3_rope",
        "mistral",
        "mixtral",
        "qwen2",
        "qwen3",
        "gemma2",
        "gemma3",
        "phi3",
        "olmo2",
        "gpt2",
        "gpt_neox",
    ] {
        println!("{name}");
        let inside = format!("golden/tiny/{name}");
        let model = model(&opened(&inside));
        check(model.as_ref(), &shared(&inside).join("expected.safetensors"));
    }
}

#[test]
fn shared_stories_with_experts_agree_with_pytorch_alone_and_in_a_ragged_batch() {
    for values in ["text.safetensors", "batch.safetensors"] {
        println!("{values}");
        let model = model(&opened("data/stories_moe_4x"));
        check(model.as_ref(), &shared("golden/stories_moe_4x").join(values));
    }
}

#[test]
fn shared_stories_agree_with_pytorch_alone_and_in_a_ragged_batch() {
    for values in ["text.safetensors", "batch.safetensors"] {
        println!("{values}");
        check(
            model(&opened("data/stories260K_hf")).as_ref(),
            &shared("golden/stories260K").join(values),
        );
    }
}

#[test]
fn shared_gguf_agrees_with_its_dequantised_weights_in_pytorch() {
    for (kind, types) in [
        ("f32", "F32 x 48"),
        ("f16", "F32 x 11, F16 x 37"),
        ("q8_0", "F32 x 11, F16 x 5, Q8_0 x 32"),
    ] {
        println!("{kind}");
        let checkpoint = opened(&format!("data/stories260K_gguf/stories260K-{kind}.gguf"));
        assert_eq!(card(checkpoint.as_ref(), None).unwrap().types, types);
        let want = json_of(&shared(&format!("golden/gguf/stories260K-{kind}.json")));
        let list =
            |value: &Value| -> Vec<f32> { value.as_array().unwrap().iter().map(number).collect() };
        let ids: Vec<u32> = serde_json::from_value(want["ids"].clone()).unwrap();
        let model = model(&checkpoint);
        let batch = batch(&[&ids]);
        let all = streams(model.as_ref(), &batch, Run::Full);
        let got = readouts(model.as_ref(), &batch, &all);
        let top1: Vec<f32> =
            got.top_ids[got.top_ids.len() - ids.len()..].iter().map(|top| top[0] as f32).collect();
        assert_eq!(top1, list(&want["top1"]));
        let nll = last_depth(&got.nll, &all);
        near("nll", &nll[..ids.len() - 1], &list(&want["nll"]), 1e-4);
        assert!(nll[ids.len() - 1].is_nan() && batch.ids.len() < NO_TOKEN as usize);
        for (key, values) in signals(&got) {
            let means: Vec<f32> = values.chunks(ids.len()).map(mean).collect();
            if let Some(depth) = want["depth"].get(key) {
                near(key, &means, &list(depth), 1e-4);
            }
        }
    }
}

fn signals(got: &Readouts) -> [(&'static str, &[f32]); 5] {
    [
        ("nll_mean", &got.nll),
        ("max_prob_mean", &got.max_prob),
        ("margin_mean", &got.margin),
        ("entropy_mean", &got.entropy),
        ("kl_final_mean", &got.kl),
    ]
}

#[test]
fn shared_stories_give_the_known_loss_and_agreement_at_every_depth() {
    let story = "Once upon a time, there was a little boy named Tim. Tim had a big red ball. He loved \
                 to play with his ball in the park. One day, Tim saw a cat in a tree. The cat was sad.";
    let checkpoint = opened("data/stories260K_hf");
    let ids = checkpoint.tokenizer().unwrap().unwrap().encode(story).unwrap();
    assert_eq!(ids.len(), 61);
    let (model, batch) = (model(&checkpoint), batch(&[&ids]));
    let all = streams(model.as_ref(), &batch, Run::Full);
    let got = readouts(model.as_ref(), &batch, &all);
    let nll: Vec<f32> = got.nll.chunks(ids.len()).map(mean).collect();
    near("nll", &nll, &[21.873, 11.155, 5.306, 2.983, 1.746, 0.6689], 5.1e-4);
    let last = &got.top_ids[got.top_ids.len() - ids.len()..];
    let agrees = |here: &[[u32; 5]]| {
        here.iter().zip(last).filter(|(a, b)| a[0] == b[0]).count() as f32 / ids.len() as f32
    };
    let agreement: Vec<f32> = got.top_ids.chunks(ids.len()).map(agrees).collect();
    near("agreement", &agreement, &[0.0, 0.016, 0.066, 0.262, 0.492, 1.0], 5.1e-4);
}

#[test]
fn shared_stories_go_on_as_known_when_the_likeliest_token_is_taken() {
    let checkpoint = opened("data/stories260K_hf");
    let tokenizer = checkpoint.tokenizer().unwrap().unwrap();
    let model = model(&checkpoint);
    let mut ids = tokenizer.encode("Once upon a time").unwrap();
    assert_eq!(ids, [1, 403, 407, 261, 378]);
    let known = "Once upon a time, there was a little girl named Lily. She loved to play outside in \
                 the park. One day, she saw a big, red ball.";
    let told = |ids: &[u32]| ids[1..].iter().map(|id| tokenizer.piece(*id)).collect::<String>();
    while told(&ids).trim_start().len() < known.len() {
        let batch = batch(&[&ids]);
        let last = streams(model.as_ref(), &batch, Run::Full).pop().unwrap();
        let got = readouts(model.as_ref(), &batch, &[last]);
        ids.push(got.top_ids[ids.len() - 1][0]);
    }
    assert_eq!(told(&ids).trim_start(), known);
}
