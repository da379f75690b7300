//! The alphabet of byte-level vocabularies (GPT-2): every byte is spelt as one printable letter.
//!
//! Printable Latin-1 stands for itself; the 68 other bytes take the letters from U+0100 on, in their own order.

/// The byte behind a letter; `None` for a letter outside the alphabet.
fn byte(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => u8::try_from(code).ok(),
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7F).ok(),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// A token as a person reads it. Bytes that make no character show as <0xE2>; a token that is not spelt in the alphabet
/// stays as it is.
pub(super) fn readable(token: &str) -> String {
    let Some(bytes) = token.chars().map(byte).collect::<Option<Vec<u8>>>() else {
        return token.to_owned();
    };
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("<0x{byte:02X}>")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_exactly_one_letter() {
        let mut bytes: Vec<u8> = (0..0x250).filter_map(char::from_u32).filter_map(byte).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn our_alphabet_is_the_librarys() {
        let ours: std::collections::BTreeSet<char> =
            (0..0x250).filter_map(char::from_u32).filter(|c| byte(*c).is_some()).collect();
        let theirs = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        assert_eq!(ours, theirs.into_iter().collect());
    }

    #[test]
    fn space_newline_and_split_characters_are_readable() {
        assert_eq!(readable("Ġthe"), " the");
        assert_eq!(readable("Ċ"), "\n");
        assert_eq!(readable("Ã©"), "é");
        assert_eq!(readable("âĢ"), "<0xE2><0x80>");
        assert_eq!(readable("<|名|>"), "<|名|>");
    }
}
