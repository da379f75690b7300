//! Counts right answers between two lines of the training log.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::batch::Batch;
use super::grammar::{Sample, TASKS};

/// Right answers and answers, per task and difficulty.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(&'static str, usize), (usize, usize)>);

impl Tally {
    /// Counts what the full depth `said` in a batch of `samples`; gives the accuracy on `task` at `difficulty`.
    pub(crate) fn count(&mut self, samples: &[Sample], batch: &Batch, said: &[u32]) {
        for asked in &batch.asked {
            let sample = &samples[asked.sample_idx];
            let (right, all) = self.0.entry((sample.task, sample.difficulty)).or_default();
            *right += usize::from(said.get(asked.place) == Some(&asked.answer));
            *all += 1;
        }
    }

    /// The part of right answers; `None` where nothing was asked.
    pub(crate) fn accuracy(&self, task: &str, difficulty: usize) -> Option<f64> {
        let found = self.0.iter().find(|((t, d), _)| *t == task && *d == difficulty);
        found.map(|(_, (right, all))| *right as f64 / *all as f64)
    }

    /// Adds what another tally counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (key, (right, all)) in &other.0 {
            let mine = self.0.entry(*key).or_default();
            mine.0 += right;
            mine.1 += all;
        }
    }

    /// Accuracies of every task, its difficulties in rising order: "hops 1.00 0.98 - -".
    pub(crate) fn line(&self) -> String {
        let mut line = String::new();
        for task in TASKS {
            let _infallible = write!(line, "  {}", task.id());
            for difficulty in 1..=task.hardest() {
                let _infallible = match self.accuracy(task.id(), difficulty) {
                    Some(accuracy) => write!(line, " {accuracy:.2}"),
                    None => write!(line, " -"),
                };
            }
        }
        line
    }
}
