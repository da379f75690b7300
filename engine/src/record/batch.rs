//! One batch through the model: blocks are timed, streams of all depths kept, then read out.

use std::sync::Arc;
use std::time::Instant;

use crate::dataset::Sequence;
use crate::job::{Cancelled, Job};
use crate::kernel::geometry;
use crate::model::{Batch, LayeredModel, NO_TOKEN, NoProbe, Readouts, Run, Stream};
use crate::record::RecordError;
use crate::record::prefix::Prefix;
use crate::recording::ReadAt;
use crate::signal::{Depth, Layer, Signal};

/// What one batch left. Every iterator gives one slice per depth, a value per row; none where there is no row.
pub(super) struct Part {
    pub(super) next_ids: Vec<u32>,
    readouts: Readouts,
    geometry: Geometry,
}

impl Part {
    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.next_ids.len()
    }

    pub(super) fn signal(&self, signal: Signal) -> impl Iterator<Item = &[f32]> {
        let all = match signal {
            Signal::MaxProb => &self.readouts.max_prob,
            Signal::Margin => &self.readouts.margin,
            Signal::Entropy => &self.readouts.entropy,
            Signal::Kl => &self.readouts.kl,
            Signal::KlPrev => &self.readouts.kl_prev,
            Signal::ProbStep => &self.readouts.prob_step,
            Signal::Nll => &self.readouts.nll,
            Signal::Rank => &self.readouts.rank,
            Signal::CosNext => &self.geometry.cos_next,
            Signal::Update => &self.geometry.update,
            Signal::Rms => &self.geometry.rms,
        };
        all.chunks(self.rows().max(1))
    }

    pub(super) fn top_ids(&self) -> impl Iterator<Item = &[[u32; 5]]> {
        self.readouts.top_ids.chunks(self.rows().max(1))
    }

    pub(super) fn top_probs(&self) -> impl Iterator<Item = &[[f32; 5]]> {
        self.readouts.top_probs.chunks(self.rows().max(1))
    }
}

/// RMS of every token, cosine and update towards the next depth; absent at depth L.
struct Geometry {
    cos_next: Vec<f32>,
    update: Vec<f32>,
    rms: Vec<f32>,
}

/// What goes through the model together.
pub(super) struct Input<'a> {
    pub(super) batch: Batch,
    /// What is true of each row.
    pub(super) next_ids: Vec<u32>,
    /// Which tokens are read out; `None`: what the model itself reads.
    pub(super) rows: Option<Rows<'a>>,
}

/// Tokens of a batch that are read out.
pub(super) struct Rows<'a> {
    /// Where they stand in the batch; `None`: in front of it, the last token that all sequences share.
    places: Vec<Option<usize>>,
    /// That token at every depth; empty where there is none.
    shared: &'a [Stream],
}

/// Runs sequences together; adds the wall time of each block to `block_secs`. `tick` is called between blocks.
pub(super) fn run_batch(
    model: &dyn LayeredModel,
    input: Input<'_>,
    block_secs: &mut [f64],
    job: &Job,
    tick: &dyn Fn() -> Result<(), Cancelled>,
) -> Result<Part, RecordError> {
    let Input { batch, next_ids, rows } = input;
    let keep = |depth: usize, stream: &Stream| match &rows {
        None => model.subjects(&batch, stream),
        Some(Rows { places, shared }) => Ok(gather(stream, shared.get(depth), places)),
    };
    let mut stream = model.begin(&batch)?;
    let mut streams = vec![keep(0, &stream)?];
    // A batch that is cancelled leaves no token, so it leaves no time either.
    let mut secs = Vec::new();
    for layer in (0_u16..).take(block_secs.len()) {
        tick()?;
        let begun = Instant::now();
        model.block(Layer(layer), Run::Full, &batch, &mut stream, &mut NoProbe)?;
        secs.push(begun.elapsed().as_secs_f64());
        streams.push(keep(streams.len(), &stream)?);
    }
    tick()?;
    drop(stream);
    let part = read_out(model, &streams, next_ids, job)?;
    for (sum, new) in block_secs.iter_mut().zip(secs) {
        *sum += new;
    }
    Ok(part)
}

