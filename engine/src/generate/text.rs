//! The text of tokens as they come: whole characters only, and nothing of a text at which to stop.

/// A text that grows.
pub(super) struct Text<'a> {
    told: String,
    /// Bytes behind `told` that may become a character with the next token.
    rest: Vec<u8>,
    stops: &'a [String],
    /// Where the first text to stop at begins.
    end: Option<usize>,
}

impl<'a> Text<'a> {
    /// Empty texts to stop at are none.
    pub(super) fn new(stops: &'a [String]) -> Self {
        Self { told: String::new(), rest: Vec::new(), stops, end: None }
    }

    /// Adds the bytes of a token; whether the text is over. Bytes that can never be a character are replaced.
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let mut from = self.told.len().saturating_sub(longest);
        while !self.told.is_char_boundary(from) {
            from -= 1;
        }
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut chunks = rest.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.told.push_str(chunk.valid());
            let is_open = chunks.peek().is_none() && is_open(chunk.invalid());
            if is_open {
                self.rest = chunk.invalid().to_vec();
            } else if !chunk.invalid().is_empty() {
                self.told.push(char::REPLACEMENT_CHARACTER);
            }
        }
        let found = |stop: &String| Some(from + self.told.get(from..)?.find(stop)?);
        let stops = self.stops.iter().filter(|stop| !stop.is_empty());
        self.end = self.end.or_else(|| stops.filter_map(found).min());
        self.end.is_some()
    }

    /// What no later token changes: not what could be the beginning of a text to stop at.
    pub(super) fn settled(&self) -> &str {
        let told = self.told.get(..self.end.unwrap_or(self.told.len())).unwrap_or_default();
        if self.end.is_some() {
            return told;
        }
        let begun = |stop: &String| {
            let ends = stop.char_indices().map(|(at, _)| at).skip(1);
            ends.filter(|end| stop.get(..*end).is_some_and(|head| told.ends_with(head))).max()
        };
        let held = self.stops.iter().filter_map(begun).max().unwrap_or(0);
        told.get(..told.len() - held).unwrap_or_default()
    }

    /// All of it, without the text at which it stopped.
    pub(super) fn whole(mut self) -> String {
        match self.end {
            Some(end) => self.told.truncate(end),
            None => self.told.push_str(&String::from_utf8_lossy(&self.rest)),
        }
        self.told
    }
}

/// Whether bytes could become a character with more of them.
fn is_open(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(list: &[&str]) -> Vec<String> {
        list.iter().map(|stop| (*stop).to_owned()).collect()
    }

    #[test]
    fn a_character_of_several_tokens_comes_whole() {
        let none = Vec::new();
        let mut text = Text::new(&none);
        let word = "né€".as_bytes();
        for (at, byte) in word.iter().enumerate() {
            text.take(&[*byte]);
            assert_eq!(text.settled(), ["n", "n", "né", "né", "né", "né€"][at]);
        }
        text.take(&[0xE2, 0x82, b'x', 0xFF]);
        assert_eq!(text.settled(), "né€\u{fffd}x\u{fffd}");
        text.take(&[0xE2]);
        assert_eq!(text.whole(), "né€\u{fffd}x\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_text_ends_before_what_it_stops_at_however_tokens_cut_it() {
        let list = stops(&["END", "", "\n\n"]);
        for cut in 1..7 {
            let mut text = Text::new(&list);
            let mut seen = String::new();
            let all = "a EN é END b\n\nc";
            let stopped = all.as_bytes().chunks(cut).any(|bytes| {
                let stops = text.take(bytes);
                assert!(text.settled().starts_with(&seen), "what was told stays");
                text.settled().clone_into(&mut seen);
                assert!(!seen.contains("END"));
                stops
            });
            assert!(stopped);
            assert_eq!(seen, "a EN é ");
            assert_eq!(text.whole(), "a EN é ");
        }
        let mut text = Text::new(&list);
        assert!(!text.take(b"to the E"));
        assert_eq!(text.settled(), "to the ");
        assert!(!text.take(b"N"));
        assert_eq!(text.whole(), "to the EN");
    }
}
