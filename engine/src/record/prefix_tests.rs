//! What sequences begin with runs once, and nobody can tell.

use std::cell::RefCell;

use super::read_at_tests::{recorded, sequences};
use super::*;
use crate::model::fixtures::{Fixture, KINDS, config_of};
use crate::model::{Batch, Cache, ModelError, Probe, Readouts, Run, Stream};
use crate::recording::Sample;
use crate::signal::{Depth, Layer};

const START: [u32; 20] = [3, 9, 27, 1, 3, 9, 33, 19, 17, 11, 0, 39, 2, 6, 18, 14, 5, 8, 21, 22];

/// Sequences with the same start, each with this many tokens of its own.
fn alike(start: usize, own: &[usize]) -> Vec<Sequence> {
    let mut all = sequences(own);
    for sequence in &mut all {
        sequence.ids.splice(0..0, START.iter().copied().take(start));
    }
    all
}

fn run(model: &dyn LayeredModel, sequences: &[Sequence], read_at: ReadAt) -> Recording {
    recorded(model, sequences, read_at, None, &Job::unattended())
}

/// Rows are those of each sequence run by itself.
fn check(model: &dyn LayeredModel, sequences: &[Sequence], read_at: ReadAt) -> Recording {
    let together = run(model, sequences, read_at);
    for (number, sequence) in sequences.iter().enumerate() {
        let alone = run(model, std::slice::from_ref(sequence), read_at);
        let Sample { first_token, num_tokens, .. } = together.samples[number];
        assert_eq!(num_tokens, alone.num_tokens());
        let here = first_token..first_token + num_tokens;
        assert_eq!(together.tokens.ids[here.clone()], alone.tokens.ids);
        assert_eq!(together.tokens.next_ids[here.clone()], alone.tokens.next_ids);
        assert_eq!(together.tokens.position[here.clone()], alone.tokens.position);
        for depth in 0..=alone.num_layers() {
            assert_eq!(together.top1[depth][here.clone()], alone.top1[depth]);
            for (signal, want) in &alone.signals {
                let got = &together.signals[signal][depth][here.clone()];
                for (row, (got, want)) in got.iter().zip(&want[depth]).enumerate() {
                    let is_near = (got - want).abs() <= 1e-5 * want.abs().max(1.0);
                    let name = &model.card().family;
                    assert!(
                        is_near || (got.is_nan() && want.is_nan()),
                        "{name} {signal:?} depth {depth} sequence {number} row {row}: {got} {want}"
                    );
                }
            }
        }
    }
    together
}

#[test]
fn rows_are_those_of_sequences_that_run_alone() {
    for (seed, kind) in (0..).zip(KINDS) {
        let model = Fixture::random(config_of(kind), seed).model();
        // Windows end inside what is shared, at its end and behind it; the last fills the context.
        let recording = check(model.as_ref(), &alike(20, &[3, 1, 9, 40, 44]), ReadAt::Every);
        let said = &recording.manifest.notes[0].what;
        let expected = "All sequences begin with the same 20 tokens, which ran once: 80 tokens were not run again.";
        assert_eq!(said, expected, "{kind}");
        let nth = ReadAt::EveryNth(std::num::NonZeroU32::new(19).unwrap());
        // The last shared token among the rows, and no row of a sequence's own.
        check(model.as_ref(), &alike(20, &[1, 30, 18, 2]), nth);
        check(model.as_ref(), &alike(20, &[1, 30, 18, 2]), ReadAt::Last);
    }
}

#[test]
fn equal_sequences_keep_their_last_token() {
    let model = Fixture::random(config_of("qwen3"), 1).model();
    let same = vec![alike(20, &[0])[0].clone(); 3];
    let recording = check(model.as_ref(), &same, ReadAt::Every);
    assert!(recording.manifest.notes[0].what.contains("the same 19 tokens"));
}

