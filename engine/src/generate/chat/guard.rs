//! Lets nothing that a template makes go uncounted: its compiled steps are changed before they run.
//!
//! The reader of templates counts steps, but has no place where a value could be looked at: `x ~ x` doubles a text with
//! every step, `[x, x]` a list. So behind every step that makes a value stands a call of ours that counts it, and before
//! what multiplies (`replace`, `join`, `indent`) its arguments are looked at. What cannot be bounded so is refused.

use std::sync::Arc;

use minijinja::machinery::{Instruction, Instructions, Token, tokenize};
use minijinja::value::{Kwargs, Rest, StringInput, Value, from_args};
use minijinja::{Environment, Error, ErrorKind, State, filters};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::meter::{Meter, check_product};

/// Names of our calls; none can be a name in a template.
const MADE: &str = "count what was made";
const KEPT: &str = "count what is kept";
const TIME: &str = "look at the clock";
const FACTOR: &str = "look at a factor";
/// Longest expression; the longest published ones have about a hundred words, names and signs.
const MOST_TOKENS: usize = 1000;
/// A value that is written as JSON has at most so many lines times their depth.
const MOST_INDENTED: usize = 1 << 16;

/// An error where the compiler of templates would take long by itself: it computes what is constant, so a text can be
/// multiplied before the first step, and it looks at every operator of an expression again for each around it.
pub(super) fn check(source: &str) -> Result<(), Error> {
    let refused = |what: String| Err(Error::new(ErrorKind::InvalidOperation, what));
    let mut before = Token::TemplateData("");
    let (mut is_product, mut num_tokens) = (false, 0);
    for token in tokenize(source, false, Default::default(), Default::default()) {
        let (token, _) = token?;
        let is_number = |token: &Token<'_>| {
            matches!(token, Token::Ident(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_))
        };
        let multiplies = matches!(token, Token::Mul);
        if (is_product && !is_number(&token)) || (multiplies && !is_number(&before)) {
            return refused("`*` can only stand between numbers and names".to_owned());
        }
        num_tokens = match token {
            Token::VariableStart | Token::BlockStart => 0,
            _ => num_tokens + 1,
        };
        if num_tokens > MOST_TOKENS {
            return refused(format!("an expression has more than {MOST_TOKENS} words"));
        }
        is_product = multiplies;
        before = token;
    }
    Ok(())
}

/// Sends every step that makes a value, or that could take long, on a way round: the step, the call that counts, back.
pub(super) fn guard(code: &mut Instructions<'_>) -> Result<(), Error> {
    let end = index(code.len());
    // The end of the code is the end of the template, and now something stands behind it.
    code.add(Instruction::Jump(u32::MAX));
    for at in 0..end {
        let Some(step) = code.get(at).cloned() else { continue };
        let way = match step {
            Instruction::UnpackLists(_) | Instruction::MergeKwargs(_) => {
                let what = "it spreads a list or map over the arguments of a call";
                return Err(Error::new(ErrorKind::InvalidOperation, what));
            }
            Instruction::EmitRaw(text) => {
                vec![Instruction::LoadConst(Value::from(text)), Instruction::Emit]
            }
            Instruction::SetAttr(_) => {
                vec![Instruction::Swap, call(KEPT), Instruction::Swap, step]
            }
            Instruction::PushLoop(_) => vec![call(TIME), step],
            Instruction::Mul => {
                vec![
                    Instruction::Swap,
                    call(FACTOR),
                    Instruction::Swap,
                    call(FACTOR),
                    step,
                    call(MADE),
                ]
            }
            Instruction::Add
            | Instruction::StringConcat
            | Instruction::Slice
            | Instruction::BuildList(_)
            | Instruction::BuildMap(_)
            | Instruction::ApplyFilter(..)
            | Instruction::CallFunction(..)
            | Instruction::CallMethod(..)
            | Instruction::CallObject(_)
            | Instruction::EndCapture => vec![step, call(MADE)],
            Instruction::GetItem
            | Instruction::Eq
            | Instruction::Ne
            | Instruction::Gt
            | Instruction::Gte
            | Instruction::Lt
            | Instruction::Lte
            | Instruction::In
            | Instruction::CompareAndPreserve(_)
            | Instruction::PerformTest(..) => vec![step, call(TIME)],
            _ => continue,
        };
        let line = code.get_line(at).and_then(|line| u16::try_from(line).ok()).unwrap_or(0);
        let begin = index(code.len());
        for step in way.into_iter().chain([Instruction::Jump(at + 1)]) {
            code.add_with_line(step, line);
        }
        if let Some(place) = code.get_mut(at) {
            *place = Instruction::Jump(begin);
        }
    }
    Ok(())
}

