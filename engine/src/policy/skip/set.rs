//! Which sublayers of every block run.

use crate::knob::{Part, Places};

/// One set for one token: what is not in it is skipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Set {
    /// One per block: whether its attention runs.
    attention: Vec<bool>,
    /// One per block: whether its feed-forward sublayer runs.
    feed_forward: Vec<bool>,
}

impl Set {
    /// All blocks.
    pub(crate) fn full(layers: usize) -> Self {
        Self { attention: vec![true; layers], feed_forward: vec![true; layers] }
    }

    /// Only these blocks, whole; those that do not exist are none.
    pub(crate) fn only(layers: usize, blocks: impl IntoIterator<Item = usize>) -> Self {
        let mut runs = vec![false; layers];
        for block in blocks {
            if let Some(runs) = runs.get_mut(block) {
                *runs = true;
            }
        }
        Self { attention: runs.clone(), feed_forward: runs }
    }

    /// All but these.
    pub(crate) fn without(layers: usize, skipped: impl IntoIterator<Item = (usize, Part)>) -> Self {
        let mut set = Self::full(layers);
        for (layer, part) in skipped {
            set.skip(layer, part);
        }
        set
    }

    /// Takes (a part of) a block out.
    pub(crate) fn skip(&mut self, layer: usize, part: Part) {
        if let Some(runs) = self.attention.get_mut(layer)
            && part != Part::FeedForward
        {
            *runs = false;
        }
        if let Some(runs) = self.feed_forward.get_mut(layer)
            && part != Part::Attention
        {
            *runs = false;
        }
    }

    pub(crate) fn layers(&self) -> usize {
        self.attention.len()
    }

    /// Whether a block runs its attention; one that does not exist runs nothing.
    pub(crate) fn attends(&self, layer: usize) -> bool {
        self.attention.get(layer).copied().unwrap_or(false)
    }

    /// Whether a block runs its feed-forward sublayer.
    pub(crate) fn feeds(&self, layer: usize) -> bool {
        self.feed_forward.get(layer).copied().unwrap_or(false)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.attention.iter().chain(&self.feed_forward).all(|runs| *runs)
    }

    /// Whether every attention that runs here runs in `other`, too: whoever runs `other` before leaves all keys.
    pub(crate) fn attends_within(&self, other: &Self) -> bool {
        self.attention.iter().zip(&other.attention).all(|(here, there)| !*here || *there)
    }

    /// What is left out, as a person writes it: "3a, 4-6f".
    pub(crate) fn skipped(&self) -> Places {
        let mut places = Places::default();
        for (number, (attends, feeds)) in (0..).zip(self.attention.iter().zip(&self.feed_forward)) {
            let part = match (attends, feeds) {
                (true, true) => None,
                (false, false) => Some(Part::Whole),
                (false, true) => Some(Part::Attention),
                (true, false) => Some(Part::FeedForward),
            };
            places.put(number, part);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_what_is_said_to_be_skipped() {
        let set = Set::without(6, [(1, Part::Whole), (3, Part::Attention), (4, Part::FeedForward)]);
        assert_eq!(set.skipped().to_string(), "1, 3a, 4f");
        assert_eq!(
            (set.attends(3), set.feeds(3), set.attends(4), set.feeds(4)),
            (false, true, true, false)
        );
        assert!(Set::without(6, [(9, Part::Whole)]).is_full());
        assert_eq!(Set::only(4, [0, 3, 7]).skipped().to_string(), "1-2");
        assert!(!set.attends(6) && !set.feeds(6));
    }

    #[test]
    fn keys_are_there_where_attention_shrinks() {
        let (full, less) = (Set::full(3), Set::without(3, [(1, Part::Attention)]));
        assert!(less.attends_within(&full) && !full.attends_within(&less));
        // Feed-forward sublayers leave nothing that others read.
        assert!(full.attends_within(&Set::without(3, [(1, Part::FeedForward)])));
    }
}
