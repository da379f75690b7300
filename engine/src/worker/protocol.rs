//! What a window and the engine say to each other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::ClassMeansFrom;
use crate::dataset::Cut;
use crate::generate::Settings;
use crate::job::{JobId, Progress};
use crate::kernel::numerics::Numerics;
use crate::knob::Knobs;
use crate::lens::{Members, Selection, UnlikeError, View};
use crate::live::Treatment;
use crate::means::MadeMeans;
use crate::measure::{Report, Source, Work};
use crate::model::{ModelCard, Pooling};
use crate::recording::{Manifest, ReadAt, Recording};

/// What a window or a command line asks of the model thread.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens a checkpoint; the open one stays until this has succeeded.
    Open(PathBuf),
    /// The same with other class means than those that lie beside it.
    OpenWith(PathBuf, ClassMeansFrom),
    /// Opens the checkpoint inside the binary.
    OpenEmbedded,
    /// Reads a recording folder; no model is needed.
    Load(PathBuf),
    /// Runs data through the open model.
    Record(RecordRequest),
    /// Averages the states of labelled samples, class by class, and writes the means to a file.
    MakeMeans(MeansRequest),
    /// Goes on with a text, token by token, with the readout of all depths of each; ends in `Event::Recorded`.
    Generate(GenerateRequest),
    /// Times what the open model does; ends in `Event::Measured`.
    Bench(BenchRequest),
    /// Runs a recording's texts again, with tokens that really stop where a rule says; ends in `Event::Verified`.
    Verify(VerifyRequest),
    /// Writes what a verification found to a folder: figures, tables and readings.json.
    ExportVerified {
        /// What was asked.
        request: VerifyRequest,
        /// What was found.
        view: Arc<View>,
        /// The folder; made if it is not there.
        folder: PathBuf,
    },
    /// Runs the texts of a recording again with blocks left out; ends in `Event::Verified`.
    Skip(SkipRequest),
    /// Writes a recording to a folder.
    Save {
        /// What is written.
        recording: Shared<Recording>,
        /// The folder; made if it is not there.
        folder: PathBuf,
    },
    /// Writes every figure of a view, its tables and readings.json to a folder.
    Export {
        /// What is looked at.
        look: Look,
        /// The folder; made if it is not there.
        folder: PathBuf,
    },
    /// Writes what `Skip` found to a folder, as `Export` writes a view.
    ExportSkips {
        /// Of the request.
        recording: Shared<Recording>,
        /// Of the request.
        knobs: Knobs,
        /// What was found.
        view: Arc<View>,
        /// The folder; made if it is not there.
        folder: PathBuf,
    },
    /// Writes one figure of a view to a file; its ending says how: svg, png, csv.
    ExportFigure {
        /// What is looked at.
        look: Look,
        /// Id of the figure.
        figure: String,
        /// The file.
        file: PathBuf,
    },
    /// Trains one of the small models that Layerscope makes itself.
    Train {
        /// Which one: "default".
        name: String,
        /// The folder; a stopped run is taken up again.
        folder: PathBuf,
        /// Seed of data and weights.
        seed: u64,
    },
    /// Closes the open model.
    Close,
}

/// A recording seen through a lens.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Id of the lens.
    pub lens: String,
    /// What is looked at.
    pub recording: Shared<Recording>,
    /// Recordings of other models that stand beside it, of the same data; a lens that looks at one recording alone
    /// leaves them out.
    pub others: Vec<Shared<Recording>>,
    /// How the knobs stand.
    pub knobs: Knobs,
    /// How they stand in the setting that is shown beside it.
    pub versus: Option<Knobs>,
    /// What is selected.
    pub selection: Selection,
}

/// What is run through a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRequest {
    /// Where the text comes from.
    pub input: Input,
    /// Stop after so many tokens; `None` takes all.
    pub limit_tokens: Option<u64>,
    /// Which of them are read out.
    pub read_at: ReadAt,
    /// How readouts round; refused where the machine or the head does not.
    pub numerics: Numerics,
    /// The folder that the recording will be saved to, by a command of its own. A run that is killed leaves there what
    /// was done until then; `None` keeps everything in memory.
    pub folder: Option<PathBuf>,
}

