//! What rules and their knobs must know of the run that they are asked about.

use std::ops::Range;

use crate::recording::{Recording, depth_of};
use crate::signal::{Depth, Subject};

/// Vocabulary that ranges are shown for while nothing is recorded.
const USUAL_VOCAB: usize = 131_072;

/// Sizes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct About {
    /// Number of blocks L.
    pub(crate) layers: usize,
    /// What a readout chooses among.
    pub(crate) vocab: usize,
    pub(crate) subject: Subject,
    /// Positions of the longest sequence.
    pub(crate) longest: u32,
    /// So many of the first positions were given; the others were chosen by the model. 0: the whole text was given.
    pub(crate) prompt: u32,
}

impl About {
    /// Of a recording; usual sizes where there is none yet.
    pub(crate) fn of(recording: Option<&Recording>) -> Self {
        let Some(recording) = recording else {
            let subject = Subject::default();
            return Self { layers: 32, vocab: USUAL_VOCAB, subject, longest: 1024, prompt: 0 };
        };
        let longest = recording.cubes.memo.get("longest sequence", || {
            recording.tokens.position.iter().max().map_or(1, |last| last.saturating_add(1))
        });
        let prompt = recording.manifest.generation.as_ref().map_or(0, |g| g.prompt_tokens);
        Self {
            layers: recording.num_layers(),
            vocab: recording.manifest.vocab,
            subject: recording.subject(),
            longest: *longest,
            prompt: u32::try_from(prompt).unwrap_or(u32::MAX),
        }
    }

    /// The last depth L.
    pub(crate) fn last(&self) -> Depth {
        depth_of(self.layers)
    }

    /// Number of blocks as a knob's largest value.
    pub(crate) fn most_layers(&self) -> i64 {
        i64::try_from(self.layers).unwrap_or(i64::MAX)
    }
}

/// What a rule is fitted to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit<'a> {
    pub(crate) about: About,
    pub(crate) recording: &'a Recording,
    /// The depths at which a token may stop.
    pub(crate) checks: &'a Checks,
    /// Rows of the calibration part.
    pub(crate) rows: &'a [Range<usize>],
    /// Says everything that `rows` and `checks` depend on besides the recording; part of the name of what is remembered.
    pub(crate) key: &'a str,
    /// The same of `rows` alone.
    pub(crate) key_of_rows: &'a str,
}

impl Fit<'_> {
    /// The rows, one by one.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.rows.iter().flat_map(Clone::clone)
    }
}

#[cfg(test)]
impl<'a> Fit<'a> {
    /// Of rows of a recording that is asked about no others.
    pub(crate) fn unnamed(
        recording: &'a Recording,
        checks: &'a Checks,
        rows: &'a [Range<usize>],
    ) -> Self {
        let about = About::of(Some(recording));
        Self { about, recording, checks, rows, key: "", key_of_rows: "" }
    }
}

/// The depths at which a token may stop; never L, where everything stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checks(Vec<bool>);

impl Checks {
    /// Every depth of `0..layers` for which `may` says so.
    pub(crate) fn new(layers: usize, may: impl Fn(Depth) -> bool) -> Self {
        Self((0..layers).map(|depth| may(depth_of(depth))).collect())
    }

    /// Number of blocks L.
    pub(crate) fn layers(&self) -> usize {
        self.0.len()
    }

    /// Whether a token may stop at a depth.
    pub(crate) fn has(&self, depth: Depth) -> bool {
        self.0.get(depth.index()).copied().unwrap_or(false)
    }

    /// The depths at which a token may stop, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Depth> + '_ {
        self.0.iter().enumerate().filter(|(_, may)| **may).map(|(depth, _)| depth_of(depth))
    }

    /// How often a token that exits at `depth` was checked.
    pub(crate) fn up_to(&self, depth: Depth) -> usize {
        self.0.iter().take(depth.index() + 1).filter(|may| **may).count()
    }
}
