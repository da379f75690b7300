//! Text to token ids and back, whatever file the tokenizer came from.
//!
//! The library behind it panics on some files that it reads (`measured`: long merges, bad character maps, chunks of zero
//! length), so every file is checked before and every call stands inside `catch_unwind`.
//! Must not know: networks, tensors.

mod byte_level;
mod gguf;
mod hf;
mod hf_parts;
mod score_bpe;
#[cfg(test)]
mod tests;
mod vocab_txt;
mod word_pieces;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokenizers::PostProcessor as _;
use tokenizers::utils::truncation::{TruncationParams, TruncationStrategy, truncate_encodings};

pub(crate) use self::gguf::GgufVocabulary;
use crate::checkpoint::OpenError;

/// The tokenizer of a checkpoint. A panic of the library inside becomes an error.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
    specials: Specials,
    tokens: Tokens,
    style: Style,
    summary: String,
    fingerprint: String,
}

/// A text, or a pair of them, as a network takes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Encoded {
    pub(crate) ids: Vec<u32>,
    /// Which of two texts each id is from; empty where there is one.
    pub(crate) segments: Vec<u32>,
    /// Whether something was left out.
    pub(crate) was_cut: bool,
}

/// Who puts the special tokens around a text.
#[derive(Debug)]
enum Specials {
    /// The library, from the file's own template.
    Template,
    /// We do: these ids in front and behind.
    Around(Vec<u32>, Vec<u32>),
}

/// Where the spelling of an id is looked up.
#[derive(Debug)]
enum Tokens {
    /// The library's vocabulary; these ids were added to it and are written as they are.
    Library { added: BTreeSet<u32> },
    /// The file's own list, readable already: it keeps ids that share one spelling, which the library's does not.
    List(Vec<String>),
}

/// How tokens are spelt in the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As a person reads them.
    Plain,
    /// `▁` is a space.
    Metaspace,
    /// Every byte is a letter (GPT-2).
    ByteLevel,
}

impl Style {
    fn readable(self, token: &str) -> String {
        match self {
            Self::Plain => token.to_owned(),
            Self::Metaspace => token.replace('\u{2581}', " "),
            Self::ByteLevel => byte_level::readable(token),
        }
    }
}

impl Tokenizer {
    /// From the bytes of a tokenizer.json.
    pub(crate) fn from_hf_json(bytes: &[u8], path: &Path) -> Result<Self, OpenError> {
        hf::load(bytes, path)
    }

    /// From the bytes of a vocab.txt and the object of the tokenizer_config.json beside it.
    pub(crate) fn from_vocab_txt(
        bytes: &[u8],
        config: &serde_json::Map<String, serde_json::Value>,
        path: &Path,
    ) -> Result<Self, OpenError> {
        vocab_txt::load(bytes, config, path)
    }

    /// From the keys of a GGUF file.
    pub(crate) fn from_gguf(
        vocabulary: &GgufVocabulary<'_>,
        path: &Path,
    ) -> Result<Self, OpenError> {
        gguf::build(vocabulary, path)
    }

    /// Ids of `text`, with the special tokens that the checkpoint asks for (`<s>` in front).
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, OpenError> {
        let template = matches!(self.specials, Specials::Template);
        let encoding = guarded(&self.path, || self.inner.encode_fast(text, template))?;
        Ok(match &self.specials {
            Specials::Template => encoding.get_ids().to_vec(),
            Specials::Around(before, after) => {
                [before.as_slice(), encoding.get_ids(), after.as_slice()].concat()
            }
        })
    }

    /// The same for a text that has to stay whole: at most `most` ids, of which the special tokens behind the text
    /// are kept; and whether something was cut.
    pub(crate) fn encode_within(
        &self,
        text: &str,
        most: usize,
    ) -> Result<(Vec<u32>, bool), OpenError> {
        let ids = self.encode(text)?;
        if ids.len() <= most {
            return Ok((ids, false));
        }
        // What stands behind a text stands behind an empty one, too.
        let frame = self.encode("")?;
        let behind = frame.iter().rev().zip(ids.iter().rev()).take_while(|(a, b)| a == b).count();
        let behind = behind.min(most);
        let (begin, end) = ids.split_at(ids.len() - behind);
        Ok(([begin.get(..most - behind).unwrap_or_default(), end].concat(), true))
    }

