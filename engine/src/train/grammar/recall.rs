//! Words that join a colour and a number, then the colours again in another order, each with its number. Difficulty n has 2n pairs.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Set, Task, Word};

const COLOURS: [&str; 8] = ["red", "blue", "green", "black", "white", "gold", "pink", "grey"];
const NUMBERS: usize = 6;

/// The task itself.
pub(super) static TASK: Recall = Recall;

/// See the head of the file.
pub(super) struct Recall;

impl Task for Recall {
    fn id(&self) -> &'static str {
        "recall"
    }

    fn about(&self) -> &'static str {
        "`red:5` joins a colour and a number; after the bar each colour's number is asked for. Difficulty n has 2n pairs."
    }

    fn hardest(&self) -> usize {
        COLOURS.len() / 2
    }

    fn words(&self) -> Vec<String> {
        let mut words = super::owned(&["recall", "|"]);
        words.extend(super::owned(&COLOURS));
        words.extend((0..NUMBERS).map(|number| number.to_string()));
        for colour in COLOURS {
            words.extend((0..NUMBERS).map(|number| pair(colour, number)));
        }
        words
    }

    fn write(&self, difficulty: usize, _: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
        let mut colours = COLOURS;
        colours.shuffle(rng);
        let mut pairs: Vec<(&str, usize)> = colours[..2 * difficulty]
            .iter()
            .map(|colour| (*colour, rng.random_range(0..NUMBERS)))
            .collect();
        let mut words = vec![Word::given("recall")];
        for (colour, number) in &pairs {
            words.push(Word::given(pair(colour, *number)));
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

fn pair(colour: &str, number: usize) -> String {
    format!("{colour}:{number}")
}
