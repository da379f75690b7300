//! `layerscope record`: runs text through a checkpoint and writes a recording.

use std::num::NonZeroU64;
use std::path::PathBuf;

use layerscope_engine::api::{
    self, Command, Cut, Event, Input, Manifest, Numerics, ReadAt, RecordRequest, counted,
};

use super::run::{Runner, ThreadCount};
use super::{Failure, opened, say, say_json};

/// Run text through a checkpoint and record every layer.
///
/// Without MODEL it runs the embedded checkpoint, without --text and --data the embedded data.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A checkpoint: a Hugging Face folder, a .safetensors with config.json beside it, or a .gguf.
    model: Option<PathBuf>,
    /// Read out by these class means, made with `layerscope means` (default: class-means.safetensors beside the
    /// checkpoint, where there is one).
    #[arg(long, value_name = "FILE", requires = "model")]
    class_means: Option<PathBuf>,
    /// Text to run.
    #[arg(long, conflicts_with = "data")]
    text: Option<String>,
    /// A data file to run: txt, jsonl, csv or tsv; for a model of images a folder of PNG and JPEG files, in which the
    /// folders are labels.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Column of the data file that holds the text (default: text); `#2` is the second one of a file without a header.
    #[arg(long, requires = "data", conflicts_with = "text")]
    column: Option<String>,
    /// Column of the data file that holds the label of each sample, for models that classify (default: label, where
    /// there is one): the name of a class or its number.
    #[arg(long, value_name = "COLUMN", requires = "data", conflicts_with = "text")]
    label: Option<String>,
    /// Column of the data file that holds a second text, which encoders read together with the first:
    /// `[CLS] a [SEP] b [SEP]`.
    #[arg(long, value_name = "COLUMN", requires = "data", conflicts_with = "text")]
    pair: Option<String>,
    /// How a txt file becomes samples (default: line).
    #[arg(long, value_enum, requires = "data", conflicts_with = "text")]
    cut: Option<CutArgument>,
    /// Stop after so many tokens.
    #[arg(long, value_name = "N")]
    limit_tokens: Option<NonZeroU64>,
    /// Which tokens are read out at every depth; all of them run. N reads the first of each sequence and every N-th after it;
    /// `last` the last of each sequence.
    #[arg(long, value_name = "every|N|last", default_value = "every", value_parser = read_at)]
    readout: ReadAt,
    /// Read out in bf16, which is faster: probabilities are off by up to 1e-2. Needs AVX512-BF16.
    #[arg(long)]
    bf16: bool,
    /// The lens whose signals are recorded.
    #[arg(long, value_name = "ID", default_value = "exits")]
    lens: String,
    /// The folder to write; it must be new, empty, or an older recording. A run that is killed leaves there what it had
    /// done: `inspect` and `view` work with it.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    threads: ThreadCount,
    /// Print JSON for a program to read.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum CutArgument {
    /// Each line that is not empty.
    Line,
    /// Runs of lines between empty ones.
    Paragraph,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    if !api::lenses().iter().any(|card| card.id == arguments.lens) {
        let known: Vec<_> = api::lenses().iter().map(|card| card.id).collect();
        let lens = arguments.lens;
        return Err(Failure::Usage(format!("No lens `{lens}`; there are: {}", known.join(", "))));
    }
    // Before anything that takes long.
    let numerics = super::numerics(arguments.bf16)?;
    api::check_recording_folder(&arguments.out)?;
    let mut runner = Runner::with(arguments.threads)?;
    runner.run(opened(arguments.model.clone(), arguments.class_means.clone()))?;
    let folder = arguments.out.clone();
    let request = request(&arguments, numerics);
    let Event::Recorded(_, recording) = runner.run(Command::Record(request))? else {
        return Err(Failure::Other(anyhow::anyhow!("the engine recorded nothing")));
    };
    runner.run(Command::Save { recording: recording.clone(), folder })?;
    let manifest = recording.manifest();
    if arguments.json {
        say_json(manifest)?;
    } else {
        say(&summary(manifest, &arguments.out.display().to_string()))?;
    }
    if manifest.partial { Err(Failure::Cancelled) } else { Ok(()) }
}

/// What the arguments ask the open model for.
pub(super) fn request(arguments: &Arguments, numerics: Numerics) -> RecordRequest {
    let cut = match arguments.cut {
        Some(CutArgument::Line) | None => Cut::Line,
        Some(CutArgument::Paragraph) => Cut::Paragraph,
    };
    let input = match (arguments.text.clone(), arguments.data.clone()) {
        (Some(text), _) => Input::Text(text),
        (None, Some(path)) => {
            let Arguments { column, label, pair, .. } = arguments;
            let (column, label, pair) = (column.clone(), label.clone(), pair.clone());
            Input::File { path, column, label, pair, cut }
        }
        (None, None) => Input::Embedded,
    };
    let limit_tokens = arguments.limit_tokens.map(NonZeroU64::get);
    RecordRequest {
        input,
        limit_tokens,
        read_at: arguments.readout,
        numerics,
        folder: Some(arguments.out.clone()),
    }
}

fn read_at(text: &str) -> Result<ReadAt, String> {
    match text {
        "every" => Ok(ReadAt::Every),
        "last" => Ok(ReadAt::Last),
        number => {
            let number = number.parse().map(ReadAt::EveryNth);
            number.map_err(|_wrong| "it is every, last or a whole number above 0".to_owned())
        }
    }
}

fn summary(manifest: &Manifest, folder: &str) -> String {
    let head = format!(
        "{} at {} of {} written to {folder}",
        counted(manifest.tokens, manifest.subject.noun()),
        counted(manifest.layers + 1, "depth"),
        manifest.provenance.model
    );
    let notes = manifest.notes.iter().map(|note| format!("note: {}", note.line()));
    let gaps = manifest.read_at.has_gaps();
    let read_at = gaps.then(|| format!("read out: {}", manifest.read_at.words()));
    std::iter::once(head).chain(read_at).chain(notes).collect::<Vec<_>>().join("\n")
}
