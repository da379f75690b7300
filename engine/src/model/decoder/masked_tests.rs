//! The masked forward against the same written token by token, and what holds for every mode.

use rand::{RngExt as _, SeedableRng as _};

use super::positions::positions;
use super::running::Running;
use super::*;
use crate::kernel::attention::{Looking, seen_from};
use crate::model::fixtures::{Fixture, KINDS, batch, config_of, streams};
use crate::model::network::Network;
use crate::model::{MissingKv, NoProbe, card, families};

const IDS: [u32; 41] = [
    3, 9, 27, 1, 3, 9, 33, 19, 17, 11, 0, 39, 2, 6, 18, 14, 5, 8, 21, 22, 3, 3, 36, 7, 7, 30, 12,
    4, 25, 38, 1, 0, 16, 20, 9, 31, 29, 13, 10, 26, 35,
];
const ALL: [MissingKv; 5] = [
    MissingKv::Never,
    MissingKv::Recompute,
    MissingKv::Propagate,
    MissingKv::CopyBelow,
    MissingKv::Absent,
];

/// Which tokens run the two parts of each block: `[layer][token]`.
#[derive(Debug, Clone)]
struct Runs {
    attention: Vec<Vec<bool>>,
    feed_forward: Vec<Vec<bool>>,
}

impl Runs {
    fn new(layers: usize, tokens: usize, runs: impl Fn(usize, usize, usize) -> bool) -> Self {
        let of = |part| {
            let of_layer = |layer| (0..tokens).map(|token| runs(part, layer, token)).collect();
            (0..layers).map(of_layer).collect()
        };
        Self { attention: of(0), feed_forward: of(1) }
    }

    fn exits(layers: usize, exits: &[usize]) -> Self {
        Self::new(layers, exits.len(), |_, layer, token| layer < exits[token])
    }

    /// Parts that run at random; the last token, too, leaves some out.
    fn random(layers: usize, tokens: usize, seed: u64) -> Self {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let drawn: Vec<bool> = (0..2 * layers * tokens).map(|_| rng.random_bool(0.6)).collect();
        Self::new(layers, tokens, |part, layer, token| {
            drawn[(part * layers + layer) * tokens + token]
        })
    }

    fn mask<'a>(&'a self, layer: usize, starts: &'a [usize], missing: MissingKv) -> Mask<'a> {
        let (attention, feed_forward) = (&self.attention[layer], &self.feed_forward[layer]);
        Mask { starts, attention, feed_forward, missing }
    }
}

fn decoder(kind: &str, seed: u64) -> Decoder {
    let fixture = Fixture::random(config_of(kind), seed);
    let Network::Decoder(plan) = families::network(&fixture).unwrap() else { panic!("a decoder") };
    Decoder::new(plan, card(&fixture, None).unwrap(), &mut Weights::new(&fixture)).unwrap()
}

/// The streams at every depth of sequences that run as `runs` says, and the caches that are left.
fn masked(
    model: &Decoder,
    sequences: &[&[u32]],
    runs: &Runs,
    missing: MissingKv,
) -> Result<(Vec<Stream>, Vec<Cache>), ModelError> {
    let batch = batch(sequences);
    let mut caches = vec![model.cache()?; sequences.len()];
    let mut stream = model.begin(&batch)?;
    let mut all = vec![stream.clone()];
    for (at, layer) in (0..).map(Layer).zip(0..model.plan.layers) {
        let mask = runs.mask(layer, &batch.starts, missing);
        model.step_masked(at, mask, &mut caches, &mut stream, &mut NoProbe)?;
        all.push(stream.clone());
    }
    Ok((all, caches))
}

/// What a query of one head gets of the entries that it sees, of which its numbers begin at `from`.
fn one_head(q: &[f32], seen: &[&Entry], from: usize, how: Looking) -> Vec<f32> {
    let weight = |(k, _): &Entry| {
        let dot: f32 = q.iter().zip(&k[from..]).map(|(a, b)| a * b).sum();
        let score = dot * how.scale;
        how.cap.map_or(score, |cap| cap * (score / cap).tanh()).exp()
    };
    let sum: f32 = seen.iter().map(|entry| weight(entry)).sum();
    let of = |at: usize| seen.iter().map(|entry| weight(entry) / sum * entry.1[from + at]).sum();
    (0..q.len()).map(of).collect()
}

