//! A model made of arithmetic: what goes in can be found again in what comes out.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::dataset::TextSample;
use crate::job::CancelSwitch;
use crate::model::{Batch, ModelError, NO_TOKEN, Probe, Readouts, Run, Stream};
use crate::signal::{Depth, Layer};

const LAYERS: usize = 3;

/// Stream: [id, position, blocks that ran, 1]. A readout copies it, so that every number names its token.
struct Arithmetic {
    card: ModelCard,
    blocks: Cell<usize>,
    /// Throws the switch inside this block, counted over the whole run.
    cancel: Option<(usize, CancelSwitch)>,
    forgets_a_value: bool,
}

fn arithmetic() -> Arithmetic {
    let card = serde_json::json!({
        "name": "Arithmetic", "format": "none", "family": "none", "layers": LAYERS, "width": 4,
        "vocab": 4096, "outputs": 4096, "heads": 1, "kv_heads": 1, "head_dim": 4, "ffn_width": 4, "context": 64,
        "parameters": 0, "types": "", "size_bytes": 0, "tokenizer": "none", "chat_template": null,
        "fingerprint": "ab", "tokenizer_fingerprint": "cd", "points": [],
    });
    let card = serde_json::from_value(card).unwrap();
    Arithmetic { card, blocks: Cell::new(0), cancel: None, forgets_a_value: false }
}

impl LayeredModel for Arithmetic {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError> {
        let mut hidden = Vec::new();
        for bounds in batch.starts.windows(2) {
            for (position, id) in batch.ids[bounds[0]..bounds[1]].iter().enumerate() {
                hidden.extend([*id as f32, position as f32, 0.0, 1.0]);
            }
        }
        Ok(Stream { hidden, width: 4 })
    }

    fn block(
        &self,
        layer: Layer,
        run: Run,
        _batch: &Batch,
        stream: &mut Stream,
        _probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        assert_eq!(run, Run::Full);
        self.blocks.set(self.blocks.get() + 1);
        if let Some((at, switch)) = &self.cancel
            && *at == self.blocks.get()
        {
            switch.cancel();
        }
        for token in stream.hidden.chunks_mut(4) {
            assert_eq!(token[2], f32::from(layer.0), "blocks run in order");
            token[2] += 1.0;
        }
        Ok(())
    }

    fn subjects(&self, _batch: &Batch, stream: &Stream) -> Result<Stream, ModelError> {
        Ok(stream.clone())
    }

    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        _job: &Job,
    ) -> Result<Readouts, ModelError> {
        let mut out = Readouts::default();
        for (depth, stream) in depths.iter().zip(streams) {
            assert_eq!(stream.hidden.len(), next_ids.len() * 4);
            for (token, next) in stream.hidden.chunks(4).zip(next_ids) {
                assert_eq!(token[2], f32::from(depth.0), "one stream per depth");
                out.max_prob.push(token[0]);
                out.margin.push(token[1]);
                out.entropy.push(token[2]);
                out.kl.push(0.0);
                out.kl_prev.push(0.0);
                out.prob_step.push(0.0);
                out.nll.push(if *next == NO_TOKEN { f32::NAN } else { *next as f32 });
                out.rank.push(1.0);
                out.top_ids.push([1000 + u32::from(depth.0), 7, 8, 9, NO_TOKEN]);
                out.top_probs.push([0.5, 0.25, 0.125, 0.125, 0.0]);
            }
        }
        if self.forgets_a_value {
            out.margin.pop();
        }
        Ok(out)
    }
}

/// Sequences of these lengths; ids count on, so that no two tokens share one.
fn sequences(lengths: &[usize]) -> Vec<Sequence> {
    let mut ids = 0_u32..;
    let sequence = |(sample, length): (usize, &usize)| Sequence {
        ids: ids.by_ref().take(*length).collect(),
        segments: Vec::new(),
        sample,
    };
    lengths.iter().enumerate().map(sequence).collect()
}