    /// Two texts that are read together, with the special tokens that the checkpoint puts around and between them; at
    /// most `most` ids. The longer text is cut first, and both to one length where the shorter is too long, too:
    /// `longest_first` of the library, which is what transformers' fast tokenizers do.
    pub(crate) fn encode_pair(
        &self,
        first: &str,
        second: &str,
        most: usize,
    ) -> Result<Encoded, OpenError> {
        let processor = self.inner.get_post_processor();
        let added = match &self.specials {
            Specials::Template => processor.map_or(0, |processor| processor.added_tokens(true)),
            Specials::Around(before, after) => before.len() + 2 * after.len(),
        };
        let params = TruncationParams {
            max_length: most.saturating_sub(added),
            strategy: TruncationStrategy::LongestFirst,
            ..TruncationParams::default()
        };
        let (was_cut, mut all) = guarded(&self.path, || {
            let first = self.inner.encode_fast(first, false)?;
            let mut second = self.inner.encode_fast(second, false)?;
            second.set_type_ids(vec![1; second.len()]);
            let was_cut = first.len() + second.len() > params.max_length;
            let (first, second) = truncate_encodings(first, Some(second), &params)?;
            let all = match (&self.specials, second) {
                (Specials::Around(before, after), Some(second)) => {
                    let after = after.as_slice();
                    let ids = [before.as_slice(), first.get_ids(), after, second.get_ids(), after];
                    let ids = ids.concat();
                    let ones = second.len() + after.len();
                    let zeros = ids.len() - ones;
                    (ids, [vec![0; zeros], vec![1; ones]].concat())
                }
                (_, second) => {
                    let all = self.inner.post_process(first, second, true)?;
                    (all.get_ids().to_vec(), all.get_type_ids().to_vec())
                }
            };
            Ok((was_cut, all))
        })?;
        // Special tokens alone may be more than that.
        all.0.truncate(most);
        all.1.truncate(most);
        Ok(Encoded { ids: all.0, segments: all.1, was_cut })
    }

    /// Text of one id as a person reads it; a leading space is kept, bytes that are no character show as <0x0A>.
    pub(crate) fn piece(&self, id: u32) -> String {
        let known = match &self.tokens {
            Tokens::List(list) => usize::try_from(id).ok().and_then(|id| list.get(id)).cloned(),
            Tokens::Library { added } => self
                .inner
                .id_to_token(id)
                .map(|token| if added.contains(&id) { token } else { self.style.readable(&token) }),
        };
        known.unwrap_or_else(|| format!("<{id}>"))
    }

    /// Ids of a text in which the special tokens stand already, as a chat template writes it.
    pub(crate) fn encode_bare(&self, text: &str) -> Result<Vec<u32>, OpenError> {
        let encoding = guarded(&self.path, || self.inner.encode_fast(text, false))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// What one id adds to a text that it goes on with: bytes, since a character may be made of several tokens.
    /// Whole words without a mark for spaces are kept apart by one, as the library does it.
    pub(crate) fn bytes(&self, id: u32) -> Vec<u8> {
        let piece = self.piece(id);
        if self.style == Style::Plain {
            return match piece.strip_prefix("##") {
                Some(rest) => rest.as_bytes().to_vec(),
                None => format!(" {piece}").into_bytes(),
            };
        }
        let mut bytes = Vec::with_capacity(piece.len());
        let mut rest = piece.as_bytes();
        while let [first, after @ ..] = rest {
            let (byte, after) = spelt_byte(rest).unwrap_or((*first, after));
            bytes.push(byte);
            rest = after;
        }
        bytes
    }

    /// For the card: "BPE, 512 tokens".
    pub(crate) fn summary(&self) -> String {
        self.summary.clone()
    }

    /// SHA-256 (hex) of what defines it.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// The byte that a text begins with in the spelling <0x0A>, and what follows.
fn spelt_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let (hex, after) = text.strip_prefix(b"<0x")?.split_at_checked(2)?;
    let byte = u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
    Some((byte, after.strip_prefix(b">")?))
}

/// Something is wrong with a tokenizer.
fn wrong(path: &Path, what: impl Into<String>) -> OpenError {
    OpenError::Tokenizer { path: path.to_owned(), what: what.into() }
}

/// Calls the library: its errors and its panics become ours.
fn guarded<T>(path: &Path, call: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, OpenError> {
    // Nothing is left half done behind a panic: while building, what was built is dropped; afterwards the library only
    // reads, and its caches are swapped in whole.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(wrong(path, error.to_string())),
        Err(panic) => {
            let said = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            Err(wrong(path, format!("the tokenizer library gave up ({said})")))
        }
    }
}

/// SHA-256 of some parts, each with its length so that no two lists give the same bytes.
fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Two letters a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
