//! How a pass goes on when some of its rows have stopped.

use crate::live::LiveError;
use crate::live::reader::{Lane, pick};
use crate::model::{Batch, Cache, LayeredModel, Mask, MissingKv, NoProbe, Run, Stream};
use crate::signal::{Layer, Subject};

/// A pass of several sequences from which rows drop out.
pub(super) enum Pass<'a> {
    Tokens(Tokens<'a>),
    Samples(Samples<'a>),
}

impl<'a> Pass<'a> {
    /// At depth 0.
    pub(super) fn begin(
        model: &'a dyn LayeredModel,
        batch: Batch,
        missing: MissingKv,
    ) -> Result<Self, LiveError> {
        let stream = model.begin(&batch)?;
        Ok(match model.card().subject {
            Subject::Sample => Self::Samples(Samples { model, batch, stream }),
            Subject::Token | Subject::OwnToken => {
                let caches = vec![model.cache()?; batch.starts.len().saturating_sub(1)];
                Self::Tokens(Tokens { model, starts: batch.starts, caches, stream, missing })
            }
        })
    }

    /// What is read out of the rows that run, lane by lane.
    pub(super) fn rows(&self, lanes: &[Lane<'_>]) -> Result<Stream, LiveError> {
        match self {
            Self::Tokens(pass) => Ok(pick(&pass.stream, &pass.running(lanes))),
            Self::Samples(pass) => Ok(pass.model.subjects(&pass.batch, &pass.stream)?),
        }
    }

    /// Drops what nobody needs any more, and runs one block.
    pub(super) fn advance(&mut self, layer: Layer, lanes: &[Lane<'_>]) -> Result<(), LiveError> {
        match self {
            Self::Tokens(pass) => pass.advance(layer, lanes),
            Self::Samples(pass) => pass.advance(layer),
        }
    }

    /// Lets samples go that have stopped: `runs` says of each of the pass whether it still runs.
    pub(super) fn drop_samples(&mut self, runs: &[bool]) {
        if let Self::Samples(pass) = self {
            pass.keep(runs);
        }
    }

    /// Bytes of keys and values that are kept.
    pub(super) fn cache_bytes(&self) -> u64 {
        match self {
            Self::Tokens(pass) => pass.caches.iter().map(Cache::bytes).sum(),
            Self::Samples(_) => 0,
        }
    }
}

/// Tokens of a decoder.
pub(super) struct Tokens<'a> {
    model: &'a dyn LayeredModel,
    /// Where the rows of each sequence begin; they are its first tokens.
    starts: Vec<usize>,
    caches: Vec<Cache>,
    stream: Stream,
    missing: MissingKv,
}

impl Tokens<'_> {
    /// Rows of the stream that run.
    fn running(&self, lanes: &[Lane<'_>]) -> Vec<usize> {
        let starts = self.starts.iter();
        lanes
            .iter()
            .zip(starts)
            .flat_map(|(lane, start)| lane.running.iter().map(move |t| start + t))
            .collect()
    }

    fn advance(&mut self, layer: Layer, lanes: &[Lane<'_>]) -> Result<(), LiveError> {
        // Behind the last token that runs nobody reads.
        let (mut rows, mut starts) = (Vec::new(), vec![0]);
        for (lane, start) in lanes.iter().zip(&self.starts) {
            let needed = lane.running.last().map_or(0, |last| last + 1);
            rows.extend(*start..start + needed);
            starts.push(rows.len());
        }
        if starts != self.starts {
            self.stream = pick(&self.stream, &rows);
            self.starts = starts;
        }
        let mut runs = vec![false; rows.len()];
        for row in self.running(lanes) {
            runs[row] = true;
        }
        let mask = Mask {
            starts: &self.starts,
            attention: &runs,
            feed_forward: &runs,
            missing: self.missing,
        };
        self.model.step_masked(layer, mask, &mut self.caches, &mut self.stream, &mut NoProbe)?;
        Ok(())
    }
}

/// Whole samples of an encoder.
pub(super) struct Samples<'a> {
    model: &'a dyn LayeredModel,
    batch: Batch,
    stream: Stream,
}

impl Samples<'_> {
    fn keep(&mut self, runs: &[bool]) {
        if runs.iter().all(|runs| *runs) {
            return;
        }
        let (old, mut rows) = (std::mem::take(&mut self.batch), Vec::new());
        self.batch.starts.push(0);
        for (pair, _) in old.starts.windows(2).zip(runs).filter(|(_, runs)| **runs) {
            rows.extend(pair[0]..pair[1]);
            self.batch.ids.extend(&old.ids[pair[0]..pair[1]]);
            self.batch.starts.push(rows.len());
        }
        self.stream = pick(&self.stream, &rows);
    }

    fn advance(&mut self, layer: Layer) -> Result<(), LiveError> {
        self.model.block(layer, Run::Full, &self.batch, &mut self.stream, &mut NoProbe)?;
        Ok(())
    }
}