#[test]
fn segments_stand_beside_the_ids_of_a_batch_and_are_0_where_there_is_one_text() {
    let sequence = |ids: &[u32], segments: &[u32]| Sequence {
        ids: ids.to_vec(),
        segments: segments.to_vec(),
        sample: 0,
    };
    let plain = [sequence(&[7, 8], &[]), sequence(&[9], &[])];
    let segments =
        |all: &[Sequence]| super::batch::input(all, Vec::new(), ReadAt::Every, None).batch.segments;
    assert!(segments(&plain).is_empty());
    let pairs = [sequence(&[1, 2, 3], &[0, 1, 1]), sequence(&[4, 5], &[])];
    assert_eq!(segments(&pairs), [0, 1, 1, 0, 0]);
}

fn data(samples: usize) -> Data {
    let columns = |at: usize| BTreeMap::from([("task".to_owned(), format!("t{at}"))]);
    let sample = |at| TextSample { text: "…".to_owned(), columns: columns(at) };
    Data {
        name: "prompt".to_owned(),
        samples: (0..samples).map(sample).collect(),
        ..Data::default()
    }
}

fn run(model: &Arithmetic, lengths: &[usize], budget_bytes: u64) -> Result<Recording, RecordError> {
    let switch = model.cancel.as_ref().map(|(_, switch)| switch.clone()).unwrap_or_default();
    run_into(None, model, lengths, budget_bytes, &Job::new(switch, |_| {}))
}

/// With a part after every batch where there is a folder.
fn run_into(
    folder: Option<&Path>,
    model: &Arithmetic,
    lengths: &[usize],
    budget_bytes: u64,
    job: &Job,
) -> Result<Recording, RecordError> {
    let (data, sequences) = (data(lengths.len()), sequences(lengths));
    let notes = Vec::new();
    let asked = Asked {
        data: &data,
        preparation: None,
        sequences: &sequences,
        read_at: ReadAt::Every,
        budget_bytes,
        notes,
        folder,
    };
    record_with(model, &|id| format!("<{id}>"), asked, |_, _| Duration::ZERO, job)
}

const PLENTY: u64 = 1 << 30;

#[test]
fn every_token_keeps_its_own_numbers_however_it_was_batched() {
    let lengths = [3, 500, 20, 600, 1, 1];
    let recording = run(&arithmetic(), &lengths, PLENTY).unwrap();
    assert_eq!(recording.num_tokens(), lengths.iter().sum::<usize>());
    for depth in (0_u16..).map(Depth).take(LAYERS + 1) {
        let column = |signal| recording.column(signal, depth).unwrap();
        for (token, id) in recording.tokens.ids.iter().enumerate() {
            assert_eq!(column(Signal::MaxProb)[token], *id as f32);
            assert_eq!(column(Signal::Margin)[token], recording.tokens.position[token] as f32);
            assert_eq!(column(Signal::Entropy)[token], f32::from(depth.0));
            assert_eq!(recording.top1[depth.index()][token], 1000 + u32::from(depth.0));
            assert_eq!(column(Signal::CosNext)[token].is_nan(), depth.index() == LAYERS);
        }
    }
    assert_eq!(recording.top5[2][0].ids, [1002, 7, 8, 9, NO_TOKEN]);
}

#[test]
fn the_next_token_is_absent_at_the_end_of_every_sequence() {
    let recording = run(&arithmetic(), &[2, 1, 3], PLENTY).unwrap();
    let none = NO_TOKEN;
    assert_eq!(recording.tokens.ids, [0, 1, 2, 3, 4, 5]);
    assert_eq!(recording.tokens.next_ids, [1, none, none, 4, 5, none]);
    assert_eq!(recording.tokens.sample, [0, 0, 1, 2, 2, 2]);
    assert_eq!(recording.tokens.position, [0, 1, 0, 0, 1, 2]);
    let nll = recording.column(Signal::Nll, Depth(1)).unwrap();
    assert!(nll[1].is_nan() && nll[2].is_nan() && nll[5].is_nan());
    assert_eq!(nll[3], 4.0);
    let firsts: Vec<_> = recording.samples.iter().map(|s| (s.first_token, s.num_tokens)).collect();
    assert_eq!(firsts, [(0, 2), (2, 1), (3, 3)]);
    assert_eq!(recording.samples[2].columns["task"], "t2");
}

