//! A recording's own texts, run again: once as the full model does, once with tokens that stop where the rule says.

use std::time::Instant;

use crate::job::Job;
use crate::live::LiveError;
use crate::live::passes::Pass;
use crate::live::reader::{Answer, Lane, Reader, Rows, pick};
use crate::live::texts::Text;
use crate::live::treatment::Treatment;
use crate::model::{Batch, LayeredModel, NO_TOKEN, NoProbe, Run};
use crate::policy::{Chosen, Place};
use crate::recording::{Recording, depth_of};
use crate::signal::{Depth, Layer, Signal, Subject};

/// Tokens that go through the model together, as in a recording; a longer sequence goes alone.
const TOGETHER: usize = 512;
/// Largest difference of a probability that rounding explains, in bf16 too.
const ROUNDING: f32 = 0.02;

/// What is run.
pub(super) struct Forced<'a> {
    pub(super) model: &'a dyn LayeredModel,
    pub(super) recording: &'a Recording,
    pub(super) chosen: &'a Chosen,
    pub(super) texts: &'a [Text],
    pub(super) treatment: Treatment,
}

/// Where a row stopped, and what it said there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stopped {
    /// In the recording.
    pub(super) row: usize,
    pub(super) depth: Depth,
    pub(super) id: u32,
    pub(super) nll: f32,
}

/// One run over all texts.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// In the order of the recording.
    pub(super) stopped: Vec<Stopped>,
    pub(super) secs: f64,
    pub(super) cache_bytes: u64,
}

/// What a verification found.
pub(super) struct Timed {
    pub(super) live: Ran,
    /// Median of the full runs.
    pub(super) full_secs: f64,
    /// Median of the live runs.
    pub(super) live_secs: f64,
    pub(super) full_cache_bytes: u64,
}

