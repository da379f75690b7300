//! Keys and values that are kept while a sequence grows, so that its next token runs alone.
//!
//! One cache holds one sequence. It belongs to whoever steps the network, and a rule may act on it between two steps.
//! Several sequences that begin alike can stand behind one cache, which then keeps what they share.
//! Must not know: networks, and who chooses the next token.

/// Keys and values of one sequence in every block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cache {
    blocks: Vec<Kept>,
    context: usize,
}

/// What one block keeps. A block with a window keeps all, too, and looks only at what its window shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// [positions, width], already turned for their positions.
    keys: Vec<f32>,
    /// [positions, width].
    values: Vec<f32>,
    width: usize,
}

impl Cache {
    /// Nothing yet, for `layers` blocks whose keys have `width` numbers, and at most `context` positions.
    pub(crate) fn new(layers: usize, width: usize, context: usize) -> Self {
        let kept = Kept { keys: Vec::new(), values: Vec::new(), width };
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

    /// The same, to be looked at only.
    pub(crate) fn kept(&self, layer: usize) -> Option<&Kept> {
        self.blocks.get(layer)
    }

    /// Whether it is one of a network with so many blocks, whose keys have `width` numbers.
    pub(crate) fn is_of(&self, layers: usize, width: usize) -> bool {
        self.blocks.len() == layers && self.blocks.iter().all(|kept| kept.width == width)
    }
}

impl Kept {
    /// Tokens whose keys are here.
    pub(crate) fn positions(&self) -> usize {
        self.keys.len() / self.width.max(1)
    }

    /// Adds the keys and values of new tokens, each [new, width].
    pub(crate) fn add(&mut self, keys: &[f32], values: &[f32]) {
        self.keys.extend_from_slice(keys);
        self.values.extend_from_slice(values);
    }

    /// [positions, width].
    pub(crate) fn keys(&self) -> &[f32] {
        &self.keys
    }

    /// [positions, width].
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }
}