/// Rows of a stream; `None` stands for the row of `shared`.
pub(super) fn gather(stream: &Stream, shared: Option<&Stream>, rows: &[Option<usize>]) -> Stream {
    let width = stream.width;
    let row = |row: &Option<usize>| match row {
        Some(row) => stream.hidden.get(row * width..(row + 1) * width),
        None => shared.map(|shared| shared.hidden.as_slice()),
    };
    // A row that is missing is found out by its number, before anything is read.
    let hidden = rows.iter().filter_map(row).flatten().copied().collect();
    Stream { hidden, width }
}

/// What the streams of all depths say, which are of the same tokens; `next_ids`: the token that follows each.
pub(super) fn read_out(
    model: &dyn LayeredModel,
    streams: &[Stream],
    next_ids: Vec<u32>,
    job: &Job,
) -> Result<Part, RecordError> {
    let depths: Vec<_> = (0_u16..).map(Depth).take(streams.len()).collect();
    let all: Vec<&Stream> = streams.iter().collect();
    let readouts = model.readout(&depths, &all, &next_ids, job)?;
    let part = Part { geometry: geometry_of(streams), next_ids, readouts };
    check_shapes(&part, streams.len())?;
    Ok(part)
}

/// Sequences end to end; pixels of images come from whoever reads them.
pub(crate) fn batch_of(sequences: &[Sequence]) -> Batch {
    let mut batch = Batch { starts: vec![0], ..Batch::default() };
    for sequence in sequences {
        batch.ids.extend(&sequence.ids);
        batch.starts.push(batch.ids.len());
    }
    if sequences.iter().any(|sequence| !sequence.segments.is_empty()) {
        for Sequence { ids, segments, .. } in sequences {
            let all = segments.iter().copied().chain(std::iter::repeat(0));
            batch.segments.extend(all.take(ids.len()));
        }
    }
    batch
}

/// Sequences as the model takes them, without what all begin with. `truths`: of each of their tokens, or of each sample.
pub(super) fn input<'a>(
    sequences: &[Sequence],
    truths: Vec<u32>,
    read_at: ReadAt,
    prefix: Option<&'a Prefix>,
) -> Input<'a> {
    let mut batch = batch_of(sequences);
    if prefix.is_none() && !read_at.has_gaps() {
        return Input { batch, next_ids: truths, rows: None };
    }
    let past = prefix.map_or(0, |prefix| prefix.tokens);
    let (mut places, mut next_ids) = (Vec::new(), Vec::new());
    for (sequence, start) in sequences.iter().zip(&batch.starts) {
        let length = past + sequence.ids.len();
        // The last shared token says something of its own here: another one follows it.
        for position in read_at.positions(length).skip_while(|at| at + 1 < past) {
            let place = position.checked_sub(past).map(|own| start + own);
            places.push(place);
            let next = match place {
                Some(place) => truths.get(place),
                None => sequence.ids.first(),
            };
            next_ids.push(next.copied().unwrap_or(NO_TOKEN));
        }
    }
    batch.behind = prefix.map(|prefix| Arc::clone(&prefix.cache));
    let shared = prefix.map_or(&[][..], |prefix| &prefix.last);
    Input { batch, next_ids, rows: Some(Rows { places, shared }) }
}

/// Depth-major, like the readouts.
fn geometry_of(streams: &[Stream]) -> Geometry {
    let mut all = Geometry { cos_next: Vec::new(), update: Vec::new(), rms: Vec::new() };
    for (depth, here) in streams.iter().enumerate() {
        let (h, width) = (&here.hidden, here.width);
        let rms = geometry::rms(h, width);
        let absent = || vec![f32::NAN; rms.len()];
        let next = streams.get(depth + 1).map(|next| &next.hidden);
        all.cos_next.extend(next.map_or_else(absent, |n| geometry::cosine(h, n, width)));
        all.update.extend(next.map_or_else(absent, |n| geometry::update(h, n, width)));
        all.rms.extend(rms);
    }
    all
}

/// Columns that are too short would put the numbers of one token on another.
fn check_shapes(part: &Part, depths: usize) -> Result<(), RecordError> {
    let allowed = part.next_ids.len() * depths;
    let check = |field, found| {
        if found == allowed { Ok(()) } else { Err(RecordError::Shape { field, found, allowed }) }
    };
    for signal in Signal::ALL {
        check(signal.id(), part.signal(signal).map(<[f32]>::len).sum())?;
    }
    check("top ids", part.readouts.top_ids.len())?;
    check("top probabilities", part.readouts.top_probs.len())
}
