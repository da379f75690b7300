//! `layerscope verify`: lets tokens really stop where a rule says, and compares that with its replay.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use layerscope_engine::api::{
    Command, Event, Reading, Treatment, VerifyRequest, View, WriteRequest,
};

use super::run::{Runner, ThreadCount};
use super::view::turned;
use super::{Failure, opened, say, say_json};

/// The lens whose knobs choose the rule.
const LENS: &str = "exits";

/// Execute a rule on the texts of a recording and compare it with its replay, token by token and in time.
///
/// With one path, that is the recording, and the model is the embedded checkpoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The checkpoint that made the recording, and the recording.
    #[arg(value_names = ["MODEL", "RECORDING"], num_args = 1..=2, required = true)]
    paths: Vec<PathBuf>,
    /// The class means that the recording was read out by (default: class-means.safetensors beside the checkpoint, where
    /// there is one).
    #[arg(long, value_name = "FILE")]
    class_means: Option<PathBuf>,
    /// Turns a knob of the rule; `layerscope lenses` lists them. May be given more than once.
    #[arg(long = "set", value_name = "KNOB=VALUE")]
    set: Vec<String>,
    /// What later tokens read in blocks that a token left out.
    #[arg(long, value_name = "ID", default_value = "recompute", value_parser = treatments())]
    treatment: String,
    /// Run so many tokens of the recording, whole sequences from its start.
    #[arg(long, value_name = "N")]
    limit_tokens: Option<u64>,
    /// How often the runs with and without exits are timed, by turns.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Also write so many tokens, with and without exits.
    #[arg(long, value_name = "N", requires = "prompt", value_parser = clap::value_parser!(u32).range(1..))]
    generate: Option<u32>,
    /// The text to go on with.
    #[arg(long, value_name = "TEXT", requires = "generate", allow_hyphen_values = true)]
    prompt: Option<String>,
    /// Blocks that a drafted token runs (default: half of them); for the treatment `speculate`.
    #[arg(long, value_name = "N")]
    draft_depth: Option<u16>,
    /// Most tokens that are drafted at a time; for the treatment `speculate`.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=64))]
    draft_length: u16,
    #[command(flatten)]
    threads: ThreadCount,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the readings as JSON for a program to read.
    #[arg(long)]
    json: bool,
}

fn treatments() -> PossibleValuesParser {
    PossibleValuesParser::new(Treatment::ALL.map(Treatment::id))
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Some(treatment) = Treatment::find(&arguments.treatment) else {
        return Err(Failure::Usage(format!("No treatment `{}`", arguments.treatment)));
    };
    let mut paths = arguments.paths.into_iter().rev();
    let Some(folder) = paths.next() else {
        return Err(Failure::Usage("No recording".to_owned()));
    };
    if arguments.class_means.is_some() && paths.len() == 0 {
        return Err(Failure::Usage("`--class-means` needs the checkpoint as MODEL".to_owned()));
    }
    let mut runner = Runner::with(arguments.threads)?;
    let recording = runner.load(folder)?;
    let knobs = turned(LENS, &recording, &arguments.set)?;
    runner.run(opened(paths.next(), arguments.class_means))?;
    let write = arguments.prompt.zip(arguments.generate).map(|(prompt, most)| WriteRequest {
        prompt,
        most_tokens: most.into(),
        draft_depth: arguments.draft_depth,
        draft_length: arguments.draft_length.into(),
    });
    let (limit_tokens, repeats) = (arguments.limit_tokens, arguments.repeat.into());
    let request = VerifyRequest { recording, knobs, treatment, write, limit_tokens, repeats };
    let Event::Verified(_, view) = runner.run(Command::Verify(request.clone()))? else {
        return Err(Failure::Other(anyhow::anyhow!("the engine verified nothing")));
    };
    let folder = arguments.out.clone();
    runner.run(Command::ExportVerified { request, view: Arc::clone(&view), folder })?;
    if arguments.json {
        return say_json(&view.readings);
    }
    tell(&view)?;
    say(&format!("Figures, tables and readings.json written to {}", arguments.out.display()))
}

fn tell(view: &View) -> Result<(), Failure> {
    let width = view.readings.iter().map(|reading| reading.label.chars().count()).max();
    for reading in &view.readings {
        let Reading { label, value, unit, .. } = reading;
        let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        say(&format!("{label:width$}  {value} {unit}", width = width.unwrap_or(0)))?;
    }
    for note in &view.notes {
        say(&format!("note: {}", note.line()))?;
    }
    Ok(())
}
