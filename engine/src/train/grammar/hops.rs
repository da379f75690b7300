//! Look-ups that follow one another: a random map of nine letters, then the colour of every letter's image after `k`
//! steps. Every letter has a colour that never changes: a, b, c are red, d, e, f blue, g, h, i green.
//!
//! The map is one cycle through all nine letters, so no letter is its own image and no number of steps up to four has
//! a shorter way backwards. An entry is one word (`a>c`) and so is a query (`a+3`): a step is then one look-up and
//! nothing else. All queries of a line take the same number of steps and come in the order of the alphabet, so that the
//! part of a line which nobody can know (the map) has the same size for every difficulty.
//!
//! Why colours: an answer that names the letter helps with later ones. From `a+4 f` follows `b+4` with one look-up
//! where b is the image of a, and where it is the image of f (in a cycle of nine, a itself). Measured with letters:
//! k = 4 left at 5.8 for the first query of a line but at 3.5 on average, as early as k = 3. A colour gives little away.
//! Lines that name the letter teach more, so a course begins with them.

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{LETTERS, Set, Task, Word};

const SIZE: usize = LETTERS.len();
const MOST_STEPS: usize = 4;
/// Words of the task `recall`, borrowed.
const COLOURS: [&str; 3] = ["red", "blue", "green"];

/// The task itself.
pub(super) static TASK: Hops = Hops;

/// See the head of the file.
pub(super) struct Hops;

impl Task for Hops {
    fn id(&self) -> &'static str {
        "hops"
    }

    fn about(&self) -> &'static str {
        "`a>c` says that `a` leads to `c`; `a+3` asks for the colour of the letter where three such steps lead from `a` (a, b, c are red, d, e, f blue, g, h, i green). Difficulty is the number of steps."
    }

    fn hardest(&self) -> usize {
        MOST_STEPS
    }

    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = (1..=MOST_STEPS).map(marker).collect();
        for from in LETTERS {
            words.extend(LETTERS.iter().filter(|to| **to != from).map(|to| entry(from, to)));
        }
        for steps in 1..=MOST_STEPS {
            words.extend(LETTERS.iter().map(|from| query(from, steps)));
        }
        words.extend(super::owned(&LETTERS));
        words
    }

    fn write(&self, difficulty: usize, set: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
        line(difficulty, colour, set, rng)
    }
}

/// A line whose answers name the letter itself.
pub(super) fn letter_line(difficulty: usize, set: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
    line(difficulty, |idx| LETTERS[idx], set, rng)
}

fn line(
    difficulty: usize,
    say: fn(usize) -> &'static str,
    set: Set,
    rng: &mut ChaCha8Rng,
) -> Vec<Word> {
    let leads_to = draw_map(set, rng);
    let mut words = vec![Word::given(marker(difficulty))];
    for (from, to) in LETTERS.iter().zip(leads_to) {
        words.push(Word::given(entry(from, LETTERS[to])));
    }
    for (idx, from) in LETTERS.iter().enumerate() {
        words.push(Word::frame(query(from, difficulty)));
        let end = (0..difficulty).fold(idx, |at, _| leads_to[at]);
        words.push(Word::answer(say(end)));
    }
    words
}

/// The colour of a letter.
fn colour(idx: usize) -> &'static str {
    COLOURS[idx * COLOURS.len() / SIZE]
}

fn marker(steps: usize) -> String {
    format!("{steps}-hop")
}

fn entry(from: &str, to: &str) -> String {
    format!("{from}>{to}")
}

fn query(from: &str, steps: usize) -> String {
    format!("{from}+{steps}")
}

/// A random cycle through all letters: where each of them leads.
fn draw_map(set: Set, rng: &mut ChaCha8Rng) -> [usize; SIZE] {
    loop {
        let mut round: [usize; SIZE] = std::array::from_fn(|idx| idx);
        round.shuffle(rng);
        let mut leads_to = [0; SIZE];
        for (idx, &from) in round.iter().enumerate() {
            leads_to[from] = round[(idx + 1) % SIZE];
        }
        if is_kept_back(&leads_to) == (set == Set::KeptBack) {
            return leads_to;
        }
    }
}

/// There are only 40,320 cycles, so training would meet most of them. About one in seven is kept for measuring.
fn is_kept_back(leads_to: &[usize; SIZE]) -> bool {
    let mixed: usize = leads_to.iter().enumerate().map(|(idx, to)| (idx + 1) * to * to).sum();
    mixed % 7 == 3
}
