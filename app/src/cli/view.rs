//! `layerscope view`: looks at a recording through a lens and writes every figure and readings.json.

use std::path::PathBuf;

use layerscope_engine::api::{self, Command, Knobs, Look, Recording, Selection, Shared, counted};

use super::run::Runner;
use super::{Failure, say, settings};

/// Look at a recording through a lens; write its figures, tables and readings.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A recording folder.
    recording: PathBuf,
    /// The lens to look through.
    #[arg(long, value_name = "ID", default_value = "exits")]
    lens: String,
    /// A recording of the same data by another model, beside the first; for lenses that compare models. May be given more
    /// than once.
    #[arg(long = "with", value_name = "DIR")]
    with: Vec<PathBuf>,
    /// Turns a knob; `layerscope lenses` lists them. May be given more than once.
    #[arg(long = "set", value_name = "KNOB=VALUE")]
    set: Vec<String>,
    /// Shows a second setting of the knobs (B) on the same plots: its knobs stand at their defaults but for --versus-set.
    #[arg(long)]
    versus: bool,
    /// Turns a knob of B, which then is shown. May be given more than once.
    #[arg(long = "versus-set", value_name = "KNOB=VALUE")]
    versus_set: Vec<String>,
    /// Index of the token that the grid shows.
    #[arg(long, value_name = "N")]
    token: Option<usize>,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !api::lenses().iter().any(|card| card.id == arguments.lens) {
        let known: Vec<_> = api::lenses().iter().map(|card| card.id).collect();
        let lens = &arguments.lens;
        return Err(Failure::Usage(format!("No lens `{lens}`; there are: {}", known.join(", "))));
    }
    if !arguments.with.is_empty() && !api::looks_at_others(&arguments.lens) {
        let lenses = api::lenses().into_iter().map(|card| card.id);
        let known: Vec<_> = lenses.filter(|lens| api::looks_at_others(lens)).collect();
        return Err(Failure::Usage(format!(
            "--with: the lens `{}` looks at one recording; more than one is for: {}",
            arguments.lens,
            known.join(", ")
        )));
    }
    let mut runner = Runner::start()?;
    let recording = runner.load(arguments.recording.clone())?;
    let others = arguments.with.iter().map(|folder| {
        let other = runner.load(folder.clone())?;
        api::check_beside(&recording, &other)?;
        Ok(other)
    });
    let others = others.collect::<Result<_, Failure>>()?;
    let look = look(arguments, recording, others)?;
    runner.run(Command::Export { look, folder: arguments.out.clone() })?;
    say(&format!("Figures, tables and readings.json written to {}", arguments.out.display()))
}

/// What the arguments ask for, of this recording and those beside it.
pub(super) fn look(
    arguments: &Arguments,
    recording: Shared<Recording>,
    others: Vec<Shared<Recording>>,
) -> Result<Look, Failure> {
    let lens = &arguments.lens;
    let knobs = knobs("--set", lens, &recording, &arguments.set)?;
    let is_compared = arguments.versus || !arguments.versus_set.is_empty();
    let versus = || self::knobs("--versus-set", lens, &recording, &arguments.versus_set);
    let versus = is_compared.then(versus).transpose()?;
    if let Some(token) = arguments.token.filter(|token| *token >= recording.num_tokens()) {
        let count = counted(recording.num_tokens(), recording.subject().noun());
        let what = format!("--token {token}: the recording has {count}, counted from 0");
        return Err(Failure::Usage(what));
    }
    let selection = Selection { token: arguments.token };
    Ok(Look { lens: lens.clone(), recording, others, knobs, versus, selection })
}

/// The knobs of a lens as the settings behind `flag` wish them.
fn knobs(
    flag: &str,
    lens: &str,
    recording: &Recording,
    settings: &[String],
) -> Result<Knobs, Failure> {
    settings::knobs(flag, settings, |knobs| api::knobs(lens, Some(recording), knobs))
}

/// The knobs of a lens as `--set` wishes them.
pub(super) fn turned(lens: &str, recording: &Recording, set: &[String]) -> Result<Knobs, Failure> {
    knobs("--set", lens, recording, set)
}
