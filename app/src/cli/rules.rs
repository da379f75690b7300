//! `layerscope rules`: every exit rule and every skip rule with its knobs.

use layerscope_engine::api::{self, RuleListing};

use super::lenses::range;
use super::{Failure, say, say_json};

/// List the rules: when a token stops, or what is left out, where that comes from, and the knobs.
///
/// `layerscope view --set rule=ID` replays an exit rule, `layerscope skip --set skip-rule=ID` executes a skip rule.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print JSON for a program to read.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Rules {
    exit: Vec<RuleListing>,
    skip: Vec<RuleListing>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rules = Rules { exit: api::exit_rules(), skip: api::skip_rules() };
    if arguments.json {
        return say_json(&rules);
    }
    say("exit rules (rule)")?;
    rules.exit.iter().try_for_each(tell)?;
    say("skip rules (skip-rule)")?;
    rules.skip.iter().try_for_each(tell)
}

fn tell(rule: &RuleListing) -> Result<(), Failure> {
    say(&format!("  {}  {}\n      {}", rule.id, rule.meaning, rule.source))?;
    for knob in &rule.knobs {
        say(&format!("      {}  {} ({})", knob.id, knob.help, range(&knob.kind)))?;
    }
    Ok(())
}
