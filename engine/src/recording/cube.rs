//! Exit cubes: for every global threshold at once, how many tokens exit at each depth and how many of them agree.

/// Cubes of a recording that were built so far.
#[derive(Debug, Default)]
pub(crate) struct Cubes;
