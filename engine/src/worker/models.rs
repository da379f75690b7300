//! What the model thread does: opens, records, reads, writes. Owns the open model; a model that was inside
//! a panic is dropped, never used again, and the next run puts the weights in place anew.

mod bench;
mod generate;
mod means;
mod skip;
mod verify;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::{self, Checkpoint, OpenError, Tokenizer};
use crate::dataset::images::{self, Pixels, Preparation};
use crate::dataset::{self, Data, DataError, Packed};
use crate::export::{self, Export, ExportError};
use crate::generate::GenerateError;
use crate::job::{CancelSwitch, Cancelled, Job, JobId};
use crate::kernel::numerics::Numerics;
use crate::lens;
use crate::live::LiveError;
use crate::means::MeansError;
use crate::measure::MeasureError;
use crate::model::{self, LayeredModel, ModelCard, ModelError};
use crate::notes::Note;
use crate::record::{self, Asked, RecordError};
use crate::recording::{self, Recording, RecordingError, Sampling};
use crate::signal::Subject;
use crate::skips::SkipError;
use crate::train::{self, TrainError};
use crate::worker::lenses::unknown_lens;
use crate::worker::outbox::Outbox;
use crate::worker::protocol::{
    Blame, Command, Event, Input, Inspected, Look, Problem, RecordRequest, Shared,
};
use crate::worker::{embedded, memory, words_of_a_panic};

/// A checkpoint that is open.
struct OpenModel {
    checkpoint: Arc<dyn Checkpoint>,
    /// `None` where the model reads images.
    tokenizer: Option<Tokenizer>,
    notes: Vec<Note>,
    /// `None` after a panic inside it.
    model: Option<Box<dyn LayeredModel>>,
}

/// The state of the model thread.
pub(crate) struct Models {
    open: Option<OpenModel>,
    outbox: Outbox,
    /// How many bytes a recording may take.
    budget_bytes: fn() -> u64,
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
        match error {
            ModelError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(input_problem(&other, other.hint())),
        }
    }
}

impl From<DataError> for Ending {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(input_problem(&other, other.hint())),
        }
    }
}

