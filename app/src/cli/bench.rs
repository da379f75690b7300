//! `layerscope bench`: how fast a checkpoint runs here, measured.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use layerscope_engine::api::{
    BenchReport, BenchRequest, BenchRow, BenchSource, BenchWork, Blame, Command, Event, Problem,
    counted,
};

use super::run::{Runner, ThreadCount};
use super::{Failure, say, say_json};

/// No prompt is longer, in bytes.
const LONGEST_PROMPT: u64 = 16 << 20;

/// Measure how fast a checkpoint runs on this machine.
///
/// Without MODEL it is the embedded checkpoint. The works take turns over the repeats, after a run of each that warms
/// up. Times are wall time; what is read or prepared before a work is not timed.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A checkpoint: a Hugging Face folder, a .safetensors with config.json beside it, or a .gguf.
    model: Option<PathBuf>,
    /// How many tokens go in (default: 256, or as many as the context of the model has room for); of a model of images as
    /// many whole ones as have room in them.
    #[arg(long, value_name = "N", value_parser = positive())]
    tokens: Option<u32>,
    /// How many tokens are generated behind them.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive())]
    steps: u32,
    /// How often each work is timed.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = positive())]
    repeat: u32,
    /// A text file whose first tokens go in (default: a built-in text, repeated).
    #[arg(long, value_name = "FILE", conflicts_with = "ids")]
    prompt: Option<PathBuf>,
    /// A JSON list of token ids, of which the first go in.
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Time only these works.
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = works())]
    only: Vec<String>,
    #[command(flatten)]
    threads: ThreadCount,
    /// Also write the numbers to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON for a program to read.
    #[arg(long)]
    json: bool,
}

fn positive() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000_000)
}

fn works() -> PossibleValuesParser {
    PossibleValuesParser::new(BenchWork::ALL.iter().map(|work| work.id()))
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let source = match (&arguments.prompt, &arguments.ids) {
        (Some(path), _) => BenchSource::Text(text_of(path)?),
        (None, Some(path)) => BenchSource::Ids(ids_of(path)?),
        (None, None) => BenchSource::BuiltIn,
    };
    let works = match arguments.only.as_slice() {
        [] => BenchWork::ALL.to_vec(),
        only => only.iter().filter_map(|id| BenchWork::find(id)).collect(),
    };
    let request = BenchRequest {
        source,
        tokens: arguments.tokens.map(whole),
        steps: whole(arguments.steps),
        repeats: whole(arguments.repeat),
        works,
    };
    let mut runner = Runner::with(arguments.threads)?;
    runner.run(arguments.model.map_or(Command::OpenEmbedded, Command::Open))?;
    let Event::Measured(_, report) = runner.run(Command::Bench(request))? else {
        return Err(Failure::Other(anyhow::anyhow!("the engine measured nothing")));
    };
    if arguments.json {
        say_json(report.as_ref())?;
    } else {
        say(&table(&report))?;
    }
    if let Some(path) = arguments.out {
        fs::write(path, serde_json::to_vec_pretty(report.as_ref())?)?;
    }
    Ok(())
}

/// Every count of an argument fits: it is at most a million.
fn whole(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let read = || {
        let mut text = String::new();
        File::open(path)?.take(LONGEST_PROMPT + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LONGEST_PROMPT {
            let what = format!("it has more than {LONGEST_PROMPT} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(text)
    };
    read().map_err(|error: io::Error| unreadable(&error, path, "Choose a text file in UTF-8."))
}

fn ids_of(path: &Path) -> Result<Vec<u32>, Failure> {
    let read = serde_json::from_str(&text_of(path)?);
    read.map_err(|error| unreadable(&error, path, "Choose a JSON list of token ids: [1, 2, 3]."))
}

fn unreadable(error: &dyn std::error::Error, path: &Path, hint: &str) -> Failure {
    let what = format!("the input cannot be read ({error}): {}", path.display());
    Failure::Problem(Problem { what, hint: hint.to_owned(), blame: Blame::Input })
}

/// The numbers as a person reads them.
fn table(report: &BenchReport) -> String {
    let mut lines = head(report);
    lines.push(String::new());
    let columns = ["work", "numerics", "tokens", "median s", "min s", "max s", "tokens/s", "cores"];
    let mut cells = vec![columns.map(str::to_owned)];
    cells.extend(report.rows.iter().map(row));
    let widths: Vec<_> = (0..columns.len())
        .map(|column| cells.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    for row in &cells {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        lines.push(cells.collect::<Vec<_>>().join("  "));
    }
    lines.push(String::new());
    for row in &report.rows {
        let more = row
            .percent_over_forward
            .map(|percent| format!(" ({percent:+.1} % wall time over forward, median of rounds)"));
        lines.push(format!("{}: {}{}", row.id, row.what, more.unwrap_or_default()));
    }
    for absent in &report.absent {
        lines.push(format!("{} is absent: {}", absent.id, absent.reason));
    }
    let file = report.model.file_bytes;
    lines.push(match report.peak_resident_bytes {
        Some(peak) => format!(
            "peak resident memory of the whole process: {}, {:.2} times the file",
            megabytes(peak),
            peak as f64 / file as f64
        ),
        None => "peak resident memory is absent: this system does not tell it".to_owned(),
    });
    lines.join("\n")
}

fn head(report: &BenchReport) -> Vec<String> {
    let BenchReport { version, model, machine, source, tokens, steps, repeats, .. } = report;
    let processor = machine.processor.as_deref().unwrap_or("a processor without a name");
    let is_stepped = report.rows.iter().any(|row| row.id.starts_with("decode"));
    let behind = if is_stepped {
        format!(", {} behind them", counted(*steps, "step"))
    } else {
        String::new()
    };
    let load = machine.load.map(|load| format!(", load {load:.2}")).unwrap_or_default();
    vec![
        format!(
            "Layerscope {version} on {processor}, {}, {} on {}{load}",
            machine.instructions,
            counted(machine.threads, "thread"),
            counted(machine.cores, "core"),
        ),
        format!(
            "{} ({}, {}): {}, width {}, vocabulary {}, {}, file of {}",
            model.name,
            model.format,
            model.family,
            counted(model.layers, "block"),
            model.width,
            model.vocab,
            model.types,
            megabytes(model.file_bytes),
        ),
        format!(
            "{} ({source}){behind}; {} in turns after one to warm up",
            counted(*tokens, "token"),
            counted(*repeats, "repeat"),
        ),
    ]
}

fn row(row: &BenchRow) -> [String; 8] {
    let secs = |secs: f64| format!("{secs:.4}");
    [
        row.id.to_owned(),
        row.numerics.to_owned(),
        row.tokens.to_string(),
        secs(row.median_secs),
        secs(row.min_secs),
        secs(row.max_secs),
        format!("{:.1}", row.tokens_per_sec),
        row.cores_used.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}")),
    ]
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
