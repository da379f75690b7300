//! How large the pages of a column say that they are, read from their headers (Thrift, compact protocol) before
//! the library makes room for them.

use std::fs::File;
use std::io::{self, Read};

use parquet::errors::{ParquetError, Result};
use parquet::file::reader::ChunkReader as _;

/// Snappy copies at most 64 bytes for 3, so no page grows more than 22 times.
const MOST_GROWTH: u64 = 22;
/// For pages of a few bytes.
const SLACK: u64 = 64;
/// Most bytes of one header; statistics make it long.
const MOST_HEADER: u64 = 1 << 20;
/// Structures inside structures; a page header needs three.
const MOST_DEPTH: u32 = 8;

/// An error if a page among the `bytes` from `begun` on is said to hold more than Snappy can make of its bytes.
pub(super) fn check_all(file: &File, begun: u64, bytes: u64) -> Result<()> {
    let mut at = begun;
    let end = begun.saturating_add(bytes);
    while at < end {
        let mut header = Header { bytes: file.get_read(at)?.take(MOST_HEADER), length: 0 };
        let Sizes { page, compressed } = header.sizes()?;
        if page > compressed.saturating_mul(MOST_GROWTH).saturating_add(SLACK) {
            let what = "a page says that it holds more than its bytes can";
            return Err(ParquetError::General(what.to_owned()));
        }
        at = at.saturating_add(header.length).saturating_add(compressed);
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Sizes {
    /// Bytes of the page.
    page: u64,
    /// Bytes that it takes in the file.
    compressed: u64,
}

/// A header that is being read.
struct Header<R> {
    bytes: R,
    /// Bytes that were read.
    length: u64,
}

impl<R: Read> Header<R> {
    /// Its fields 2 and 3; everything else is skipped.
    fn sizes(&mut self) -> io::Result<Sizes> {
        let mut sizes = Sizes::default();
        let mut id = 0_u64;
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                // An odd number stands for a negative one, which the library refuses by itself.
                (2, 5) => sizes.page = self.number()? / 2,
                (3, 5) => sizes.compressed = self.number()? / 2,
                _ => self.skip(kind, 0)?,
            }
        }
        Ok(sizes)
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.bytes.read_exact(&mut byte)?;
        self.length += 1;
        Ok(byte[0])
    }

    /// Groups of seven bits, the lowest first.
    fn number(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(io::Error::other("a number in a page header does not end"))
    }

    /// The kind of the next field, whose number goes to `id`; `None` at the end of the structure.
    fn field(&mut self, id: &mut u64) -> io::Result<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        *id = match byte >> 4 {
            0 => self.number()? / 2,
            step => id.saturating_add(u64::from(step)),
        };
        Ok(Some(byte & 15))
    }

    fn skip(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        if depth > MOST_DEPTH {
            return Err(io::Error::other("a page header is too deep"));
        }
        match kind {
            // Yes and no stand in the kind itself.
            1 | 2 => Ok(()),
            3 => self.skip_bytes(1),
            4..=6 => self.number().map(drop),
            7 => self.skip_bytes(8),
            8 => {
                let length = self.number()?;
                self.skip_bytes(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 { self.number()? } else { u64::from(byte >> 4) };
                for _ in 0..count {
                    match byte & 15 {
                        // In a list they take a byte each.
                        1 | 2 => self.skip_bytes(1)?,
                        kind => self.skip(kind, depth + 1)?,
                    }
                }
                Ok(())
            }
            12 => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
                Ok(())
            }
            _ => Err(io::Error::other("a page header has a field of an unknown kind")),
        }
    }

    fn skip_bytes(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.bytes.by_ref().take(count), &mut io::sink())?;
        self.length = self.length.saturating_add(skipped);
        if skipped == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn sizes(bytes: &[u8]) -> io::Result<(Sizes, u64)> {
        let mut header = Header { bytes, length: 0 };
        header.sizes().map(|sizes| (sizes, header.length))
    }

    #[test]
    fn sizes_are_found_among_other_fields() {
        // 1: kind; 2: 300 bytes; 3: 20 bytes; 5: a structure of a text and a list of two numbers; the end; the rest.
        let bytes = [
            0x15, 0, 0x15, 0xd8, 0x04, 0x15, 40, 0x2c, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0, 0,
            9,
        ];
        let (found, length) = sizes(&bytes).unwrap();
        assert_eq!(found, Sizes { page: 300, compressed: 20 });
        assert_eq!(length, bytes.len() as u64 - 1);
    }

    #[test]
    fn a_page_may_grow_as_snappy_lets_it_and_no_further() {
        // Two pages, the second at byte 10; both say that they take 2 bytes.
        let small = [0x15, 0, 0x15, 200, 1, 0x15, 4, 0, 9, 9];
        let large = [0x15, 0, 0x15, 0xd8, 0x04, 0x15, 4, 0, 9, 9];
        let check = |second: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&[&small, second].concat()).unwrap();
            check_all(&file, 0, 10 + second.len() as u64)
        };
        assert!(check(&small).is_ok());
        let said = check(&large).unwrap_err().to_string();
        assert!(said.contains("more than its bytes can"), "{said}");
        assert!(check(&small[..6]).is_err());
    }

    #[test]
    fn a_header_without_end_or_with_structures_without_end_is_refused() {
        for bytes in [&[0x15][..], &[0x15, 0, 0x15, 0xff], &[0x18, 200, 1, 0], &[0x1c; 1000]] {
            assert!(sizes(bytes).is_err(), "{bytes:?}");
        }
    }
}
