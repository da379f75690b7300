//! One run of each work.

use std::time::Instant;

use crate::checkpoint::Tokenizer;
use crate::dataset::images::Pixels;
use crate::dataset::{Data, Sequence, TextSample};
use crate::generate::largest;
use crate::job::Job;
use crate::kernel::geometry;
use crate::kernel::numerics::Numerics;
use crate::measure::images::MadeImages;
use crate::measure::works::Work;
use crate::measure::{MeasureError, process};
use crate::model::{Batch, Cache, LayeredModel, NO_TOKEN, NoProbe, Run, Stream};
use crate::record::{self, Asked};
use crate::recording::{ReadAt, depth_of};
use crate::signal::{Depth, Layer, Subject};

/// More logits than this, 64 MB, are not kept together.
const LOGITS_TOGETHER: usize = 1 << 24;
/// Tokens that a run shows of those that it made.
const FIRST_IDS: usize = 12;

/// What one run took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) wall_secs: f64,
    /// Of all threads; `None` where the system does not tell.
    pub(super) cpu_secs: Option<f64>,
    /// First most probable tokens behind the input.
    pub(super) ids: Vec<u32>,
}

/// What runs have in common.
pub(super) struct Bench<'a> {
    pub(super) model: &'a mut dyn LayeredModel,
    pub(super) tokenizer: Option<&'a Tokenizer>,
    /// One sequence, or images.
    pub(super) batch: Batch,
    /// Tokens that are generated behind it.
    pub(super) steps: usize,
    pub(super) budget_bytes: u64,
    /// Only looked at, between blocks.
    pub(super) job: &'a Job,
    /// Keys and values of the batch, and the token behind it: where decoding begins.
    pub(super) filled: Option<(Cache, u32)>,
}

