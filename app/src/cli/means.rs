//! `layerscope means`: averages the states of labelled samples, class by class, for readouts by the nearest mean.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use layerscope_engine::api::{
    ClassMeansFrom, Command, Cut, Event, Input, MadeMeans, MeansRequest, Pooling, counted,
};

use super::run::{Runner, ThreadCount};
use super::{Failure, say};

/// Make class means: at every depth the mean state of the samples of each class.
///
/// Written as class-means.safetensors beside the checkpoint they join it whenever it is opened, and every readout is by the
/// nearest mean; under another name they are given with `--class-means`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// An encoder: a Hugging Face folder, a .safetensors with config.json beside it, or a .gguf.
    model: PathBuf,
    /// Labelled samples: jsonl, csv or tsv; for a model of images a folder of PNG and JPEG files, in which the folders are
    /// labels.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Column that holds the text (default: text); `#2` is the second one of a file without a header.
    #[arg(long)]
    column: Option<String>,
    /// Column that holds a second text, which is read together with the first.
    #[arg(long, value_name = "COLUMN")]
    pair: Option<String>,
    /// Column that holds the label of each sample (default: label); its different values are the classes.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Which state of a sample is averaged: that of the first token, or the mean over its tokens (default: what the
    /// checkpoint's own head reads).
    #[arg(long, value_name = "mean|cls", value_parser = poolings())]
    pooling: Option<String>,
    /// Stop after so many tokens.
    #[arg(long, value_name = "N")]
    limit_tokens: Option<NonZeroU64>,
    #[command(flatten)]
    threads: ThreadCount,
    /// The file to write: new, or older class means.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn poolings() -> PossibleValuesParser {
    PossibleValuesParser::new(Pooling::ALL.map(Pooling::id))
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { model, data, column, pair, label, pooling, limit_tokens, threads, out } =
        arguments;
    let mut runner = Runner::with(threads)?;
    runner.run(Command::OpenWith(model, ClassMeansFrom::Nowhere))?;
    let request = MeansRequest {
        input: Input::File { path: data, column, label, pair, cut: Cut::Line },
        pooling: pooling.as_deref().and_then(Pooling::find),
        limit_tokens: limit_tokens.map(NonZeroU64::get),
        file: out.clone(),
    };
    let Event::MadeMeans(_, made) = runner.run(Command::MakeMeans(request))? else {
        return Err(Failure::Other(anyhow::anyhow!("the engine made no class means")));
    };
    say(&summary(&made, &out.display().to_string()))
}

fn summary(made: &MadeMeans, file: &str) -> String {
    let MadeMeans { classes, depths, pooling, notes } = made;
    let head = format!(
        "Means of {} classes at {} written to {file} (state: {})",
        classes.len(),
        counted(*depths, "depth"),
        pooling.id()
    );
    let classes =
        classes.iter().map(|(name, count)| format!("{name}: {}", counted(*count, "sample")));
    let notes = notes.iter().map(|note| format!("note: {}", note.line()));
    std::iter::once(head).chain(classes).chain(notes).collect::<Vec<_>>().join("\n")
}
