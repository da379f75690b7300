//! Look-ups that follow one another: a random map of nine letters, then every letter's image after `k` steps.
//!
//! The map is one cycle through all nine letters, so no letter is its own image and no number of steps up to four has
//! a shorter way backwards. Nine, because in a cycle of eight four steps undo themselves when taken twice: half of the
//! answers for k = 4 could then be read off earlier ones, and it came out easier than k = 3.
//! An entry is one word (`a>c`) and so is a query (`a+3`): a step is then one look-up
//! and nothing else. All queries of a line take the same number of steps and come in the order of the alphabet, so
//! that the part of a line which nobody can know (the map) has the same size for every difficulty.

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{LETTERS, Set, Task, Word};

const SIZE: usize = LETTERS.len();
const MOST_STEPS: usize = 4;

/// The task itself.
pub(super) static TASK: Hops = Hops;

/// See the head of the file.
pub(super) struct Hops;

impl Task for Hops {
    fn id(&self) -> &'static str {
        "hops"
    }

    fn about(&self) -> &'static str {
        "`a>c` says that `a` leads to `c`; `a+3` asks where three such steps lead from `a`. Difficulty is the number of steps."
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
        let leads_to = draw_map(set, rng);
        let mut words = vec![Word::given(marker(difficulty))];
        for (from, to) in LETTERS.iter().zip(leads_to) {
            words.push(Word::given(entry(from, LETTERS[to])));
        }
        for (idx, from) in LETTERS.iter().enumerate() {
            words.push(Word::frame(query(from, difficulty)));
            let end = (0..difficulty).fold(idx, |at, _| leads_to[at]);
            words.push(Word::answer(LETTERS[end]));
        }
        words
    }
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
