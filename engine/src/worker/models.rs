//! What the model thread does: opens, records, reads, writes. Owns the open model; a model that was inside
//! a panic is dropped, never used again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::{self, Checkpoint, OpenError, Tokenizer};
use crate::dataset::{self, DataError, TextSample};
use crate::export::{self, ExportError};
use crate::job::{CancelSwitch, Cancelled, Job, JobId};
use crate::lens;
use crate::model::{self, LayeredModel, ModelCard, ModelError};
use crate::notes::Notes;
use crate::record::{self, RecordError};
use crate::recording::{Recording, RecordingError};
use crate::train::{self, TrainError};
use crate::worker::lenses::unknown_lens;
use crate::worker::outbox::Outbox;
use crate::worker::protocol::{
    Blame, Command, Event, Input, Inspected, Look, Problem, RecordRequest, Shared,
};
use crate::worker::{embedded, memory, words_of_a_panic};

/// A checkpoint whose weights are in place.
struct OpenModel {
    card: Arc<ModelCard>,
    model: Box<dyn LayeredModel>,
    tokenizer: Option<Tokenizer>,
    notes: Notes,
}

/// The state of the model thread.
pub(crate) struct Models {
    open: Option<OpenModel>,
    outbox: Outbox,
}

/// How a job ends without a result.
enum Ending {
    Cancelled,
    Problem(Problem),
}

impl From<Cancelled> for Ending {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<OpenError> for Ending {
    fn from(error: OpenError) -> Self {
        Self::Problem(input_problem(&error, error.hint()))
    }
}

impl From<ModelError> for Ending {
    fn from(error: ModelError) -> Self {
        Self::Problem(input_problem(&error, error.hint()))
    }
}

impl From<DataError> for Ending {
    fn from(error: DataError) -> Self {
        Self::Problem(input_problem(&error, error.hint()))
    }
}

impl From<RecordError> for Ending {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(input_problem(&other, other.hint())),
        }
    }
}

impl From<RecordingError> for Ending {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(input_problem(&other, other.hint())),
        }
    }
}

impl From<ExportError> for Ending {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Cancelled(_) => Self::Cancelled,
            other => {
                let what = sentence(&other);
                Self::Problem(Problem { what, hint: other.hint(), blame: Blame::Engine })
            }
        }
    }
}

impl From<TrainError> for Ending {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Cancelled(_) => Self::Cancelled,
            other => {
                let hint = "Run the same command again: training goes on where it stopped.";
                let what = sentence(&other);
                Self::Problem(Problem { what, hint: hint.to_owned(), blame: Blame::Engine })
            }
        }
    }
}

/// An error as one sentence. Sources are part of the sentences already.
fn sentence(error: &dyn std::error::Error) -> String {
    error.to_string()
}

fn input_problem(error: &dyn std::error::Error, hint: String) -> Problem {
    Problem { what: sentence(error), hint, blame: Blame::Input }
}

impl Models {
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { open: None, outbox }
    }

    /// Does what `command` asks; ends in exactly one event that ends the job.
    pub(crate) fn handle(&mut self, id: JobId, switch: CancelSwitch, command: Command) {
        let outbox = self.outbox.clone();
        let job = Job::new(switch, move |progress| outbox.put(Event::Progress(id, progress)));
        let done = catch_unwind(AssertUnwindSafe(|| self.run(id, &job, command)));
        let event = match done {
            Ok(Ok(event)) => event,
            Ok(Err(Ending::Cancelled)) => Event::Cancelled(id),
            Ok(Err(Ending::Problem(problem))) => Event::Failed(id, problem),
            Err(panic) => {
                self.open = None;
                Event::Failed(id, words_of_a_panic(panic.as_ref()))
            }
        };
        self.outbox.put(event);
    }

    fn run(&mut self, id: JobId, job: &Job, command: Command) -> Result<Event, Ending> {
        job.check()?;
        match command {
            Command::Open(path) => {
                let card = self.open(checkpoint::open(&path)?, job)?;
                Ok(Event::Opened(id, card))
            }
            Command::OpenEmbedded => {
                let card = self.open(embedded::checkpoint()?, job)?;
                Ok(Event::Opened(id, card))
            }
            Command::Load(folder) => {
                let recording = Recording::load(&folder)?;
                Ok(Event::Recorded(id, Shared(Arc::new(recording))))
            }
            Command::Record(request) => {
                let recording = self.record(job, &request)?;
                Ok(Event::Recorded(id, Shared(Arc::new(recording))))
            }
            Command::Save { recording, folder } => {
                recording.save(&folder, job)?;
                Ok(Event::Wrote(id, folder))
            }
            Command::Export { look, folder } => {
                export_look(&look, &folder, job)?;
                Ok(Event::Wrote(id, folder))
            }
            Command::Train { name, folder, seed } => {
                train_named(&name, &folder, seed, job)?;
                Ok(Event::Wrote(id, folder))
            }
            Command::Close => {
                self.open = None;
                Ok(Event::Closed(id))
            }
        }
    }

    /// Puts the weights in place; what was open before stays until this has succeeded.
    fn open(&mut self, checkpoint: Arc<dyn Checkpoint>, job: &Job) -> Result<Arc<ModelCard>, Ending> {
        let tokenizer = checkpoint.tokenizer()?;
        let (model, notes) = model::load(checkpoint, job)?;
        let card = Arc::new(model.card().clone());
        self.open = Some(OpenModel { card: Arc::clone(&card), model, tokenizer, notes });
        Ok(card)
    }

    fn record(&self, job: &Job, request: &RecordRequest) -> Result<Recording, Ending> {
        let Some(open) = &self.open else {
            return Err(problem("No checkpoint is open", "Open one, then run again."));
        };
        let Some(tokenizer) = &open.tokenizer else {
            let what = format!("{} has no tokenizer, so text cannot become tokens", open.card.name);
            return Err(problem(&what, "Put its tokenizer.json beside the weights and open it again."));
        };
        let data = data_of(&request.input)?;
        let packed = dataset::pack(
            &data.samples,
            tokenizer,
            open.card.context,
            request.limit_tokens,
            job,
        )?;
        let budget = memory::budget_bytes();
        let columns = record::record(open.model.as_ref(), &packed.sequences, budget, job)?;
        let mut notes = open.notes.clone();
        notes.extend(packed.notes);
        let recording = record::assemble(columns, &open.card, tokenizer, data, notes)?;
        Ok(recording)
    }
}
