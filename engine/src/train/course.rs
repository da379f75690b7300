//! Which samples a step learns from: one look-up first, more as each number of them is mastered.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::grammar::{HOPS, Sample, Set, TASKS, Task};

/// The part of the hardest queries that has to be right before harder ones come.
const MASTERED: f64 = 0.9;
/// How much of the running accuracy is kept from one step to the next.
const MEMORY: f64 = 0.95;

/// What the answers of look-ups are while learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Letters: more is learnt from each, but later ones can be read off earlier ones.
    Letters,
    /// As the task is measured.
    Usual,
}

/// How far the course has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course {
    /// The largest number of look-ups that is taught.
    pub(crate) reached: usize,
    /// Running accuracy on it.
    pub(crate) mastery: f64,
}

impl Default for Course {
    fn default() -> Self {
        Self { reached: 1, mastery: 0.0 }
    }
}

impl Course {
    /// Samples of look-ups; the hardest so far come three times as often as the others.
    pub(crate) fn draw_hops(&self, rows: usize, lines: Lines, rng: &mut ChaCha8Rng) -> Vec<Sample> {
        let mut choice: Vec<usize> = (1..=self.reached).collect();
        choice.extend([self.reached; 2]);
        (0..rows)
            .map(|_| {
                let difficulty = choice.choose(rng).copied().unwrap_or(1);
                match lines {
                    Lines::Letters => Sample::draw_letter_hops(difficulty, Set::Taught, rng),
                    Lines::Usual => Sample::draw(HOPS, difficulty, Set::Taught, rng),
                }
            })
            .collect()
    }

    /// Samples of every other task and difficulty alike.
    pub(crate) fn draw_others(rows: usize, rng: &mut ChaCha8Rng) -> Vec<Sample> {
        let others: Vec<&dyn Task> =
            TASKS.iter().copied().filter(|task| task.id() != HOPS.id()).collect();
        (0..rows)
            .filter_map(|_| {
                let task = *others.choose(rng)?;
                let difficulty = rng.random_range(1..=task.hardest());
                Some(Sample::draw(task, difficulty, Set::Taught, rng))
            })
            .collect()
    }

    /// Takes in the accuracy of one step on the hardest look-ups.
    pub(crate) fn observe(&mut self, accuracy: f64) {
        self.mastery = MEMORY * self.mastery + (1.0 - MEMORY) * accuracy;
        if self.mastery >= MASTERED && self.reached < HOPS.hardest() {
            *self = Self { reached: self.reached + 1, mastery: 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_look_ups_come_only_after_mastery_and_never_beyond_the_last() {
        let mut course = Course::default();
        for _ in 0..200 {
            course.observe(0.8);
        }
        assert_eq!(course.reached, 1);
        for _ in 0..2000 {
            course.observe(1.0);
        }
        assert_eq!(course.reached, HOPS.hardest());
    }
}
