//! What a template may make: so many bytes, so deep, and for so long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// Longest text, and largest list or map as if it were written out, that a template makes: more than any context of a
/// model holds.
pub(super) const MOST_TEXT: u64 = 4 << 20;
/// Everything that it makes on its way, whether it is still there or not.
pub(super) const MOST_MADE: u64 = 32 << 20;
/// Lists in lists in lists: whoever walks through them calls itself that often.
const MOST_DEPTH: usize = 32;
/// What a place in a list counts besides its text.
const PLACE: u64 = 32;
/// Published templates take far less than a millisecond.
const MOST_TIME: Duration = Duration::from_secs(2);

/// How much of it is left.
pub(super) struct Meter {
    left: AtomicU64,
    begun: Instant,
}

/// One walk through a value.
struct Walk {
    left: u64,
    has_namespace: bool,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { left: AtomicU64::new(MOST_MADE), begun: Instant::now() }
    }

    /// An error where the time is over.
    pub(super) fn check_time(&self) -> Result<(), Error> {
        if self.begun.elapsed() > MOST_TIME {
            return Err(refused(format!("it takes more than {} seconds", MOST_TIME.as_secs())));
        }
        Ok(())
    }

    /// Counts a value that was just made. One that makes its items only when somebody asks becomes a list, so that no
    /// such promise hides inside another.
    pub(super) fn made(&self, value: &Value) -> Result<Value, Error> {
        self.check_time()?;
        if value.kind() != ValueKind::Iterable {
            self.walk(|walk| walk.through(value, 0))?;
            return Ok(value.clone());
        }
        let mut items = Vec::new();
        self.walk(|walk| {
            for item in value.try_iter()? {
                walk.through_item(&item, 0)?;
                items.push(item);
            }
            Ok(())
        })?;
        Ok(Value::from(items))
    }

    /// The same, of a value that is put into a namespace. A namespace inside a namespace could hold itself, and nobody
    /// ever comes to the end of that.
    pub(super) fn kept(&self, value: &Value) -> Result<Value, Error> {
        if self.walk(|walk| walk.through(value, 0))? {
            return Err(refused("it puts a namespace into a namespace".to_owned()));
        }
        Ok(value.clone())
    }

    /// Whether a namespace was met.
    fn walk(&self, go: impl FnOnce(&mut Walk) -> Result<(), Error>) -> Result<bool, Error> {
        let before = self.left.load(Ordering::Relaxed);
        let allowed = before.min(MOST_TEXT);
        let mut walk = Walk { left: allowed, has_namespace: false };
        go(&mut walk)?;
        self.left.store(before - (allowed - walk.left), Ordering::Relaxed);
        Ok(walk.has_namespace)
    }
}

impl Walk {
    fn through(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MOST_DEPTH {
            return Err(refused(format!("it nests lists more than {MOST_DEPTH} deep")));
        }
        match value.kind() {
            ValueKind::String | ValueKind::Bytes => {
                let bytes = value.as_bytes().map_or(0, <[u8]>::len);
                return self.take(bytes as u64);
            }
            ValueKind::Seq | ValueKind::Iterable => {
                for item in value.try_iter()? {
                    self.through_item(&item, depth)?;
                }
            }
            ValueKind::Map => {
                for key in value.try_iter()? {
                    self.through_item(&key, depth)?;
                    self.through_item(&value.get_item(&key)?, depth)?;
                }
            }
            _ => {}
        }
        let object = value.as_object();
        self.has_namespace |=
            object.is_some_and(|object| object.type_name().ends_with("Namespace"));
        Ok(())
    }

    fn through_item(&mut self, item: &Value, depth: usize) -> Result<(), Error> {
        self.take(PLACE)?;
        self.through(item, depth + 1)
    }

    fn take(&mut self, bytes: u64) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(too_much)?;
        Ok(())
    }
}

/// An error before as many bytes are made as these numbers give when multiplied.
pub(super) fn check_product(factors: &[usize]) -> Result<(), Error> {
    let product = factors.iter().fold(1_u64, |all, by| all.saturating_mul(*by as u64));
    if product > MOST_TEXT { Err(too_much()) } else { Ok(()) }
}

fn too_much() -> Error {
    refused(format!("it makes more than {MOST_TEXT} bytes of one text, or {MOST_MADE} in all"))
}

fn refused(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}
