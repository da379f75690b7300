//! The text of our own training runs: tasks whose difficulty and answers are known, because we wrote them.
//!
//! A task writes a line word by word and says of each word whether it can be known from what stands before it.
//! Must not know: networks, tokenizers, files.

mod brackets;
mod copying;
mod hops;
mod recall;
mod stories;
mod sums;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// Every task, in the order in which tables list them.
pub(crate) static TASKS: &[&dyn Task] =
    &[&hops::TASK, &recall::TASK, &copying::TASK, &brackets::TASK, &sums::TASK, &stories::TASK];

/// The task whose difficulty is the number of look-ups that have to follow one another.
pub(crate) static HOPS: &dyn Task = &hops::TASK;

/// One kind of text with a known difficulty.
pub(crate) trait Task: Sync {
    /// The task's name in the column `task`.
    fn id(&self) -> &'static str;

    /// One sentence for the model's card.
    fn about(&self) -> &'static str;

    /// Difficulties run from 1 to this.
    fn hardest(&self) -> usize;

    /// Every word that `write` may use, except those it borrows from another task.
    fn words(&self) -> Vec<String>;

    /// Writes one sample of `difficulty`.
    fn write(&self, difficulty: usize, set: Set, rng: &mut ChaCha8Rng) -> Vec<Word>;
}

/// Which samples may be drawn: those to learn from, or those kept back to measure with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Seen in training.
    Taught,
    /// Never seen in training, where a task has few enough samples for that to need saying.
    KeptBack,
}

/// What is known about a word before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Drawn at random: nobody can know it.
    Given,
    /// Follows from the form of the task.
    Frame,
    /// What the task asks for; follows from the words before it.
    Answer,
}

/// One word and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// The word; no white space inside.
    pub(crate) text: String,
    /// Whether it can be known.
    pub(crate) part: Part,
}

impl Word {
    pub(crate) fn given(text: impl Into<String>) -> Self {
        Self { text: text.into(), part: Part::Given }
    }

    pub(crate) fn frame(text: impl Into<String>) -> Self {
        Self { text: text.into(), part: Part::Frame }
    }

    pub(crate) fn answer(text: impl Into<String>) -> Self {
        Self { text: text.into(), part: Part::Answer }
    }
}

/// A line of text with its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The column `task`.
    pub(crate) task: &'static str,
    /// The column `difficulty`.
    pub(crate) difficulty: usize,
    /// The line.
    pub(crate) words: Vec<Word>,
}

impl Sample {
    /// Draws a sample of `task`.
    pub(crate) fn draw(task: &dyn Task, difficulty: usize, set: Set, rng: &mut ChaCha8Rng) -> Self {
        Self { task: task.id(), difficulty, words: task.write(difficulty, set, rng) }
    }

    /// Draws a line of look-ups whose answers name the letter, not its colour, and so teach more.
    pub(crate) fn draw_letter_hops(difficulty: usize, set: Set, rng: &mut ChaCha8Rng) -> Self {
        Self { task: HOPS.id(), difficulty, words: hops::letter_line(difficulty, set, rng) }
    }

    /// The line as a person reads it.
    pub(crate) fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// The random numbers of one purpose: the same `seed` and `stream` give the same numbers on every machine.
pub(crate) fn numbers(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// The letters that maps and copies are about.
const LETTERS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

/// Owned copies of fixed words.
fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests;
