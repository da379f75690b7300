//! The words of the grammar as numbers, and the `tokenizer.json` that says the same to any other program.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::grammar::{Sample, TASKS};

/// Stands for every word that is not in the vocabulary.
pub(crate) const UNKNOWN: u32 = 0;
/// Begins every sequence.
pub(crate) const BEGIN: u32 = 1;
/// Ends every sequence of training.
pub(crate) const END: u32 = 2;

const SPECIAL: [&str; 3] = ["<unk>", "<s>", "</s>"];

/// Every word of the grammar; the place in the list is the id.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    words: Vec<String>,
    id_from_word: BTreeMap<String, u32>,
}

impl Vocabulary {
    /// The special words, then those of every task in the order of the registry.
    pub(crate) fn of_the_grammar() -> Self {
        let mut all = Self { words: Vec::new(), id_from_word: BTreeMap::new() };
        for word in SPECIAL {
            all.add(word.to_owned());
        }
        for word in TASKS.iter().flat_map(|task| task.words()) {
            all.add(word);
        }
        all
    }

    fn add(&mut self, word: String) {
        if !self.id_from_word.contains_key(&word) {
            let id = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
            self.id_from_word.insert(word.clone(), id);
            self.words.push(word);
        }
    }

    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// The id of a word; `UNKNOWN` for a foreign one.
    pub(crate) fn id(&self, word: &str) -> u32 {
        self.id_from_word.get(word).copied().unwrap_or(UNKNOWN)
    }

    /// A sample as a sequence of training: begin, its words, end.
    pub(crate) fn sequence(&self, sample: &Sample) -> Vec<u32> {
        let words = sample.words.iter().map(|word| self.id(&word.text));
        std::iter::once(BEGIN).chain(words).chain(std::iter::once(END)).collect()
    }

    /// The file `tokenizer.json`: one token per word; signs of punctuation and brackets stand alone even where
    /// somebody types them against a word; `<s>` is put in front.
    pub(crate) fn tokenizer_json(&self) -> Value {
        let added: Vec<Value> = SPECIAL
            .iter()
            .map(|word| {
                json!({
                    "id": self.id(word), "content": word, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true,
                })
            })
            .collect();
        let begin = json!({"SpecialToken": {"id": "<s>", "type_id": 0}});
        let first = json!({"Sequence": {"id": "A", "type_id": 0}});
        let second = json!({"Sequence": {"id": "B", "type_id": 0}});
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Split", "pattern": {"Regex": r"[.,;!?|=()\[\]{}]"},
                 "behavior": "Isolated", "invert": false},
            ]},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [begin, first],
                "pair": [begin, first, second],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [BEGIN], "tokens": ["<s>"]}},
            },
            "decoder": null,
            "model": {"type": "WordLevel", "vocab": self.id_from_word, "unk_token": "<unk>"},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::grammar::{Set, numbers};
    use tokenizers::Tokenizer;

    fn tokenizer(vocabulary: &Vocabulary) -> Tokenizer {
        vocabulary.tokenizer_json().to_string().parse().unwrap()
    }

    #[test]
    fn every_word_of_every_task_is_in_the_vocabulary() {
        let vocabulary = Vocabulary::of_the_grammar();
        let mut rng = numbers(3, 0);
        for task in TASKS {
            for difficulty in 1..=task.hardest() {
                for _ in 0..100 {
                    let sample = Sample::draw(*task, difficulty, Set::Taught, &mut rng);
                    assert!(!vocabulary.sequence(&sample).contains(&UNKNOWN), "{}", sample.text());
                }
            }
        }
    }

    #[test]
    fn the_tokenizer_file_reads_a_line_as_training_does_and_writes_it_back() {
        let vocabulary = Vocabulary::of_the_grammar();
        let tokenizer = tokenizer(&vocabulary);
        let mut rng = numbers(4, 0);
        for task in TASKS {
            for difficulty in 1..=task.hardest() {
                let sample = Sample::draw(*task, difficulty, Set::Taught, &mut rng);
                let encoded = tokenizer.encode(sample.text(), true).unwrap();
                let mut trained = vocabulary.sequence(&sample);
                assert_eq!(trained.pop(), Some(END));
                assert_eq!(encoded.get_ids(), trained);
                assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), sample.text());
            }
        }
    }

    #[test]
    fn foreign_words_and_glued_punctuation_are_read_kindly() {
        let tokenizer = tokenizer(&Vocabulary::of_the_grammar());
        let encoded = tokenizer.encode("The quick zebra saw the fox.", true).unwrap();
        assert_eq!(
            encoded.get_tokens(),
            ["<s>", "the", "quick", "<unk>", "saw", "the", "fox", "."]
        );
    }
}
