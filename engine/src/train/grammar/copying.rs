//! Letters, a bar, and the same letters again. Difficulty n copies 2n letters.

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{LETTERS, Set, Task, Word};

/// The task itself.
pub(super) static TASK: Copying = Copying;

/// See the head of the file.
pub(super) struct Copying;

impl Task for Copying {
    fn id(&self) -> &'static str {
        "copying"
    }

    fn about(&self) -> &'static str {
        "The letters before the bar come again after it. Difficulty n copies 2n letters."
    }

    fn hardest(&self) -> usize {
        LETTERS.len() / 2
    }

    fn words(&self) -> Vec<String> {
        super::owned(&[["copy", "|"].as_slice(), &LETTERS].concat())
    }

    fn write(&self, difficulty: usize, _: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
        let mut letters = LETTERS;
        letters.shuffle(rng);
        let copied = &letters[..2 * difficulty];
        let mut words = vec![Word::given("copy")];
        words.extend(copied.iter().map(|letter| Word::given(*letter)));
        words.push(Word::given("|"));
        words.extend(copied.iter().map(|letter| Word::answer(*letter)));
        words.push(Word::frame("|"));
        words
    }
}
