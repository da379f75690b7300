//! What rules may have measured on the open model.

use std::f64::consts::PI;

use crate::job::Job;
use crate::kernel::geometry::cosine;
use crate::model::{LayeredModel, MissingKv, ModelError, NO_TOKEN, NoProbe, Run};
use crate::policy::skip::{Measure, Plan, Set};
use crate::signal::Layer;
use crate::skips::pass::pass;
use crate::skips::texts::{Part, Texts};
use crate::skips::through::How;

/// Tokens on which a set is scored; the published code takes the first 51 that it generates.
const SCORED_TOKENS: usize = 256;

/// Runs whatever a rule asks.
pub(super) struct Measurer<'a> {
    pub(super) model: &'a dyn LayeredModel,
    pub(super) texts: &'a Texts<'a>,
    /// First choices of the full model.
    pub(super) full: &'a [u32],
    pub(super) job: &'a Job,
    /// Kept, since they depend on no knob.
    pub(super) angles: Option<Vec<Vec<f64>>>,
}

impl Measure for Measurer<'_> {
    fn angles(&mut self) -> Result<&[Vec<f64>], ModelError> {
        let angles = match self.angles.take() {
            Some(angles) => angles,
            None => angles(self.model, self.texts, self.job)?,
        };
        Ok(self.angles.insert(angles))
    }

    fn matching(&mut self, draft: &Set, number: u64, most: u64) -> Result<f64, ModelError> {
        self.job.progress("Searching", "sets", number, most)?;
        let texts = self.texts.first(SCORED_TOKENS);
        let plan = Plan::everywhere(draft.clone());
        let how = How { model: self.model, plan: &plan, missing: MissingKv::Never };
        let outcome = pass(how, &texts, 0, &self.job.quiet())?;
        // The first texts are the first rows.
        let pairs = outcome.top1.iter().zip(self.full).filter(|(_, full)| **full != NO_TOKEN);
        let (same, all) = pairs.fold((0_u64, 0_u64), |(same, all), (draft, full)| {
            (same + u64::from(draft == full), all + 1)
        });
        Ok(if all == 0 { 0.0 } else { same as f64 / all as f64 })
    }
}

/// `[l][n - 1]`: mean of arccos(cos(h_l, h_(l + n))) / pi over the last tokens of the texts.
fn angles(
    model: &dyn LayeredModel,
    texts: &Texts<'_>,
    job: &Job,
) -> Result<Vec<Vec<f64>>, ModelError> {
    let layers = model.card().layers;
    let mut sums: Vec<Vec<(f64, u64)>> =
        (0..layers).map(|from| vec![(0.0, 0); layers - from]).collect();
    for Part { batch, .. } in texts.parts(0) {
        let mut stream = model.begin(&batch)?;
        let width = stream.width;
        let last = |hidden: &[f32]| -> Vec<f32> {
            let ends = batch.starts.iter().skip(1).filter_map(|end| end.checked_sub(1));
            ends.flat_map(|row| hidden[row * width..(row + 1) * width].to_vec()).collect()
        };
        let mut depths = vec![last(&stream.hidden)];
        for layer in (0_u16..).map(Layer).take(layers) {
            job.check()?;
            model.block(layer, Run::Full, &batch, &mut stream, &mut NoProbe)?;
            depths.push(last(&stream.hidden));
        }
        for (from, sums) in sums.iter_mut().enumerate() {
            for (span, (sum, count)) in (1..).zip(sums.iter_mut()) {
                let cosines = cosine(&depths[from], &depths[from + span], width);
                for cosine in cosines.into_iter().filter(|cosine| !cosine.is_nan()) {
                    *sum += f64::from(cosine).acos() / PI;
                    *count += 1;
                }
            }
        }
    }
    let mean = |(sum, count): (f64, u64)| if count == 0 { f64::NAN } else { sum / count as f64 };
    Ok(sums.into_iter().map(|sums| sums.into_iter().map(mean).collect()).collect())
}