impl From<RecordError> for Ending {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<GenerateError> for Ending {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Record(RecordError::Cancelled(_)) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<SkipError> for Ending {
    fn from(error: SkipError) -> Self {
        match error {
            SkipError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<MeansError> for Ending {
    fn from(error: MeansError) -> Self {
        match error {
            MeansError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<MeasureError> for Ending {
    fn from(error: MeasureError) -> Self {
        match error {
            MeasureError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<LiveError> for Ending {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<RecordingError> for Ending {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<ExportError> for Ending {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

impl From<TrainError> for Ending {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Cancelled(_) => Self::Cancelled,
            other => Self::Problem(blamed(&other, other.hint(), other.is_input())),
        }
    }
}

/// An error as one sentence. Sources are part of the sentences already.
fn sentence(error: &dyn std::error::Error) -> String {
    error.to_string()
}

fn input_problem(error: &dyn std::error::Error, hint: String) -> Problem {
    blamed(error, hint, true)
}

fn blamed(error: &dyn std::error::Error, hint: String, is_input: bool) -> Problem {
    let blame = if is_input { Blame::Input } else { Blame::Engine };
    Problem { what: sentence(error), hint, blame }
}

impl Models {
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { open: None, outbox, budget_bytes: memory::budget_bytes }
    }

    /// With `model` in the place of the weights of `checkpoint`, which has a tokenizer.
    #[cfg(test)]
    pub(super) fn with_model(
        outbox: Outbox,
        checkpoint: Arc<dyn Checkpoint>,
        model: Box<dyn LayeredModel>,
        budget_bytes: fn() -> u64,
    ) -> Self {
        let tokenizer = checkpoint.tokenizer().unwrap();
        let open = OpenModel { checkpoint, tokenizer, notes: Vec::new(), model: Some(model) };
        Self { open: Some(open), outbox, budget_bytes }
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
            Err(panic) => Event::Failed(id, words_of_a_panic(panic.as_ref())),
        };
        self.outbox.put(event);
    }

    fn run(&mut self, id: JobId, job: &Job, command: Command) -> Result<Event, Ending> {
        job.check()?;
        match command {
            Command::Open(path) => {
                let card = self.open(id, checkpoint::open(&path)?, job)?;
                Ok(Event::Opened(id, card))
            }
            Command::OpenWith(path, means) => {
                let card = self.open(id, checkpoint::open_with(&path, &means)?, job)?;
                Ok(Event::Opened(id, card))
            }
            Command::OpenEmbedded => {
                let card = self.open(id, embedded::checkpoint()?, job)?;
                Ok(Event::Opened(id, card))
            }
            Command::Load(folder) => {
                let recording = Recording::load(&folder, (self.budget_bytes)(), job)?;
                Ok(Event::Recorded(id, Shared(Arc::new(recording))))
            }
            Command::Record(request) => {
                let recording = self.record(job, &request)?;
                Ok(Event::Recorded(id, Shared(Arc::new(recording))))
            }
            Command::MakeMeans(request) => {
                let made = self.make_means(job, &request)?;
                Ok(Event::MadeMeans(id, Arc::new(made)))
            }
            Command::Generate(request) => {
                let recording = self.generate(id, job, &request)?;
                Ok(Event::Recorded(id, Shared(Arc::new(recording))))
            }
            Command::Bench(request) => {
                let report = self.bench(job, &request)?;
                Ok(Event::Measured(id, Arc::new(report)))
            }
            Command::Verify(request) => {
                let view = self.verify(job, &request)?;
                Ok(Event::Verified(id, Arc::new(view)))
            }
            Command::ExportVerified { request, view, folder } => {
                verify::export(&request, &view, &folder, job)?;
                Ok(Event::Wrote(id, folder))
            }
            Command::Skip(request) => {
                let view = self.skip(job, &request)?;
                Ok(Event::Verified(id, Arc::new(view)))
            }
            Command::ExportSkips { recording, knobs, view, folder } => {
                skip::export((&recording, &knobs, &view), &folder, job)?;
                Ok(Event::Wrote(id, folder))
            }
            Command::Save { recording, folder } => {
                recording.save(&folder, job)?;
                Ok(Event::Wrote(id, folder))
            }
            Command::Export { look, folder } => {
                export_look(&look, |export| export::write_view(export, &folder, job))?;
                Ok(Event::Wrote(id, folder))
            }
            Command::ExportFigure { look, figure, file } => {
                export_look(&look, |export| export::write_figure(export, &figure, &file))?;
                Ok(Event::Wrote(id, file))
            }
            Command::Train { name, folder, seed } => {
                train::run(&name, &folder, seed, job)?;
                Ok(Event::Wrote(id, folder))
            }
            Command::Close => {
                self.open = None;
                Ok(Event::Closed(id))
            }
        }
    }

    /// Puts the weights in place; what was open before stays until this has succeeded.
    fn open(
        &mut self,
        id: JobId,
        checkpoint: Arc<dyn Checkpoint>,
        job: &Job,
    ) -> Result<Arc<ModelCard>, Ending> {
        let tokenizer = checkpoint.tokenizer()?;
        let header = Arc::new(model::card(checkpoint.as_ref(), tokenizer.as_ref())?);
        if tokenizer.is_none() && header.image_side.is_none() {
            let what = format!("the checkpoint has no tokenizer: {}", checkpoint.path().display());
            return Err(problem(
                what,
                "Put its tokenizer.json beside the weights, then open it again.",
            ));
        }
        self.outbox.put(Event::Header(id, header));
        let (model, notes) = model::load(&checkpoint, tokenizer.as_ref(), job)?;
        let card = Arc::new(model.card().clone());
        self.open = Some(OpenModel { checkpoint, tokenizer, notes, model: Some(model) });
        Ok(card)
    }

    fn record(&mut self, job: &Job, request: &RecordRequest) -> Result<Recording, Ending> {
        let Some(OpenModel { checkpoint, tokenizer, notes, model: place }) = &mut self.open else {
            let what = "No checkpoint is open".to_owned();
            return Err(problem(what, "Open one, then run again."));
        };
        let reader = Reader { checkpoint: checkpoint.as_ref(), tokenizer: tokenizer.as_ref() };
        let budget_bytes = (self.budget_bytes)();
        lent(place, (checkpoint, tokenizer.as_ref()), job, |model| {
            let notes = rounded(model, request.numerics, notes)?;
            run_through(model, reader, notes, budget_bytes, request, job)
        })
    }
}

/// Does something with the model of an open checkpoint, which is loaded where it is not there. It is out of its place
/// meanwhile: a panic drops it, anything else puts it back.
fn lent<T>(
    place: &mut Option<Box<dyn LayeredModel>>,
    (checkpoint, tokenizer): (&Arc<dyn Checkpoint>, Option<&Tokenizer>),
    job: &Job,
    work: impl FnOnce(&mut dyn LayeredModel) -> Result<T, Ending>,
) -> Result<T, Ending> {
    let mut model = match place.take() {
        Some(model) => model,
        None => model::load(checkpoint, tokenizer, job)?.0,
    };
    let done = work(model.as_mut());
    *place = Some(model);
    done
}

/// What turns input into what a model takes.
#[derive(Clone, Copy)]
struct Reader<'a> {
    checkpoint: &'a dyn Checkpoint,
    tokenizer: Option<&'a Tokenizer>,
}

/// What goes through a model.
struct ReadInput {
    data: Data,
    /// Of its images; `None` where it has none.
    preparation: Option<Preparation>,
    packed: Packed,
}

/// Reads an input as a model takes it, cut for rows of a subject and at a limit of tokens.
fn read_input(
    model: &dyn LayeredModel,
    reader: Reader<'_>,
    input: &Input,
    (subject, limit): (Subject, Option<u64>),
    job: &Job,
) -> Result<ReadInput, Ending> {
    let card = model.card();
    let preparation = model::preparation(reader.checkpoint, card)?;
    refuse_pairs(input, card)?;
    let data = match &preparation {
        Some(_) => images_of(input, job)?,
        None => text_of(input, job)?,
    };
    let context = card.context;
    let mut packed = match reader.tokenizer {
        _ if preparation.is_some() => dataset::pack_images(data.images.len(), context, limit),
        Some(tokenizer) => dataset::pack(&data, tokenizer, subject, context, limit, job)?,
        // A checkpoint of text without one was not opened.
        None => Packed::default(),
    };
    if model.segments() < 2 {
        packed.sequences.iter_mut().for_each(|sequence| sequence.segments.clear());
    }
    Ok(ReadInput { data, preparation, packed })
}

fn run_through(
    model: &dyn LayeredModel,
    reader: Reader<'_>,
    mut notes: Vec<Note>,
    budget_bytes: u64,
    request: &RecordRequest,
    job: &Job,
) -> Result<Recording, Ending> {
    let subject = model.card().subject;
    let ReadInput { data, preparation, packed } =
        read_input(model, reader, &request.input, (subject, request.limit_tokens), job)?;
    notes.extend(packed.notes);
    let asked = Asked {
        data: &data,
        preparation: preparation.as_ref().map(|preparation| preparation as &dyn Pixels),
        sequences: &packed.sequences,
        read_at: request.read_at,
        budget_bytes,
        notes,
        folder: request.folder.as_deref(),
    };
    Ok(record::record(model, reader.tokenizer, asked, job)?)
}

/// Lets readouts round as was asked; the notes of the run begin with what that does to its numbers.
fn rounded(
    model: &mut dyn LayeredModel,
    numerics: Numerics,
    notes: &[Note],
) -> Result<Vec<Note>, Ending> {
    model.set_numerics(numerics)?;
    let caveat = numerics.caveat().map(|what| {
        Note::new(what, "Run again with exact readouts (f32) where the last digits matter.")
    });
    Ok(caveat.into_iter().chain(notes.iter().cloned()).collect())
}

fn problem(what: String, hint: &str) -> Ending {
    Ending::Problem(Problem { what, hint: hint.to_owned(), blame: Blame::Input })
}

/// Pairs are for models that read both texts before they answer.
fn refuse_pairs(input: &Input, card: &ModelCard) -> Result<(), Ending> {
    let Input::File { pair: Some(_), .. } = input else { return Ok(()) };
    let who = match (card.subject, card.image_side) {
        (_, Some(_)) => "reads images",
        (Subject::Token, None) => "reads one text from left to right",
        (Subject::OwnToken | Subject::Sample, None) => return Ok(()),
    };
    let what = format!("This checkpoint {who}, and the input has a column of second texts");
    Err(problem(what, "Leave that column out, or open an encoder."))
}

/// The images of a folder, for a model that reads images.
fn images_of(input: &Input, job: &Job) -> Result<Data, Ending> {
    match input {
        Input::File { path, label, .. } if path.is_dir() => {
            Ok(images::read_folder(path, job)?.labelled(label.as_deref(), path)?)
        }
        Input::File { .. } | Input::Text(_) | Input::Embedded => {
            let what = "This checkpoint reads images, and the input is text".to_owned();
            Err(problem(what, "Choose a folder of PNG or JPEG files as data."))
        }
    }
}

/// The text of an input, for a model that reads text.
fn text_of(input: &Input, job: &Job) -> Result<Data, Ending> {
    Ok(match input {
        Input::Text(text) => dataset::from_prompt(text)?,
        Input::Embedded => dataset::from_embedded(embedded::data(), job)?,
        Input::File { path, .. } if images::is_folder_of_images(path) => {
            let what = "This checkpoint reads text, and the input is a folder of images".to_owned();
            return Err(problem(what, "Choose a file of text, or open a checkpoint of images."));
        }
        Input::File { path, column, label, pair, cut } => {
            let data = dataset::read(path, column.as_deref(), *cut, job)?;
            data.paired(pair.as_deref(), path)?.labelled(label.as_deref(), path)?
        }
    })
}

/// Computes the view anew, so that an export never shows an older state of the knobs.
fn export_look(
    look: &Look,
    write: impl FnOnce(&Export<'_>) -> Result<(), ExportError>,
) -> Result<(), Ending> {
    let lens = lens::find(&look.lens).ok_or_else(|| Ending::Problem(unknown_lens(&look.lens)))?;
    let recording = look.recording.0.as_ref();
    let members = look.members().map_err(Ending::Problem)?;
    let knob_cards = lens.knobs(Some(recording), &look.knobs);
    let (knobs, versus) = (&look.knobs, look.versus.as_ref());
    let view = lens::look(lens, &members, knobs, versus, look.selection);
    let token_columns = lens::token_columns(lens, &members, knobs, versus);
    let export = Export {
        card: lens.card(),
        knobs: look.knobs.resolved(&knob_cards),
        versus: versus.map(|knobs| knobs.resolved(&lens.knobs(Some(recording), knobs))),
        recording,
        others: if lens.over_members().is_some() { &members.others } else { &[] },
        selection: look.selection,
        view: &view,
        token_columns: &token_columns,
    };
    Ok(write(&export)?)
}

/// What `path` holds, from its header only.
pub(crate) fn inspect(path: &Path) -> Result<Inspected, Problem> {
    if recording::is_recording(path) {
        let read = recording::header(path);
        let manifest = read.map_err(|error| input_problem(&error, error.hint()))?;
        return Ok(Inspected::Recording(Box::new(manifest)));
    }
    let card = || -> Result<ModelCard, Ending> {
        let checkpoint = checkpoint::open(path)?;
        let tokenizer = checkpoint.tokenizer()?;
        Ok(model::card(checkpoint.as_ref(), tokenizer.as_ref())?)
    };
    match card() {
        Ok(card) => Ok(Inspected::Checkpoint(Box::new(card))),
        Err(Ending::Problem(problem)) => Err(problem),
        Err(Ending::Cancelled) => {
            let what = "cancelled".to_owned();
            Err(Problem { what, hint: String::new(), blame: Blame::Engine })
        }
    }
}

/// Whether a recording could be written to `folder`.
pub(crate) fn check_recording_folder(folder: &Path) -> Result<(), Problem> {
    recording::check_folder(folder).map_err(|error| blamed(&error, error.hint(), error.is_input()))
}

/// Whether settings of a sampler mean something.
pub(crate) fn check_sampling(sampling: &Sampling) -> Result<(), Problem> {
    crate::generate::check_sampling(sampling)
        .map_err(|error| blamed(&error, error.hint(), error.is_input()))
}

/// Columns of a data file that can hold the text.
pub(crate) fn data_columns(path: &Path) -> Result<Vec<String>, Problem> {
    dataset::columns(path).map_err(|error| input_problem(&error, error.hint()))
}