/// Of what the open model's class means are made. It has to be open without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeansRequest {
    /// Where the labelled samples come from.
    pub input: Input,
    /// Which state of a sample is averaged; `None`: the one that the checkpoint's own head reads.
    pub pooling: Option<Pooling>,
    /// Stop after so many tokens; `None` takes all.
    pub limit_tokens: Option<u64>,
    /// The file to write; new, or older class means.
    pub file: PathBuf,
}

/// What the open model goes on with, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateRequest {
    /// What is there at the start.
    pub start: Start,
    /// How far, and how each token is chosen.
    pub settings: Settings,
    /// How readouts round; tokens are chosen from exact logits. Refused where the machine or the head does not.
    pub numerics: Numerics,
    /// How often a recording of what is there so far is made meanwhile; `None`: only at the end.
    pub show_every: Option<Duration>,
    /// Where the recording will be saved, if that is known: what is there so far goes there meanwhile, so that a
    /// generation that is killed leaves it.
    pub folder: Option<PathBuf>,
}

/// What of the open model is timed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchRequest {
    /// Where the tokens come from.
    pub source: Source,
    /// How many tokens; `None` takes 256, or as many as the context of the model has room for.
    pub tokens: Option<usize>,
    /// Tokens that are generated behind them.
    pub steps: usize,
    /// How often each work is timed.
    pub repeats: usize,
    /// Which works.
    pub works: Vec<Work>,
}

/// Which rule is executed on what, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifyRequest {
    /// A recording of the open model.
    pub recording: Shared<Recording>,
    /// How the knobs of the lens Exits stand: the rule and its own.
    pub knobs: Knobs,
    /// What later tokens read where a token has stopped.
    pub treatment: Treatment,
    /// A text that is written with and without exits, too.
    pub write: Option<WriteRequest>,
    /// Run so many tokens of the recording, whole sequences from its start; `None` takes all.
    pub limit_tokens: Option<u64>,
    /// How often both runs are timed, by turns.
    pub repeats: usize,
}

/// A text that is written greedily.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRequest {
    /// What is gone on with.
    pub prompt: String,
    /// Most new tokens.
    pub most_tokens: u64,
    /// Blocks that a drafted token runs, where drafts are verified; `None` takes half of them.
    pub draft_depth: Option<u16>,
    /// Most tokens that are drafted at a time.
    pub draft_length: usize,
}

/// What is run with blocks left out.
#[derive(Debug, Clone, PartialEq)]
pub struct SkipRequest {
    /// Its texts are run again; of the open model.
    pub recording: Shared<Recording>,
    /// The rule, its knobs, and what is measured besides: those of `api::skip_knobs`.
    pub knobs: Knobs,
    /// Only so many tokens of the recording, from its start; `None`: all of them.
    pub limit_tokens: Option<u64>,
    /// A continuation with and without skips, timed by turns; `None`: none, and no time.
    pub generate: Option<SkipGenerate>,
}

/// What is gone on with, with and without skips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipGenerate {
    /// `None`: the beginning of the recording's first text, as much of it as counts as its prompt.
    pub prompt: Option<String>,
    /// How many tokens follow.
    pub tokens: usize,
}

/// What a generation goes on with.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// A text.
    Text(String),
    /// What a user says, inside the chat template of the checkpoint.
    Chat(String),
    /// A recording of one text, of the open model.
    More(Shared<Recording>),
}

/// A generation while it goes on, or at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// What was generated so far. It only grows; what could still become another character or a text to stop at is
    /// held back until it is known.
    pub text: String,
    /// How many new tokens.
    pub tokens: u64,
    /// What is there so far, where it was time for one.
    pub recording: Option<Shared<Recording>>,
}

