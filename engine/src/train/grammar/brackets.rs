//! Opening brackets, a bar, and what closes them. Difficulty n opens 2n brackets.

use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Set, Task, Word};

const KINDS: [(&str, &str); 3] = [("(", ")"), ("[", "]"), ("{", "}")];

/// The task itself.
pub(super) static TASK: Brackets = Brackets;

/// See the head of the file.
pub(super) struct Brackets;

impl Task for Brackets {
    fn id(&self) -> &'static str {
        "brackets"
    }

    fn about(&self) -> &'static str {
        "The brackets opened before the bar are closed after it, the last one first. Difficulty n opens 2n brackets."
    }

    fn hardest(&self) -> usize {
        4
    }

    fn words(&self) -> Vec<String> {
        let mut words = super::owned(&["close", "|"]);
        words.extend(KINDS.iter().flat_map(|(open, close)| super::owned(&[open, close])));
        words
    }

    fn write(&self, difficulty: usize, _: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
        let opened: Vec<_> = (0..2 * difficulty).filter_map(|_| KINDS.choose(rng)).collect();
        let mut words = vec![Word::given("close")];
        words.extend(opened.iter().map(|(open, _)| Word::given(*open)));
        words.push(Word::given("|"));
        words.extend(opened.iter().rev().map(|(_, close)| Word::answer(*close)));
        words
    }
}