#[test]
fn short_starts_single_sequences_and_encoders_share_nothing() {
    let shared = prefix::shared_tokens;
    assert_eq!(shared(Subject::Token, &alike(20, &[5, 7])), 20);
    assert_eq!(shared(Subject::Token, &alike(20, &[0, 7])), 19);
    assert_eq!(shared(Subject::Token, &alike(8, &[5, 7])), 8);
    assert_eq!(shared(Subject::Token, &alike(8, &[0, 7])), 0);
    assert_eq!(shared(Subject::Token, &alike(20, &[5])), 0);
    assert_eq!(shared(Subject::OwnToken, &alike(20, &[5, 7])), 0);
    assert_eq!(shared(Subject::Sample, &alike(20, &[5, 7])), 0);
    assert_eq!(shared(Subject::Token, &[]), 0);
}

/// A decoder that counts the tokens that begin to run.
struct Counting {
    inner: Box<dyn LayeredModel>,
    batches: RefCell<Vec<usize>>,
    steps: RefCell<Vec<usize>>,
}

impl LayeredModel for Counting {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError> {
        self.batches.borrow_mut().push(batch.ids.len());
        self.inner.begin(batch)
    }

    fn block(
        &self,
        layer: Layer,
        run: Run,
        batch: &Batch,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        self.inner.block(layer, run, batch, stream, probe)
    }

    fn subjects(&self, batch: &Batch, stream: &Stream) -> Result<Stream, ModelError> {
        self.inner.subjects(batch, stream)
    }

    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        job: &Job,
    ) -> Result<Readouts, ModelError> {
        self.inner.readout(depths, streams, next_ids, job)
    }

    fn cache(&self) -> Result<Cache, ModelError> {
        self.inner.cache()
    }

    fn begin_step(&self, new: &[u32], cache: &Cache) -> Result<Stream, ModelError> {
        self.steps.borrow_mut().push(new.len());
        self.inner.begin_step(new, cache)
    }

    fn step(
        &self,
        layer: Layer,
        cache: &mut Cache,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        self.inner.step(layer, cache, stream, probe)
    }
}

#[test]
fn what_is_shared_runs_once() {
    let inner = Fixture::random(config_of("llama"), 2).model();
    let model = Counting { inner, batches: RefCell::default(), steps: RefCell::default() };
    let own = [30; 40];
    let recording = run(&model, &alike(20, &own), ReadAt::Every);
    assert_eq!(recording.num_tokens(), 40 * 50);
    assert_eq!(*model.steps.borrow(), [20]);
    // Matrix products see the tokens of many sequences.
    assert_eq!(*model.batches.borrow(), [510, 510, 180]);
}

#[test]
fn a_killed_run_says_so_without_a_number_that_it_does_not_know() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    let model = Fixture::random(config_of("llama"), 2).model();
    let job = Job::unattended();
    let all = alike(20, &[30; 40]);
    let done = recorded(model.as_ref(), &all, ReadAt::Every, Some(&folder), &job);
    let left = Recording::load(&folder, 1 << 30, &job).unwrap();
    let said = &left.manifest.notes[0].what;
    assert_eq!(said, "All sequences begin with the same 20 tokens, which ran once.");
    assert_eq!(left.tokens, done.tokens);
    assert_eq!(format!("{:?}", left.signals), format!("{:?}", done.signals));
}

#[test]
fn a_long_start_runs_in_pieces() {
    let mut config = config_of("llama");
    config["max_position_embeddings"] = 2000.into();
    let inner = Fixture::random(config, 2).model();
    let model = Counting { inner, batches: RefCell::default(), steps: RefCell::default() };
    let start: Vec<u32> = (0..1100).map(|at| (at * at + at) % 40).collect();
    let sequence = |sample: usize| {
        let own = [u32::try_from(sample).unwrap(), 7, 8];
        Sequence { ids: [&start[..], &own].concat(), segments: Vec::new(), sample }
    };
    check(&model, &[sequence(0), sequence(1), sequence(2)], ReadAt::Every);
    assert_eq!(model.steps.borrow()[..], [512, 512, 76]);
}
