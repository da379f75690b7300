//! Plain sentences about animals. Whoever was seen at the end of a sentence begins the next one, so from the second
//! sentence on its subject can be known. Difficulty n has n sentences.

use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Set, Task, Word};

const LOOKS: &[&str] = &["big", "small", "old", "young", "quick", "happy"];
const ANIMALS: &[&str] = &["fox", "cat", "dog", "bird", "horse", "mouse"];
const DEEDS: &[&str] = &["saw", "met", "followed", "called"];
const PLACES: &[&str] = &["river", "house", "tree", "hill"];

/// The task itself.
pub(super) static TASK: Stories = Stories;

/// See the head of the file.
pub(super) struct Stories;

impl Task for Stories {
    fn id(&self) -> &'static str {
        "stories"
    }

    fn about(&self) -> &'static str {
        "Plain sentences; the animal that ends one begins the next. Difficulty n has n sentences."
    }

    fn hardest(&self) -> usize {
        3
    }

    fn words(&self) -> Vec<String> {
        let frame: &[&str] = &["the", "near", "."];
        super::owned(&[frame, LOOKS, ANIMALS, DEEDS, PLACES].concat())
    }

    fn write(&self, difficulty: usize, _: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
        let draw = |words: &[&'static str], rng: &mut ChaCha8Rng| -> &'static str {
            words.choose(rng).copied().unwrap_or_default()
        };
        let mut words = Vec::new();
        let mut known: Option<(&str, &str)> = None;
        for _ in 0..difficulty {
            words.push(if words.is_empty() { Word::given("the") } else { Word::frame("the") });
            if let Some((look, animal)) = known {
                words.extend([Word::answer(look), Word::answer(animal)]);
            } else {
                words.extend([Word::given(draw(LOOKS, rng)), Word::given(draw(ANIMALS, rng))]);
            }
            let (look, animal) = (draw(LOOKS, rng), draw(ANIMALS, rng));
            words.extend([Word::given(draw(DEEDS, rng)), Word::frame("the")]);
            words.extend([Word::given(look), Word::given(animal)]);
            words.extend([Word::frame("near"), Word::frame("the")]);
            words.extend([Word::given(draw(PLACES, rng)), Word::frame(".")]);
            known = Some((look, animal));
        }
        words
    }
}