impl Bench<'_> {
    /// Runs `work` once; only the work itself is timed, not what it needs before.
    pub(super) fn run(&mut self, work: Work) -> Result<Span, MeasureError> {
        match work {
            Work::Record => timed(|| self.record()),
            Work::RecordBf16 => {
                self.model.set_numerics(Numerics::Bf16)?;
                let done = timed(|| self.record());
                self.model.set_numerics(Numerics::F32)?;
                done
            }
            Work::Forward => timed(|| self.forward(Probes::Off)),
            Work::ForwardAll => timed(|| self.forward_all()),
            Work::Probes => timed(|| self.forward(Probes::Geometry)),
            Work::Prefill => timed(|| {
                let (_, first) = self.prefill()?;
                Ok(vec![first])
            }),
            Work::Decode => {
                let start = self.filled()?;
                timed(|| self.decode(start, Readout::None))
            }
            Work::DecodeReadout => {
                let start = self.filled()?;
                timed(|| self.decode(start, Readout::AllDepths))
            }
        }
    }

    /// What `layerscope record` does between reading the data and writing the folder.
    fn record(&self) -> Result<Vec<u32>, MeasureError> {
        let Batch { ids, starts, .. } = &self.batch;
        let ends = starts.iter().skip(1);
        let whole = starts.iter().zip(ends).filter_map(|(start, end)| ids.get(*start..*end));
        let sequence = |(sample, ids): (usize, &[u32])| Sequence {
            ids: ids.to_vec(),
            segments: Vec::new(),
            sample,
        };
        let sequences: Vec<_> = whole.enumerate().map(sequence).collect();
        let nothing = TextSample { text: String::new(), columns: Default::default() };
        let samples = vec![nothing; sequences.len()];
        let data = Data { name: "bench".to_owned(), samples, ..Data::default() };
        let made = self.batch.pixels.len() / sequences.len().max(1);
        let images = MadeImages { pixels: &self.batch.pixels, per_image: made };
        let asked = Asked {
            data: &data,
            preparation: (made > 0).then_some(&images as &dyn Pixels),
            sequences: &sequences,
            read_at: ReadAt::Every,
            budget_bytes: self.budget_bytes,
            notes: Vec::new(),
            folder: None,
        };
        record::record(&*self.model, self.tokenizer, asked, self.job)?;
        Ok(Vec::new())
    }

    fn forward(&self, probes: Probes) -> Result<Vec<u32>, MeasureError> {
        let Self { model, batch, job, .. } = self;
        let mut stream = model.begin(batch)?;
        if probes == Probes::Geometry {
            drop(geometry::rms(&stream.hidden, stream.width));
        }
        for layer in self.layers() {
            job.check()?;
            let before = (probes == Probes::Geometry).then(|| stream.hidden.clone());
            model.block(layer, Run::Full, batch, &mut stream, &mut NoProbe)?;
            if let Some(before) = before {
                let (now, width) = (&stream.hidden, stream.width);
                drop(geometry::rms(now, width));
                drop(geometry::cosine(&before, now, width));
                drop(geometry::update(&before, now, width));
            }
        }
        if model.card().subject == Subject::Token {
            return Ok(vec![likeliest(&model.logits(&stream)?)]);
        }
        let read = model.subjects(batch, &stream)?;
        if model.card().readout != "none" {
            let truths = vec![NO_TOKEN; read.hidden.len() / read.width.max(1)];
            model.readout(&[self.last_depth()], &[&read], &truths, job)?;
        }
        Ok(Vec::new())
    }

    fn forward_all(&self) -> Result<Vec<u32>, MeasureError> {
        let Self { model, batch, job, .. } = self;
        let mut stream = model.begin(batch)?;
        for layer in self.layers() {
            job.check()?;
            model.block(layer, Run::Full, batch, &mut stream, &mut NoProbe)?;
        }
        let (width, vocab) = (stream.width, model.card().vocab);
        let together = (LOGITS_TOGETHER / vocab.max(1)).max(1);
        let mut last = Vec::new();
        for rows in stream.hidden.chunks((together * width).max(1)) {
            job.check()?;
            last = model.all_logits(&Stream { hidden: rows.to_vec(), width })?;
        }
        let behind = last.len().saturating_sub(vocab);
        Ok(vec![likeliest(last.get(behind..).unwrap_or_default())])
    }

    fn prefill(&self) -> Result<(Cache, u32), MeasureError> {
        let mut cache = self.model.cache()?;
        let mut stream = self.model.begin_step(&self.batch.ids, &cache)?;
        for layer in self.layers() {
            self.job.check()?;
            self.model.step(layer, &mut cache, &mut stream, &mut NoProbe)?;
        }
        let first = likeliest(&self.model.logits(&stream)?);
        Ok((cache, first))
    }

    /// A copy of where decoding begins.
    fn filled(&mut self) -> Result<(Cache, u32), MeasureError> {
        if let Some(filled) = &self.filled {
            return Ok(filled.clone());
        }
        let filled = self.prefill()?;
        self.filled = Some(filled.clone());
        Ok(filled)
    }

    fn decode(
        &self,
        (mut cache, mut next): (Cache, u32),
        readout: Readout,
    ) -> Result<Vec<u32>, MeasureError> {
        let depths: Vec<_> = (0_u16..).map(Depth).take(self.model.card().layers + 1).collect();
        let mut made = Vec::new();
        for _ in 0..self.steps {
            self.job.check()?;
            made.push(next);
            let mut stream = self.model.begin_step(&[next], &cache)?;
            let mut streams = Vec::new();
            for layer in self.layers() {
                if readout == Readout::AllDepths {
                    streams.push(stream.clone());
                }
                self.model.step(layer, &mut cache, &mut stream, &mut NoProbe)?;
            }
            next = likeliest(&self.model.logits(&stream)?);
            if readout == Readout::AllDepths {
                streams.push(stream);
                let all: Vec<&Stream> = streams.iter().collect();
                self.model.readout(&depths, &all, &[next], self.job)?;
            }
        }
        made.truncate(FIRST_IDS);
        Ok(made)
    }

    fn layers(&self) -> impl Iterator<Item = Layer> + use<> {
        (0_u16..).map(Layer).take(self.model.card().layers)
    }

    fn last_depth(&self) -> Depth {
        depth_of(self.model.card().layers)
    }
}

/// What a forward pass looks at between its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probes {
    Off,
    /// RMS, cosine and update of every depth.
    Geometry,
}

/// What a step reads out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readout {
    None,
    AllDepths,
}

/// The most probable token.
fn likeliest(logits: &[f32]) -> u32 {
    largest(logits).unwrap_or(0)
}

fn timed(run: impl FnOnce() -> Result<Vec<u32>, MeasureError>) -> Result<Span, MeasureError> {
    let (cpu, wall) = (process::cpu_secs(), Instant::now());
    let ids = run()?;
    let wall_secs = wall.elapsed().as_secs_f64();
    let cpu_secs = process::cpu_secs().zip(cpu).map(|(after, before)| after - before);
    Ok(Span { wall_secs, cpu_secs, ids })
}