#[test]
fn batches_hold_the_token_budget_and_a_long_sequence_goes_alone() {
    let all = sequences(&[500, 12, 1, 600, 512, 3]);
    let sizes: Vec<Vec<_>> =
        batches(&all).map(|b| b.iter().map(|s| s.ids.len()).collect()).collect();
    assert_eq!(sizes, [vec![500, 12], vec![1], vec![600], vec![512], vec![3]]);
    assert_eq!(batches(&[]).count(), 0);
}

#[test]
fn the_manifest_says_what_was_run_and_every_id_has_its_text() {
    let model = arithmetic();
    let recording = run(&model, &[3, 2], PLENTY).unwrap();
    let manifest = recording.manifest();
    assert!(manifest.complete && !manifest.partial && manifest.notes.is_empty());
    assert_eq!((manifest.tokens, manifest.layers, manifest.vocab), (5, LAYERS, 4096));
    assert_eq!(manifest.columns, ["task"]);
    assert_eq!(manifest.signals.len(), Signal::ALL.len());
    assert_eq!(manifest.provenance.model_fingerprint, "ab");
    // Keys of the positions 0, 1, 2 and 0, 1: (1 + 2 + 3 + 1 + 2) / 5.
    let (fixed, per_key) = (model.card.flops_fixed(), model.card.flops_per_key());
    assert_eq!(manifest.flops_per_block, vec![fixed + 1.8 * per_key; LAYERS]);
    assert_eq!(manifest.block_costs, vec![BlockCost { fixed, per_key, window: None }; LAYERS]);
    assert_eq!(manifest.flops_per_fill, Some(model.card.flops_per_fill()));
    assert_eq!(manifest.block_secs.len(), LAYERS);
    assert!(manifest.block_secs.iter().all(|secs| *secs > 0.0));
    let ids: Vec<_> = recording.pieces.keys().copied().collect();
    assert_eq!(ids, [0, 1, 2, 3, 4, 7, 8, 9, 1000, 1001, 1002, 1003]);
    assert_eq!(recording.piece(1003), "<1003>");
}

#[test]
fn the_fingerprint_of_the_data_is_that_of_what_was_run() {
    let print = |model: &Arithmetic, lengths: &[usize]| {
        let recording = run(model, lengths, PLENTY).unwrap();
        recording.manifest.provenance.data_fingerprint
    };
    let whole = print(&arithmetic(), &[400, 400]);
    assert_eq!(whole, print(&arithmetic(), &[400, 400]));
    // The same tokens, limited, and cut elsewhere.
    assert_ne!(whole, print(&arithmetic(), &[400, 399]));
    assert_ne!(whole, print(&arithmetic(), &[400, 200, 200]));
    let cancel = Some((LAYERS + 1, CancelSwitch::default()));
    let cancelled = Arithmetic { cancel, ..arithmetic() };
    assert_eq!(print(&cancelled, &[400, 400]), print(&arithmetic(), &[400]));
}

#[test]
fn a_cancel_keeps_whole_batches_and_says_partial() {
    let cancel = Some((LAYERS * 2 + 2, CancelSwitch::default()));
    let model = Arithmetic { cancel, ..arithmetic() };
    let recording = run(&model, &[400, 400, 400], PLENTY).unwrap();
    assert_eq!(model.blocks.get(), LAYERS * 2 + 2, "no block runs after the cancel");
    assert_eq!(recording.num_tokens(), 800);
    assert_eq!(recording.samples.len(), 2);
    assert!(recording.manifest.partial);
    assert_eq!(recording.manifest.tokens, 800);
    assert_eq!(recording.manifest.notes[0].what, "Cancelled: 800 of 1200 tokens are here.");
    assert_eq!(recording.signals[&Signal::Rms][LAYERS].len(), 800);
}

