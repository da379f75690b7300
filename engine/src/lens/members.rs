//! Recordings of several models that ran the same data: row by row they speak of the same token or sample.
//!
//! Must not know: what any lens makes of them.

use crate::recording::Recording;
use crate::signal::Subject;

/// One recording, and others of the same data beside it.
#[derive(Debug, Clone)]
pub(crate) struct Members<'a> {
    /// The one that is looked at.
    pub(crate) first: &'a Recording,
    /// The others, in the order in which they were added.
    pub(crate) others: Vec<&'a Recording>,
}

/// Why two recordings cannot stand beside each other: what they say of the same thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "recordings of `{}` and `{}` cannot stand beside each other: {field} is {} in the first and {} in the second",
    names[0], names[1], found[0], found[1]
)]
pub(crate) struct UnlikeError {
    /// Model and data of each.
    names: [String; 2],
    /// What differs.
    field: String,
    /// What each says of it.
    found: [String; 2],
}

impl UnlikeError {
    /// What a person can do.
    pub(crate) const HINT: &'static str = "Record the same data through both models, with the same cut, columns and limit, then add it again.";
}

impl<'a> Members<'a> {
    /// One recording alone.
    pub(crate) fn only(first: &'a Recording) -> Self {
        Self { first, others: Vec::new() }
    }

    /// Several, if all of them speak of the same rows.
    pub(crate) fn new(
        first: &'a Recording,
        others: impl IntoIterator<Item = &'a Recording>,
    ) -> Result<Self, UnlikeError> {
        let others: Vec<_> = others.into_iter().collect();
        for other in &others {
            Pair([first, *other]).check()?;
        }
        Ok(Self { first, others })
    }

    /// All of them, the first one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Recording> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// Two recordings that are held against each other.
struct Pair<'a>([&'a Recording; 2]);

impl Pair<'_> {
    fn check(&self) -> Result<(), UnlikeError> {
        self.same("what a readout is about", |r| match r.subject() {
            Subject::Token => "the next token".to_owned(),
            Subject::OwnToken => "each token itself".to_owned(),
            Subject::Sample => "a sample".to_owned(),
        })?;
        self.same("the number of choices", |r| r.manifest.vocab.to_string())?;
        self.same("the number of rows", |r| r.num_tokens().to_string())?;
        self.same("what was read out", |r| r.manifest.read_at.words())?;
        self.same("the fingerprint of the data", |r| {
            let print = &r.manifest.provenance.data_fingerprint;
            if print.is_empty() { "not known".to_owned() } else { print.clone() }
        })?;
        let [first, other] = self.0;
        if first.manifest.provenance.data_fingerprint.is_empty()
            && first.manifest.read_at.has_gaps()
        {
            // Between the rows stand tokens that nothing compares.
            let found = ["not known", "not known"].map(str::to_owned);
            return Err(self.differs("the fingerprint of the data", found));
        }
        if first.subject() == Subject::Sample {
            for (id, name) in &first.pieces {
                if let Some(also) = other.pieces.get(id).filter(|also| *also != name) {
                    let found = [name, also].map(|name| format!("`{name}`"));
                    return Err(self.differs(&format!("the name of class {id}"), found));
                }
            }
        }
        self.same_rows()
    }

    fn same_rows(&self) -> Result<(), UnlikeError> {
        let [a, b] = self.0.map(|recording| &recording.tokens);
        let noun = self.0[0].subject().noun();
        for (what, a, b) in [
            ("the sample", &a.sample, &b.sample),
            ("the position", &a.position, &b.position),
            ("the id", &a.ids, &b.ids),
            ("what is true", &a.next_ids, &b.next_ids),
        ] {
            if let Some((row, (a, b))) = a.iter().zip(b).enumerate().find(|(_, (a, b))| a != b) {
                let found = [a.to_string(), b.to_string()];
                return Err(self.differs(&format!("{what} of {noun} {row}"), found));
            }
        }
        let mut texts = a.texts.iter().zip(&b.texts).enumerate();
        if let Some((row, (a, b))) = texts.find(|(_, (a, b))| a != b) {
            let found = [a, b].map(|text| format!("`{}`", begin(text)));
            return Err(self.differs(&format!("the text of {noun} {row}"), found));
        }
        Ok(())
    }

    fn same(&self, field: &str, of: impl Fn(&Recording) -> String) -> Result<(), UnlikeError> {
        let [a, b] = self.0.map(of);
        if a == b { Ok(()) } else { Err(self.differs(field, [a, b])) }
    }

    fn differs(&self, field: &str, found: [String; 2]) -> UnlikeError {
        let names = self.0.map(|recording| {
            let came = &recording.manifest.provenance;
            format!("{} on {}", came.model, came.data)
        });
        UnlikeError { names, field: field.to_owned(), found }
    }
}

/// Enough of a text to know it again.
fn begin(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{ReadAt, synthetic, synthetic_samples};

    /// Why a changed copy cannot stand beside the original.
    fn refused(
        recording: fn(usize, usize, u64) -> Recording,
        change: impl FnOnce(&mut Recording),
    ) -> String {
        let (mut first, mut other) = (recording(20, 3, 1), recording(20, 3, 1));
        for recording in [&mut first, &mut other] {
            recording.manifest.provenance.data = "dev.tsv".to_owned();
        }
        other.manifest.provenance.model = "larger".to_owned();
        change(&mut other);
        Members::new(&first, [&other]).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn recordings_of_other_data_are_refused_with_both_names_and_what_differs() {
        let all = [
            refused(synthetic, |r| r.manifest.subject = Subject::OwnToken),
            refused(synthetic, |r| r.manifest.vocab = 65),
            refused(synthetic, |r| *r = synthetic(21, 3, 1)),
            refused(synthetic, |r| r.manifest.read_at = ReadAt::Last),
            refused(synthetic, |r| r.manifest.provenance.data_fingerprint = "f00d".to_owned()),
            refused(synthetic, |r| r.tokens.ids[7] = 63),
            refused(synthetic, |r| r.tokens.position[7] = 3),
            refused(synthetic_samples, |r| r.tokens.next_ids[4] = 63),
            refused(synthetic_samples, |r| r.tokens.texts[2] = "another".to_owned()),
            refused(synthetic_samples, |r| *r.pieces.get_mut(&5).unwrap() = "worst".to_owned()),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn the_same_data_stands_side_by_side_whatever_the_model_says_of_it() {
        // Depths, signals and answers are the model's own.
        let (first, second) = (synthetic_samples(20, 3, 1), synthetic_samples(20, 3, 1));
        let mut third = synthetic_samples(20, 3, 1);
        third.top1.iter_mut().flatten().for_each(|id| *id = 0);
        third.manifest.layers = 9;
        let members = Members::new(&first, [&second, &third]).unwrap();
        assert_eq!(members.all().map(Recording::num_layers).collect::<Vec<_>>(), [3, 3, 9]);
        assert_eq!(Members::only(&first).all().count(), 1);
    }

    #[test]
    fn rows_with_tokens_between_them_need_a_fingerprint() {
        let with = |print: &str| {
            let mut recording = synthetic(20, 3, 1);
            recording.manifest.read_at = ReadAt::Last;
            recording.manifest.provenance.data_fingerprint = print.to_owned();
            recording
        };
        assert!(Members::new(&with(""), [&with("")]).is_err());
        assert!(Members::new(&with("ab"), [&with("ab")]).is_ok());
    }
}
