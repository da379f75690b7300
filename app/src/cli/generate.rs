//! `layerscope generate`: goes on with a text, and records every layer of every token.

use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::path::PathBuf;

use layerscope_engine::api::{
    self, Command, End, Event, GenerateRequest, GenerateSettings, Live, Manifest, Note, Sampling,
    Start, counted,
};

use super::run::{Runner, ThreadCount};
use super::{Failure, say_json};

/// Let a checkpoint go on with a text; the text goes to standard output as it is made.
///
/// Without MODEL it is the embedded checkpoint. Without --temperature every token is the most probable one.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A checkpoint: a Hugging Face folder, a .safetensors with config.json beside it, or a .gguf.
    model: Option<PathBuf>,
    /// The text to go on with.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: String,
    /// Put the prompt into the chat template of the checkpoint.
    #[arg(long)]
    chat: bool,
    /// Stop after so many new tokens.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_tokens: u64,
    /// Divides the logits before a token is drawn; 0 takes the most probable one.
    #[arg(long, value_name = "T", default_value_t = 0.0, allow_negative_numbers = true)]
    temperature: f64,
    /// Draw from the K most probable tokens only.
    #[arg(long, value_name = "K")]
    top_k: Option<NonZeroU64>,
    /// Draw only from the most probable tokens that together reach this probability.
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    top_p: f64,
    /// Make tokens that are in the text already less likely; 1 leaves them as they are.
    #[arg(long, value_name = "R", default_value_t = 1.0, allow_negative_numbers = true)]
    repeat_penalty: f64,
    /// Seed of the draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Stop before this text. May be given more than once.
    #[arg(long = "stop", value_name = "TEXT", allow_hyphen_values = true)]
    stops: Vec<String>,
    /// Read out in bf16, which is faster: probabilities are off by up to 1e-2, the text stays the same. Needs
    /// AVX512-BF16.
    #[arg(long)]
    bf16: bool,
    /// Write the recording of prompt and text to this folder; it must be new, empty, or an older recording. A generation
    /// that is killed leaves there what it had done: `inspect` and `view` work with it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadCount,
    /// Print JSON for a program to read, at the end.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Told<'a> {
    text: &'a str,
    tokens: u64,
    recording: &'a Manifest,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let sampling = Sampling {
        temperature: arguments.temperature,
        top_k: arguments.top_k.map(NonZeroU64::get),
        top_p: arguments.top_p,
        repeat_penalty: arguments.repeat_penalty,
        seed: arguments.seed,
    };
    // Before anything that takes long.
    let numerics = super::numerics(arguments.bf16)?;
    api::check_sampling(&sampling).map_err(|problem| Failure::Usage(problem.what))?;
    if let Some(folder) = &arguments.out {
        api::check_recording_folder(folder)?;
    }
    let mut runner = Runner::with(arguments.threads)?;
    runner.run(arguments.model.map_or(Command::OpenEmbedded, Command::Open))?;
    let start =
        if arguments.chat { Start::Chat(arguments.prompt) } else { Start::Text(arguments.prompt) };
    let settings =
        GenerateSettings { sampling, most_tokens: arguments.max_tokens, stops: arguments.stops };
    let folder = arguments.out.clone();
    let request = GenerateRequest { start, settings, numerics, show_every: None, folder };
    let (mut text, mut tokens) = (String::new(), 0);
    let mut hear = |live: Live| -> Result<(), Failure> {
        if !arguments.json {
            let new = live.text.get(text.len()..).unwrap_or_default();
            let mut out = io::stdout().lock();
            out.write_all(new.as_bytes())?;
            out.flush()?;
        }
        (text, tokens) = (live.text, live.tokens);
        Ok(())
    };
    let done = runner.run_hearing(Command::Generate(request), !arguments.json, &mut hear)?;
    let rate = runner.rate();
    let Event::Recorded(_, recording) = done else {
        return Err(Failure::Other(anyhow::anyhow!("the engine generated nothing")));
    };
    if let Some(folder) = arguments.out.clone() {
        runner.run(Command::Save { recording: recording.clone(), folder })?;
    }
    let manifest = recording.manifest();
    if arguments.json {
        say_json(&Told { text: &text, tokens, recording: manifest })?;
    } else {
        if !text.ends_with('\n') {
            io::stdout().lock().write_all(b"\n")?;
        }
        // The text is the result; what is told about it must not stand in the same stream.
        let told = summary(manifest, (tokens, rate), arguments.out.as_deref());
        drop(io::stderr().lock().write_all(told.as_bytes()));
    }
    if manifest.partial { Err(Failure::Cancelled) } else { Ok(()) }
}

fn summary(
    manifest: &Manifest,
    (tokens, rate): (u64, Option<String>),
    folder: Option<&std::path::Path>,
) -> String {
    let rate = rate.map(|rate| format!(", {rate}")).unwrap_or_default();
    let ended = manifest.generation.as_ref().map_or(End::MostTokens, |made| made.ended);
    let head = format!("{} generated{rate}: {}", counted(tokens, "token"), ended.words());
    let note = |note: &Note| format!("note: {}", note.line());
    let written = folder.map(|folder| {
        format!("{} written to {}", counted(manifest.tokens, "token"), folder.display())
    });
    let notes = manifest.notes.iter().map(note);
    // The empty one ends the last line.
    let lines = std::iter::once(head).chain(notes).chain(written).chain([String::new()]);
    lines.collect::<Vec<_>>().join("\n")
}
