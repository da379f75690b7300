//! The run behind the embedded checkpoint: `layerscope train default`.

use std::path::Path;

use super::card::Card;
use super::files::replace;
use super::grammar::HOPS;
use super::network::Shape;
use super::teacher::{Recipe, Teacher, kept_back};
use super::vocabulary::Vocabulary;
use super::{Run, TrainError, evaluate, folder as checkpoint_folder, resume};
use crate::job::Job;

/// The run itself.
pub(super) static RUN: Default = Default;

/// See the head of the file.
pub(super) struct Default;

/// Streams of random numbers, counted down from the last one, that training never uses.
const MEASURING: u64 = 0;
const DATA: u64 = 1;

/// Samples of each task and difficulty that the card's table is measured on.
const MEASURED_SAMPLES: usize = 64;

impl Run for Default {
    fn name(&self) -> &'static str {
        "default"
    }

    fn train(&self, folder: &Path, seed: u64, job: &Job) -> Result<(), TrainError> {
        let mut teacher = Teacher::new(recipe(), seed)?;
        resume::load(&mut teacher, folder)?;
        teacher.teach(folder, job)?;
        finish(&teacher, folder, job)
    }
}

/// The sizes and rates of the embedded checkpoint, found by trying: see its card.
fn recipe() -> Recipe {
    let shape = Shape {
        vocabulary: Vocabulary::of_the_grammar().len(),
        width: 96,
        inner: 320,
        blocks: 8,
        heads: 2,
        context: 128,
    };
    Recipe {
        shape,
        steps: 4500,
        warm_up: 100,
        rate: 2.5e-3,
        hop_rows: 48,
        other_rows: 32,
        other_weight: 0.5,
        most_skipped: 0.1,
        save_every: 50,
    }
}

/// Rounds, measures, and writes the folder.
fn finish(teacher: &Teacher, folder: &Path, job: &Job) -> Result<(), TrainError> {
    let Teacher { network, vocabulary, seed, recipe, .. } = teacher;
    checkpoint_folder::round_to_half(network)?;
    // Look-ups are half of the embedded text, so that its mean exit depth shows them.
    let data = kept_back(*seed, DATA, |task| if task == HOPS.id() { 24 } else { 6 });
    let samples = kept_back(*seed, MEASURING, |_| MEASURED_SAMPLES);
    let card = Card {
        seed: *seed,
        recipe,
        parameters: network.num_parameters(),
        kept_back: evaluate::measure(network, vocabulary, &samples, job)?,
        embedded: evaluate::measure(network, vocabulary, &data, job)?,
        samples: &samples,
    };
    checkpoint_folder::write(folder, network, vocabulary, &data)?;
    replace(&folder.join("README.md"), card.markdown().as_bytes())?;
    replace(&folder.join(resume::LOG), teacher.log.as_bytes())?;
    resume::forget(folder)
}