#[test]
fn a_cancel_before_the_first_batch_is_done_leaves_nothing() {
    let model = Arithmetic { cancel: Some((1, CancelSwitch::default())), ..arithmetic() };
    assert!(matches!(run(&model, &[4, 4], PLENTY), Err(RecordError::Cancelled(_))));
    assert_eq!(model.blocks.get(), 1);
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_block() {
    let model = arithmetic();
    let error = run(&model, &[400, 400], 100_000).unwrap_err();
    assert_eq!(model.blocks.get(), 0);
    let said = "800 tokens at 4 depths need 365.6 KiB of memory, 97.7 KiB are free for a recording";
    assert_eq!(error.to_string(), said);
    assert_eq!(error.hint(), "Limit the run to 137 tokens.");
    assert!(run(&model, &[137], 100_000).is_ok());
    assert!(run(&model, &[138], 100_000).is_err());
}

#[test]
fn the_five_best_are_dropped_first_and_that_is_said() {
    let cells = 10 * (LAYERS as u64 + 1);
    let streams = 10 * (4 * 4 + 88) * (LAYERS as u64 + 2);
    let just_enough = cells * 48 + 10 * 16 + streams;
    let recording = run(&arithmetic(), &[10], just_enough).unwrap();
    assert!(recording.top5.is_empty());
    assert_eq!(recording.manifest.notes.len(), 1);
    assert!(run(&arithmetic(), &[10], just_enough - 1).is_err());
    assert!(!run(&arithmetic(), &[10], just_enough + cells * 40).unwrap().top5.is_empty());
}

/// Reads the first token of every sequence.
struct Classifier(Arithmetic);

impl LayeredModel for Classifier {
    fn card(&self) -> &ModelCard {
        self.0.card()
    }

    fn begin(&self, batch: &Batch) -> Result<Stream, ModelError> {
        self.0.begin(batch)
    }

    fn block(
        &self,
        layer: Layer,
        run: Run,
        batch: &Batch,
        stream: &mut Stream,
        probe: &mut dyn Probe,
    ) -> Result<(), ModelError> {
        self.0.block(layer, run, batch, stream, probe)
    }

    fn subjects(&self, batch: &Batch, stream: &Stream) -> Result<Stream, ModelError> {
        let firsts = batch.starts.iter().take(batch.starts.len() - 1);
        let hidden = firsts.flat_map(|at| &stream.hidden[at * 4..][..4]).copied().collect();
        Ok(Stream { hidden, width: 4 })
    }

    fn readout(
        &self,
        depths: &[Depth],
        streams: &[&Stream],
        next_ids: &[u32],
        job: &Job,
    ) -> Result<Readouts, ModelError> {
        self.0.readout(depths, streams, next_ids, job)
    }
}

#[test]
fn a_row_is_a_sample_where_the_model_reads_samples() {
    let mut model = arithmetic();
    model.card.subject = Subject::Sample;
    model.card.outputs = 1004;
    model.card.block_weights = 10;
    model.card.classes = ["bad", "good"].map(str::to_owned).to_vec();
    let mut data = data(4);
    data.label = Some("label".to_owned());
    let labels = ["good", "0", "other"];
    for (sample, label) in data.samples.iter_mut().zip(labels) {
        sample.columns.insert("label".to_owned(), label.to_owned());
    }
    data.samples[1].text = "x".repeat(3000);
    let sequences = sequences(&[3, 500, 20, 1]);
    let (budget_bytes, notes) = (PLENTY, Vec::new());
    let asked = Asked {
        data: &data,
        preparation: None,
        sequences: &sequences,
        read_at: ReadAt::Every,
        budget_bytes,
        notes,
        folder: None,
    };
    let class = |id: u32| format!("class {id}");
    let classifier = Classifier(model);
    let pace = |_, _| Duration::ZERO;
    let recording = record_with(&classifier, &class, asked, pace, &Job::unattended()).unwrap();
    let none = NO_TOKEN;
    assert_eq!(recording.tokens.next_ids, [1, 0, none, none]);
    assert_eq!(recording.tokens.ids, [none; 4]);
    assert_eq!(recording.tokens.sample, [0, 1, 2, 3]);
    assert_eq!(recording.tokens.texts[0], "…");
    assert_eq!(recording.tokens.texts[1].chars().count(), 2001);
    // The first token of each.
    assert_eq!(recording.column(Signal::MaxProb, Depth(2)).unwrap(), [0.0, 3.0, 503.0, 523.0]);
    let nll = recording.column(Signal::Nll, Depth(3)).unwrap();
    assert!(nll[..2] == [1.0, 0.0] && nll[2].is_nan() && nll[3].is_nan());
    let firsts: Vec<_> = recording.samples.iter().map(|s| (s.first_token, s.num_tokens)).collect();
    assert_eq!(firsts, [(0, 1), (1, 1), (2, 1), (3, 1)]);
    let manifest = recording.manifest();
    assert_eq!((manifest.tokens, manifest.vocab, manifest.subject), (4, 1004, Subject::Sample));
    assert_eq!(manifest.notes[0].what, "Labels that name no class of the model: 1, first `other`.");
    // Tokens of a sample are 524 / 4; each attends to all of its own: (3^2 + 500^2 + 20^2 + 1) / 524.
    let keys = f64::from(9 + 250_000 + 400 + 1) / 524.0;
    let card = classifier.card();
    let flops = (card.flops_fixed() + keys * card.flops_per_key()) * 524.0 / 4.0;
    assert!(manifest.flops_per_block.iter().all(|found| (found / flops - 1.0).abs() < 1e-12));
    assert!(manifest.block_costs.is_empty());
    assert_eq!(recording.piece(1003), "class 1003");
    assert!(!recording.pieces.contains_key(&none));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    recording.save(&folder, &Job::unattended()).unwrap();
    let back = Recording::load(&folder, PLENTY, &Job::unattended()).unwrap();
    assert_eq!(back.tokens, recording.tokens);
}

#[test]
fn parts_of_samples_are_put_together_with_their_texts() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    let switch = CancelSwitch::default();
    let mut model = Arithmetic { cancel: Some((LAYERS * 2 + 2, switch.clone())), ..arithmetic() };
    model.card.subject = Subject::Sample;
    model.card.outputs = 1004;
    let (data, sequences) = (data(4), sequences(&[400, 300, 400, 20]));
    let asked = Asked {
        data: &data,
        preparation: None,
        sequences: &sequences,
        read_at: ReadAt::Every,
        budget_bytes: PLENTY,
        notes: Vec::new(),
        folder: Some(&folder),
    };
    let class = |id: u32| format!("class {id}");
    let pace = |_, _| Duration::ZERO;
    let classifier = Classifier(model);
    let job = Job::new(switch, |_| {});
    let done = record_with(&classifier, &class, asked, pace, &job).unwrap();
    assert_eq!(done.manifest.notes[0].what, "Cancelled: 2 of 4 samples are here.");
    let left = Recording::load(&folder, PLENTY, &Job::unattended()).unwrap();
    let said = "The run was killed (or is still going): 2 of 4 samples are here.";
    assert_eq!(left.manifest.notes[0].what, said);
    assert_eq!(left.tokens, done.tokens);
    assert_eq!(left.tokens.texts.len(), 2);
    assert_eq!(left.manifest.provenance, done.manifest.provenance);
    for (found, expected) in
        left.manifest.flops_per_block.iter().zip(&done.manifest.flops_per_block)
    {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} against {expected}");
    }
}