/// Key and value of one token.
type Entry = (Vec<f32>, Vec<f32>);

/// The same of one sequence: token by token, each with the entries that it sees written out.
fn slow(model: &Decoder, ids: &[u32], runs: &Runs, missing: MissingKv) -> Vec<Vec<Vec<f32>>> {
    let (plan, whole) = (&model.plan, batch(&[ids]));
    let Heads { count, kv_count, dim } = plan.heads;
    let full = streams(model, &whole, Run::Full);
    let rows = |stream: &Stream| -> Vec<Vec<f32>> {
        stream.hidden.chunks(stream.width).map(<[f32]>::to_vec).collect()
    };
    let mut h = rows(&full[0]);
    let mut all = vec![h.clone()];
    let mut below = vec![None; ids.len()];
    for (layer, block) in model.blocks.iter().enumerate() {
        let how = plan.looking(layer);
        let project = |token: usize, h: &[f32]| {
            let turns = model.places.turns(token..=token, how.window);
            block.attention.project(plan, turns.as_ref(), h)
        };
        let entries: Vec<Option<Entry>> = (0..ids.len())
            .map(|token| {
                let of = |h: &[f32]| {
                    let (_, k, v) = project(token, h);
                    Some((k, v))
                };
                match missing {
                    _ if runs.attention[layer][token] => of(&h[token]),
                    MissingKv::Recompute => of(&rows(&full[layer])[token]),
                    MissingKv::Propagate => of(&h[token]),
                    MissingKv::CopyBelow => below[token].clone(),
                    MissingKv::Never | MissingKv::Absent => None,
                }
            })
            .collect();
        let mut probe = NoProbe;
        let at = &mut Running { plan, layer: Layer(0), probe: &mut probe };
        let mut next = h.clone();
        for (token, next) in next.iter_mut().enumerate() {
            if runs.attention[layer][token] {
                let (q, _, _) = project(token, &h[token]);
                let seen: Vec<_> =
                    seen_from(token, 0, how.window).filter_map(|at| entries[at].as_ref()).collect();
                let mixed: Vec<f32> = (0..count)
                    .flat_map(|head| {
                        let q = &q[head * dim..][..dim];
                        one_head(q, &seen, head / (count / kv_count) * dim, how)
                    })
                    .collect();
                add(next, &block.attention.finish(&mixed));
            }
            if runs.feed_forward[layer][token] {
                let reads = match plan.residual {
                    Residual::Sequential => next.clone(),
                    Residual::Parallel => h[token].clone(),
                };
                add(next, &block.feed_forward.run(at, &reads));
            }
        }
        h = next;
        all.push(h.clone());
        below = entries;
    }
    all
}

fn near(what: &str, got: &[f32], want: &[f32]) {
    let largest = want.iter().fold(1.0, |max: f32, h| max.max(h.abs()));
    assert_eq!(got.len(), want.len(), "{what}");
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= 1e-5 * largest, "{what}: {got} instead of {want}");
    }
}

#[test]
fn with_nothing_left_out_the_bits_are_those_of_a_whole_batch_and_of_a_step() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = decoder(kind, seed);
        let parts = [&IDS[..34], &IDS[34..35], &IDS[35..]];
        let whole = streams(&model, &batch(&parts), Run::Full);
        let mut cache = model.cache().unwrap();
        for piece in [&IDS[..33], &IDS[33..34]] {
            let mut stream = model.begin_step(piece, &cache).unwrap();
            for layer in 0..3 {
                model.step(Layer(layer), &mut cache, &mut stream, &mut NoProbe).unwrap();
            }
        }
        for missing in ALL {
            let runs = Runs::exits(3, &[3; 41]);
            let (got, caches) = masked(&model, &parts, &runs, missing).unwrap();
            assert_eq!(got, whole, "{kind} {missing:?}");
            assert_eq!(caches[1].positions(), 1);
            let (_, mut stepped) =
                masked(&model, &[&IDS[..33]], &Runs::exits(3, &[3; 33]), missing).unwrap();
            let mut stream = model.begin_step(&IDS[33..34], &stepped[0]).unwrap();
            for layer in 0..3 {
                let runs = Runs::exits(3, &[3]);
                let mask = runs.mask(usize::from(layer), &[0, 1], missing);
                let at = Layer(layer);
                model.step_masked(at, mask, &mut stepped, &mut stream, &mut NoProbe).unwrap();
            }
            assert!(stepped[0] == cache, "{kind} {missing:?}");
        }
    }
}