/// Where text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A prompt.
    Text(String),
    /// The data set inside the binary.
    Embedded,
    /// A file: txt, jsonl, csv, tsv.
    File {
        /// The file.
        path: PathBuf,
        /// Which column holds the text; `None` takes "text".
        column: Option<String>,
        /// Which column holds the labels; `None` takes "label" where there is one.
        label: Option<String>,
        /// Which column holds a second text that is read together with the first; `None`: each sample is one text.
        pair: Option<String>,
        /// How a txt file is cut.
        cut: Cut,
    },
}

/// What the engine tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// How far a job is.
    Progress(JobId, Progress),
    /// The header of a checkpoint was read; its weights are being put in place.
    Header(JobId, Arc<ModelCard>),
    /// A checkpoint is open.
    Opened(JobId, Arc<ModelCard>),
    /// A recording was made or read; `partial` in its manifest says whether it was cut short.
    Recorded(JobId, Shared<Recording>),
    /// A generation goes on; a newer one of the same job replaces an older that nobody took yet. The last comes just
    /// before `Recorded`, with the whole text.
    Generated(JobId, Live),
    /// The open model was timed.
    Measured(JobId, Arc<Report>),
    /// Class means were made and written.
    MadeMeans(JobId, Arc<MadeMeans>),
    /// A rule was executed, and this is what came of it.
    Verified(JobId, Arc<View>),
    /// A file or folder was written.
    Wrote(JobId, PathBuf),
    /// A view is ready; the number is the one that `look` returned.
    Viewed(u64, Arc<View>),
    /// The order of the token table is ready.
    Rows(u64, Arc<crate::lens::TokenRows>),
    /// The job or view ended without a result.
    Failed(JobId, Problem),
    /// A view could not be computed.
    ViewFailed(u64, Problem),
    /// The job was cancelled and left nothing.
    Cancelled(JobId),
    /// The open model was closed.
    Closed(JobId),
}

/// Why something did not work, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One sentence: what was found and what is allowed; the path comes last.
    pub what: String,
    /// One sentence: what to do; empty where there is nothing.
    pub hint: String,
    /// Whose fault it is.
    pub blame: Blame,
}

/// Whose fault a problem is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// A file or a value that came from outside.
    Input,
    /// The disk, memory, or a defect of ours.
    Engine,
}

/// A shared value that is equal only to itself, so that comparing a session never compares a million tokens.
#[derive(Debug)]
pub struct Shared<T>(pub Arc<T>);

/// What a path holds, read from its header only.
#[derive(Debug, Clone, PartialEq)]
pub enum Inspected {
    /// A checkpoint.
    Checkpoint(Box<ModelCard>),
    /// A recording.
    Recording(Box<Manifest>),
}

impl Look {
    /// All that is looked at, if it can stand side by side.
    pub(crate) fn members(&self) -> Result<Members<'_>, Problem> {
        let others = self.others.iter().map(|other| &**other);
        Ok(Members::new(&self.recording, others)?)
    }
}

/// Whether two recordings can stand side by side.
pub(crate) fn check_beside(first: &Recording, other: &Recording) -> Result<(), Problem> {
    Ok(Members::new(first, [other]).map(drop)?)
}

impl From<UnlikeError> for Problem {
    fn from(error: UnlikeError) -> Self {
        Self { what: error.to_string(), hint: UnlikeError::HINT.to_owned(), blame: Blame::Input }
    }
}

impl Event {
    /// The job that this event ends.
    pub fn ends(&self) -> Option<JobId> {
        match self {
            Self::Opened(job, _)
            | Self::Recorded(job, _)
            | Self::Measured(job, _)
            | Self::MadeMeans(job, _)
            | Self::Verified(job, _)
            | Self::Wrote(job, _)
            | Self::Failed(job, _)
            | Self::Cancelled(job)
            | Self::Closed(job) => Some(*job),
            Self::Progress(..)
            | Self::Generated(..)
            | Self::Header(..)
            | Self::Viewed(..)
            | Self::Rows(..)
            | Self::ViewFailed(..) => None,
        }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
