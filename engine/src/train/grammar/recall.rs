//! Colours with a number each, then the colours again in another order, each with its number. Difficulty n has 2n pairs.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Set, Task, Word};

const COLOURS: [&str; 8] = ["red", "blue", "green", "black", "white", "gold", "pink", "grey"];
const DIGITS: usize = 10;

/// The task itself.
pub(super) static TASK: Recall = Recall;

/// See the head of the file.
pub(super) struct Recall;

impl Task for Recall {
    fn id(&self) -> &'static str {
        "recall"
    }

    fn about(&self) -> &'static str {
        "Pairs of a colour and a number, then each colour's number is asked for. Difficulty n has 2n pairs."
    }

    fn hardest(&self) -> usize {
        COLOURS.len() / 2
    }

    fn words(&self) -> Vec<String> {
        let mut words = super::owned(&["recall", "|"]);
        words.extend(super::owned(&COLOURS));
        words.extend((0..DIGITS).map(|digit| digit.to_string()));
        words
    }

    fn write(&self, difficulty: usize, _: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
        let mut colours = COLOURS;
        colours.shuffle(rng);
        let mut pairs: Vec<(&str, usize)> = colours[..2 * difficulty]
            .iter()
            .map(|colour| (*colour, rng.random_range(0..DIGITS)))
            .collect();
        let mut words = vec![Word::given("recall")];
        for (colour, number) in &pairs {
            words.push(Word::given(*colour));
            words.push(Word::given(number.to_string()));
        }
        words.push(Word::given("|"));
        pairs.shuffle(rng);
        for (colour, number) in &pairs {
            words.push(Word::given(*colour));
            words.push(Word::answer(number.to_string()));
        }
        words
    }
}
