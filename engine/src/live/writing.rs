//! One text that the model goes on with, greedily: once with every block, once with tokens that stop where the rule says.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::generate::largest;
use crate::job::Job;
use crate::live::LiveError;
use crate::live::forced::median;
use crate::live::reader::{Answer, Lane, Reader, Rows};
use crate::live::treatment::Treatment;
use crate::model::{Cache, LayeredModel, Mask, NO_TOKEN, NoProbe, Stream};
use crate::policy::{Chosen, Place};
use crate::recording::depth_of;
use crate::signal::{Depth, Layer};

/// What is written.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// At least one token.
    pub(crate) ids: Vec<u32>,
    /// Most new tokens.
    pub(crate) most_tokens: usize,
    /// A text is over behind each of these.
    pub(crate) ends: BTreeSet<u32>,
    pub(crate) draft: Draft,
}

/// How drafts are made where batches verify them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Blocks that a drafted token runs; below L.
    pub(crate) depth: Depth,
    /// Most tokens that are drafted at a time.
    pub(crate) length: usize,
}

/// A text that was written, and what that took.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Written {
    pub(super) ids: Vec<u32>,
    /// Where the token that said each stopped; of a verified draft: L.
    pub(super) depths: Vec<Depth>,
    pub(super) secs: f64,
    pub(super) cache_bytes: u64,
    pub(super) passes: Passes,
    /// Tokens that were drafted, and those of them that the full model agrees with.
    pub(super) drafted: usize,
    pub(super) accepted: usize,
}

/// How often weights were passed over, however many rows passed together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Passes {
    pub(super) blocks: usize,
    /// Only the projections of keys and values of a block.
    pub(super) projections: usize,
    pub(super) readouts: usize,
}

/// Both texts.
pub(super) struct Compared {
    pub(super) full: Written,
    pub(super) live: Written,
    /// Medians.
    pub(super) full_secs: f64,
    pub(super) live_secs: f64,
}

/// What writes.
pub(super) struct Writer<'a> {
    pub(super) model: &'a dyn LayeredModel,
    pub(super) chosen: &'a Chosen,
    pub(super) treatment: Treatment,
    pub(super) prompt: &'a Prompt,
    pub(super) job: &'a Job,
}

