//! Arguments that cannot be: what is wrong with them in one line, how the sub-command is used in another.

use std::error::Error as _;
use std::ffi::OsStr;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What the parser found, in one sentence.
pub(super) fn sentence(error: &clap::Error) -> String {
    let words = |kind| error.get(kind).map(quoted).filter(|words| !words.is_empty());
    let argument = words(ContextKind::InvalidArg)
        .or_else(|| words(ContextKind::InvalidSubcommand))
        .unwrap_or_else(|| "the arguments".to_owned());
    let value = words(ContextKind::InvalidValue).filter(|value| value != "``");
    let mut sentence = match (error.kind(), value) {
        (ErrorKind::UnknownArgument, _) => format!("Unknown argument {argument}"),
        (ErrorKind::InvalidSubcommand, _) => format!("Unknown sub-command {argument}"),
        (ErrorKind::MissingRequiredArgument, _) => format!("Missing: {argument}"),
        (ErrorKind::ArgumentConflict, _) => match words(ContextKind::PriorArg) {
            Some(prior) if prior == argument => format!("{argument} is given more than once"),
            Some(prior) => format!("{argument} cannot be used together with {prior}"),
            None => format!("{argument} cannot be used here"),
        },
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(value)) => {
            format!("{value} is no value of {argument}")
        }
        (ErrorKind::InvalidValue, None) => format!("{argument} needs a value"),
        (ErrorKind::TooManyValues, Some(value)) => format!("{argument} does not take {value}"),
        (kind, _) => format!("{argument}: {kind}"),
    };
    if let Some(reason) = error.source() {
        sentence.push_str(": ");
        sentence.push_str(&reason.to_string());
    }
    if let Some(allowed) = words(ContextKind::ValidValue) {
        sentence.push_str("; allowed: ");
        sentence.push_str(&allowed);
    }
    if let Some(similar) = words(ContextKind::SuggestedArg) {
        sentence.push_str("; did you mean ");
        sentence.push_str(&similar);
        sentence.push('?');
    }
    sentence
}

/// Names as they are typed, each in backticks.
fn quoted(value: &ContextValue) -> String {
    match value {
        ContextValue::String(word) => format!("`{word}`"),
        ContextValue::Strings(words) => {
            let words = words.iter().map(|word| format!("`{word}`"));
            words.collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}

/// How `called` (the word behind the program's name) is used; the whole program where it is no sub-command.
pub(super) fn usage(mut program: Command, called: Option<&OsStr>) -> String {
    program.build();
    let name = program.get_name().to_owned();
    let called =
        called.and_then(OsStr::to_str).filter(|word| program.find_subcommand(word).is_some());
    let called = called.map(str::to_owned);
    let (command, name) = match called.and_then(|word| program.find_subcommand_mut(word)) {
        Some(command) => {
            let full = command.get_bin_name().unwrap_or(&name).to_owned();
            (command, full)
        }
        None => (&mut program, name),
    };
    let usage = command.render_usage().to_string();
    let ways: Vec<_> = usage.lines().map(str::trim).collect();
    format!("{}; `{name} --help` says more", ways.join(" or "))
}
