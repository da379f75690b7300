//! What the model thread does to time the open model.

use super::{Ending, Models, OpenModel, lent, problem};
use crate::job::Job;
use crate::measure::{self, Asked, Report};
use crate::worker::protocol::BenchRequest;

impl Models {
    pub(super) fn bench(&mut self, job: &Job, request: &BenchRequest) -> Result<Report, Ending> {
        let Some(OpenModel { checkpoint, tokenizer, model: place, .. }) = &mut self.open else {
            let what = "No checkpoint is open".to_owned();
            return Err(problem(what, "Open one, then measure again."));
        };
        let asked = Asked {
            source: &request.source,
            tokens: request.tokens,
            steps: request.steps,
            repeats: request.repeats,
            works: &request.works,
            budget_bytes: (self.budget_bytes)(),
        };
        let tokenizer = tokenizer.as_ref();
        lent(place, (checkpoint, tokenizer), job, |model| {
            Ok(measure::measure(model, tokenizer, asked, job)?)
        })
    }
}
