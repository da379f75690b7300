//! `layerscope train`: makes one of our own small checkpoints again.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use layerscope_engine::api::{self, Command};

use super::run::Runner;
use super::{Failure, say};

/// Train one of the small checkpoints that Layerscope makes itself; a stopped run is taken up again.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which one: `default` is the checkpoint inside the binary.
    #[arg(value_parser = PossibleValuesParser::new(api::training_runs()))]
    name: String,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of data and weights.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut runner = Runner::start()?;
    let folder = arguments.out.clone();
    let command = Command::Train { name: arguments.name, folder, seed: arguments.seed };
    runner.run(command)?;
    say(&format!("Checkpoint written to {}", arguments.out.display()))
}
