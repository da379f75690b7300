//! What a person can ask for, and what the window then has to do outside of itself.

use std::path::PathBuf;

use layerscope_engine::api::{
    Command, Cut, JobId, Look, Numerics, ReadAt, Recording, RowColumn, RowsRequest, Shared, Value,
};

use super::LiveSetup;
use super::session::{InputKind, Lights, Session, Side, Writing};

/// Everything that a person can do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Opening, saving, leaving.
    File(File),
    /// What is run, and running it.
    Run(Run),
    /// How it is looked at.
    Lens(Lens),
    /// How the window looks.
    Layout(Layout),
}

/// Opening, saving, leaving.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum File {
    /// Ask for a path.
    Ask(Ask),
    /// Open whatever lies there: a checkpoint, a recording or a session.
    Open(PathBuf),
    /// Several things were dropped; only the first is opened.
    OpenFirst {
        /// The first.
        path: PathBuf,
        /// How many there were.
        count: usize,
    },
    /// It is a checkpoint.
    OpenModel(PathBuf),
    /// It is a recording.
    OpenRecording(PathBuf),
    /// Put a recording of the same data beside the one that is looked at.
    AddRecording(PathBuf),
    /// It no longer stands beside it.
    RemoveRecording(PathBuf),
    /// It is a session; the file was read already.
    OpenSession(Box<Session>),
    /// Open the checkpoint in the binary and run its data.
    OpenEmbedded,
    /// A file could not be read.
    Unreadable {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Write the recording to this folder.
    SaveRecording(PathBuf),
    /// Write the session to this file.
    SaveSession(PathBuf),
    /// Write all figures and readings to this folder.
    Export(PathBuf),
    /// Write one figure; the ending of the file says how.
    ExportFigure {
        /// Id of the figure.
        figure: String,
        /// The file.
        file: PathBuf,
    },
    /// Put the command line that makes what is on screen on the clipboard.
    CopyCommandLine,
    /// Leave.
    Quit,
}

/// Which path is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A checkpoint or session file.
    OpenFile,
    /// A checkpoint folder.
    OpenFolder,
    /// A recording folder.
    OpenRecording,
    /// A recording folder, to stand beside the one that is looked at.
    AddRecording,
    /// A data file.
    DataFile,
    /// A folder of images.
    ImageFolder,
    /// Where the recording goes.
    SaveRecording,
    /// Where the session goes.
    SaveSession,
    /// Where the view goes.
    Export,
    /// Where one figure goes.
    ExportFigure {
        /// Id of the figure.
        figure: String,
        /// svg, png or csv.
        ending: &'static str,
    },
}

/// What is run, and running it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Run {
    /// Which input is run.
    Kind(InputKind),
    /// The prompt, which then is what is run.
    Prompt(String),
    /// The data file, which then is what is run.
    DataFile(PathBuf),
    /// The folder of images, for a model that reads images.
    ImageFolder(PathBuf),
    /// Columns of the data file, read in the background.
    Columns(PathBuf, Result<Vec<String>, String>),
    /// The text column.
    Column(Option<String>),
    /// Column of labels of the data file; `None` takes "label" where there is one.
    Label(Option<String>),
    /// Column of second texts of the data file; `None`: each sample is one text.
    Pair(Option<String>),
    /// How a txt file is cut.
    Cut(Cut),
    /// Stop after so many tokens.
    Limit(Option<u64>),
    /// Which tokens are read out.
    ReadAt(ReadAt),
    /// How readouts round.
    Numerics(Numerics),
    /// Run it.
    Record,
    /// How the checkpoint goes on with the prompt.
    Writing(Writing),
    /// Let the checkpoint go on with the prompt.
    Generate,
    /// Let it go on with what was generated.
    Continue,
    /// How a rule is executed.
    LiveSetup {
        /// How from now on.
        setup: LiveSetup,
        /// Whether a number of it is still dragged.
        is_held: bool,
    },
    /// Turn a knob of the skips.
    TurnSkip {
        /// The knob.
        knob: String,
        /// Where it stands now.
        value: Value,
        /// Whether it is still held: one undo step until it is let go.
        is_held: bool,
    },
    /// Execute the rule on the texts of the recording.
    Verify,
    /// End what is running.
    Cancel,
}

/// How it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Lens {
    /// Another lens.
    Choose(String),
    /// Turn a knob.
    Turn {
        /// The knob.
        knob: String,
        /// Where it stands now.
        value: Value,
        /// Whether it is still held: one undo step until it is let go.
        is_held: bool,
    },
    /// A rule in a figure was dragged.
    Drag {
        /// The knob that it is bound to.
        knob: &'static str,
        /// Where the rule is, in axis units.
        value: f64,
        /// Whether it is still held.
        is_held: bool,
    },
    /// Several knobs at once.
    Follow(Vec<(&'static str, Value)>),
    /// Every knob back to its default.
    Reset,
    /// Keep the present setting as B, to compare what follows with it.
    Compare,
    /// Turn the knobs of this setting.
    Edit(Side),
    /// A becomes B and B becomes A.
    Swap,
    /// Only A stays.
    EndComparison,
    /// Pick a token.
    Select(Option<usize>),
    /// Show only some tokens in the table.
    Filter(String),
    /// Order the table by a column; again turns it round.
    Sort(RowColumn),
    /// Go back.
    Undo,
    /// Go forth again.
    Redo,
}

/// How the window looks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Layout {
    /// Dark or light.
    Theme(Lights),
    /// The panes were moved.
    Moved(serde_json::Value),
    /// Every pane back to its place.
    Reset,
    /// Away with a problem.
    Dismiss(usize),
}

/// What has to happen outside of the state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Find out what lies at a path, then open it.
    Sniff(PathBuf),
    /// Hand a command to the engine.
    Start(Task, Command),
    /// End a job.
    Cancel(JobId),
    /// Compute a view.
    Look(Look),
    /// Compute the token table.
    Rows(Shared<Recording>, RowsRequest),
    /// Show a dialog.
    Ask(Ask),
    /// Read the columns of a data file.
    Columns(PathBuf),
    /// Write a small file.
    Write(PathBuf, String),
    /// Put a text on the clipboard.
    Copy(String),
    /// Put a path at the head of the recent ones.
    Remember(PathBuf),
    /// Put the panes where the session says.
    Arrange,
    /// Tell whoever follows the log of events.
    Tell(serde_json::Value),
    /// Close the window.
    Quit,
}

/// What a job is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Task {
    /// Opens the checkpoint in the binary, and runs its data then.
    OpenEmbedded,
    /// Opens a checkpoint.
    OpenModel(PathBuf),
    /// Reads a recording.
    OpenRecording(PathBuf),
    /// Reads a recording that will stand beside the one that is looked at.
    AddRecording(PathBuf),
    /// Runs the input.
    Record,
    /// Goes on with a text.
    Generate,
    /// Executes a rule.
    Live(Box<Command>),
    /// Writes the recording.
    SaveRecording(PathBuf),
    /// Writes the view.
    Export(PathBuf),
    /// Writes a figure.
    ExportFigure(PathBuf),
}

impl Task {
    /// What the status bar says while it goes on.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::OpenEmbedded | Self::OpenModel(_) => "Opening checkpoint",
            Self::OpenRecording(_) => "Opening recording",
            Self::AddRecording(_) => "Adding recording",
            Self::Record => "Recording",
            Self::Generate => "Generating",
            Self::Live(_) => "Running live",
            Self::SaveRecording(_) => "Saving recording",
            Self::Export(_) | Self::ExportFigure(_) => "Exporting",
        }
    }
}
