//! The loop of a training run. Everything random in a step follows from the seed and the number of the step, so a
//! run that was interrupted goes on exactly as if it had not been.

use std::f64::consts::PI;
use std::fmt::Write as _;
use std::path::Path;

use super::TrainError;
use super::adam::Adam;
use super::batch::Batch;
use super::course::{Course, Lines};
use super::device::device;
use super::grammar::{HOPS, Sample, numbers};
use super::loss::{draw_keep, early_exit_loss};
use super::network::{Network, Shape};
use super::resume;
use super::tally::Tally;
use super::vocabulary::Vocabulary;
use crate::job::Job;

/// Everything that a run can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recipe {
    /// Size of the network.
    pub(crate) shape: Shape,
    /// Steps in all.
    pub(crate) steps: usize,
    /// Steps until the learning rate has risen to `rate`.
    pub(crate) warm_up: usize,
    /// Largest learning rate; falls to a twentieth along a cosine.
    pub(crate) rate: f64,
    /// Samples of look-ups in a step.
    pub(crate) hop_rows: usize,
    /// Steps whose look-ups answer with letters.
    pub(crate) letter_steps: usize,
    /// Samples of all other tasks in a step.
    pub(crate) other_rows: usize,
    /// How much the loss on the other tasks counts against that on look-ups.
    pub(crate) other_weight: f64,
    /// Chance that a row skips the last block.
    pub(crate) most_skipped: f64,
    /// Steps between two lines of the log, which are also the places where a run can be taken up again.
    pub(crate) save_every: usize,
}

/// The stream of random numbers that makes the first weights; steps use the streams from 1 on.
const WEIGHTS_STREAM: u64 = 0;

/// A run and where it stands.
pub(crate) struct Teacher {
    pub(crate) recipe: Recipe,
    pub(crate) seed: u64,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) network: Network,
    pub(crate) adam: Adam,
    pub(crate) course: Course,
    /// Steps done.
    pub(crate) step: usize,
    /// The training log so far.
    pub(crate) log: String,
}

impl Teacher {
    /// A run before its first step.
    pub(crate) fn new(recipe: Recipe, seed: u64) -> Result<Self, TrainError> {
        let network = Network::new(recipe.shape, &mut numbers(seed, WEIGHTS_STREAM), &device()?)?;
        let adam = Adam::new(network.named())?;
        let parameters = network.num_parameters();
        let log = format!("seed {seed}, {parameters} parameters, {recipe:?}\n");
        let vocabulary = Vocabulary::of_the_grammar();
        Ok(Self {
            recipe,
            seed,
            vocabulary,
            network,
            adam,
            course: Course::default(),
            step: 0,
            log,
        })
    }

    /// Takes every step that is left; saves to `folder` on the way.
    pub(crate) fn teach(&mut self, folder: &Path, job: &Job) -> Result<(), TrainError> {
        let total = self.recipe.steps;
        let mut tally = Tally::default();
        let mut loss_sum = 0.0;
        let mut since = 0;
        while self.step < total {
            job.progress("Training", "steps", self.step as u64, total as u64)?;
            loss_sum += self.step(&mut tally)?;
            since += 1;
            if self.step.is_multiple_of(self.recipe.save_every) || self.step == total {
                let (loss, line) = (loss_sum / f64::from(since), tally.line());
                let (step, reached) = (self.step, self.course.reached);
                let _infallible = writeln!(
                    self.log,
                    "step {step:5}  loss {loss:.4}  taught hops {reached} {line}"
                );
                resume::save(self, folder)?;
                tally = Tally::default();
                loss_sum = 0.0;
                since = 0;
            }
        }
        job.progress("Training", "steps", total as u64, total as u64)?;
        Ok(())
    }

    /// One step: draws samples, learns from them, and counts into `tally`; gives the loss.
    pub(crate) fn step(&mut self, tally: &mut Tally) -> Result<f64, TrainError> {
        let mut rng = numbers(self.seed, self.step as u64 + 1);
        let Recipe { hop_rows, other_rows, other_weight, most_skipped, .. } = self.recipe;
        let lines =
            if self.step < self.recipe.letter_steps { Lines::Letters } else { Lines::Usual };
        let hops = self.course.draw_hops(hop_rows, lines, &mut rng);
        let others = Course::draw_others(other_rows, &mut rng);
        let mut loss = None;
        let mut seen = Tally::default();
        for (samples, weight) in [(&hops, 1.0), (&others, other_weight)] {
            if samples.is_empty() {
                continue;
            }
            let batch = Batch::new(samples, &self.vocabulary)?;
            let blocks = self.recipe.shape.blocks;
            let keep = draw_keep(blocks, samples.len(), most_skipped, &mut rng)?;
            let outcome = early_exit_loss(&self.network, &batch, &keep)?;
            seen.count(samples, &batch, &outcome.said);
            let part = (outcome.loss * weight)?;
            loss = Some(match loss {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        let Some(loss) = loss else {
            return Err(TrainError::Empty);
        };
        let value = f64::from(loss.to_scalar::<f32>()?);
        if !value.is_finite() {
            return Err(TrainError::Diverged { step: self.step });
        }
        let rate = self.rate();
        self.adam.step(self.network.named(), &loss.backward()?, self.step, rate)?;
        if let Some(accuracy) = seen.accuracy(HOPS.id(), self.course.reached) {
            self.course.observe(accuracy);
        }
        tally.add(&seen);
        self.step += 1;
        Ok(value)
    }

    fn rate(&self) -> f64 {
        let Recipe { steps, warm_up, rate, .. } = self.recipe;
        let rise = (self.step as f64 / warm_up.max(1) as f64).min(1.0);
        let turn = (PI * self.step as f64 / steps.max(1) as f64).cos();
        rate * rise * (0.05 + 0.95 * (0.5 + 0.5 * turn))
    }
}

/// Samples kept for measuring, `count` of each task and difficulty, from a stream that training never uses.
pub(crate) fn kept_back(seed: u64, stream: u64, count: impl Fn(&str) -> usize) -> Vec<Sample> {
    use super::grammar::{Set, TASKS};
    let mut rng = numbers(seed, u64::MAX - stream);
    let mut samples = Vec::new();
    for task in TASKS {
        for difficulty in 1..=task.hardest() {
            for _ in 0..count(task.id()) {
                samples.push(Sample::draw(*task, difficulty, Set::KeptBack, &mut rng));
            }
        }
    }
    samples
}

#[cfg(test)]
mod tests;
