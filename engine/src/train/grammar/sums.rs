//! Small sums, several in a line. Difficulty n adds n + 1 numbers; no sum is above 18.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::{Set, Task, Word};

const LARGEST_SUM: usize = 18;

/// How many numbers are added, the largest of them, and how many sums stand in a line, for each difficulty.
const FORMS: [(usize, usize, usize); 3] = [(2, 9, 5), (3, 6, 4), (4, 4, 3)];

/// The task itself.
pub(super) static TASK: Sums = Sums;

/// See the head of the file.
pub(super) struct Sums;

impl Task for Sums {
    fn id(&self) -> &'static str {
        "sums"
    }

    fn about(&self) -> &'static str {
        "Small sums. Difficulty n adds n + 1 numbers."
    }

    fn hardest(&self) -> usize {
        FORMS.len()
    }

    fn words(&self) -> Vec<String> {
        let mut words = super::owned(&["sum", "+", "=", ";"]);
        words.extend((0..=LARGEST_SUM).map(|number| number.to_string()));
        words
    }

    fn write(&self, difficulty: usize, _: Set, rng: &mut ChaCha8Rng) -> Vec<Word> {
        let (terms, largest, sums) = FORMS[difficulty - 1];
        let mut words = vec![Word::given("sum")];
        for _ in 0..sums {
            let mut sum = 0;
            for term in 0..terms {
                if term > 0 {
                    words.push(Word::frame("+"));
                }
                let number = rng.random_range(0..=largest);
                sum += number;
                words.push(Word::given(number.to_string()));
            }
            words.push(Word::frame("="));
            words.push(Word::answer(sum.to_string()));
            words.push(Word::frame(";"));
        }
        words
    }
}
