//! What a rule is shown at a depth, and what is answered where it says stop.

use crate::job::Job;
use crate::kernel::geometry;
use crate::live::LiveError;
use crate::model::{LayeredModel, NO_TOKEN, Stream};
use crate::policy::{Chosen, LiveRule, TokenSignals};
use crate::signal::{Depth, Signal};

/// What a readout says of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Answer {
    pub(super) id: u32,
    /// Of what is true; NaN where nothing is known to be.
    pub(super) nll: f32,
    pub(super) max_prob: f32,
    margin: f32,
    entropy: f32,
    /// Against the depth before; NaN where that was not read out, too.
    kl_prev: f32,
    prob_step: f32,
}

/// One sequence with its rule, and those of its rows that still run.
pub(super) struct Lane<'a> {
    pub(super) rule: Box<dyn LiveRule + 'a>,
    /// Numbers in the sequence, ascending.
    pub(super) running: Vec<usize>,
}

/// Rows that run, at one depth, in the order of the lanes.
pub(super) struct Rows<'a> {
    pub(super) depth: Depth,
    pub(super) stream: &'a Stream,
    /// The same rows one depth before; `None` at depth 0.
    pub(super) before: Option<&'a Stream>,
    /// What is true of each.
    pub(super) truths: &'a [u32],
}

/// Reads rows out and asks rules.
pub(super) struct Reader<'a> {
    pub(super) model: &'a dyn LayeredModel,
    pub(super) chosen: &'a Chosen,
    pub(super) job: &'a Job,
}

impl Reader<'_> {
    /// For each row that runs what it answers, if it stops here; at depth L all of them stop.
    pub(super) fn decide(
        &self,
        rows: &Rows<'_>,
        lanes: &mut [Lane<'_>],
    ) -> Result<Vec<Option<Answer>>, LiveError> {
        let Self { chosen, model, .. } = self;
        let depth = rows.depth;
        if depth.index() >= model.card().layers {
            return Ok(self
                .answers(depth, rows.stream, rows.truths)?
                .into_iter()
                .map(Some)
                .collect());
        }
        if !chosen.checks.has(depth) {
            return Ok(vec![None; rows.truths.len()]);
        }
        let card = chosen.rule.card();
        // The depth before is read out again only for rules that compare the two.
        let compares = |signal: &Signal| matches!(signal, Signal::KlPrev | Signal::ProbStep);
        let before = rows.before.filter(|_| card.needs.iter().any(compares));
        let read = || self.answers_behind(before, depth, rows.stream, rows.truths);
        let read = card.reads_out.then(read).transpose()?;
        let signals = signals(rows, read.as_deref());
        let mut stops = vec![false; signals.len()];
        let mut first = 0;
        for lane in lanes.iter_mut().filter(|lane| !lane.running.is_empty()) {
            let own = first..first + lane.running.len();
            first = own.end;
            lane.rule.step(depth, &lane.running, &signals[own.clone()], &mut stops[own]);
        }
        if let Some(read) = read {
            let answers = read.into_iter().zip(stops);
            return Ok(answers.map(|(answer, stops)| stops.then_some(answer)).collect());
        }
        // Only what stops has to be read out.
        let stopped: Vec<usize> = (0..stops.len()).filter(|row| stops[*row]).collect();
        let truths: Vec<u32> = stopped.iter().map(|row| rows.truths[*row]).collect();
        let mut read = self.answers(depth, &pick(rows.stream, &stopped), &truths)?.into_iter();
        Ok(stops.iter().map(|stops| if *stops { read.next() } else { None }).collect())
    }

    /// The readout of all rows of a stream.
    pub(super) fn answers(
        &self,
        depth: Depth,
        stream: &Stream,
        truths: &[u32],
    ) -> Result<Vec<Answer>, LiveError> {
        self.answers_behind(None, depth, stream, truths)
    }

    /// The same, compared with the readout of the depth before where its stream is given.
    fn answers_behind(
        &self,
        before: Option<&Stream>,
        depth: Depth,
        stream: &Stream,
        truths: &[u32],
    ) -> Result<Vec<Answer>, LiveError> {
        if truths.is_empty() {
            return Ok(Vec::new());
        }
        let earlier = before.zip(depth.0.checked_sub(1).map(Depth));
        let (streams, depths): (Vec<_>, Vec<_>) =
            earlier.into_iter().chain([(stream, depth)]).unzip();
        let read = self.model.readout(&depths, &streams, truths, self.job)?;
        let skipped = (streams.len() - 1) * truths.len();
        let of =
            |column: &[f32], row: usize| column.get(skipped + row).copied().unwrap_or(f32::NAN);
        let answer = |row: usize| Answer {
            id: read.top_ids.get(skipped + row).map_or(NO_TOKEN, |best| best[0]),
            nll: of(&read.nll, row),
            max_prob: of(&read.max_prob, row),
            margin: of(&read.margin, row),
            entropy: of(&read.entropy, row),
            kl_prev: of(&read.kl_prev, row),
            prob_step: of(&read.prob_step, row),
        };
        Ok((0..truths.len()).map(answer).collect())
    }
}

/// What a rule may look at; NaN where nothing was read out.
fn signals(rows: &Rows<'_>, read: Option<&[Answer]>) -> Vec<TokenSignals> {
    let Stream { hidden, width } = rows.stream;
    let rms = geometry::rms(hidden, *width);
    let before = rows.before.map(|before| {
        let cosines = geometry::cosine(&before.hidden, hidden, *width);
        geometry::rms(&before.hidden, *width).into_iter().zip(cosines).collect::<Vec<_>>()
    });
    rms.iter()
        .enumerate()
        .map(|(row, rms)| {
            let read = read.and_then(|read| read.get(row));
            let before = before.as_ref().and_then(|before| before.get(row));
            let of = |value: fn(&Answer) -> f32| read.map_or(f32::NAN, value);
            TokenSignals {
                max_prob: of(|read| read.max_prob),
                margin: of(|read| read.margin),
                entropy: of(|read| read.entropy),
                rms: *rms,
                rms_prev: before.map_or(f32::NAN, |before| before.0),
                cos_prev: before.map_or(f32::NAN, |before| before.1),
                kl_prev: of(|read| read.kl_prev),
                prob_step: of(|read| read.prob_step),
                top1: read.map_or(NO_TOKEN, |read| read.id),
            }
        })
        .collect()
}

/// Some rows of a stream, in their order.
pub(super) fn pick(stream: &Stream, rows: &[usize]) -> Stream {
    let width = stream.width;
    let row = |row: &usize| stream.hidden.get(row * width..(row + 1) * width);
    Stream { hidden: rows.iter().filter_map(row).flatten().copied().collect(), width }
}
