//! Keys and values that are kept while a sequence grows, so that its next token runs alone.
//!
//! One cache holds one sequence. It belongs to whoever steps the network, and a rule may act on it between two steps.
//! Several sequences that begin alike can stand behind one cache, which then keeps what they share.
//! A block that a token left out may have no entry of it: such a position takes no memory and is never looked at.
//! Must not know: networks, and who chooses the next token.

use std::ops::Range;

use crate::kernel::attention::seen_from;

/// Keys and values of one sequence in every block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cache {
    blocks: Vec<Kept>,
    context: usize,
}

/// What one block keeps. A block with a window keeps all, too, and looks only at what its window shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// [entries, width], already turned for their positions.
    keys: Vec<f32>,
    /// [entries, width].
    values: Vec<f32>,
    width: usize,
    /// Positions without an entry, rising.
    absent: Vec<usize>,
}

impl Cache {
    /// Nothing yet, for `layers` blocks whose keys have `width` numbers, and at most `context` positions.
    pub(crate) fn new(layers: usize, width: usize, context: usize) -> Self {
        let kept =
            Kept { keys: Vec::new(), values: Vec::new(), width: width.max(1), absent: Vec::new() };
        Self { blocks: vec![kept; layers], context }
    }

    /// Tokens that went through every block.
    pub(crate) fn positions(&self) -> usize {
        self.blocks.iter().map(Kept::positions).min().unwrap_or(0)
    }

    /// Tokens that still fit into the context.
    pub(crate) fn room(&self) -> usize {
        self.context.saturating_sub(self.positions())
    }

    /// What block number `layer` keeps.
    pub(crate) fn block(&mut self, layer: usize) -> Option<&mut Kept> {
        self.blocks.get_mut(layer)
    }

    /// The same, and what the block below it keeps.
    pub(super) fn block_and_below(&mut self, layer: usize) -> Option<(&mut Kept, Option<&Kept>)> {
        let (below, from) = self.blocks.split_at_mut_checked(layer)?;
        Some((from.first_mut()?, below.last()))
    }

    /// The same, to be looked at only.
    pub(crate) fn kept(&self, layer: usize) -> Option<&Kept> {
        self.blocks.get(layer)
    }

    /// Forgets all positions from `positions` on, in every block.
    pub(crate) fn crop(&mut self, positions: usize) {
        self.blocks.iter_mut().for_each(|kept| kept.crop(positions));
    }

    /// Bytes of all keys and values that are here.
    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.iter().map(|kept| (kept.keys.len() + kept.values.len()) as u64 * 4).sum()
    }

    /// Whether it is one of a network with so many blocks, whose keys have `width` numbers.
    pub(crate) fn is_of(&self, layers: usize, width: usize) -> bool {
        self.blocks.len() == layers && self.blocks.iter().all(|kept| kept.width == width)
    }

    /// Whether every block has an entry of each of its positions.
    pub(super) fn is_whole(&self) -> bool {
        self.blocks.iter().all(|kept| kept.absent.is_empty())
    }
}

impl Kept {
    /// Tokens that came to this block, whether or not they have an entry.
    pub(crate) fn positions(&self) -> usize {
        self.entries() + self.absent.len()
    }

    /// Positions that have keys and values.
    pub(crate) fn entries(&self) -> usize {
        self.keys.len() / self.width
    }

    /// Adds the keys and values of new tokens, each [new, width].
    pub(crate) fn add(&mut self, keys: &[f32], values: &[f32]) {
        self.keys.extend_from_slice(keys);
        self.values.extend_from_slice(values);
    }

    /// Adds a new token without an entry.
    pub(super) fn add_absent(&mut self) {
        self.absent.push(self.positions());
    }

    /// Adds what the block below has at the same position: its entry, or none.
    pub(super) fn add_from(&mut self, below: Option<&Self>) {
        let at = self.positions();
        match below.and_then(|below| below.entry(at)) {
            Some((key, value)) => self.add(key, value),
            None => self.add_absent(),
        }
    }

    /// [entries, width].
    pub(crate) fn keys(&self) -> &[f32] {
        &self.keys
    }

    /// [entries, width].
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Which entries a token at `position` sees, whose own is there.
    pub(super) fn seen(&self, position: usize, window: Option<usize>) -> Range<usize> {
        let seen = seen_from(position, 0, window);
        self.entries_before(seen.start)..self.entries_before(seen.end)
    }

    /// The last position without an entry among those that a token at `position` looks at.
    pub(super) fn hole(&self, position: usize, window: Option<usize>) -> Option<usize> {
        let seen = seen_from(position, 0, window);
        let last = self.absent.partition_point(|at| *at < seen.end).checked_sub(1)?;
        self.absent.get(last).copied().filter(|at| seen.contains(at))
    }

    fn entries_before(&self, position: usize) -> usize {
        position - self.absent.partition_point(|at| *at < position)
    }

    fn entry(&self, position: usize) -> Option<(&[f32], &[f32])> {
        if self.absent.binary_search(&position).is_ok() {
            return None;
        }
        let at = self.entries_before(position) * self.width;
        Some((self.keys.get(at..at + self.width)?, self.values.get(at..at + self.width)?))
    }

    fn crop(&mut self, positions: usize) {
        if positions >= self.positions() {
            return;
        }
        let numbers = self.entries_before(positions) * self.width;
        self.keys.truncate(numbers);
        self.values.truncate(numbers);
        self.absent.retain(|at| *at < positions);
    }
}