#[test]
fn nothing_to_run_is_said() {
    assert!(matches!(run(&arithmetic(), &[], PLENTY), Err(RecordError::NothingToRun)));
}

#[test]
fn a_model_that_forgets_a_value_is_found_out() {
    let model = Arithmetic { forgets_a_value: true, ..arithmetic() };
    let error = run(&model, &[2], PLENTY).unwrap_err();
    assert_eq!(error.to_string(), "the model gave 7 values of margin, 8 were expected");
}

#[test]
fn a_run_into_a_folder_leaves_there_what_is_done_so_far() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    // The third batch ends the run; nobody saves it.
    let switch = CancelSwitch::default();
    let model = Arithmetic { cancel: Some((LAYERS * 2 + 2, switch.clone())), ..arithmetic() };
    let job = Job::new(switch, |_| {});
    let lengths = [400, 300, 400, 20];
    let done = run_into(Some(&folder), &model, &lengths, PLENTY, &job).unwrap();
    let left = Recording::load(&folder, PLENTY, &Job::unattended()).unwrap();
    assert!(left.manifest.partial);
    let said = "The run was killed (or is still going): 700 of 1120 tokens are here.";
    assert_eq!(left.manifest.notes[0].what, said);
    assert_eq!(left.tokens, done.tokens);
    assert_eq!(left.samples, done.samples);
    assert_eq!(left.top1, done.top1);
    assert_eq!(left.top5, done.top5);
    assert_eq!(left.pieces, done.pieces);
    assert_eq!(format!("{:?}", left.signals), format!("{:?}", done.signals));
    assert_eq!(left.manifest.columns, done.manifest.columns);
    assert_eq!(left.manifest.provenance, done.manifest.provenance);
    let pairs = [
        (&left.manifest.flops_per_block, &done.manifest.flops_per_block),
        (&left.manifest.block_secs, &done.manifest.block_secs),
    ];
    for (found, expected) in pairs {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} against {expected}");
        }
    }
    done.save(&folder, &Job::unattended()).unwrap();
    assert_eq!(Recording::load(&folder, PLENTY, &Job::unattended()).unwrap().tokens, done.tokens);
    assert!(!folder.join("unfinished").exists());
}

