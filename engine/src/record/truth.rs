//! What is true of each row of a recording: the next token, the label of the sample, or nothing.

use crate::dataset::{Data, Sequence};
use crate::model::{ModelCard, NO_TOKEN};
use crate::notes::Note;
use crate::signal::Subject;

/// Where truths come from.
pub(super) struct Truth {
    subject: Subject,
    /// Class of each sample of the data, or `NO_TOKEN`; empty where the subject is no sample.
    classes: Vec<u32>,
}

impl Truth {
    /// Says in `notes` which labels name no class.
    pub(super) fn new(card: &ModelCard, data: &Data, notes: &mut Vec<Note>) -> Self {
        let subject = card.subject;
        if subject != Subject::Sample {
            return Self { subject, classes: Vec::new() };
        }
        let label = |sample: usize| data.samples.get(sample)?.columns.get(data.label.as_ref()?);
        let mut unknown = Vec::new();
        let mut class = |sample: usize| {
            let label = label(sample)?;
            let class = class_of(label, card);
            if class.is_none() {
                unknown.push(label);
            }
            class
        };
        let classes =
            (0..data.samples.len()).map(|sample| class(sample).unwrap_or(NO_TOKEN)).collect();
        if let Some(first) = unknown.first() {
            let (count, all) = (unknown.len(), card.classes.join(", "));
            let what = format!("Labels that name no class of the model: {count}, first `{first}`");
            let hint = format!("Its classes are {all}; their numbers from 0 on are taken, too.");
            notes.push(Note::new(what, hint));
        }
        Self { subject, classes }
    }

    /// One for each row that `sequences` give.
    pub(super) fn of(&self, sequences: &[Sequence]) -> Vec<u32> {
        let run = sequences.iter().filter(|sequence| !sequence.ids.is_empty());
        match self.subject {
            Subject::Token => {
                run.flat_map(|s| s.ids.iter().skip(1).copied().chain([NO_TOKEN])).collect()
            }
            Subject::OwnToken => run.flat_map(|s| s.ids.iter().map(|_| NO_TOKEN)).collect(),
            Subject::Sample => {
                run.map(|s| self.classes.get(s.sample).copied().unwrap_or(NO_TOKEN)).collect()
            }
        }
    }
}

/// The class of that name, whatever the case where that is unambiguous; else the class of that number.
fn class_of(label: &str, card: &ModelCard) -> Option<u32> {
    let label = label.trim();
    let is_same = |name: &&String| name.eq_ignore_ascii_case(label);
    let exact = card.classes.iter().position(|name| name == label);
    let alike = || {
        let only_one = card.classes.iter().filter(is_same).count() == 1;
        card.classes.iter().position(|name| only_one && is_same(&name))
    };
    let class = exact.or_else(alike).or_else(|| label.parse().ok());
    class.filter(|class| *class < card.outputs).and_then(|class| u32::try_from(class).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_name_or_a_number_of_a_class() {
        let card = serde_json::json!({
            "name": "", "format": "", "family": "", "layers": 1, "width": 1, "vocab": 9,
            "subject": "sample", "outputs": 4, "classes": ["Bad", "good", "GOOD", "1"],
            "heads": 1, "kv_heads": 1, "head_dim": 1, "ffn_width": 1, "context": 1,
            "parameters": 0, "types": "", "size_bytes": 0, "tokenizer": "", "chat_template": null,
            "fingerprint": "", "tokenizer_fingerprint": "", "points": [],
        });
        let card = serde_json::from_value(card).unwrap();
        let classes = ["bad", "good", "GOOD", "Good", "1", "0", "3", "4", "-1", ""];
        let found = classes.map(|label| class_of(label, &card));
        let expected =
            [Some(0), Some(1), Some(2), None, Some(3), Some(0), Some(3), None, None, None];
        assert_eq!(found, expected);
    }
}
