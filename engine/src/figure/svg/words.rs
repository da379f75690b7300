//! Widths of words, so that they can be shortened before they run into one another.

/// The embedded font first; other viewers take whatever stands in for it.
pub(in crate::figure) const FAMILY: &str = "Ubuntu";

/// About how wide `text` is. Rounded up: a viewer may put another font in place of ours.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// Width of a letter in units of the font's size; classes of what Ubuntu and DejaVu Sans need.
fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' | ' ' => 0.29,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '{' | '}' | '/' | '-' | '"' => 0.40,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '—' | '…' => 0.88,
        'A'..='Z' | '−' | '+' | '=' | '<' | '>' | '≥' | '≤' => 0.68,
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{fffd}' | '\u{1f000}'..='\u{3ffff}' => 1.0,
        _ => 0.58,
    }
}

/// `text`, or as much of its beginning as fits with an ellipsis.
pub(super) fn shorten(text: &str, room: f64, size: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - width("…", size);
    let fits = |letter: &char| {
        left -= advance(*letter) * size;
        left >= 0.0
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

/// `text` as XML: markup escaped; line breaks and characters that XML forbids replaced by signs.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Ubuntu lacks it, and resvg would set the whole line in the font that has it.
            '‖' => escaped.push_str("||"),
            '\n' => escaped.push('↵'),
            '\t' => escaped.push('→'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_stays_and_a_long_one_ends_in_an_ellipsis() {
        assert_eq!(shorten("Depth", 100.0, 12.0), "Depth");
        let short = shorten("A very long name of a token", 60.0, 12.0);
        assert!(short.ends_with('…') && width(&short, 12.0) <= 60.0, "{short}");
        assert_eq!(shorten("anything", 0.0, 12.0), "…");
    }

    #[test]
    fn no_text_can_end_an_element() {
        assert_eq!(escape("</text>&\"\n\0‖"), "&lt;/text&gt;&amp;&quot;↵\u{fffd}||");
    }
}