#[test]
fn a_run_that_is_cancelled_before_its_first_part_leaves_no_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    let switch = CancelSwitch::default();
    let model = Arithmetic { cancel: Some((1, switch.clone())), ..arithmetic() };
    let job = Job::new(switch, |_| {});
    let done = run_into(Some(&folder), &model, &[4, 4], PLENTY, &job);
    assert!(matches!(done, Err(RecordError::Cancelled(_))));
    assert!(!folder.exists());
}

#[test]
fn a_folder_that_is_in_use_is_refused_before_the_first_block() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("thesis.txt"), "three years of work").unwrap();
    let model = arithmetic();
    let error = run_into(Some(home.path()), &model, &[4], PLENTY, &Job::unattended()).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("thesis.txt"), "{error}");
    assert_eq!(model.blocks.get(), 0);
}

#[test]
fn a_part_that_cannot_be_written_is_told_and_the_run_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recording");
    // A file takes the place of the parts after the folder was claimed.
    let piece = |id: u32| {
        std::fs::write(folder.join("unfinished"), "").unwrap();
        id.to_string()
    };
    let (data, sequences) = (data(2), sequences(&[400, 400]));
    let (notes, folder) = (Vec::new(), Some(folder.as_path()));
    let asked = Asked {
        data: &data,
        preparation: None,
        sequences: &sequences,
        read_at: ReadAt::Every,
        budget_bytes: PLENTY,
        notes,
        folder,
    };
    let recording =
        record_with(&arithmetic(), &piece, asked, |_, _| Duration::ZERO, &Job::unattended());
    let manifest = recording.unwrap().manifest;
    assert_eq!((manifest.tokens, manifest.partial), (800, false));
    let what = &manifest.notes[0].what;
    assert!(what.contains("would have been lost: cannot be written"), "{what}");
}

#[test]
fn a_defect_of_ours_is_not_the_fault_of_the_input() {
    let model = Arithmetic { forgets_a_value: true, ..arithmetic() };
    assert!(!run(&model, &[2], PLENTY).unwrap_err().is_input());
    assert!(run(&arithmetic(), &[], PLENTY).unwrap_err().is_input());
    assert!(run(&arithmetic(), &[400], 10).unwrap_err().is_input());
}
