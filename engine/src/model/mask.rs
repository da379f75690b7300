//! Which tokens run which parts of a block, and what is read where a token left one out.
//!
//! Every exit and every skip of single tokens is such a mask. What is not run is not computed: the rows that run are
//! gathered, run together and added where they came from; the stream of the others stays as it is.
//!
//! Where executed sets only shrink from position to position, no entry that was left out is ever read, and every
//! `MissingKv` gives the same bits; a test holds it.
//!
//! Must not know: rules, and why a token leaves a part out.

use crate::model::ModelError;

/// What a token reads in a block at the position of an earlier token that did not run the attention there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MissingKv {
    /// Nothing: to look at such a position is an error. For sets that are known to be nested.
    Never,
    /// The true entry of the full model. It needs the token's stream as if it had left nothing out, so of each sequence
    /// all tokens up to the last one that runs are run, too, both sublayers: for exits, where no token that stopped
    /// runs again. The stream of a token that stopped is no longer what it was at its exit: read it out before. Tokens
    /// behind the last that runs are not in the cache of the block; they can follow together with later ones.
    Recompute,
    /// Keys and values made from the stream that passed the block by: its norm and projections, and whatever is done
    /// to queries and keys. That is computed for every token, whether or not a later one will read it.
    Propagate,
    /// Keys and values of the nearest block below in which the token has an entry, as they are there: turned as that
    /// block turns them. Nothing where there is none.
    CopyBelow,
    /// Nothing: the position is not looked at, and the weights of the others add up to 1.
    Absent,
}

/// Which rows of a stream run the parts of one block. A token that runs the attention always has its own entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mask<'a> {
    /// Where the rows of each sequence begin; one more entry at the end.
    pub(crate) starts: &'a [usize],
    /// One per row: whether it runs the attention.
    pub(crate) attention: &'a [bool],
    /// One per row: whether it runs the feed-forward sublayer.
    pub(crate) feed_forward: &'a [bool],
    pub(crate) missing: MissingKv,
}

impl Mask<'_> {
    /// Refuses a mask that is not one of `rows` rows and so many sequences.
    pub(super) fn check(&self, rows: usize, sequences: usize) -> Result<(), ModelError> {
        let Self { starts, attention, feed_forward, .. } = self;
        let is_laid_out = starts.is_sorted()
            && starts.first() == Some(&0)
            && starts.last() == Some(&rows)
            && starts.len() == sequences + 1;
        if is_laid_out && attention.len() == rows && feed_forward.len() == rows {
            return Ok(());
        }
        let (attends, feeds) = (attention.len(), feed_forward.len());
        Err(ModelError::Request {
            what: "the mask",
            found: format!("of {attends} and {feeds} rows with sequence starts {starts:?}"),
            allowed: format!("of {rows} rows and {sequences} sequences, one for each cache"),
        })
    }

    /// Rows that run the attention, and rows that run the feed-forward sublayer.
    pub(super) fn rows(&self) -> (Vec<usize>, Vec<usize>) {
        if self.missing == MissingKv::Recompute {
            let runs = |row: &usize| self.attention[*row] || self.feed_forward[*row];
            let sequences = self.starts.windows(2).map(|pair| pair[0]..pair[1]);
            let all: Vec<_> = sequences
                .flat_map(|rows| rows.start..rows.rev().find(runs).map_or(0, |last| last + 1))
                .collect();
            return (all.clone(), all);
        }
        let of = |runs: &[bool]| (0..runs.len()).filter(|row| runs[*row]).collect();
        (of(self.attention), of(self.feed_forward))
    }
}
