//! What the model thread does to make class means of the open model.

use super::{Ending, Models, OpenModel, ReadInput, Reader, lent, problem, read_input};
use crate::job::Job;
use crate::means::{self, Asked, MadeMeans, MeansError};
use crate::signal::Subject;
use crate::worker::protocol::MeansRequest;

impl Models {
    pub(super) fn make_means(
        &mut self,
        job: &Job,
        request: &MeansRequest,
    ) -> Result<MadeMeans, Ending> {
        let Some(OpenModel { checkpoint, tokenizer, notes, model: place }) = &mut self.open else {
            let what = "No checkpoint is open".to_owned();
            return Err(problem(what, "Open one, then make its class means again."));
        };
        // Before anything that takes long.
        means::check(&request.file)?;
        let reader = Reader { checkpoint: checkpoint.as_ref(), tokenizer: tokenizer.as_ref() };
        let budget_bytes = (self.budget_bytes)();
        lent(place, (checkpoint, tokenizer.as_ref()), job, |model| {
            if !model.card().read_by.is_head() {
                return Err(MeansError::HasMeans.into());
            }
            // Whatever the head reads: a mean is of whole samples.
            let rows = (Subject::Sample, request.limit_tokens);
            let ReadInput { data, preparation, packed } =
                read_input(model, reader, &request.input, rows, job)?;
            let asked = Asked {
                data: &data,
                preparation: preparation.as_ref(),
                sequences: &packed.sequences,
                pooling: request.pooling,
                budget_bytes,
            };
            let mut made = means::collect(model, &asked, job)?;
            made.notes.splice(0..0, notes.iter().cloned().chain(packed.notes));
            Ok(made.write((model.card(), &data), &request.file)?)
        })
    }
}
