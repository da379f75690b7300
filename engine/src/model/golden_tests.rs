//! The decoder against PyTorch's values in `../shared/golden`.

#![expect(clippy::cast_possible_truncation, reason = "reference values are small numbers")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, gguf_file};
use safetensors::SafeTensors;
use serde_json::{Map, Value, json};

use crate::checkpoint::DType;
use crate::kernel::geometry;
use crate::model::fixtures::{Fixture, batch, readouts, streams};
use crate::model::{Batch, Layer, LayeredModel, NO_TOKEN, NoProbe, Readouts, Run, Stream, card};

fn shared(inside: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(inside)
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn folder(inside: &str) -> Fixture {
    let path = shared(inside);
    let mut fixture =
        Fixture::new("Hugging Face folder", &path, json_of(&path.join("config.json")));
    let bytes = fs::read(path.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, view) in tensors.iter() {
        assert_eq!(view.dtype(), safetensors::Dtype::F32);
        fixture.push(name, view.shape(), DType::F32, view.data());
    }
    fixture
}

/// Scalars and tensors of a GGUF file, read by another implementation.
fn gguf(inside: &str) -> Fixture {
    let path = shared(inside);
    let bytes = fs::read(&path).unwrap();
    let content = gguf_file::Content::read(&mut Cursor::new(&bytes)).unwrap();
    let mut config = Map::new();
    let metadata: BTreeMap<_, _> = content.metadata.iter().collect();
    for (key, value) in metadata {
        let scalar = match value {
            gguf_file::Value::String(text) => json!(text),
            gguf_file::Value::Bool(flag) => json!(flag),
            gguf_file::Value::F32(number) => json!(number),
            gguf_file::Value::Array(_) => continue,
            other => json!(other.to_u32().unwrap()),
        };
        config.insert(key.clone(), scalar);
    }
    let mut fixture = Fixture::new("GGUF", &path, Value::Object(config));
    let tensors: BTreeMap<_, _> = content.tensor_infos.iter().collect();
    for (name, info) in tensors {
        let dtype = match info.ggml_dtype {
            GgmlDType::F32 => DType::F32,
            GgmlDType::F16 => DType::F16,
            GgmlDType::Q8_0 => DType::Q8_0,
            other => panic!("{name}: {other:?}"),
        };
        let start = content.tensor_data_offset as usize + info.offset as usize;
        let count = info.shape.elem_count() / dtype.block_len() * dtype.block_bytes();
        fixture.push(name, info.shape.dims(), dtype, &bytes[start..start + count]);
    }
    fixture
}

/// Reference tensors, and which rows of [rows, tokens] are real.
struct Expected {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    longest: usize,
}

impl Expected {
    fn open(path: &Path) -> (Self, Batch) {
        let mut expected = Self { bytes: fs::read(path).unwrap(), lengths: vec![], longest: 0 };
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

    fn raw(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let all = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = all.tensor(name).unwrap();
        (view.shape().to_vec(), view.data().to_vec())
    }

    fn whole(&self, name: &str) -> (Vec<usize>, Vec<i64>) {
        let (shape, raw) = self.raw(name);
        (shape, raw.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.raw(name).1.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// The real values of [outer, rows, tokens - short], laid end to end as a batch is; `short` values
    /// are absent at the end of each row and come back as NaN.
    fn packed<T: Copy>(&self, values: &[T], short: usize, absent: T) -> Vec<T> {
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

    fn signal(&self, name: &str) -> Vec<f32> {
        self.packed(&self.floats(name), 0, f32::NAN)
    }
}

fn near(what: &str, got: &[f32], want: &[f32], by: f32) {
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
fn check(fixture: Fixture, values: &Path) {
    let expected_json = json_of(&values.with_extension("json"));
    let (expected, batch) = Expected::open(values);
    let model = fixture.model();
    let width = model.card().width;
    let all = streams(model.as_ref(), &batch, Run::Full);
    for (depth, stream) in all.iter().enumerate() {
        let name = format!("hidden.{depth}");
        let whole = expected.floats(&name);
        let rows: Vec<&[f32]> = whole.chunks(width).collect();
        let want = expected.packed(&rows, 0, &[][..]).concat();
        near(&name, &stream.hidden, &want, 1e-4);
    }
    let got = readouts(model.as_ref(), &batch, &all);
    near("max_prob", &got.max_prob, &expected.signal("lens.max_prob"), 1e-4);
    near("margin", &got.margin, &expected.signal("lens.margin"), 1e-4);
    near("entropy", &got.entropy, &expected.signal("lens.entropy"), 1e-4);
    near("kl_final", &got.kl, &expected.signal("lens.kl_final"), 1e-4);
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

    for skipped in 0..model.card().layers {
        let loss = loss_without(model.as_ref(), &batch, skipped);
        let want = number(&expected_json["loss_without_block"][skipped]);
        near("loss_without_block", &[loss], &[want], 1e-4);
    }
}

fn number(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn last_depth<'a>(values: &'a [f32], all: &[Stream]) -> &'a [f32] {
    &values[values.len() / all.len() * (all.len() - 1)..]
}

fn mean(values: &[f32]) -> f32 {
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
fn shared_tiny_llamas_agree_with_pytorch() {
    for name in ["llama", "llama_tied", "llama3_rope"] {
        println!("{name}");
        let inside = format!("golden/tiny/{name}");
        check(folder(&inside), &shared(&inside).join("expected.safetensors"));
    }
}

#[test]
fn shared_stories_agree_with_pytorch_alone_and_in_a_ragged_batch() {
    for values in ["text.safetensors", "batch.safetensors"] {
        println!("{values}");
        check(folder("data/stories260K_hf"), &shared("golden/stories260K").join(values));
    }
}

#[test]
fn shared_a_sliding_window_is_refused_by_name() {
    let text = card(&folder("golden/tiny/mistral"), None).unwrap_err().to_string();
    assert!(text.contains("sliding window 8"), "{text}");
}

#[test]
fn shared_every_other_family_is_refused_with_a_list() {
    for name in ["albert_cls", "bert_mlm", "gemma2", "gpt2", "gpt_neox", "mixtral", "phi3", "vit"] {
        let text = card(&folder(&format!("golden/tiny/{name}")), None).unwrap_err().to_string();
        assert!(text.contains("not supported; supported are Llama"), "{name}: {text}");
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
        let fixture = gguf(&format!("data/stories260K_gguf/stories260K-{kind}.gguf"));
        assert_eq!(card(&fixture, None).unwrap().types, types);
        let want = json_of(&shared(&format!("golden/gguf/stories260K-{kind}.json")));
        let list =
            |value: &Value| -> Vec<f32> { value.as_array().unwrap().iter().map(number).collect() };
        let ids: Vec<u32> = serde_json::from_value(want["ids"].clone()).unwrap();
        let model = fixture.model();
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
