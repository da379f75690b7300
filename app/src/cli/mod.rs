//! The command line: the same engine as the window, without a window.
//!
//! One file per sub-command. Results go to standard output, progress and errors to standard error.
//! Exit codes: 0 done, 2 usage, 3 bad input, 4 cancelled, 1 everything else.

mod bench;
#[cfg(test)]
#[cfg(feature = "window")]
mod copied_tests;
mod generate;
mod inspect;
mod lenses;
mod means;
mod record;
mod rules;
mod run;
mod settings;
mod skip;
mod train;
mod usage;
mod verify;
mod view;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use layerscope_engine::api::{Blame, ClassMeansFrom, Command, Numerics, Problem};

/// See where a neural network decides, layer by layer, and what it would cost to stop earlier.
///
/// Without a sub-command it opens the window.
#[derive(Debug, Parser)]
#[command(name = "layerscope", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// A checkpoint (folder, .safetensors, .gguf), a recording, or a session to open in the window.
    path: Option<PathBuf>,

    /// Writes what the window does as JSON lines to this file.
    #[arg(long, value_name = "FILE", hide = true)]
    events: Option<PathBuf>,

    /// Threads that compute; without it one fewer than there are cores, so that the window stays quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    #[command(subcommand)]
    command: Option<SubCommand>,
}

#[derive(Debug, Subcommand)]
enum SubCommand {
    Inspect(inspect::Arguments),
    Lenses(lenses::Arguments),
    Rules(rules::Arguments),
    Record(record::Arguments),
    Means(means::Arguments),
    Generate(generate::Arguments),
    Bench(bench::Arguments),
    View(view::Arguments),
    Verify(verify::Arguments),
    Skip(skip::Arguments),
    Train(train::Arguments),
}

/// Why a sub-command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine said what is wrong.
    Problem(Problem),
    /// A person pressed Ctrl+C.
    Cancelled,
    /// The arguments contradict each other.
    Usage(String),
    /// Anything else: the disk, the terminal.
    Other(anyhow::Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Other(error.into())
    }
}

/// Reads the arguments, does what they say, and turns the outcome into an exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            return explain(&Failure::Usage(usage::sentence(&error)));
        }
        // Help and version; where standard output is closed there is nobody left to tell.
        Err(help) => {
            drop(help.print());
            return ExitCode::SUCCESS;
        }
    };
    start_log();
    let done = match arguments.command {
        Some(SubCommand::Inspect(arguments)) => inspect::run(&arguments),
        Some(SubCommand::Lenses(arguments)) => lenses::run(&arguments),
        Some(SubCommand::Rules(arguments)) => rules::run(&arguments),
        Some(SubCommand::Record(arguments)) => record::run(arguments),
        Some(SubCommand::Means(arguments)) => means::run(arguments),
        Some(SubCommand::Generate(arguments)) => generate::run(arguments),
        Some(SubCommand::Bench(arguments)) => bench::run(arguments),
        Some(SubCommand::View(arguments)) => view::run(&arguments),
        Some(SubCommand::Verify(arguments)) => verify::run(arguments),
        Some(SubCommand::Skip(arguments)) => skip::run(arguments),
        Some(SubCommand::Train(arguments)) => train::run(arguments),
        None => arguments
            .path
            .as_deref()
            .map_or(Ok(()), check_path)
            .and_then(|()| window(arguments.path, arguments.events, arguments.threads)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => explain(&failure),
    }
}

/// A misspelt sub-command is a path that does not exist: better said here than in a window.
fn check_path(path: &Path) -> Result<(), Failure> {
    if path.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let program = Arguments::command();
    let commands: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
    Err(Failure::Problem(Problem {
        what: format!("there is no such file or folder: {}", path.display()),
        hint: format!("Name one that exists, or a sub-command: {}.", commands.join(", ")),
        blame: Blame::Input,
    }))
}

#[cfg(feature = "window")]
fn window(
    path: Option<PathBuf>,
    events: Option<PathBuf>,
    threads: Option<u16>,
) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.map_or_else(|| cores.saturating_sub(1).max(1), usize::from);
    crate::shell::run(path, events, threads).map_err(Failure::Problem)
}

#[cfg(not(feature = "window"))]
fn window(
    _path: Option<PathBuf>,
    _events: Option<PathBuf>,
    _threads: Option<u16>,
) -> Result<(), Failure> {
    Err(Failure::Usage(
        "This build has no window; `layerscope record` and `layerscope view` do the same work"
            .to_owned(),
    ))
}

/// Warnings of libraries and of ours go to standard error; RUST_LOG asks for more.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

/// One line that says what is wrong, one that says what to do, and the exit code.
fn explain(failure: &Failure) -> ExitCode {
    let (code, what, hint) = match failure {
        Failure::Problem(problem) => {
            let code = match problem.blame {
                Blame::Input => 3,
                Blame::Engine => 1,
            };
            (code, problem.what.clone(), problem.hint.clone())
        }
        Failure::Cancelled => (4, "Cancelled".to_owned(), String::new()),
        Failure::Usage(what) => {
            let called = std::env::args_os().nth(1);
            (2, what.clone(), usage::usage(Arguments::command(), called.as_deref()))
        }
        // Somebody closed the pipe (`layerscope lenses | head`): there is nobody left to tell.
        Failure::Other(error) if is_broken_pipe(error) => return ExitCode::SUCCESS,
        Failure::Other(error) => (1, format!("{error:#}"), String::new()),
    };
    let mut out = io::stderr().lock();
    let one_line = what.replace('\n', " ");
    let hint = if hint.is_empty() {
        String::new()
    } else {
        format!("hint: {}\n", hint.replace('\n', " "))
    };
    let text = format!("error: {one_line}\n{hint}");
    // Where even standard error is closed the exit code has to do.
    drop(out.write_all(text.as_bytes()));
    ExitCode::from(code)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// Opens a checkpoint with the class means of a file, or with those that lie beside it; without a path the embedded one.
fn opened(model: Option<PathBuf>, class_means: Option<PathBuf>) -> Command {
    match (model, class_means) {
        (Some(model), Some(means)) => Command::OpenWith(model, ClassMeansFrom::File(means)),
        (Some(model), None) => Command::Open(model),
        (None, _) => Command::OpenEmbedded,
    }
}

/// How readouts round, as `--bf16` wishes it.
fn numerics(wants_bf16: bool) -> Result<Numerics, Failure> {
    let wish = if wants_bf16 { Numerics::Bf16 } else { Numerics::F32 };
    match wish.why_not() {
        None => Ok(wish),
        Some(why) => Err(Failure::Usage(format!("`--bf16` cannot be used: {why}"))),
    }
}

/// Writes one line to standard output.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Writes a value as JSON to standard output.
fn say_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    say(&serde_json::to_string_pretty(value)?)
}