#[test]
fn every_mode_gives_what_is_written_out_token_by_token() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = decoder(kind, seed);
        for missing in [MissingKv::Propagate, MissingKv::CopyBelow, MissingKv::Absent] {
            let runs = Runs::random(3, IDS.len(), seed);
            let (got, _) = masked(&model, &[&IDS], &runs, missing).unwrap();
            for (depth, (got, want)) in
                got.iter().zip(slow(&model, &IDS, &runs, missing)).enumerate()
            {
                near(&format!("{kind} {missing:?} depth {depth}"), &got.hidden, &want.concat());
            }
        }
    }
}

#[test]
fn recomputed_entries_are_those_of_the_full_model() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = decoder(kind, seed);
        let exits: Vec<usize> = IDS.iter().map(|id| (*id as usize * 7 + 1) % 4).collect();
        let runs = Runs::exits(3, &exits);
        let (got, caches) = masked(&model, &[&IDS], &runs, MissingKv::Recompute).unwrap();
        let want = slow(&model, &IDS, &runs, MissingKv::Recompute);
        let full = streams(&model, &batch(&[&IDS]), Run::Full);
        for depth in 0..=3 {
            let width = model.plan.width;
            let last = exits.iter().rposition(|exit| *exit >= depth).unwrap();
            for token in (0..IDS.len()).filter(|token| exits[*token] >= depth) {
                let of = |stream: &Stream| stream.hidden[token * width..][..width].to_vec();
                let what = format!("{kind} depth {depth} token {token}");
                near(&what, &of(&got[depth]), &want[depth][token]);
                near(&what, &of(&got[depth]), &of(&full[depth]));
            }
            if depth > 0 {
                let kept = caches[0].kept(depth - 1).unwrap();
                assert_eq!((kept.positions(), kept.entries()), (last + 1, last + 1));
            }
        }
    }
}

#[test]
fn where_executed_sets_shrink_nothing_missing_is_read_and_all_modes_give_the_same_bits() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = decoder(kind, seed);
        let (a, b) = IDS.split_at(23);
        // A part that a token runs was run by every token before it in its sequence.
        let until = |part: usize, layer: usize, len: usize| (part * 7 + layer * 5 + 3) % (len + 1);
        let runs = Runs::new(3, IDS.len(), |part, layer, token| match token.checked_sub(a.len()) {
            None => token < until(part, layer, a.len()),
            Some(token) => token < until(part, layer + 1, b.len()),
        });
        let (want, _) = masked(&model, &[a, b], &runs, MissingKv::Never).unwrap();
        for missing in [MissingKv::Propagate, MissingKv::CopyBelow, MissingKv::Absent] {
            let (got, _) = masked(&model, &[a, b], &runs, missing).unwrap();
            assert_eq!(got, want, "{kind} {missing:?}");
        }
        let exits: Vec<usize> = (0..IDS.len()).map(|token| 3 - token * 4 / IDS.len()).collect();
        let runs = Runs::exits(3, &exits);
        let (want, _) = masked(&model, &[&IDS], &runs, MissingKv::Never).unwrap();
        for missing in ALL {
            let (got, _) = masked(&model, &[&IDS], &runs, missing).unwrap();
            assert_eq!(got, want, "{kind} {missing:?}");
        }
    }
}