fn call(name: &'static str) -> Instruction<'static> {
    Instruction::CallFunction(name, Some(1))
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Everything that a guarded template may call.
pub(super) fn equip(environment: &mut Environment<'_>, meter: &Arc<Meter>) {
    let m = Arc::clone(meter);
    environment.add_function(MADE, move |value: Value| m.made(&value));
    let m = Arc::clone(meter);
    environment.add_function(KEPT, move |value: Value| m.kept(&value));
    environment.add_function(FACTOR, |value: Value| {
        check_product(&[value.as_usize().unwrap_or(0)]).map(|()| value)
    });
    let m = Arc::clone(meter);
    environment.add_function(TIME, move |value: Value| m.check_time().map(|()| value));
    let m = Arc::clone(meter);
    environment.set_formatter(move |out, _, value| {
        let value = m.made(value)?;
        write!(out, "{value}").map_err(Error::from)
    });
    // Widths in a text, and lists that are filled up to any length; `debug` and `pprint` show what is nobody's business.
    for name in ["format", "pprint", "batch", "slice"] {
        environment.remove_filter(name);
    }
    environment.remove_global("debug");
    environment.add_filter("replace", |text: String, old: String, new: String| {
        check_product(&[text.len() + 1, new.len()])?;
        Ok::<_, Error>(text.replace(&old, &new))
    });
    environment.add_filter("join", |state: &State<'_, '_>, list: Value, by: Option<String>| {
        let by = by.unwrap_or_default();
        check_product(&[items(&list), by.len()])?;
        let by = Value::from(by);
        filters::join(state, &list, Some(StringInput::new(state, &by)?))
    });
    environment.add_filter("indent", |state: &State<'_, '_>, text: Value, how: Rest<Value>| {
        let (width, first, blank, named) = from_args::<(Option<usize>, _, _, Kwargs)>(&how)?;
        let text = StringInput::new(state, &text)?;
        let wide = width.or_else(|| named.peek("width").ok()).unwrap_or(4);
        check_product(&[text.as_str().len() + 1, wide])?;
        filters::indent(text, width, first, blank, named)
    });
    environment.add_filter("tojson", |value: Value, wide: Option<Value>, named: Kwargs| {
        let by = wide.clone().or_else(|| named.peek("indent").ok());
        check_product(&[by.and_then(|by| by.as_usize()).unwrap_or(1), MOST_INDENTED])?;
        filters::tojson(&value, wide, named)
    });
    environment.set_unknown_method_callback(|state, value, method, arguments| {
        let text = value.as_str().unwrap_or_default();
        let bytes = |value: &Value| value.as_str().map_or(0, str::len);
        match (method, arguments) {
            ("replace", [_, new, ..]) => check_product(&[text.len() + 1, bytes(new)])?,
            ("join", [list]) => check_product(&[items(list), text.len()])?,
            // Nothing is found everywhere, without an end.
            ("count", [what]) if bytes(what) == 0 => return Err(ErrorKind::InvalidOperation.into()),
            // Widths in a text.
            ("format", _) => return Err(ErrorKind::UnknownMethod.into()),
            _ => {}
        }
        unknown_method_callback(state, value, method, arguments)
    });
}

fn items(list: &Value) -> usize {
    list.try_iter().map_or(0, Iterator::count)
}
