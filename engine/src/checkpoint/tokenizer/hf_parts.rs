//! The parts of a tokenizer.json around its model: normalizer, pre-tokenizer, template.
//!
//! Only what makes the library panic, allocate or index by a number of the file is checked here; the rest it refuses itself.

use serde_json::{Map, Value};

use super::hf::Checked;

/// Checks every part, however deep it lies in sequences.
pub(super) fn check_parts(file: &Map<String, Value>) -> Checked {
    for key in ["normalizer", "pre_tokenizer", "post_processor", "decoder"] {
        if let Some(part) = file.get(key) {
            check_inside(part)?;
        }
    }
    Ok(())
}

fn check_inside(value: &Value) -> Checked {
    match value {
        Value::Object(part) => {
            check_part(part)?;
            part.values().try_for_each(check_inside)
        }
        Value::Array(list) => list.iter().try_for_each(check_inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn check_part(part: &Map<String, Value>) -> Checked {
    // A part is known by its fields and not only by its type, as the library knows some of them.
    if part.get("length").and_then(Value::as_u64) == Some(0) {
        return Err("`length` of a FixedLength part is 0; allowed: 1 or more".to_owned());
    }
    if let Some(map) = part.get("precompiled_charsmap") {
        check_character_map(map)?;
    }
    for key in ["single", "pair"] {
        if let Some(template) = part.get(key) {
            check_template(template, part.get("special_tokens"))?;
        }
    }
    Ok(())
}

/// Every special token of a template has ids.
fn check_template(template: &Value, special_tokens: Option<&Value>) -> Checked {
    let pieces = template.as_array().into_iter().flatten();
    for name in pieces.filter_map(|piece| piece.get("SpecialToken")?.get("id")?.as_str()) {
        let ids = special_tokens.and_then(|tokens| tokens.get(name)).and_then(|token| {
            Some((token.get("ids")?.as_array()?, token.get("tokens")?.as_array()?))
        });
        match ids {
            Some((ids, tokens)) if !ids.is_empty() && ids.len() == tokens.len() => {}
            Some((ids, tokens)) => {
                return Err(format!(
                    "special token `{name}` of the template has {} ids and {} tokens",
                    ids.len(),
                    tokens.len()
                ));
            }
            None => return Err(format!("special token `{name}` of the template has no ids")),
        }
    }
    Ok(())
}

/// Base64 of: length of a table, the table, text. The library reserves memory for the length before it looks.
fn check_character_map(map: &Value) -> Checked {
    let wrong = |what: &str| Err(format!("`precompiled_charsmap` {what}"));
    // An empty one is written as null.
    let text = match map {
        Value::Null => return Ok(()),
        Value::String(text) => text.trim_end_matches('='),
        _ => return wrong("is no text"),
    };
    let mut head = 0_u64;
    for letter in text.bytes().take(6) {
        let Some(six) = base64_digit(letter) else { return wrong("is no base64") };
        head = (head << 6) | u64::from(six);
    }
    let bytes = text.len() as u64 * 3 / 4;
    if bytes < 4 {
        return wrong("is too short");
    }
    // Six letters are 36 bits: the four bytes of the length and four bits more.
    let head = u32::try_from(head >> 4).unwrap_or(u32::MAX);
    let table = u64::from(head.swap_bytes());
    if !table.is_multiple_of(4) || table == 0 || table + 4 > bytes {
        return Err(format!(
            "`precompiled_charsmap` has {bytes} bytes and a table of {table} bytes"
        ));
    }
    Ok(())
}

fn base64_digit(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