impl Writer<'_> {
    /// Full and live texts by turns. The prompt runs through every block, once.
    pub(super) fn compared(&self, repeats: usize) -> Result<Compared, LiveError> {
        let start = self.start()?;
        let repeats = repeats.max(1);
        let mut done =
            Done { job: self.job, tokens: 0, total: 2 * repeats * self.prompt.most_tokens };
        let (mut full, mut live) = (Vec::new(), Vec::new());
        for _ in 0..repeats {
            full.push(self.full(start.clone(), &mut done)?);
            live.push(match self.treatment {
                Treatment::Speculate => self.speculating(start.clone(), &mut done)?,
                Treatment::Recompute
                | Treatment::Propagate
                | Treatment::CopyBelow
                | Treatment::Absent => self.exiting(start.clone(), &mut done)?,
            });
        }
        let middle = |all: &[Written]| {
            median(&mut all.iter().map(|written| written.secs).collect::<Vec<_>>())
        };
        let (full_secs, live_secs) = (middle(&full), middle(&live));
        let first = |all: Vec<Written>| all.into_iter().next().unwrap_or_default();
        Ok(Compared { full: first(full), live: first(live), full_secs, live_secs })
    }

    /// Keys and values of the prompt, and what the full model says behind it.
    fn start(&self) -> Result<(Cache, u32), LiveError> {
        let mut cache = self.model.cache()?;
        let mut stream = self.model.begin_step(&self.prompt.ids, &cache)?;
        for layer in self.layers(0) {
            self.job.check()?;
            self.model.step(layer, &mut cache, &mut stream, &mut NoProbe)?;
        }
        let first = largest(&self.model.logits(&stream)?).unwrap_or(NO_TOKEN);
        Ok((cache, first))
    }

    fn full(
        &self,
        (mut cache, first): (Cache, u32),
        done: &mut Done<'_>,
    ) -> Result<Written, LiveError> {
        let (mut written, begun) = (self.begun(first), Instant::now());
        while let Some(id) = self.next(&written) {
            done.step()?;
            let mut stream = self.model.begin_step(&[id], &cache)?;
            for layer in self.layers(0) {
                self.model.step(layer, &mut cache, &mut stream, &mut NoProbe)?;
            }
            let next = largest(&self.model.logits(&stream)?).unwrap_or(NO_TOKEN);
            written.passes.blocks += self.last().index();
            written.passes.readouts += 1;
            written.say(next, self.last());
        }
        written.ends_at(begun, &cache);
        Ok(written)
    }

    fn exiting(
        &self,
        (mut cache, first): (Cache, u32),
        done: &mut Done<'_>,
    ) -> Result<Written, LiveError> {
        let (mut written, begun) = (self.begun(first), Instant::now());
        let given = self.prompt.ids.len();
        let place = |step: usize| {
            let whole = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Place::new(whole(given + step), whole(given))
        };
        let Some(rule) = self.chosen.live((0..self.prompt.most_tokens).map(place).collect()) else {
            return Err(LiveError::NotLive { rule: self.chosen.rule.card().label.to_lowercase() });
        };
        let mut lanes = [Lane { rule, running: Vec::new() }];
        let mut waiting = vec![Vec::new(); self.last().index() + 1];
        while let Some(id) = self.next(&written) {
            done.step()?;
            let step = written.ids.len() - 1;
            if let Some(lane) = lanes.first_mut() {
                lane.running = vec![step];
            }
            let stream = self.model.begin_at(&[id], given + step)?;
            let (answer, depth) =
                self.until_it_stops(stream, (&mut cache, &mut waiting), &mut lanes)?;
            let reads_out = self.chosen.rule.card().reads_out;
            let checks = if reads_out { self.chosen.checks.up_to(depth) } else { 0 };
            let is_answer_extra = !reads_out || depth == self.last();
            written.passes.blocks += depth.index();
            written.passes.readouts += checks + usize::from(is_answer_extra);
            if self.treatment == Treatment::Propagate {
                written.passes.projections += self.last().index() - depth.index();
            }
            written.say(answer.id, depth);
        }
        written.ends_at(begun, &cache);
        Ok(written)
    }

    /// Runs a new token until its rule says stop. `waiting`: rows that stopped at each depth and may be run on.
    fn until_it_stops(
        &self,
        mut stream: Stream,
        (cache, waiting): (&mut Cache, &mut [Vec<f32>]),
        lanes: &mut [Lane<'_>],
    ) -> Result<(Answer, Depth), LiveError> {
        let reader = Reader { model: self.model, chosen: self.chosen, job: self.job };
        let mut before = None;
        for depth in (0..=self.last().index()).map(depth_of) {
            let rows =
                Rows { depth, stream: &stream, before: before.as_ref(), truths: &[NO_TOKEN] };
            if let Some(answer) = reader.decide(&rows, lanes)?.into_iter().flatten().next() {
                self.leave(depth, stream, (cache, waiting))?;
                return Ok((answer, depth));
            }
            before = self.chosen.checks.has(Depth(depth.0 + 1)).then(|| stream.clone());
            let layer = Layer(depth.0);
            let width = stream.width;
            // Those that wait here stand right before it.
            let mut hidden = waiting.get_mut(depth.index()).map(std::mem::take).unwrap_or_default();
            hidden.append(&mut stream.hidden);
            let mut rows = Stream { hidden, width };
            self.model.step(layer, cache, &mut rows, &mut NoProbe)?;
            stream.hidden = rows.hidden.split_off(rows.hidden.len().saturating_sub(width));
            if let Some(next) = waiting.get_mut(depth.index() + 1) {
                next.append(&mut rows.hidden);
            }
        }
        // At depth L everything stops.
        Err(LiveError::NothingToRun)
    }

    /// What a token that stops at `depth` leaves in the blocks that it does not run.
    fn leave(
        &self,
        depth: Depth,
        mut stream: Stream,
        (cache, waiting): (&mut Cache, &mut [Vec<f32>]),
    ) -> Result<(), LiveError> {
        if self.treatment.is_exact() {
            // At depth L nobody waits.
            if let Some(waiting) = waiting.get_mut(depth.index()).filter(|_| depth < self.last()) {
                waiting.append(&mut stream.hidden);
            }
            return Ok(());
        }
        let mask = Mask {
            starts: &[0, 1],
            attention: &[false],
            feed_forward: &[false],
            missing: self.treatment.missing(),
        };
        for layer in self.layers(depth.index()) {
            let caches = std::slice::from_mut(&mut *cache);
            self.model.step_masked(layer, mask, caches, &mut stream, &mut NoProbe)?;
        }
        Ok(())
    }

    /// Self-speculation (`LayerSkip`, 2404.16710): the first blocks draft some tokens, the others check all of them in one
    /// pass on the streams that the drafts left. What is written is the full model's text.
    fn speculating(
        &self,
        (mut cache, first): (Cache, u32),
        done: &mut Done<'_>,
    ) -> Result<Written, LiveError> {
        let (mut written, begun) = (self.begun(first), Instant::now());
        let Draft { depth, length } = self.prompt.draft;
        let depth = depth.min(self.last());
        let reader = Reader { model: self.model, chosen: self.chosen, job: self.job };
        while let Some(id) = self.next(&written) {
            let room = self.prompt.most_tokens - written.ids.len();
            let (mut drafted, mut streams, mut here) = (Vec::new(), Vec::new(), id);
            let past = cache.positions();
            // A last token is drafted by nobody: the verifying pass says one more than was drafted.
            let most = length.min(room.saturating_sub(1));
            loop {
                done.job.check()?;
                let mut stream = self.model.begin_at(&[here], past + drafted.len())?;
                for layer in self.layers(0).take(depth.index()) {
                    self.model.step(layer, &mut cache, &mut stream, &mut NoProbe)?;
                }
                written.passes.blocks += depth.index();
                streams.extend_from_slice(&stream.hidden);
                let is_over = drafted.last().is_some_and(|id| self.prompt.ends.contains(id));
                if drafted.len() >= most || is_over {
                    break;
                }
                let said = reader.answers(depth, &stream, &[NO_TOKEN])?;
                written.passes.readouts += 1;
                here = said.first().map_or(NO_TOKEN, |answer| answer.id);
                drafted.push(here);
            }
            let width = self.model.card().width;
            let mut stream = Stream { hidden: streams, width };
            for layer in self.layers(depth.index()) {
                self.model.step(layer, &mut cache, &mut stream, &mut NoProbe)?;
                written.passes.blocks += 1;
            }
            let truths = vec![NO_TOKEN; drafted.len() + 1];
            let said = reader.answers(self.last(), &stream, &truths)?;
            written.passes.readouts += 1;
            let right = drafted.iter().zip(&said).take_while(|(id, said)| **id == said.id).count();
            written.drafted += drafted.len();
            written.accepted += right;
            for answer in said.iter().take(right + 1) {
                if self.next(&written).is_none() {
                    break;
                }
                done.step()?;
                written.say(answer.id, self.last());
            }
            cache.crop(past + right + 1);
        }
        written.ends_at(begun, &cache);
        Ok(written)
    }

    fn begun(&self, first: u32) -> Written {
        let mut written = Written::default();
        written.say(first, self.last());
        written
    }

    /// The token to go on with; `None` where the text is over.
    fn next(&self, written: &Written) -> Option<u32> {
        let last = written.ids.last().copied()?;
        let is_over = last == NO_TOKEN || self.prompt.ends.contains(&last);
        (!is_over && written.ids.len() < self.prompt.most_tokens).then_some(last)
    }

    fn last(&self) -> Depth {
        depth_of(self.model.card().layers)
    }

    fn layers(&self, from: usize) -> impl Iterator<Item = Layer> + use<> {
        (0_u16..).map(Layer).take(self.last().index()).skip(from)
    }
}

impl Written {
    fn say(&mut self, id: u32, depth: Depth) {
        self.ids.push(id);
        self.depths.push(depth);
    }

    fn ends_at(&mut self, begun: Instant, cache: &Cache) {
        self.secs = begun.elapsed().as_secs_f64();
        self.cache_bytes = cache.bytes();
    }
}

/// How far it is.
struct Done<'a> {
    job: &'a Job,
    tokens: u64,
    total: usize,
}

impl Done<'_> {
    fn step(&mut self) -> Result<(), LiveError> {
        self.tokens += 1;
        Ok(self.job.progress("Writing", "tokens", self.tokens, self.total as u64)?)
    }
}
