//! What was computed from a recording once and does not depend on a threshold.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More values than this are not kept; the memory then begins anew.
const MAX_ENTRIES: usize = 256;

/// Values by name. A name must say everything that its value depends on besides the recording.
#[derive(Debug, Default)]
pub(crate) struct Memo(Mutex<Entries>);

type Entries = BTreeMap<String, Arc<dyn Any + Send + Sync>>;

impl Memo {
    /// The value of this name, made now if it was never asked for.
    ///
    /// The lock is not held while it is made, so a panic inside leaves the memory as it was.
    pub(crate) fn get<T: Send + Sync + 'static>(
        &self,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        if let Some(value) = self.known::<T>(name) {
            return value;
        }
        let value = Arc::new(make());
        let kept: Arc<dyn Any + Send + Sync> = Arc::clone(&value) as _;
        let mut entries = self.entries();
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(name.to_owned(), kept);
        value
    }

    /// The same for a value that is too large, or asked for with too many keys, to keep all of them: only the newest of a
    /// name is kept. `key` says everything that it depends on.
    pub(crate) fn newest<T: Send + Sync + 'static>(
        &self,
        name: &str,
        key: &str,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        if let Some(newest) = self.known::<Newest<T>>(name).filter(|newest| newest.key == key) {
            return Arc::clone(&newest.value);
        }
        let value = Arc::new(make());
        let newest = Newest { key: key.to_owned(), value: Arc::clone(&value) };
        self.entries().insert(name.to_owned(), Arc::new(newest));
        value
    }

    /// The value of this name, if there is one of this type.
    fn known<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        let value = self.entries().get(name).map(Arc::clone)?;
        value.downcast::<T>().ok()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The only value of a name that is kept.
struct Newest<T> {
    key: String,
    value: Arc<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_name_only_the_newest_value_is_kept() {
        let memo = Memo::default();
        let made = std::cell::Cell::new(0);
        let get = |key: &str| {
            *memo.newest("name", key, || {
                made.set(made.get() + 1);
                made.get()
            })
        };
        assert_eq!(["a", "a", "b", "b", "a"].map(get), [1, 1, 2, 2, 3]);
        // Under another name nothing is lost.
        assert_eq!((*memo.newest("other", "a", || 9), get("a")), (9, 3));
    }
}
