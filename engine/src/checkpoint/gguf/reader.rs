//! Reads little-endian values from the head of a file without trusting one of them.
//!
//! Must not know: which values a header has, and what they mean.

use std::path::Path;

use crate::checkpoint::OpenError;

/// Longest header. The largest vocabulary in use (262,144 tokens with merges) takes about 20 MB.
const MAX_HEADER_BYTES: usize = 256 << 20;

/// Longest string: what llama.cpp's own templates and vocabularies stay far below.
const MAX_STRING_BYTES: u64 = 16 << 20;

/// A place in the bytes of a file. Whatever it returns lies inside the file.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    path: &'a Path,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(super) fn new(bytes: &'a [u8], path: &'a Path) -> Self {
        Self { bytes, at: 0, path }
    }

    /// Bytes from the start of the file.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// A header value that cannot be.
    pub(super) fn wrong(
        &self,
        field: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> OpenError {
        OpenError::Field {
            path: self.path.to_owned(),
            field: field.into(),
            found: found.into(),
            allowed: allowed.into(),
        }
    }

    /// The file ends before `needed` bytes.
    pub(super) fn truncated(&self, needed: u64) -> OpenError {
        OpenError::Truncated { path: self.path.to_owned(), needed, found: self.bytes.len() as u64 }
    }

    /// A tensor is stored in a way that is not supported.
    pub(super) fn unsupported(
        &self,
        tensor: &str,
        found: String,
        allowed: &'static str,
    ) -> OpenError {
        OpenError::UnsupportedType {
            path: self.path.to_owned(),
            tensor: tensor.to_owned(),
            found,
            allowed,
        }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], OpenError> {
        let needed = (self.at as u64).saturating_add(count);
        let end = usize::try_from(needed).ok().filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.truncated(needed));
        };
        if end > MAX_HEADER_BYTES {
            let allowed = format!("{MAX_HEADER_BYTES} bytes at most");
            return Err(self.wrong("header length", format!("{end} bytes or more"), allowed));
        }
        let taken = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], OpenError> {
        let bytes = self.take(N as u64)?;
        <[u8; N]>::try_from(bytes).map_err(|_length| self.truncated(N as u64))
    }

    /// The next four bytes.
    pub(super) fn u32(&mut self) -> Result<u32, OpenError> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes.
    pub(super) fn u64(&mut self) -> Result<u64, OpenError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things of which each takes at least `least_bytes`: bounded by `most` and by what is left of the file,
    /// so that whoever reserves memory for it reserves no more than the file is long.
    pub(super) fn count(
        &mut self,
        what: &str,
        most: usize,
        least_bytes: u64,
    ) -> Result<usize, OpenError> {
        let count = self.u64()?;
        let fits = usize::try_from(count).ok().filter(|count| *count <= most);
        let Some(fits) = fits else {
            return Err(self.wrong(what, count.to_string(), format!("{most} at most")));
        };
        let needed = count.saturating_mul(least_bytes).saturating_add(self.at as u64);
        if needed > self.bytes.len() as u64 {
            return Err(self.truncated(needed));
        }
        Ok(fits)
    }

    /// The bytes of the next string.
    pub(super) fn string_bytes(&mut self, what: &str) -> Result<&'a [u8], OpenError> {
        let length = self.u64()?;
        if length > MAX_STRING_BYTES {
            let field = format!("length of {what}");
            let allowed = format!("{MAX_STRING_BYTES} bytes at most");
            return Err(self.wrong(field, format!("{length} bytes"), allowed));
        }
        self.take(length)
    }

    /// The next string, which has to be UTF-8.
    pub(super) fn string(&mut self, what: &str) -> Result<&'a str, OpenError> {
        let bytes = self.string_bytes(what)?;
        std::str::from_utf8(bytes).map_err(|_not_utf8| {
            let found = String::from_utf8_lossy(bytes.get(..32).unwrap_or(bytes)).into_owned();
            self.wrong(what, format!("`{found}`"), "text in UTF-8")
        })
    }
}
