//! Which tokens of a sequence are read out. All of them run, whatever is read.

use std::num::NonZeroU32;

/// Which tokens of each sequence are read out; a recording has a row for each of these and for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAt {
    /// Every token.
    #[default]
    Every,
    /// The first and every n-th after it: positions 0, n, 2n and so on.
    EveryNth(NonZeroU32),
    /// The last of each sequence, which has no next token.
    Last,
}

impl ReadAt {
    /// Whether there are tokens without a row.
    pub fn has_gaps(self) -> bool {
        match self {
            Self::Every => false,
            Self::EveryNth(n) => n.get() > 1,
            Self::Last => true,
        }
    }

    /// For a person, behind "Read out".
    pub fn words(self) -> String {
        match self {
            Self::EveryNth(n) if n.get() > 1 => {
                format!("one token in {n}, from the first of each sequence on")
            }
            Self::Every | Self::EveryNth(_) => "every token".to_owned(),
            Self::Last => "the last token of each sequence".to_owned(),
        }
    }

    /// Whether the token at `position` of a sequence of `length` tokens is read out.
    pub(crate) fn reads(self, position: usize, length: usize) -> bool {
        match self {
            Self::Every => true,
            Self::EveryNth(n) => position.is_multiple_of(n.get() as usize),
            Self::Last => position.saturating_add(1) == length,
        }
    }

    /// The positions of a sequence of `length` tokens that are read out: at least one, unless it is empty.
    pub(crate) fn positions(self, length: usize) -> impl Iterator<Item = usize> {
        (0..length).filter(move |position| self.reads(*position, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nth(n: u32) -> ReadAt {
        ReadAt::EveryNth(NonZeroU32::new(n).unwrap())
    }

    #[test]
    fn every_sequence_has_a_row() {
        let of = |read_at: ReadAt, length| read_at.positions(length).collect::<Vec<_>>();
        assert_eq!(of(ReadAt::Every, 3), [0, 1, 2]);
        assert_eq!(of(nth(1), 3), [0, 1, 2]);
        assert_eq!(of(nth(3), 7), [0, 3, 6]);
        assert_eq!(of(nth(3), 1), [0]);
        assert_eq!(of(ReadAt::Last, 7), [6]);
        assert_eq!(of(ReadAt::Last, 0), [0; 0]);
    }

    #[test]
    fn one_in_one_is_every_token() {
        assert!(!nth(1).has_gaps() && nth(2).has_gaps() && ReadAt::Last.has_gaps());
        assert_eq!(nth(1).words(), ReadAt::Every.words());
    }

    #[test]
    fn its_spelling_in_files_is_held() {
        for (read_at, text) in [
            (ReadAt::Every, "\"every\""),
            (nth(4), "{\"every_nth\":4}"),
            (ReadAt::Last, "\"last\""),
        ] {
            assert_eq!(serde_json::to_string(&read_at).unwrap(), text);
            assert_eq!(serde_json::from_str::<ReadAt>(text).unwrap(), read_at);
        }
        assert!(serde_json::from_str::<ReadAt>("{\"every_nth\":0}").is_err());
    }
}
