//! `layerscope inspect PATH`: what a path holds, from its header only.

use std::path::PathBuf;

use layerscope_engine::api::{self, Inspected, Manifest, ModelCard, Subject, counted};

use super::{Failure, say, say_json};

/// Show what a checkpoint or a recording holds; reads the header only.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A checkpoint (folder, .safetensors, .gguf) or a recording folder.
    path: PathBuf,
    /// Print JSON for a program to read.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match api::inspect(&arguments.path)? {
        Inspected::Checkpoint(card) if arguments.json => say_json(&card),
        Inspected::Checkpoint(card) => say(&checkpoint_text(&card)),
        Inspected::Recording(manifest) if arguments.json => say_json(&manifest),
        Inspected::Recording(manifest) => say(&recording_text(&manifest)),
    }
}

fn checkpoint_text(card: &ModelCard) -> String {
    let rows = [
        ("name", card.name.clone()),
        ("format", card.format.clone()),
        ("family", card.family.clone()),
        ("layers", card.layers.to_string()),
        ("width", card.width.to_string()),
        ("heads", format!("{} ({} key/value)", card.heads, card.kv_heads)),
        ("feed-forward", card.ffn_width.to_string()),
        ("vocabulary", card.vocab.to_string()),
        ("readout", card.readout.clone()),
        ("context", counted(card.context, "token")),
        ("parameters", card.parameters.to_string()),
        ("types", card.types.clone()),
        ("size", counted(card.size_bytes, "byte")),
        ("tokenizer", card.tokenizer.clone()),
        ("chat template", if card.chat_template.is_some() { "yes" } else { "no" }.to_owned()),
        ("fingerprint", card.fingerprint.clone()),
    ];
    aligned(&rows)
}

fn recording_text(manifest: &Manifest) -> String {
    let state = match (manifest.complete, manifest.partial) {
        (false, _) => "incomplete: the run was killed, or is still going",
        (true, true) => "partial: the run was cut short",
        (true, false) => "complete",
    };
    let columns = manifest.columns.join(", ");
    let columns = if columns.is_empty() { "none".to_owned() } else { columns };
    let mut rows = vec![
        ("recording of", manifest.provenance.model.clone()),
        ("data", manifest.provenance.data.clone()),
        ("state", state.to_owned()),
        ("tokens", manifest.tokens.to_string()),
        ("read out", read_out(manifest)),
        ("layers", manifest.layers.to_string()),
        ("vocabulary", manifest.vocab.to_string()),
        ("readouts", manifest.numerics.id().to_owned()),
        ("signals", manifest.signals.join(", ")),
        ("columns", columns),
        ("recorded by", format!("Layerscope {}", manifest.provenance.version)),
    ];
    if let Some(made) = &manifest.generation {
        let chosen = manifest.tokens.saturating_sub(made.prompt_tokens);
        let said = format!("{} of them; ended: {}", counted(chosen, "token"), made.ended.words());
        rows.push(("generated", said));
    }
    rows.extend(manifest.notes.iter().map(|note| ("note", note.line())));
    aligned(&rows)
}

fn read_out(manifest: &Manifest) -> String {
    match manifest.subject {
        Subject::Token | Subject::OwnToken => manifest.read_at.words(),
        Subject::Sample => "every sample".to_owned(),
    }
}

fn aligned(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = rows.iter().map(|(name, value)| format!("{name:width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}
