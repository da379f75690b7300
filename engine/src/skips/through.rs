//! Rows on their way through the blocks, each through what a plan says.

use crate::job::Job;
use crate::kernel::geometry::cosine;
use crate::model::{
    Cache, LayeredModel, Mask, MissingKv, ModelError, NoProbe, Point, Probe, Stream,
};
use crate::policy::Place;
use crate::policy::skip::Plan;
use crate::signal::Layer;

/// Who runs what.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub(super) model: &'a dyn LayeredModel,
    pub(super) plan: &'a Plan,
    /// `Never` where the plan is nested: then to read what is not there is an error.
    pub(super) missing: MissingKv,
}

/// What ran in one block.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Ran {
    /// One per row.
    pub(super) attention: Vec<bool>,
    /// One per row.
    pub(super) feed_forward: Vec<bool>,
    /// Of the rows that ran the feed-forward sublayer: cosine of the stream before and behind it, and of the stream before
    /// and what was added. Empty where the plan does not look at it.
    pub(super) similarities: Vec<(f32, f32)>,
}

/// Runs new rows of several sequences behind their caches through every block, in place. Gives one entry per block.
pub(super) fn through(
    how: How<'_>,
    (starts, places): (&[usize], &[Place]),
    caches: &mut [Cache],
    stream: &mut Stream,
    job: &Job,
) -> Result<Vec<Ran>, ModelError> {
    let How { model, plan, missing } = how;
    let mut left = vec![Default::default(); places.len()];
    let mut all = Vec::new();
    for (number, layer) in (0_u16..).map(Layer).take(model.card().layers).enumerate() {
        job.check()?;
        let (attention, feed_forward): (Vec<bool>, Vec<bool>) = match plan {
            Plan::Placed(placed) => {
                let set = |place: &Place| placed.at(*place);
                places
                    .iter()
                    .map(|place| (set(place).attends(number), set(place).feeds(number)))
                    .unzip()
            }
            Plan::Similarity(rule) => {
                let rows = places.iter().zip(&mut left);
                rows.map(|(place, left)| (true, rule.feeds(left, *place, number))).unzip()
            }
        };
        let mut ran = Ran { attention, feed_forward, similarities: Vec::new() };
        let mask =
            Mask { starts, attention: &ran.attention, feed_forward: &ran.feed_forward, missing };
        match plan {
            Plan::Placed(_) => step(model, layer, mask, (caches, stream), &mut NoProbe)?,
            Plan::Similarity(rule) => {
                let mut seen = Seen::default();
                step(model, layer, mask, (caches, stream), &mut seen)?;
                let similarities = seen.similarities(&ran.feed_forward, stream.width);
                let rows = places.iter().zip(&mut left).zip(&ran.feed_forward);
                let rows = rows.filter(|(_, runs)| **runs).map(|(row, _)| row);
                for ((place, left), (similarity, _)) in rows.zip(&similarities) {
                    rule.saw(left, *place, number, *similarity);
                }
                ran.similarities = similarities;
            }
        }
        all.push(ran);
    }
    Ok(all)
}

/// One block, by the shortest way that gives the same bits.
fn step(
    model: &dyn LayeredModel,
    layer: Layer,
    mask: Mask<'_>,
    (caches, stream): (&mut [Cache], &mut Stream),
    probe: &mut dyn Probe,
) -> Result<(), ModelError> {
    let mut runs = mask.attention.iter().chain(mask.feed_forward);
    // In nested sets nobody who comes later reads what this block would keep.
    if mask.missing == MissingKv::Never && !runs.clone().any(|runs| *runs) {
        return Ok(());
    }
    if runs.all(|runs| *runs)
        && let [cache] = caches
    {
        return model.step(layer, cache, stream, probe);
    }
    model.step_masked(layer, mask, caches, stream, probe)
}

/// What a feed-forward sublayer reads and adds.
#[derive(Default)]
struct Seen {
    /// The stream before it, all rows; a block whose sublayers run side by side does not show it.
    before: Option<Vec<f32>>,
    /// The stream behind it, all rows.
    behind: Vec<f32>,
    /// Rows that ran.
    added: Vec<f32>,
}

impl Probe for Seen {
    fn wants(&self, point: Point, _: Layer) -> bool {
        matches!(point, Point::ResidMid | Point::ResidPost | Point::MlpOut)
    }

    fn see(&mut self, point: Point, _: Layer, values: &[f32]) {
        match point {
            Point::ResidMid => self.before = Some(values.to_vec()),
            Point::ResidPost => self.behind = values.to_vec(),
            Point::MlpOut => self.added = values.to_vec(),
            Point::ResidPre | Point::AttnOut | Point::AttnColumns | Point::Router => {}
        }
    }
}

impl Seen {
    /// cos(u, u + f) and cos(u, f) of the rows that ran.
    fn similarities(&self, runs: &[bool], width: usize) -> Vec<(f32, f32)> {
        let of = |rows: &[f32]| -> Vec<f32> {
            let rows = rows.chunks_exact(width.max(1)).zip(runs).filter(|(_, runs)| **runs);
            rows.flat_map(|(row, _)| row).copied().collect()
        };
        let behind = of(&self.behind);
        let before = match &self.before {
            Some(before) => of(before),
            None => behind.iter().zip(&self.added).map(|(behind, added)| behind - added).collect(),
        };
        let readings = cosine(&before, &behind, width);
        readings.into_iter().zip(cosine(&before, &self.added, width)).collect()
    }
}
