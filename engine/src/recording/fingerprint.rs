//! The fingerprint of what was run: of the token sequences themselves, as they were cut and limited.
//!
//! Must not know: files that text came from, models.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::recording::{Sample, Tokens};

/// SHA-256 (hex) over every sequence in order: the number of its ids, the ids, the number of its columns, and
/// each column's name and value behind their lengths. Numbers are little-endian, ids 4 bytes wide, the
/// others 8. So no two runs share their bytes unless they ran the same tokens with the same columns; a
/// run that was limited, cut otherwise or cancelled has another fingerprint than the whole. Where a row is a
/// sample, its text as the recording holds it stands in the place of its ids.
pub(crate) fn fingerprint(tokens: &Tokens, samples: &[Sample]) -> String {
    let mut printer = Printer::default();
    for sample in samples {
        let end = sample.first_token.saturating_add(sample.num_tokens);
        let ids = tokens.ids.get(sample.first_token..end).unwrap_or_default();
        let text = tokens.texts.get(sample.first_token).map(String::as_str);
        printer.add(ids, text, &sample.columns);
    }
    printer.finish()
}

/// The same, sequence by sequence: for runs whose recording does not hold every token.
#[derive(Debug, Clone, Default)]
pub(crate) struct Printer(Sha256);

impl Printer {
    /// A sequence with its columns, and its text where a row is a sample.
    pub(crate) fn add(
        &mut self,
        ids: &[u32],
        text: Option<&str>,
        columns: &BTreeMap<String, String>,
    ) {
        let Self(hash) = self;
        let number = |number: usize| (number as u64).to_le_bytes();
        hash.update(number(ids.len()));
        for id in ids {
            hash.update(id.to_le_bytes());
        }
        if let Some(text) = text {
            hash.update(number(text.len()));
            hash.update(text);
        }
        hash.update(number(columns.len()));
        for text in columns.iter().flat_map(|(name, value)| [name, value]) {
            hash.update(number(text.len()));
            hash.update(text);
        }
    }

    /// Of all sequences so far.
    pub(crate) fn finish(self) -> String {
        crate::checkpoint::hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Ids and columns.
    type Sequence<'a> = (&'a [u32], &'a [(&'a str, &'a str)]);

    fn print(sequences: &[Sequence<'_>]) -> String {
        let mut tokens = Tokens::default();
        let mut samples = Vec::new();
        for (ids, columns) in sequences {
            let columns =
                columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let columns: BTreeMap<_, _> = columns.collect();
            let (first_token, num_tokens) = (tokens.ids.len(), ids.len());
            samples.push(Sample { columns, first_token, num_tokens });
            tokens.ids.extend(*ids);
        }
        fingerprint(&tokens, &samples)
    }

    #[test]
    fn it_changes_with_every_token_cut_and_column() {
        let all = [
            print(&[(&[1, 2, 3], &[])]),
            print(&[(&[1, 2], &[])]),
            print(&[(&[1, 2, 4], &[])]),
            print(&[(&[1, 2], &[]), (&[3], &[])]),
            print(&[(&[1, 2, 3], &[("k", "1")])]),
            print(&[(&[1, 2, 3], &[("k", "2")])]),
            print(&[(&[1, 2, 3], &[("k1", "")])]),
            print(&[(&[1, 2, 3], &[("k", "1"), ("l", "1")])]),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all[0], print(&[(&[1, 2, 3], &[])]));
        assert_eq!(all[0].len(), 64);
    }
}