#[test]
fn a_masked_batch_is_what_masked_steps_give() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = decoder(kind, seed);
        let (a, b) = IDS.split_at(17);
        for missing in [MissingKv::Propagate, MissingKv::CopyBelow, MissingKv::Absent] {
            let runs = Runs::random(3, IDS.len(), seed + 50);
            let (whole, caches) = masked(&model, &[a, b], &runs, missing).unwrap();
            for (ids, from, kept) in [(a, 0, &caches[0]), (b, 17, &caches[1])] {
                let mut cache = vec![model.cache().unwrap()];
                for (token, id) in (from..).zip(ids) {
                    let mut stream = model.begin_at(&[*id], token - from).unwrap();
                    for layer in 0..3 {
                        let (attention, feed_forward) =
                            ([runs.attention[layer][token]], [runs.feed_forward[layer][token]]);
                        let (attention, feed_forward) = (&attention[..], &feed_forward[..]);
                        let mask = Mask { starts: &[0, 1], attention, feed_forward, missing };
                        let at = Layer(u16::try_from(layer).unwrap());
                        model.step_masked(at, mask, &mut cache, &mut stream, &mut NoProbe).unwrap();
                        let width = stream.width;
                        let want = &whole[layer + 1].hidden[token * width..][..width];
                        near(&format!("{kind} {missing:?} token {token}"), &stream.hidden, want);
                    }
                }
                assert_eq!(cache[0].bytes(), kept.bytes());
                assert_eq!(cache[0].positions(), ids.len());
            }
        }
    }
}

#[test]
fn tokens_that_wait_go_on_with_a_later_one_and_give_what_the_batch_gives() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = decoder(kind, seed);
        let full = streams(&model, &batch(&[&IDS]), Run::Full);
        let exits: Vec<usize> = IDS.iter().map(|id| (*id as usize * 5 + 2) % 4).collect();
        let mut cache = model.cache().unwrap();
        // Streams at each depth of tokens that stopped there; they are the last ones that came.
        let mut waiting: Vec<Vec<f32>> = vec![Vec::new(); 3];
        for (token, exit) in exits.iter().enumerate() {
            let mut stream = model.begin_at(&IDS[token..=token], token).unwrap();
            let width = stream.width;
            for depth in 0..*exit {
                let mut rows = std::mem::take(&mut waiting[depth]);
                rows.extend(&stream.hidden);
                let mut rows = Stream { hidden: rows, width };
                let at = Layer(u16::try_from(depth).unwrap());
                model.step(at, &mut cache, &mut rows, &mut NoProbe).unwrap();
                stream.hidden = rows.hidden.split_off(rows.hidden.len() - width);
                if let Some(waiting) = waiting.get_mut(depth + 1) {
                    // They stand before those that stopped there already? None did: those went along.
                    waiting.extend(rows.hidden);
                }
            }
            near(kind, &stream.hidden, &full[*exit].hidden[token * width..][..width]);
            if let Some(waiting) = waiting.get_mut(*exit) {
                waiting.extend(stream.hidden);
            }
        }
    }
}

#[test]
fn a_position_that_was_left_out_is_never_read_in_silence() {
    let model = decoder("llama", 3);
    let mut runs = Runs::exits(3, &[3; 5]);
    runs.attention[1][2] = false;
    let told = masked(&model, &[&IDS[..5]], &runs, MissingKv::Never).unwrap_err().to_string();
    assert_eq!(
        told,
        "what a token reads is position 2 in block 1, which was left out there, but must be computed, \
         or said how it is replaced: position 3 reads it"
    );
    // Nobody stands behind it.
    let mut runs = Runs::exits(3, &[3; 5]);
    runs.attention[1][4] = false;
    assert!(masked(&model, &[&IDS[..5]], &runs, MissingKv::Never).is_ok());
    let told = masked(&model, &[&IDS[..5]], &runs, MissingKv::Recompute);
    // Its other half runs.
    assert!(told.is_ok());
    runs.feed_forward[1][4] = false;
    let told = masked(&model, &[&IDS[..5]], &runs, MissingKv::Recompute).unwrap_err().to_string();
    assert!(told.contains("but must be one that never runs again once it stopped"), "{told}");
}

