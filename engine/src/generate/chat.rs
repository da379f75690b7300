//! A prompt inside the chat template of a checkpoint.
//!
//! A template is a program out of a file that nobody checked: it gets no files and no clock, a limited number of
//! steps, of bytes that it makes on its way (`chat/meter.rs`, `chat/guard.rs`) and of seconds, and every fault of it is
//! told. With all its values a hostile one was seen to need up to 220 MB beside the model, for an instant: what a
//! single step makes is counted after it was made, and the largest such step repeats a text to 100 MB, a limit of the
//! reader of templates itself.
//!
//! What templates of chats do not need and nobody could bound is refused: `*` beside a text or a list that stands in
//! the template, lists and maps that are spread over arguments, namespaces in namespaces, and the filters `format`,
//! `batch`, `slice` and `pprint`.

mod guard;
mod meter;

use std::path::Path;
use std::sync::Arc;
use std::thread;

use minijinja::machinery::{CompiledTemplate, TemplateConfig, Vm, make_string_output};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, context};

use crate::checkpoint::Marks;
use crate::generate::GenerateError;
use meter::Meter;

/// Longest template; the longest published ones have about 20 kB.
const MOST_BYTES: usize = 64 << 10;
/// Steps; one message takes a published template some hundreds, and counting what they make up to three times as many.
const MOST_STEPS: u64 = 20_000;
/// Of the thread that reads a template: its compiler calls itself for every branch of an `elif`, of which 64 kB hold
/// 6,000. Only what is used of it is memory.
const STACK_BYTES: usize = 64 << 20;

/// `prompt` as the one message of a user, and the beginning of an answer. The template is that of the checkpoint `path`.
pub(super) fn wrapped(
    template: &str,
    prompt: &str,
    marks: &Marks,
    path: &Path,
) -> Result<String, GenerateError> {
    let told = |what: String| GenerateError::Template { what, path: path.to_owned() };
    if template.len() > MOST_BYTES {
        return Err(told(format!("it has {} bytes, at most {MOST_BYTES} can be", template.len())));
    }
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("chat-template".to_owned());
        let reading = reader
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || made(template, prompt, marks).map_err(|error| words(&error)));
        let reading = reading.map_err(|error| told(format!("no thread can read it: {error}")))?;
        let broken = |_panic| Err("the reader of templates broke off".to_owned());
        reading.join().unwrap_or_else(broken).map_err(told)
    })
}

fn made(source: &str, prompt: &str, marks: &Marks) -> Result<String, Error> {
    let meter = Arc::new(Meter::new());
    let mut environment = Environment::new();
    environment.set_fuel(Some(MOST_STEPS));
    environment.add_function("raise_exception", |what: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, what))
    });
    guard::equip(&mut environment, &meter);
    guard::check(source)?;
    let mut config = TemplateConfig {
        syntax_config: Default::default(),
        ws_config: Default::default(),
        default_auto_escape: Arc::new(|_| AutoEscape::None),
    };
    // As Hugging Face's own reader of templates is set.
    config.ws_config.trim_blocks = true;
    config.ws_config.lstrip_blocks = true;
    let mut code = CompiledTemplate::new("chat", source, &config)?;
    guard::guard(&mut code.instructions)?;
    code.blocks.values_mut().try_for_each(guard::guard)?;
    let message = context! { role => "user", content => prompt };
    let values = context! {
        messages => [message],
        add_generation_prompt => true,
        bos_token => marks.bos,
        eos_token => marks.eos,
    };
    let (mut text, blocks) = (String::new(), &code.blocks);
    let out = &mut make_string_output(&mut text);
    Vm::new(&environment).eval(&code.instructions, values, blocks, out, AutoEscape::None)?;
    Ok(text)
}

/// In one sentence, with the line.
fn words(error: &Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return format!("it takes more than {MOST_STEPS} steps");
    }
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{line}{detail}", error.kind())
}

#[cfg(test)]
mod tests;
