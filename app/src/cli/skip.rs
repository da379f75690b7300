//! `layerscope skip`: runs the texts of a recording again with blocks left out.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;
use layerscope_engine::api::{
    self, Command, Event, Note, Reading, ReadingKind, SkipGenerate, SkipRequest, View,
};

use super::run::{Runner, ThreadCount};
use super::{Failure, say, settings};

/// Run the texts of a recording again with blocks or sublayers left out; write figures, tables and readings.json.
///
/// `layerscope rules` lists the skip rules; one is chosen with `--set skip-rule=ID`. With one path the embedded
/// checkpoint runs, which must have made the recording.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The checkpoint that made the recording, and the recording folder.
    #[arg(value_name = "[MODEL] RECORDING", num_args = 1..=2, required = true)]
    paths: Vec<PathBuf>,
    /// Turns a knob. May be given more than once.
    #[arg(long = "set", value_name = "KNOB=VALUE")]
    set: Vec<String>,
    /// Run only so many tokens, from the start of the recording; the last text may be cut.
    #[arg(long, value_name = "N")]
    limit_tokens: Option<NonZeroU64>,
    /// Go on with a text for so many tokens, with and without skips by turns, and time both.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    generate: Option<u32>,
    /// The text to go on with (default: the beginning of the recording's first text).
    #[arg(long, value_name = "TEXT", requires = "generate", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
    prompt: Option<String>,
    /// The folder to write; new, empty, or an older export.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    threads: ThreadCount,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { mut paths, set, limit_tokens, generate, prompt, out, threads } = arguments;
    let Some(folder) = paths.pop() else {
        return Err(Failure::Usage("Missing: the recording".to_owned()));
    };
    let mut runner = Runner::with(threads)?;
    let recording = runner.load(folder)?;
    let knobs = settings::knobs("--set", &set, |knobs| api::skip_knobs(Some(&recording), knobs))?;
    runner.run(paths.pop().map_or(Command::OpenEmbedded, Command::Open))?;
    let generate = generate.map(|tokens| SkipGenerate {
        prompt,
        tokens: usize::try_from(tokens).unwrap_or(usize::MAX),
    });
    let request = SkipRequest {
        recording: recording.clone(),
        knobs: knobs.clone(),
        limit_tokens: limit_tokens.map(NonZeroU64::get),
        generate,
    };
    let Event::Verified(_, view) = runner.run(Command::Skip(request))? else {
        return Err(Failure::Other(anyhow::anyhow!("the engine ran nothing")));
    };
    let (folder, told) = (out.clone(), summary(&view));
    runner.run(Command::ExportSkips { recording, knobs, view: Arc::clone(&view), folder })?;
    say(&told)?;
    say(&format!("Figures, tables and readings.json written to {}", out.display()))
}

/// Readings, notes and continuations as a person reads them.
fn summary(view: &View) -> String {
    let mut lines: Vec<String> = view.readings.iter().map(line).collect();
    lines.extend(view.notes.iter().map(Note::line).map(|note| format!("note: {note}")));
    let texts = view.tables.iter().find(|table| table.id == "continuations");
    let texts = texts.and_then(|table| table.names.as_ref()).map(|(_, texts)| texts.as_slice());
    for (text, what) in texts.unwrap_or_default().iter().zip(["full model", "with skips"]) {
        lines.push(format!("{what}: {text:?}"));
    }
    lines.join("\n")
}

fn line(reading: &Reading) -> String {
    let value = match reading.value {
        None => "not known".to_owned(),
        Some(value) if reading.unit == "bytes" || value.fract() == 0.0 => format!("{value}"),
        Some(value) => format!("{value:.4}"),
    };
    let kind = match reading.kind {
        ReadingKind::Exact => "",
        ReadingKind::Estimate => " (estimate)",
        ReadingKind::Modelled => " (modelled)",
        ReadingKind::Measured => " (measured)",
    };
    let label = reading.label.trim_end_matches(" (modelled)");
    format!("{label}: {value} {}{kind}", reading.unit)
}
