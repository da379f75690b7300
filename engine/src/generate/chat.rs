//! A prompt inside the chat template of a checkpoint.
//!
//! A template is a program out of a file that nobody checked: it gets no files and no clock, a limited number of
//! steps and of bytes that it writes, and every fault of it is told.
//!
//! What is not bounded is a value on its way: `x ~ x` doubles it with every step, so do lists in lists that become
//! text, and the reader of templates has no place to look at a value before it is made. A template that wants to fill
//! the memory can.

use std::io;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::checkpoint::Marks;
use crate::generate::GenerateError;

/// Longest template; the longest published ones have about 20 kB.
const MOST_BYTES: usize = 64 << 10;
/// Steps; one message takes a published template some hundreds.
const MOST_STEPS: u64 = 20_000;
/// Longest result, so that a template cannot make a prompt of gigabytes out of a word: no context of a model is as
/// long.
const MOST_RESULT: usize = 16 << 20;

/// A prompt that is being written; the byte that is too much ends it.
struct Made(Vec<u8>);

impl io::Write for Made {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if part.len() > MOST_RESULT.saturating_sub(self.0.len()) {
            return Err(io::Error::other("the prompt is too long"));
        }
        self.0.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `prompt` as the one message of a user, and the beginning of an answer.
pub(super) fn wrapped(
    template: &str,
    prompt: &str,
    marks: &Marks,
) -> Result<String, GenerateError> {
    let told = |what: String| GenerateError::Template { what };
    if template.len() > MOST_BYTES {
        return Err(told(format!("it has {} bytes, at most {MOST_BYTES} can be", template.len())));
    }
    let mut environment = Environment::new();
    // As Hugging Face's own reader of templates is set.
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(MOST_STEPS));
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function("raise_exception", |what: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, what))
    });
    let spelt = |error: Error| told(words(&error));
    let template = environment.template_from_str(template).map_err(spelt)?;
    let message = context! { role => "user", content => prompt };
    let mut made = Made(Vec::new());
    let values = context! {
        messages => [message],
        add_generation_prompt => true,
        bos_token => marks.bos,
        eos_token => marks.eos,
    };
    template.render_captured_to(values, &mut made).map_err(spelt)?;
    String::from_utf8(made.0).map_err(|error| told(error.to_string()))
}

/// In one sentence, with the line.
fn words(error: &Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return format!("it takes more than {MOST_STEPS} steps");
    }
    if error.kind() == ErrorKind::WriteFailure {
        return format!("it makes more than {MOST_RESULT} bytes of a prompt");
    }
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{line}{detail}", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> Marks {
        Marks { bos: "<s>".to_owned(), eos: "</s>".to_owned(), ..Marks::default() }
    }

    fn made(template: &str) -> String {
        wrapped(template, " Hi {{ 1 }} ", &marks()).unwrap()
    }

    fn told(template: &str) -> String {
        wrapped(template, "Hi", &marks()).unwrap_err().to_string()
    }

    #[test]
    fn templates_as_they_are_published_are_read() {
        // ChatML, as our own words have it.
        let chat_ml = "{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\n' + \
                       message['content'] | trim + '<|im_end|>' + '\n' }}\n{% endfor %}\n\
                       {% if add_generation_prompt %}\n{{ '<|im_start|>assistant\n' }}\n{% endif %}";
        let want = "<|im_start|>user\nHi {{ 1 }}<|im_end|>\n\n<|im_start|>assistant\n\n";
        assert_eq!(made(chat_ml), want);
        let brackets = "{{ bos_token }}{% set system = messages[0].content.strip() %}\
                        {%- if messages[0]['role'] != 'user' %}{{ raise_exception('no') }}{% endif -%}\
                        [INST] {{ system.split(' ')[0] }} [/INST]{{ eos_token }}";
        assert_eq!(made(brackets), "<s>[INST] Hi [/INST]</s>");
        let names = "{% if tools is defined or strftime_now is defined %}no{% endif %}{% set ns = \
                     namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% break %}\
                     {% endfor %}{{ ns.n }}{{ messages[0].role | tojson }}";
        assert_eq!(made(names), "1\"user\"");
    }

    #[test]
    fn a_template_that_is_wrong_or_hostile_is_refused_with_its_reason() {
        assert_eq!(
            told("{{ raise_exception('only for tools') }}"),
            "the chat template cannot be used: invalid operation in line 1: only for tools"
        );
        assert!(told("\n{% if %}").contains("syntax error in line 2"), "{}", told("\n{% if %}"));
        let long =
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert!(told(long).ends_with("it takes more than 20000 steps"), "{}", told(long));
        let much = format!("{{% for a in range(1000) %}}{}{{% endfor %}}", "a".repeat(60_000));
        assert!(told(&much).ends_with("it makes more than 16777216 bytes of a prompt"));
        assert!(told("{% include '/etc/passwd' %}").contains("cannot be used"));
        assert!(told("{{ messages[0].content.explode() }}").contains("cannot be used"));
        assert!(told(&"a".repeat(MOST_BYTES + 1)).contains("at most 65536"));
        assert!(told("{{ 'a' * 100000000000 }}").contains("cannot be used"));
        let loops = "{% macro again(n) %}{{ again(n) }}{% endmacro %}{{ again(1) }}";
        assert!(told(loops).contains("cannot be used"));
    }
}
