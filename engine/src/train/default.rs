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
        finish(&teacher, folder, MEASURED_SAMPLES, job)
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
        letter_steps: 3300,
        other_rows: 32,
        other_weight: 0.5,
        most_skipped: 0.1,
        save_every: 50,
    }
}

/// Rounds, measures on `count` samples of each kind, and writes the folder.
fn finish(teacher: &Teacher, folder: &Path, count: usize, job: &Job) -> Result<(), TrainError> {
    let Teacher { network, vocabulary, seed, recipe, .. } = teacher;
    checkpoint_folder::round_to_half(network)?;
    // Look-ups are half of the embedded text, so that its mean exit depth shows them.
    let data = kept_back(*seed, DATA, |task| if task == HOPS.id() { 24 } else { 6 });
    let samples = kept_back(*seed, MEASURING, |_| count);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::grammar::TASKS;
    use safetensors::{Dtype, SafeTensors};
    use serde_json::Value;
    use std::fs;

    fn finished() -> (tempfile::TempDir, Teacher) {
        let folder = tempfile::tempdir().unwrap();
        let mut recipe = recipe();
        recipe.shape = Shape { width: 8, inner: 8, blocks: 2, heads: 1, ..recipe.shape };
        recipe = Recipe { steps: 1, hop_rows: 1, other_rows: 1, ..recipe };
        let mut teacher = Teacher::new(recipe, 5).unwrap();
        teacher.teach(folder.path(), &Job::unattended()).unwrap();
        finish(&teacher, folder.path(), 2, &Job::unattended()).unwrap();
        (folder, teacher)
    }

    #[test]
    fn a_finished_run_is_a_folder_of_the_usual_files_and_nothing_else() {
        let (folder, teacher) = finished();
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let usual = [
            "README.md",
            "config.json",
            "data.jsonl",
            "model.safetensors",
            "tokenizer.json",
            "training.log",
        ];
        assert_eq!(names, usual);

        let bytes = fs::read(folder.path().join("model.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.len(), 3 + 2 * 9);
        for (name, var) in teacher.network.named() {
            let stored = tensors.tensor(name).unwrap();
            assert_eq!((stored.dtype(), stored.shape()), (Dtype::F16, var.dims()), "{name}");
        }

        let data = fs::read_to_string(folder.path().join("data.jsonl")).unwrap();
        let rows: Vec<Value> =
            data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for task in TASKS {
            for difficulty in 1..=task.hardest() {
                let same =
                    |row: &&Value| row["task"] == task.id() && row["difficulty"] == difficulty;
                let found = rows.iter().filter(same).count();
                assert_eq!(found, if task.id() == HOPS.id() { 24 } else { 6 });
            }
        }
        let card = fs::read_to_string(folder.path().join("README.md")).unwrap();
        assert!(card.contains("layerscope train default --out DIR --seed 5"));
        assert_eq!(card.matches("\n| hops |").count(), HOPS.hardest());
    }

    #[test]
    fn an_untrained_network_is_never_sure_so_every_token_leaves_at_the_last_depth() {
        let (_folder, teacher) = finished();
        let samples = kept_back(5, DATA, |_| 1);
        let job = Job::unattended();
        let cells =
            evaluate::measure(&teacher.network, &teacher.vocabulary, &samples, &job).unwrap();
        let tokens: usize = cells.values().map(|cell| cell.tokens).sum();
        assert_eq!(tokens, samples.iter().map(|sample| sample.words.len() + 1).sum::<usize>());
        assert!(cells.values().all(|cell| cell.mean_exit() == 2.0));
    }
}
