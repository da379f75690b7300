//! What was computed from a recording once and does not depend on a threshold.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More values than this are not kept: the one that was asked for longest ago goes.
const MAX_ENTRIES: usize = 256;

/// Values by name. A name must say everything that its value depends on besides the recording.
#[derive(Debug, Default)]
pub(crate) struct Memo(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_name: BTreeMap<String, Entry>,
    /// How often a value was asked for.
    num_asked: u64,
}

#[derive(Debug)]
struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    /// When it was last asked for.
    asked: u64,
}

impl Entries {
    fn keep(&mut self, name: &str, value: Arc<dyn Any + Send + Sync>) {
        if self.by_name.len() >= MAX_ENTRIES && !self.by_name.contains_key(name) {
            let oldest = self.by_name.iter().min_by_key(|(_, entry)| entry.asked);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.by_name.remove(&oldest);
            }
        }
        self.num_asked += 1;
        self.by_name.insert(name.to_owned(), Entry { value, asked: self.num_asked });
    }
}

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
        self.entries().keep(name, Arc::clone(&value) as _);
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
        self.entries().keep(name, Arc::new(newest));
        value
    }

    /// The value of this name, if there is one of this type.
    fn known<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        let mut entries = self.entries();
        entries.num_asked += 1;
        let asked = entries.num_asked;
        let entry = entries.by_name.get_mut(name)?;
        entry.asked = asked;
        Arc::clone(&entry.value).downcast::<T>().ok()
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

    #[test]
    fn what_is_asked_for_again_and_again_stays() {
        let memo = Memo::default();
        let made = std::cell::Cell::new(0);
        let get = |name: String| {
            *memo.get(&name, || {
                made.set(made.get() + 1);
                made.get()
            })
        };
        for other in 0..2 * MAX_ENTRIES {
            assert_eq!(get("often".to_owned()), 1);
            assert_eq!(get(format!("once {other}")), 2 + other);
        }
        // The newest are still there, the oldest are not.
        assert_eq!(get(format!("once {}", 2 * MAX_ENTRIES - 1)), 1 + 2 * MAX_ENTRIES);
        assert_eq!(get("once 0".to_owned()), 2 + 2 * MAX_ENTRIES);
    }
}