#[test]
fn only_what_runs_is_computed() {
    struct Rows(Vec<(Point, usize)>);
    impl Probe for Rows {
        fn wants(&self, point: Point, _: Layer) -> bool {
            point != Point::AttnColumns
        }
        fn see(&mut self, point: Point, _: Layer, values: &[f32]) {
            self.0.push((point, values.len()));
        }
    }
    let model = decoder("mixtral", 3);
    let mut cache = vec![model.cache().unwrap()];
    let mut stream = model.begin(&batch(&[&IDS[..6]])).unwrap();
    let mask = Mask {
        starts: &[0, 6],
        attention: &[true, false, true, false, false, false],
        feed_forward: &[false, true, true, true, false, false],
        missing: MissingKv::Absent,
    };
    let mut rows = Rows(Vec::new());
    model.step_masked(Layer(0), mask, &mut cache, &mut stream, &mut rows).unwrap();
    let width = model.plan.width;
    assert_eq!(
        rows.0,
        [
            (Point::ResidPre, 6 * width),
            (Point::AttnOut, 2 * width),
            (Point::ResidMid, 6 * width),
            (Point::Router, 3 * 5),
            (Point::MlpOut, 3 * width),
            (Point::ResidPost, 6 * width),
        ]
    );
    let kept = cache[0].kept(0).unwrap();
    assert_eq!((kept.positions(), kept.entries()), (6, 2));
    assert_eq!(cache[0].bytes(), 2 * 2 * 4 * 12);
}

#[test]
fn what_is_no_mask_is_refused() {
    let model = decoder("llama", 3);
    let mut stream = model.begin(&batch(&[&IDS[..3]])).unwrap();
    let mut step = |starts: &[usize], rows: usize, caches: usize| {
        let runs = vec![true; rows];
        let missing = MissingKv::Never;
        let mask = Mask { starts, attention: &runs, feed_forward: &runs, missing };
        let mut caches = vec![model.cache().unwrap(); caches];
        model.step_masked(Layer(0), mask, &mut caches, &mut stream, &mut NoProbe)
    };
    for (starts, rows, caches) in
        [(&[0, 3][..], 2, 1), (&[0, 2], 3, 1), (&[0, 3], 3, 2), (&[1, 3], 3, 1), (&[], 3, 0)]
    {
        let told = step(starts, rows, caches).unwrap_err().to_string();
        assert!(told.contains("the mask is of"), "{told}");
    }
    assert!(step(&[0, 1, 3], 3, 2).is_ok());
    let mut cache = model.cache().unwrap();
    cache.block(1).unwrap().add_absent();
    let shared = Batch { behind: Some(std::sync::Arc::new(cache)), ..batch(&[&IDS[..3]]) };
    let told = model.begin(&shared).unwrap_err().to_string();
    assert!(told.contains("the shared start is one that left blocks out"), "{told}");
    assert_eq!(positions(&shared).count(), 3);
}

#[test]
fn a_cropped_cache_is_the_one_that_was_there_before() {
    let model = decoder("qwen3", 1);
    let runs = Runs::random(3, 12, 5);
    for missing in [MissingKv::Absent, MissingKv::CopyBelow, MissingKv::Propagate] {
        let (_, mut whole) = masked(&model, &[&IDS[..12]], &runs, missing).unwrap();
        let cut = |all: &[Vec<bool>]| all.iter().map(|runs| runs[..7].to_vec()).collect();
        let part = Runs { attention: cut(&runs.attention), feed_forward: cut(&runs.feed_forward) };
        let (_, part) = masked(&model, &[&IDS[..7]], &part, missing).unwrap();
        whole[0].crop(7);
        assert_eq!(whole[0].bytes(), part[0].bytes());
        for layer in 0..3 {
            let (whole, part) = (whole[0].kept(layer).unwrap(), part[0].kept(layer).unwrap());
            assert_eq!(whole.positions(), 7);
            near("keys", whole.keys(), part.keys());
        }
        whole[0].crop(100);
        assert_eq!(whole[0].positions(), 7);
    }
}
