//! A sequence that grows step by step is the sequence run as a whole, in every family of decoders.

use serde_json::json;

use crate::model::fixtures::{Fixture, KINDS, batch, config_of, readouts, streams};
use crate::model::{Cache, Layer, LayeredModel, NoProbe, Point, Probe, Run, Stream};

const IDS: [u32; 47] = [
    3, 9, 27, 1, 3, 9, 33, 19, 17, 11, 0, 39, 2, 6, 18, 14, 5, 8, 21, 22, 3, 3, 36, 7, 7, 30, 12,
    4, 25, 38, 1, 0, 16, 20, 9, 31, 29, 13, 10, 26, 35, 2, 24, 15, 23, 28, 34,
];

/// The streams of new tokens at every depth.
fn stepped(model: &dyn LayeredModel, new: &[u32], cache: &mut Cache) -> Vec<Stream> {
    let mut stream = model.begin_step(new, cache).unwrap();
    let mut all = vec![stream.clone()];
    for layer in 0..u16::try_from(model.card().layers).unwrap() {
        model.step(Layer(layer), cache, &mut stream, &mut NoProbe).unwrap();
        all.push(stream.clone());
    }
    all
}

#[test]
fn a_prompt_and_single_steps_give_what_the_whole_gives() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = Fixture::random(config_of(kind), seed).model();
        let whole = streams(model.as_ref(), &batch(&[&IDS]), Run::Full);
        let read = readouts(model.as_ref(), &batch(&[&IDS]), &whole);
        // Longer than a tile of queries, a few together, then one by one.
        for pieces in [vec![36, 4, 1, 1, 1, 1, 1, 1, 1], vec![1; 47]] {
            let mut cache = model.cache().unwrap();
            let mut from = 0;
            for len in pieces {
                let all = stepped(model.as_ref(), &IDS[from..from + len], &mut cache);
                for (depth, (got, want)) in all.iter().zip(&whole).enumerate() {
                    let want = &want.hidden[from * want.width..][..got.hidden.len()];
                    let largest = want.iter().fold(1.0, |max: f32, h| max.max(h.abs()));
                    for (got, want) in got.hidden.iter().zip(want) {
                        let off = (got - want).abs() / largest;
                        assert!(off <= 1e-5, "{kind} depth {depth} token {from}: off by {off}");
                    }
                }
                from += len;
                assert_eq!(cache.positions(), from);
                let logits = model.logits(all.last().unwrap()).unwrap();
                let top = read.top_ids[(whole.len() - 1) * IDS.len() + from - 1][0];
                let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert!(best - logits[top as usize] < 1e-4, "{kind}");
                let sum: f32 = logits.iter().map(|z| (z - best).exp()).sum();
                let max_prob = read.max_prob[(whole.len() - 1) * IDS.len() + from - 1];
                assert!((sum.recip() - max_prob).abs() < 1e-5, "{kind}: the logits are capped");
            }
        }
    }
}

#[test]
fn a_probe_sees_the_new_tokens_only_and_what_each_kept_token_receives_from_them() {
    struct Seen(Vec<(Point, usize)>);
    impl Probe for Seen {
        fn wants(&self, _: Point, _: Layer) -> bool {
            true
        }
        fn see(&mut self, point: Point, _: Layer, values: &[f32]) {
            self.0.push((point, values.len()));
        }
    }
    let model = Fixture::random(config_of("mixtral"), 1).model();
    let mut cache = model.cache().unwrap();
    stepped(model.as_ref(), &IDS[..10], &mut cache);
    let mut stream = model.begin_step(&IDS[10..12], &cache).unwrap();
    let mut seen = Seen(Vec::new());
    model.step(Layer(0), &mut cache, &mut stream, &mut seen).unwrap();
    let of = |point| seen.0.iter().find(|(p, _)| *p == point).unwrap().1;
    assert_eq!(of(Point::ResidPost), 2 * model.card().width);
    assert_eq!(of(Point::Router), 2 * 5);
    assert_eq!(of(Point::AttnColumns), model.card().heads * 12);
}

#[test]
fn a_full_context_is_refused_and_leaves_what_is_kept() {
    let mut config = config_of("gpt2");
    config["n_positions"] = json!(12);
    let model = Fixture::random(config, 2).model();
    let mut cache = model.cache().unwrap();
    stepped(model.as_ref(), &IDS[..11], &mut cache);
    assert_eq!(cache.room(), 1);
    let told = model.begin_step(&IDS[11..13], &cache).unwrap_err().to_string();
    assert_eq!(
        told,
        "the number of new tokens is 2, but must be at most 1: the model's context is 12 tokens, of which 11 are used"
    );
    stepped(model.as_ref(), &IDS[11..12], &mut cache);
    assert!(model.begin_step(&IDS[12..13], &cache).is_err());
    assert_eq!((cache.positions(), cache.room()), (12, 0));
    let told = model.begin_step(&[40], &model.cache().unwrap()).unwrap_err().to_string();
    assert!(told.contains("a token id is 40"), "{told}");
}
