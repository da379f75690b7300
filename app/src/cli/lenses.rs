//! `layerscope lenses`: every lens with its knobs.

use layerscope_engine::api::{self, KnobCard, KnobKind, Knobs, LensCard};

use super::{Failure, say, say_json};

/// List the lenses: what each asks, and its knobs.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print JSON for a program to read.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Entry {
    #[serde(flatten)]
    card: &'static LensCard,
    knobs: Vec<KnobCard>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let entry = |card: &'static LensCard| Entry {
        card,
        knobs: api::knobs(card.id, None, &Knobs::default()),
    };
    let entries: Vec<_> = api::lenses().into_iter().map(entry).collect();
    if arguments.json {
        return say_json(&entries);
    }
    for entry in &entries {
        say(&format!("{}  {}\n    {}", entry.card.id, entry.card.name, entry.card.question))?;
        for knob in &entry.knobs {
            say(&format!("    {}  {} ({})", knob.id, knob.help, range(&knob.kind)))?;
        }
    }
    Ok(())
}

/// What a knob takes.
pub(super) fn range(kind: &KnobKind) -> String {
    match kind {
        KnobKind::Real { default, min, max, .. } => format!("{min} to {max}, default {default}"),
        KnobKind::Integer { default, min, max } => format!("{min} to {max}, default {default}"),
        KnobKind::Choice { default, options } => {
            let ids: Vec<_> = options.iter().map(|option| option.id.as_str()).collect();
            format!("one of {}; default {default}", ids.join(", "))
        }
        KnobKind::Places { default, first, last, .. } => {
            format!("all, none, or numbers and ranges from {first} to {last}; default {default}")
        }
    }
}
