//! What the model thread does to run the open model with blocks left out.

use std::path::Path;

use super::{Ending, Models, OpenModel, lent, problem};
use crate::export::{self, Export};
use crate::job::Job;
use crate::kernel::numerics::Numerics;
use crate::knob::Knobs;
use crate::lens::{Selection, TokenColumns, View};
use crate::recording::Recording;
use crate::skips::{self, Asked, Generate};
use crate::worker::protocol::SkipRequest;

impl Models {
    pub(super) fn skip(&mut self, job: &Job, request: &SkipRequest) -> Result<View, Ending> {
        let Some(OpenModel { checkpoint, tokenizer, model: place, .. }) = &mut self.open else {
            let what = "No checkpoint is open".to_owned();
            return Err(problem(what, "Open the one of the recording, then run again."));
        };
        let Some(tokenizer) = tokenizer else {
            let what =
                "The open checkpoint reads images, and blocks are left out of text".to_owned();
            return Err(problem(what, "Open a decoder."));
        };
        let budget_bytes = (self.budget_bytes)();
        lent(place, (checkpoint, Some(tokenizer)), job, |model| {
            model.set_numerics(Numerics::F32)?;
            let ends = checkpoint.marks(tokenizer)?.ends;
            let generate = request.generate.as_ref().map(|generate| Generate {
                prompt: generate.prompt.as_deref(),
                tokens: generate.tokens,
                tokenizer,
                ends: &ends,
            });
            let asked = Asked {
                recording: &request.recording,
                knobs: &request.knobs,
                limit_tokens: request.limit_tokens,
                generate,
                budget_bytes,
            };
            Ok(skips::run(model, &asked, job)?)
        })
    }
}

/// Writes what was found, with where it came from.
pub(super) fn export(
    (recording, knobs, view): (&Recording, &Knobs, &View),
    folder: &Path,
    job: &Job,
) -> Result<(), Ending> {
    // What is said of single tokens stands in a table of the view: not every token of the recording need have run.
    let token_columns = TokenColumns { names: Vec::new(), cells: Box::new(|_| Vec::new()) };
    let export = Export {
        card: &skips::CARD,
        knobs: knobs.resolved(&skips::cards(Some(recording), knobs)),
        versus: None,
        recording,
        others: &[],
        selection: Selection::default(),
        view,
        token_columns: &token_columns,
    };
    Ok(export::write_view(&export, folder, job)?)
}
