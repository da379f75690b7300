//! What was computed from a recording once and does not depend on a threshold.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// More values than this are not kept; the memory then begins anew.
const MAX_ENTRIES: usize = 256;

/// Values by name. A name must say everything that its value depends on besides the recording.
#[derive(Debug, Default)]
pub(crate) struct Memo(Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>);

impl Memo {
    /// The value of this name, made now if it was never asked for.
    ///
    /// The lock is not held while it is made, so a panic inside leaves the memory as it was.
    pub(crate) fn get<T: Send + Sync + 'static>(
        &self,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(name).map(Arc::clone);
        if let Some(Ok(value)) = known.map(Arc::downcast::<T>) {
            return value;
        }
        let value = Arc::new(make());
        let kept: Arc<dyn Any + Send + Sync> = Arc::clone(&value) as _;
        let mut entries = lock();
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(name.to_owned(), kept);
        value
    }
}