impl Forced<'_> {
    /// Full and live runs by turns.
    pub(super) fn timed(&self, repeats: usize, job: &Job) -> Result<Timed, LiveError> {
        let repeats = repeats.max(1);
        let tokens: usize = self.texts.iter().map(|text| text.ids.len()).sum();
        let mut meter = Meter { job, done: 0, total: (2 * repeats * tokens) as u64 };
        let (mut full, mut live, mut kept) = (Vec::new(), Vec::new(), None);
        for _ in 0..repeats {
            full.push(self.full(&mut meter)?);
            let ran = self.live(&mut meter)?;
            live.push(ran.secs);
            kept.get_or_insert(ran);
        }
        let card = self.model.card();
        let of_a_token = [2, 4, card.layers, card.kv_heads, card.head_dim].map(|n| n as u64);
        let has_cache = card.subject == Subject::Token;
        let full_cache_bytes =
            if has_cache { of_a_token.iter().product::<u64>() * tokens as u64 } else { 0 };
        Ok(Timed {
            live: kept.unwrap_or_default(),
            full_secs: median(&mut full),
            live_secs: median(&mut live),
            full_cache_bytes,
        })
    }

    /// Every block of every token, and one readout; how long it took. Refuses a recording that says something else.
    fn full(&self, meter: &mut Meter<'_>) -> Result<f64, LiveError> {
        let (mut secs, mut other, mut all) = (0.0, 0, 0);
        let reader = Reader { model: self.model, chosen: self.chosen, job: meter.job };
        let last = depth_of(self.model.card().layers);
        let known = self.recording.column(Signal::MaxProb, last);
        for texts in batches(self.texts) {
            let begun = Instant::now();
            let batch = batch_of(texts);
            let mut stream = self.model.begin(&batch)?;
            for layer in (0_u16..).map(Layer).take(last.index()) {
                meter.check()?;
                self.model.block(layer, Run::Full, &batch, &mut stream, &mut NoProbe)?;
            }
            let stream = self.model.subjects(&batch, &stream)?;
            let answers = reader.answers(last, &stream, &self.truths(texts))?;
            secs += begun.elapsed().as_secs_f64();
            meter.advance(texts)?;
            for (row, answer) in texts.iter().flat_map(|text| text.rows.clone()).zip(answers) {
                let known = known.and_then(|known| known.get(row)).copied().unwrap_or(f32::NAN);
                all += 1;
                other += usize::from((answer.max_prob - known).abs() > ROUNDING);
            }
        }
        if other * 100 > all {
            return Err(LiveError::OtherNumbers { found: other, all });
        }
        Ok(secs)
    }

    fn live(&self, meter: &mut Meter<'_>) -> Result<Ran, LiveError> {
        let mut ran = Ran::default();
        for texts in batches(self.texts) {
            let begun = Instant::now();
            let (mut stopped, cache_bytes) = self.live_batch(texts, meter)?;
            ran.secs += begun.elapsed().as_secs_f64();
            stopped.sort_by_key(|stopped| stopped.row);
            ran.stopped.extend(stopped);
            ran.cache_bytes += cache_bytes;
            meter.advance(texts)?;
        }
        Ok(ran)
    }

    fn live_batch(
        &self,
        texts: &[Text],
        meter: &Meter<'_>,
    ) -> Result<(Vec<Stopped>, u64), LiveError> {
        let reader = Reader { model: self.model, chosen: self.chosen, job: meter.job };
        let mut lanes = Vec::new();
        for text in texts {
            let places = text.rows.clone().map(|row| self.place(row)).collect();
            let Some(rule) = self.chosen.live(places) else {
                let rule = self.chosen.rule.card().label.to_lowercase();
                return Err(LiveError::NotLive { rule });
            };
            lanes.push(Lane { rule, running: (0..text.rows.len()).collect() });
        }
        let mut pass = Pass::begin(self.model, batch_of(texts), self.treatment.missing())?;
        let (mut stopped, mut before) = (Vec::new(), None);
        let layers = self.model.card().layers;
        for depth in (0..=layers).map(depth_of) {
            meter.check()?;
            let stream = pass.rows(&lanes)?;
            let running = lanes
                .iter()
                .zip(texts)
                .flat_map(|(lane, text)| lane.running.iter().map(|token| text.rows.start + token));
            let rows: Vec<usize> = running.collect();
            let truths: Vec<u32> = rows.iter().map(|row| self.truth(*row)).collect();
            let here = Rows { depth, stream: &stream, before: before.as_ref(), truths: &truths };
            let said = reader.decide(&here, &mut lanes)?;
            let answers =
                rows.iter().zip(&said).filter_map(|(row, answer)| Some((*row, (*answer)?)));
            stopped.extend(answers.map(|(row, Answer { id, nll, .. })| Stopped {
                row,
                depth,
                id,
                nll,
            }));
            let runs: Vec<bool> = said.iter().map(Option::is_none).collect();
            let mut is_running = runs.iter();
            for lane in &mut lanes {
                lane.running.retain(|_| is_running.next().copied().unwrap_or(false));
            }
            if lanes.iter().all(|lane| lane.running.is_empty()) {
                break;
            }
            pass.drop_samples(&runs);
            let left: Vec<usize> = (0..runs.len()).filter(|row| runs[*row]).collect();
            before = Some(pick(&stream, &left));
            pass.advance(Layer(depth.0), &lanes)?;
        }
        Ok((stopped, pass.cache_bytes()))
    }

    fn truths(&self, texts: &[Text]) -> Vec<u32> {
        texts.iter().flat_map(|text| text.rows.clone()).map(|row| self.truth(row)).collect()
    }

    fn truth(&self, row: usize) -> u32 {
        self.recording.tokens.next_ids.get(row).copied().unwrap_or(NO_TOKEN)
    }

    fn place(&self, row: usize) -> Place {
        let prompt = self.recording.manifest.generation.as_ref().map_or(0, |g| g.prompt_tokens);
        let position = self.recording.tokens.position.get(row).copied().unwrap_or(0);
        Place::new(position, u32::try_from(prompt).unwrap_or(u32::MAX))
    }
}

/// Tells how far it is.
struct Meter<'a> {
    job: &'a Job,
    done: u64,
    total: u64,
}

impl Meter<'_> {
    fn check(&self) -> Result<(), LiveError> {
        Ok(self.job.progress("Verifying", "tokens", self.done, self.total)?)
    }

    fn advance(&mut self, texts: &[Text]) -> Result<(), LiveError> {
        self.done += texts.iter().map(|text| text.ids.len() as u64).sum::<u64>();
        self.check()
    }
}

/// Sequences that go through the model together.
fn batches(texts: &[Text]) -> impl Iterator<Item = &[Text]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |text: &&Text| {
            tokens += text.ids.len();
            tokens <= TOGETHER
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (batch, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(batch)
    })
}

fn batch_of(texts: &[Text]) -> Batch {
    let mut batch = Batch { starts: vec![0], ..Batch::default() };
    for text in texts {
        batch.ids.extend(&text.ids);
        batch.starts.push(batch.ids.len());
    }
    batch
}

/// The middle of some times; the mean of both where there are two.
pub(super) fn median(secs: &mut [f64]) -> f64 {
    secs.sort_by(f64::total_cmp);
    let middle = secs.len() / 2;
    match (secs.len() % 2, secs.get(middle), secs.get(middle.saturating_sub(1))) {
        (0, Some(a), Some(b)) => f64::midpoint(*a, *b),
        (_, Some(middle), _) => *middle,
        _ => f64::NAN,
    }
}
